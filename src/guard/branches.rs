//! Development branches: making, rebasing, resetting and deleting them.

use std::future::ready;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::approval::Ask;
use super::costs::Extra;
use super::ledger::LedgerMigration;
use super::pauses::Pauses;
use super::quote::quoted;
use super::target::MadeBranch;
use super::{Call, Code, Dev, Guard, MadePoint, Next, PATIENCE, Refusal};
use crate::api::branches::{
    DeleteBranch, DeleteBranchQuery, ResetBranch, UpdateBranch, UpdateBranchBody, WorkflowBody,
};
use crate::api::secrets::NewSecret;
use crate::api::{DevBranch, Ref};
use crate::fence::quote;

/// What a missing branch means.
#[derive(Debug, Clone, Copy)]
pub(super) enum Missing<'a> {
    /// It may be made now, with these secrets.
    MayBeMade(&'a [NewSecret]),
    /// It is refused.
    IsRefused,
}

/// A migration that exists nowhere else any more.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct DroppedMigration {
    /// Its version.
    pub version: String,
    /// Its name.
    pub name: String,
    /// Its SQL, to apply it again.
    pub query: String,
}

/// The point that is made when a branch is made or adopted.
pub(super) const BASELINE: &str = "baseline";

impl Guard {
    /// The proven branch `name` of `project`, with its baseline; made now if it is missing and may
    /// be made. Says what it costs if it was made.
    pub(super) async fn dev_branch(
        &self,
        call: &Call,
        project: &Ref,
        name: &str,
        missing: Missing<'_>,
    ) -> Result<(DevBranch, Option<MadeBranch>), Refusal> {
        let (branch, made) = match (self.prove(project, name).await, missing) {
            (Err(refusal), Missing::MayBeMade(secrets)) if refusal.code == Code::NoDevBranch => {
                self.make_branch(call, project, name, secrets).await?
            }
            (other, _) => (other?, None),
        };
        Ok((self.ready(call, branch).await?, made))
    }

    /// A proven branch once its workflow is over, with its baseline.
    pub(super) async fn ready(&self, call: &Call, branch: DevBranch) -> Result<DevBranch, Refusal> {
        // One whose last workflow failed can be used all the same: that is how it is mended.
        let branch = if branch.branch().status.is_settled() {
            branch
        } else {
            self.until_settled(call, branch.project(), branch.reference())
                .await?
        };
        self.adopt(call, &branch).await?;
        Ok(branch)
    }

    async fn make_branch(
        &self,
        call: &Call,
        project: &Ref,
        name: &str,
        secrets: &[NewSecret],
    ) -> Result<(DevBranch, Option<MadeBranch>), Refusal> {
        Refusal::unless_harmless("branch's name", name)?;
        let _turn = self.project_turn(project).await?;
        // Another server may have been faster.
        match self.prove(project, name).await {
            Err(refusal) if refusal.code == Code::NoDevBranch => {}
            other => return other.map(|branch| (branch, None)),
        }
        if self.store().recorded_hashes(project).await?.is_none() {
            self.record_production(project, "first_sight").await?;
        }
        let cost = call.check_cost_of(project, &Extra::machine(None)).await?;
        if !cost.beyond().is_empty() {
            let ask = Ask {
                what: format!(
                    "make the branch {} of {project}{}",
                    quoted(name),
                    cost.words()
                ),
                subject: Some((project.clone(), Some(name.to_owned()))),
                state: Vec::new(),
                facts: json!({ "cost": cost.facts() }),
                for_a_while: false,
            };
            call.leave(cost.beyond(), ready(Ok(ask))).await?;
        }
        call.step(format!("making the branch {}", quote(&name)));
        let made = self.client().create_branch(project, name, secrets).await?;
        let branch = self.until_settled(call, project, &made.project_ref).await?;
        let made = MadeBranch {
            usd_per_hour: self.hourly_price(&made.project_ref).await,
        };
        Ok((branch, Some(made)))
    }

    /// Waits until the branch's workflow is over; refuses if it failed or takes too long.
    pub(super) async fn until_settled(
        &self,
        call: &Call,
        project: &Ref,
        reference: &Ref,
    ) -> Result<DevBranch, Refusal> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        let mut pauses = Pauses::new(Duration::from_millis(10), Duration::from_secs(2));
        let mut shown = None;
        loop {
            let branch = self.prove_ref(project, reference).await?;
            let name = branch.name().to_owned();
            let status = branch.branch().status;
            if status.is_failure() {
                return Err(Refusal::new(
                    Code::BranchFailed,
                    format!(
                        "branch {} is {}: its migrations could not be replayed",
                        quote(&name),
                        status.as_str()
                    ),
                )
                .next(Next::new(
                    "delete_branch",
                    json!({ "project_id": project, "branch": name, "discard_unmerged": true }),
                    "removes the broken branch, so that a new one can be made",
                )));
            }
            if status.is_settled() {
                return Ok(branch);
            }
            if shown != Some(status) {
                call.step(format!("branch {}: {}", quote(&name), status.as_str()));
                shown = Some(status);
            }
            if tokio::time::Instant::now() >= deadline {
                return Err(Refusal::new(
                    Code::InProgress,
                    format!(
                        "branch {} is {} and needs more time; repeat the call",
                        quote(&name),
                        status.as_str()
                    ),
                )
                .next(Next::new(
                    "create_branch",
                    json!({ "project_id": project, "name": name }),
                    "waits for the branch that is under way; then repeat the call",
                )));
            }
            pauses.rest().await;
        }
    }

    /// Gives a branch that Drydock sees for the first time its baseline.
    async fn adopt(&self, call: &Call, branch: &DevBranch) -> Result<(), Refusal> {
        if !self.store().points(branch.reference()).await?.is_empty() {
            return Ok(());
        }
        let _turn = self.branch_turn(branch.reference()).await?;
        if !self.store().points(branch.reference()).await?.is_empty() {
            return Ok(());
        }
        let dev = Dev::of(call.clone(), branch.clone());
        dev.new_point(BASELINE).await?;
        Ok(())
    }

    /// Migrations of `branch` that `project` does not have.
    pub(super) async fn unmerged(
        &self,
        project: &Ref,
        branch: &Ref,
    ) -> Result<Vec<LedgerMigration>, Refusal> {
        let production = self.ledger(project).await?;
        let own = self.ledger(branch).await?;
        let versions: Vec<String> = own
            .missing_from(&production)
            .map(|entry| entry.version.clone())
            .collect();
        self.migrations(branch, &versions).await
    }
}

impl Dev {
    /// What the platform says of the branch, and whether this call made it.
    pub fn describe(&self) -> (Value, bool) {
        let branch = self.branch.branch();
        (
            json!({
                "id": branch.id,
                "name": branch.name,
                "ref": branch.project_ref,
                "parent_project_id": branch.parent_project_ref,
                "status": branch.status.as_str(),
                "created_at": branch.created_at,
            }),
            self.made.is_some(),
        )
    }

    /// Empties the branch and replays its ledger, up to `version` if one is given. Answers the new
    /// baseline and the migrations that were dropped, with their SQL.
    pub async fn reset(
        &self,
        version: Option<String>,
        discard_unmerged: bool,
    ) -> Result<(MadePoint, Vec<DroppedMigration>), Refusal> {
        let guard = &self.call.guard;
        let (project, branch) = (self.branch.project(), self.branch.reference());
        let _turn = guard.branch_turn(branch).await?;
        self.repair().await?;
        let ledger = guard.ledger(branch).await?;
        self.refuse_strangers(&ledger).await?;
        let unmerged = guard.unmerged(project, branch).await?;
        let dropped: Vec<LedgerMigration> = match &version {
            None => Vec::new(),
            Some(version) => {
                let last: u64 = version.parse().map_err(|_| {
                    Refusal::invalid(
                        "migration_version is the version of a migration, or 0 for an empty database",
                    )
                })?;
                let is_later =
                    |one: &&LedgerMigration| one.version.parse::<u64>().is_ok_and(|own| own > last);
                unmerged.iter().filter(is_later).cloned().collect()
            }
        };
        if !dropped.is_empty() && !discard_unmerged {
            return Err(self.would_lose(&dropped));
        }
        self.leave_to_reset(&ledger, &dropped).await?;
        self.call.step("resetting the branch");
        let body = WorkflowBody {
            migration_version: version,
        };
        guard
            .client()
            .write::<ResetBranch>(&self.branch, &(), &body)
            .await?;
        if let Err(refusal) = guard.until_settled(&self.call, project, branch).await {
            // The SQL is in the agent's hands, whatever has become of the branch.
            return Err(refusal.details(json!({ "unmerged": listed(&unmerged) })));
        }
        guard.store().mark_all_unreachable(branch).await?;
        let point = self.numbered_point(BASELINE).await?;
        Ok((
            point,
            dropped.into_iter().map(DroppedMigration::from).collect(),
        ))
    }

    /// Deletes the branch. Answers the migrations that existed nowhere else, with their SQL.
    pub async fn delete(&self, discard_unmerged: bool) -> Result<Vec<DroppedMigration>, Refusal> {
        let guard = &self.call.guard;
        let (project, branch) = (self.branch.project(), self.branch.reference());
        let _turn = guard.branch_turn(branch).await?;
        // A branch whose database does not answer can still be deleted, if that is asked for.
        let (unmerged, known) = match guard.unmerged(project, branch).await {
            Err(_) if discard_unmerged => (Vec::new(), false),
            other => (other?, true),
        };
        if !unmerged.is_empty() && !discard_unmerged {
            return Err(self.would_lose(&unmerged));
        }
        if !known || !unmerged.is_empty() {
            self.leave_to_delete(&unmerged, known).await?;
        }
        self.delete_now().await?;
        guard.store().mark_all_unreachable(branch).await?;
        Ok(unmerged.into_iter().map(DroppedMigration::from).collect())
    }

    /// Deletes the branch whatever it holds.
    pub(super) async fn delete_now(&self) -> Result<(), Refusal> {
        let client = self.call.guard.client();
        if self.branch.branch().persistent {
            let body = UpdateBranchBody {
                persistent: Some(false),
                ..UpdateBranchBody::default()
            };
            client
                .write::<UpdateBranch>(&self.branch, &(), &body)
                .await?;
        }
        client
            .write::<DeleteBranch>(&self.branch, &DeleteBranchQuery::default(), &())
            .await?;
        let reference = self.branch.reference();
        if let Err(error) = self.call.guard.store().forget_branch(reference).await {
            tracing::warn!(%error, "a deleted branch could not be forgotten; the next listing does it");
        }
        Ok(())
    }

    fn would_lose(&self, lost: &[LedgerMigration]) -> Refusal {
        Refusal::new(
            Code::UnmergedMigrations,
            format!(
                "{} unmerged migration(s) exist on this branch alone and would be lost; merge them first, or say discard_unmerged",
                lost.len()
            ),
        )
        .next(Next::new(
            "check_merge",
            json!({ "project_id": self.branch.project(), "branch": self.branch.name() }),
            "shows whether they can be merged; with discard_unmerged: true they are dropped instead",
        ))
        .details(json!({ "unmerged": listed(lost) }))
    }

    /// The points that are not there although they should be; for the gate.
    pub(super) async fn open_points(&self) -> Result<Vec<String>, Refusal> {
        Ok(self
            .call
            .guard
            .store()
            .points(self.branch.reference())
            .await?
            .into_iter()
            .filter(|point| point.reachable && !point.status.is_made())
            .map(|point| point.name)
            .collect())
    }
}

/// Migrations with their SQL, for details.
pub(super) fn listed(migrations: &[LedgerMigration]) -> Vec<Value> {
    migrations
        .iter()
        .map(|migration| {
            json!({ "version": migration.version, "name": migration.name, "sql": migration.sql })
        })
        .collect()
}

impl From<LedgerMigration> for DroppedMigration {
    fn from(migration: LedgerMigration) -> Self {
        Self {
            version: migration.version,
            name: migration.name.unwrap_or_default(),
            query: migration.sql,
        }
    }
}
