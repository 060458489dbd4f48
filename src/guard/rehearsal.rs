//! The replay: production's ledger and the unmerged migrations on a temporary branch, which must
//! make exactly the branch's schema. What they make is what the advisor judges.

use std::time::Duration;

use serde_json::{Value, json};

use super::code::UnmergedCode;
use super::drift::name_differences;
use super::gate::{Check, CheckStatus, Finding, FixMigration, passed};
use super::judging::{AskedSql, AskedTool};
use super::ledger::LedgerMigration;
use super::opening::Exposure;
use super::shape::{Demand, Shape};
use super::state::{State, differences};
use super::transaction::replay_transaction;
use super::{Code, Dev, Next, Refusal, Switch};
use crate::api::database::{QueryBody, RunQuery};
use crate::api::{DevBranch, Ref};
use crate::chance;
use crate::clock;
use crate::fence::quote;
use crate::sql;

/// The names of temporary branches begin so.
const PREFIX: &str = "drydock-replay-";
/// A temporary branch that is older than this has been forgotten.
const OLD: Duration = Duration::from_secs(60 * 60);

/// A name for a temporary branch of a project.
pub(super) fn new_name(project: &Ref) -> String {
    format!(
        "{PREFIX}{}",
        chance::hex::<4>("temporary branch", project.as_str())
    )
}

/// What a rehearsal found.
pub(super) struct Rehearsed {
    pub(super) replay: Finding,
    pub(super) advisor: Finding,
    pub(super) exposure: Exposure,
    pub(super) fix: Option<FixMigration>,
    /// What production's ledger alone makes.
    pub(super) base: Option<Vec<(String, String, String)>>,
    /// What the unmerged migrations did to tables; none where they were not replayed.
    pub(super) replayed: Option<Replayed>,
}

/// What migrations did to the tables of the temporary branch.
pub(super) struct Replayed {
    pub(super) before: Shape,
    pub(super) after: Shape,
    /// Those that were not there before.
    pub(super) demands: Vec<Demand>,
    /// What they ran.
    pub(super) code: UnmergedCode,
}

impl Rehearsed {
    /// One that ended early, or had nothing to do.
    pub(super) fn ended(replay: Finding, advisor: Finding) -> Self {
        Self {
            exposure: Exposure::as_before(&advisor),
            replay,
            advisor,
            fix: None,
            base: None,
            replayed: None,
        }
    }
}

impl Dev {
    /// Replays the ledgers on a temporary branch, and asks the advisor about what they make.
    pub(super) async fn rehearse(
        &self,
        unmerged: &[LedgerMigration],
        branch: &State,
    ) -> Result<Rehearsed, Refusal> {
        if self.call.guard.policy().gate.replay == Switch::Off {
            let off = (
                Check::new(
                    "replay",
                    CheckStatus::Off,
                    "the operator has switched the replay off: the advisor looks at the branch itself",
                ),
                None,
            );
            let (advisor, fix) = match self.hidden_schemas().await? {
                Some(finding) => (finding, None),
                None => self.check_advisor(&self.branch).await?,
            };
            let mut exposure = self.exposure_after(&advisor, &self.branch).await?;
            return Ok(Rehearsed {
                replay: off,
                fix: fix.or(exposure.fix.take()),
                exposure,
                advisor,
                base: None,
                replayed: None,
            });
        }
        self.call
            .step("replaying the migrations on a temporary branch");
        let name = new_name(self.branch.project());
        let guard = &self.call.guard;
        self.sweep_rehearsals().await;
        let made = guard
            .client()
            .create_branch(self.branch.project(), &name, &[])
            .await?;
        let result = self.rehearse_on(&made.project_ref, unmerged, branch).await;
        self.clear_rehearsal(&name).await;
        result
    }

    async fn rehearse_on(
        &self,
        reference: &Ref,
        unmerged: &[LedgerMigration],
        branch: &State,
    ) -> Result<Rehearsed, Refusal> {
        let guard = &self.call.guard;
        let project = self.branch.project();
        let not_run = || {
            (
                Check::new(
                    "advisor",
                    CheckStatus::NotRun,
                    "mend the replay first: the advisor judges what the migrations make",
                ),
                None,
            )
        };
        let unreplayable = |message: String, details: Value| {
            let check = Check::new("replay", CheckStatus::Failed, message)
                .next(Next::new(
                    "reset_branch",
                    json!({ "project_id": project, "branch": self.branch.name() }),
                    "makes the branch again from its migrations alone; what was changed outside them is gone, write it as a migration",
                ))
                .details(details);
            (check, Some(Code::Unreplayable))
        };
        let rehearsal = match guard.until_settled(&self.call, project, reference).await {
            Ok(rehearsal) => rehearsal,
            Err(refusal) if refusal.code == Code::BranchFailed => {
                let (mut check, code) = unreplayable(
                    "production's own migrations cannot be replayed".to_owned(),
                    json!({
                        "operator": "mend production's ledger on the platform, or switch the replay off in the policy",
                    }),
                );
                // The branch made again would be made of the same.
                check.next = Some(self.check_again());
                let failed = (check, code);
                return Ok(Rehearsed::ended(failed, not_run()));
            }
            Err(refusal) => return Err(refusal),
        };
        guard.expose_as_production(&rehearsal, project).await?;
        let rehearsed = rehearsal.reference();
        let base = guard.catalogue(rehearsed).await?;
        let (before, demanded) =
            tokio::try_join!(guard.shape(rehearsed), guard.demands(rehearsed))?;
        let mut code = UnmergedCode::default();
        for migration in unmerged {
            guard.add_code_of(&mut code, rehearsed, migration).await?;
            if let Err(refusal) = self.replay(&rehearsal, migration).await {
                let (mut check, code) = unreplayable(
                    format!(
                        "migration {} cannot be replayed without the branch's rows: {}",
                        quote(&migration.version),
                        refusal.message
                    ),
                    json!({ "version": migration.version, "sql": migration.sql }),
                );
                check.next = self.back_before(&migration.version).await.or(check.next);
                return Ok(Rehearsed::ended((check, code), not_run()));
            }
        }
        let replayed = guard.state(rehearsal.reference()).await?;
        if replayed.schema_hash != branch.schema_hash {
            let changed = differences(&replayed.catalogue, &branch.catalogue);
            let failed = unreplayable(
                format!(
                    "the branch is not what its migrations make; changed outside them: {}",
                    name_differences(&changed)
                ),
                json!({ "differences": changed.len() }),
            );
            return Ok(Rehearsed::ended(failed, not_run()));
        }
        let replay = passed(
            "replay",
            format!(
                "{} migration(s) replayed on production's ledger make the branch's schema",
                unmerged.len()
            ),
        );
        let (after, mut demands) =
            tokio::try_join!(guard.shape(rehearsed), guard.demands(rehearsed))?;
        demands.retain(|demand| demanded.iter().all(|before| before.id != demand.id));
        let (advisor, fix) = self.check_advisor(&rehearsal).await?;
        let mut exposure = self.exposure_after(&advisor, &rehearsal).await?;
        Ok(Rehearsed {
            replay,
            fix: fix.or(exposure.fix.take()),
            exposure,
            advisor,
            base: Some(base),
            replayed: Some(Replayed {
                before,
                after,
                demands,
                code,
            }),
        })
    }

    /// What becomes public, once the advisor has no objection.
    async fn exposure_after(
        &self,
        advisor: &Finding,
        judged: &DevBranch,
    ) -> Result<Exposure, Refusal> {
        match advisor.1 {
            Some(_) => Ok(Exposure::as_before(advisor)),
            None => {
                let exposed = self.call.guard.exposed(self.branch.project()).await?;
                self.check_exposure(judged, &exposed).await
            }
        }
    }

    /// What production's ledger makes on a fresh branch.
    pub(super) async fn replayed_production(&self) -> Result<State, Refusal> {
        let guard = &self.call.guard;
        let project = self.branch.project();
        let name = new_name(project);
        let made = guard.client().create_branch(project, &name, &[]).await?;
        let replayed = match guard
            .until_settled(&self.call, project, &made.project_ref)
            .await
        {
            Ok(rehearsal) => guard.state(rehearsal.reference()).await,
            Err(refusal) => Err(refusal),
        };
        self.clear_rehearsal(&name).await;
        replayed
    }

    /// The call that takes a migration back: the newest point from before it.
    pub(super) async fn back_before(&self, version: &str) -> Option<Next> {
        let points = self
            .call
            .guard
            .store()
            .points(self.branch.reference())
            .await
            .ok()?;
        let point = points.iter().rev().find(|point| {
            point.reachable
                && point.status.is_made()
                && !point.ledger.iter().any(|one| one == version)
        })?;
        Some(Next::new(
            "revert_to_restore_point",
            json!({
                "project_id": self.branch.project(),
                "branch": self.branch.name(),
                "name": point.name,
            }),
            "returns to before that migration; write it anew so that it needs no rows of the branch",
        ))
    }

    /// One migration of the branch's ledger on the temporary branch. The ledger may have been
    /// written by others, so its SQL is judged again.
    async fn replay(
        &self,
        rehearsal: &DevBranch,
        migration: &LedgerMigration,
    ) -> Result<(), Refusal> {
        AskedSql {
            tool: AskedTool::ApplyMigration {
                name: migration.name.as_deref().unwrap_or_default(),
            },
            project: self.branch.project().as_str(),
            branch: Some(self.branch.name()),
            query: &migration.sql,
        }
        .judge(sql::Place::Dev)?;
        let body = QueryBody {
            query: replay_transaction(
                &migration.version,
                migration.name.as_deref(),
                &migration.sql,
            ),
            parameters: None,
            read_only: None,
        };
        self.call
            .guard
            .client()
            .write::<RunQuery>(rehearsal, &(), &body)
            .await?;
        Ok(())
    }

    /// Removes temporary branches that an earlier check could not.
    async fn sweep_rehearsals(&self) {
        let guard = &self.call.guard;
        let Ok(branches) = guard.branches_of(self.branch.project()).await else {
            return;
        };
        let old = clock::unix_millis() / 1000 - OLD.as_secs().cast_signed();
        for branch in branches {
            let is_old = clock::seconds_of(&branch.created_at).is_some_and(|created| created < old);
            if branch.name.starts_with(PREFIX)
                && is_old
                && let Err(refusal) = self.remove_rehearsal(&branch.name).await
            {
                tracing::warn!(
                    message = refusal.message,
                    "an old temporary branch could not be removed"
                );
            }
        }
    }

    /// Removes a temporary branch, or leaves it to the next check.
    pub(super) async fn clear_rehearsal(&self, name: &str) {
        if let Err(refusal) = self.remove_rehearsal(name).await {
            tracing::warn!(
                message = refusal.message,
                "a temporary branch could not be removed; the next check tries again"
            );
        }
    }

    async fn remove_rehearsal(&self, name: &str) -> Result<(), Refusal> {
        let guard = &self.call.guard;
        let branch = guard.prove(self.branch.project(), name).await?;
        Self::of(self.call.clone(), branch).delete_now().await
    }
}
