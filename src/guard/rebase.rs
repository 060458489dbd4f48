//! Rebases: production's newer migrations and its functions on a branch, whose own functions stay.

use serde_json::json;

use super::{Dev, MadePoint, Next, Refusal};
use crate::api::branches::{PushBranch, WorkflowBody};

/// What a rebase brought and kept.
#[derive(Debug, Clone)]
pub struct Rebased {
    /// Versions of production's migrations that the branch lacked.
    pub migrations: Vec<String>,
    /// Functions that the platform overwrote by production's, and that are the branch's own again.
    pub kept_functions: Vec<String>,
    /// The point from before.
    pub before: MadePoint,
    /// The point from after.
    pub after: MadePoint,
}

impl Dev {
    /// Brings production's newer migrations and its functions onto the branch, and keeps the functions
    /// that the branch has changed.
    pub async fn rebase(&self) -> Result<Rebased, Refusal> {
        let guard = &self.call.guard;
        let (project, branch) = (self.branch.project(), self.branch.reference());
        let _project_turn = guard.project_turn(project).await?;
        let _turn = guard.branch_turn(branch).await?;
        self.repair().await?;
        let before = guard.ledger(branch).await?;
        self.refuse_strangers(&before).await?;
        let point_before = self.numbered_point("rebase").await?;
        self.set_functions_aside().await?;
        self.call.step("rebasing onto production");
        guard
            .client()
            .write::<PushBranch>(&self.branch, &(), &WorkflowBody::default())
            .await?;
        guard
            .until_settled(&self.call, project, branch)
            .await
            .map_err(|refusal| {
                refusal.next(Next::new(
                    "revert_to_restore_point",
                    json!({ "project_id": project, "branch": self.branch.name(), "name": point_before.name }),
                    "returns the branch to where it was before the rebase",
                ))
            })?;
        let after = guard.ledger(branch).await?;
        let brought = after
            .missing_from(&before)
            .map(|entry| entry.version.clone())
            .collect();
        let kept_functions = self.put_functions_back().await?;
        self.functions_begin_anew().await?;
        let point_after = self.numbered_point("rebased").await?;
        self.record_if_replayable().await?;
        Ok(Rebased {
            migrations: brought,
            kept_functions,
            before: point_before,
            after: point_after,
        })
    }

    /// After a rebase: production's state is recorded as right if its own ledger makes it. What was
    /// changed outside of the ledger stays drift, until an operator accepts it.
    async fn record_if_replayable(&self) -> Result<(), Refusal> {
        let guard = &self.call.guard;
        let project = self.branch.project();
        let production = guard.state(project).await?;
        let known = guard.store().recorded_hashes(project).await?;
        let unchanged = known.is_none_or(|known| known.schema_hash == production.schema_hash);
        if unchanged || self.replayed_production().await?.schema_hash == production.schema_hash {
            guard.record_state(project, &production, "rebase").await?;
        }
        Ok(())
    }
}
