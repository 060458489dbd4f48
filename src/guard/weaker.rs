//! The weaker road, where the platform offers a project no restore points: once the operator has
//! chosen it, a point is a place in the branch's ledger, and returning to it empties the branch and
//! replays its migrations up to there.
//!
//! The platform is asked for a real point each time, so that the road ends by itself when it offers
//! them.

use std::future::ready;

use serde_json::json;

use super::approval::Ask;
use super::branches::{BASELINE, listed};
use super::ledger::Ledger;
use super::revert::{Revert, compare, row_counts, undone};
use super::{Code, Dev, DroppedMigration, Next, Operation, Refusal, Reverted};
use crate::api::ApiError;
use crate::api::branches::{ResetBranch, WorkflowBody};
use crate::fence::quote;
use crate::store::Point;

/// What such a point loses that a restore point keeps.
pub(super) const WEAKER: &str = "the platform offers this project no restore points: returning here empties the branch and replays its migrations up to this one, so all rows, users and files' records are lost, and there is no way back";

/// Whether the platform says that it has no restore points for this project, and not only that one
/// could not be made.
pub(super) fn is_not_offered(error: &ApiError) -> bool {
    matches!(error.status(), Some(402..=405 | 501))
}

impl Dev {
    /// Whether the operator has chosen the weaker road for the project.
    pub(super) async fn takes_weaker_road(&self) -> Result<bool, Refusal> {
        let store = self.call.guard.store();
        Ok(store.takes_weaker_road(self.branch.project()).await?)
    }

    /// The operator's choice, remembered for the project: taken now, or asked for.
    pub(super) async fn consent_to_weaker(&self, error: &ApiError) -> Result<(), Refusal> {
        if self.takes_weaker_road().await? {
            return Ok(());
        }
        let project = self.branch.project();
        let ask = Ask {
            what: format!(
                "work on {project} without restore points, which the platform does not offer it: returning to a migration then empties the branch and replays up to it, and loses all rows"
            ),
            subject: Some((project.clone(), None)),
            state: Vec::new(),
            facts: json!({
                "platform": error.to_string(),
                "instead": "ask the platform for restore points, or give the token the permission for them",
            }),
            for_a_while: false,
        };
        self.call
            .leave(&[Operation::WeakerRestorePoints], ready(Ok(ask)))
            .await?;
        let store = self.call.guard.store();
        Ok(store.take_weaker_road(project).await?)
    }

    /// Returns to a place in the ledger by emptying the branch and replaying up to it. Under the
    /// branch's turn.
    pub(super) async fn revert_by_reset(
        &self,
        point: &Point,
        ledger: &Ledger,
    ) -> Result<Revert, Refusal> {
        let guard = &self.call.guard;
        let (project, branch) = (self.branch.project(), self.branch.reference());
        let before = ledger.versions();
        if !before.starts_with(&point.ledger) {
            return Err(Refusal::new(
                Code::PointUnreachable,
                format!(
                    "{} cannot be returned to: its migrations are not the first ones of the branch any more",
                    quote(&point.name)
                ),
            )
            .next(self.list_points()));
        }
        let later = &before[point.ledger.len()..];
        let mut dropped = guard.unmerged(project, branch).await?;
        dropped.retain(|migration| later.contains(&migration.version));
        self.leave_to_revert(point, ledger).await?;
        let rows_before = row_counts(guard, branch).await;
        guard.store().intend_revert(branch, &point.name, "").await?;
        self.call.step(format!(
            "emptying the branch and replaying up to {}",
            quote(&point.name)
        ));
        let last = point.ledger.last().cloned();
        let body = WorkflowBody {
            // Zero is the platform's word for an empty database.
            migration_version: Some(last.unwrap_or_else(|| "0".to_owned())),
        };
        let told = guard
            .client()
            .write::<ResetBranch>(&self.branch, &(), &body)
            .await;
        if let Err(error) = &told
            && !error.may_have_happened()
        {
            guard.store().forget_revert(branch).await?;
            return Err(Refusal::new(
                Code::PlatformError,
                format!("the platform refused to reset the branch: {error}; nothing was changed"),
            ));
        }
        // The SQL is in the agent's hands, whatever becomes of the branch.
        let with_sql = |refusal: Refusal| refusal.details(json!({ "dropped": listed(&dropped) }));
        guard
            .until_settled(&self.call, project, branch)
            .await
            .map_err(with_sql)?;
        let after = guard
            .ledger(branch)
            .await
            .map_err(|error| with_sql(error.into()))?;
        if after.versions() != point.ledger {
            let refusal = Refusal::new(
                Code::RevertUnverified,
                format!(
                    "the branch was to be replayed up to {}, and its ledger is not that point's; reverting to the same point again is safe",
                    quote(&point.name)
                ),
            );
            return Err(with_sql(refusal.next(Next::new(
                "revert_to_restore_point",
                json!({ "project_id": project, "branch": self.branch.name(), "name": point.name }),
                "returns to the same point again",
            ))));
        }
        guard.store().mark_replayed(branch, &point.name).await?;
        // It accounts for what earlier points did, should those have been the platform's.
        self.numbered_point(BASELINE).await?;
        let rows_after = row_counts(guard, branch).await;
        Ok(Revert {
            reverted: Reverted {
                to: point.name.clone(),
                migrations: undone(&before, &point.ledger),
                restored_migrations: Vec::new(),
                rows: compare(&rows_before, &rows_after),
            },
            undo_point: None,
            dropped: dropped.into_iter().map(DroppedMigration::from).collect(),
        })
    }
}
