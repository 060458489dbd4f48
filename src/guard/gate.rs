//! The gate: the conditions of a merge, taken by the server, on the very state that is merged.
//!
//! 1. `restore_points`: none missing, nothing in doubt.
//! 2. `drift`: production's whole ledger is on the branch, production's schema is the recorded one, and
//!    its functions are those that the branch's changes began with.
//! 3. `replay`: the ledgers, replayed on a temporary branch, make the branch's schema.
//! 4. `advisor`: on the replayed state, no ERROR, and no WARN that production does not have.
//! 5. `exposure`: nothing becomes public that nobody can have meant.
//! 6. `data_loss`: production's rows that would be gone; they take an approval bound to their counts.
//! 7. `constraints`: no row of production that the migrations' demands would fail on.
//!
//! A condition that cannot be checked has failed.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::carried::FunctionDiff;
use super::data_loss::{taken_away, taken_away_by_name};
use super::ledger::{Ledger, LedgerMigration};
use super::opening::{Exposure, PublicReading};
use super::rehearsal::{Rehearsed, Replayed};
use super::state::{State, differences, expected_schema};
use super::{Code, Dev, LostData, Next, Operation, Refusal, Road};
use crate::fence::quote;

/// How many differing objects a check names.
pub(super) const NAMED: usize = 20;

/// How one condition stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckStatus {
    /// It holds.
    Passed,
    /// It does not hold.
    Failed,
    /// It holds once merge_branch has the approval that it asks for.
    NeedsApproval,
    /// It could not be looked at, because an earlier one failed.
    NotRun,
    /// The operator has switched it off.
    Off,
}

/// One condition.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Check {
    /// restore_points, drift, replay, advisor, exposure, data_loss or constraints.
    pub name: String,
    /// How it stands.
    pub status: CheckStatus,
    /// What was found, in words.
    pub message: String,
    /// The call that mends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Next")]
    pub next: Option<Next>,
    /// Facts.
    #[serde(skip_serializing_if = "Value::is_null")]
    #[schemars(with = "std::collections::BTreeMap<String, String>")]
    pub details: Value,
}

/// A migration that mends every finding with a certain fix.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct FixMigration {
    /// What to call it.
    pub name: String,
    /// Its SQL.
    pub query: String,
}

/// The gate's answer for one state of one branch.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// Whether every condition holds.
    pub passes: bool,
    /// The conditions, in order.
    pub checks: Vec<Check>,
    /// Mends findings, where that is certain.
    pub fix_migration: Option<FixMigration>,
    /// Versions that a merge would carry.
    pub unmerged: Vec<String>,
    /// What anybody will be able to read, and nobody has approved yet.
    pub(super) publishes: Vec<PublicReading>,
    /// How the branch's functions and production's differ.
    pub(super) functions: FunctionDiff,
    /// The state that was judged.
    pub state_hash: String,
    /// What production would lose.
    pub(super) lost: Vec<LostData>,
    /// The code that a refusal of the merge has.
    pub(super) code: Option<Code>,
    /// The `schema_hash` that a merge must give production.
    pub(super) expected_schema: String,
    pub(super) production_ledger: Ledger,
    pub(super) production_state_hash: String,
}

impl Verdict {
    /// Slugs of the functions that a merge would deploy.
    pub fn functions(&self) -> &[String] {
        &self.functions.deployed
    }

    /// Slugs of the functions that production has and the branch does not.
    pub fn only_on_production(&self) -> &[String] {
        &self.functions.only_on_production
    }
}

impl Check {
    pub(super) fn new(name: &str, status: CheckStatus, message: impl Into<String>) -> Self {
        Self {
            name: name.to_owned(),
            status,
            message: message.into(),
            next: None,
            details: Value::Null,
        }
    }

    pub(super) fn next(mut self, next: Next) -> Self {
        self.next = Some(next);
        self
    }

    pub(super) fn details(mut self, details: Value) -> Self {
        self.details = details;
        self
    }
}

/// What a condition says, and the code if it fails.
pub(super) type Finding = (Check, Option<Code>);

pub(super) fn passed(name: &str, message: impl Into<String>) -> Finding {
    (Check::new(name, CheckStatus::Passed, message), None)
}

/// A condition that stands as the replay that it builds on: nothing to do, switched off, or not run.
fn like(name: &str, replay: &Finding) -> Finding {
    match replay.0.status {
        CheckStatus::Passed => passed(name, replay.0.message.clone()),
        CheckStatus::Off => (
            Check::new(
                name,
                CheckStatus::Off,
                "it is told from the replay, which the operator has switched off",
            ),
            None,
        ),
        _ => (
            Check::new(
                name,
                CheckStatus::NotRun,
                "mend the replay first: it is told from what the migrations do",
            ),
            None,
        ),
    }
}

impl Dev {
    /// Takes the gate's verdict on the branch as it is now.
    pub async fn check_merge(&self) -> Result<Verdict, Refusal> {
        let guard = &self.call.guard;
        let _turn = guard.branch_turn(self.branch.reference()).await?;
        self.judge_merge().await
    }

    /// The same under a turn that the caller holds.
    pub(super) async fn judge_merge(&self) -> Result<Verdict, Refusal> {
        let guard = &self.call.guard;
        self.call.step("checking restore points");
        let points = self.check_points().await?;
        // What a rebase whose server died has left overwritten.
        self.put_functions_back().await?;
        self.call.step("comparing with production");
        let production = guard.state(self.branch.project()).await?;
        let branch = guard.state(self.branch.reference()).await?;
        let functions = self.function_diff().await?;
        let mut drift = self.check_drift(&production, &branch).await?;
        if drift.1.is_none() && !functions.overwriting.is_empty() {
            drift = self.other_functions(&functions.overwriting);
        }
        let versions: Vec<String> = branch
            .ledger
            .missing_from(&production.ledger)
            .map(|entry| entry.version.clone())
            .collect();
        let unmerged = guard.migrations(self.branch.reference(), &versions).await?;
        let may_replay = drift.1.is_none();
        let rehearsed = if unmerged.is_empty() {
            let nothing = |name| passed(name, "there is nothing to merge");
            Rehearsed::ended(nothing("replay"), nothing("advisor"))
        } else if may_replay {
            self.rehearse(&unmerged, &branch).await?
        } else {
            let not_run = |name| {
                let message = "rebase first: the branch does not stand on production as it is";
                (Check::new(name, CheckStatus::NotRun, message), None)
            };
            Rehearsed::ended(not_run("replay"), not_run("advisor"))
        };
        let Rehearsed {
            replay,
            advisor,
            exposure:
                Exposure {
                    finding: exposure,
                    publishes,
                },
            fix,
            base,
            replayed,
        } = rehearsed;
        let (data_loss, lost) = self
            .data_loss(&unmerged, &replay, replayed.as_ref())
            .await?;
        let constraints = match &replayed {
            Some(replayed) => self.check_constraints(&unmerged, replayed).await?,
            None => like("constraints", &replay),
        };
        // Without a replay production itself is what the branch is measured against.
        let base = base.as_ref().unwrap_or(&production.catalogue);
        let expected_schema = expected_schema(&production.catalogue, base, &branch.catalogue);
        let findings = [
            points,
            drift,
            replay,
            advisor,
            exposure,
            data_loss,
            constraints,
        ];
        let code = findings.iter().find_map(|finding| finding.1);
        let holds = |status| !matches!(status, CheckStatus::Failed | CheckStatus::NeedsApproval);
        Ok(Verdict {
            passes: code.is_none() && findings.iter().all(|finding| holds(finding.0.status)),
            checks: findings.into_iter().map(|finding| finding.0).collect(),
            fix_migration: fix,
            publishes,
            unmerged: versions,
            functions,
            state_hash: branch.state_hash,
            lost,
            expected_schema,
            code,
            production_ledger: production.ledger,
            production_state_hash: production.state_hash,
        })
    }

    /// How a condition stands that takes an approval, if the policy wants one for this.
    pub(super) fn status_with(&self, operation: Operation) -> CheckStatus {
        match self.call.guard.policy().approvals.road(operation) {
            Road::None => CheckStatus::Passed,
            Road::Client | Road::Operator => CheckStatus::NeedsApproval,
        }
    }

    pub(super) fn asks_for_approval(&self) -> Next {
        Next::new(
            "merge_branch",
            json!({ "project_id": self.branch.project(), "branch": self.branch.name() }),
            "asks for the approval of exactly this",
        )
    }

    async fn data_loss(
        &self,
        unmerged: &[LedgerMigration],
        replay: &Finding,
        replayed: Option<&Replayed>,
    ) -> Result<(Finding, Vec<LostData>), Refusal> {
        self.call.step("counting what production would lose");
        let guard = &self.call.guard;
        let losses = match replayed {
            Some(replayed) => taken_away(replayed, unmerged),
            None if replay.0.status == CheckStatus::Off => {
                let (production, branch) = tokio::try_join!(
                    guard.shape(self.branch.project()),
                    guard.shape(self.branch.reference())
                )?;
                taken_away_by_name(&production, &branch, unmerged)
            }
            None => return Ok((like("data_loss", replay), Vec::new())),
        };
        self.check_data_loss(&losses).await
    }

    fn other_functions(&self, functions: &[String]) -> Finding {
        let check = Check::new(
            "drift",
            CheckStatus::Failed,
            format!(
                "production has other versions of these functions than the branch began with, and a merge would overwrite them: {}",
                quote(functions.join(", "))
            ),
        )
        .next(Next::new(
            "rebase_branch",
            json!({ "project_id": self.branch.project(), "branch": self.branch.name() }),
            "brings production's functions onto the branch, and keeps those that the branch has changed; look at them, then check again",
        ));
        (check, Some(Code::Drift))
    }

    async fn check_points(&self) -> Result<Finding, Refusal> {
        let name = "restore_points";
        match self.repair().await {
            Ok(()) => {}
            Err(refusal) if refusal.code == Code::RestorePointMissing => {
                let mut check = Check::new(name, CheckStatus::Failed, refusal.message);
                check.next = refusal.next.map(|next| *next);
                return Ok((check, Some(Code::RestorePointMissing)));
            }
            Err(refusal) => return Err(refusal),
        }
        let ledger = self.call.guard.ledger(self.branch.reference()).await?;
        let strangers = self.strangers(&ledger).await?;
        if !strangers.is_empty() {
            let refusal = self.estranged(&strangers).await;
            let mut check = Check::new(name, CheckStatus::Failed, refusal.message);
            check.next = refusal.next.map(|next| *next);
            return Ok((check, Some(Code::LedgerIsProtected)));
        }
        let open = self.open_points().await?;
        if open.is_empty() {
            return Ok(passed(name, "every migration has its restore point"));
        }
        let check = Check::new(
            name,
            CheckStatus::Failed,
            format!("missing: {}", quote(open.join(", "))),
        )
        .next(Next::new(
            "create_restore_point",
            json!({ "project_id": self.branch.project(), "branch": self.branch.name() }),
            "makes what is missing first",
        ));
        Ok((check, Some(Code::RestorePointMissing)))
    }

    async fn check_drift(&self, production: &State, branch: &State) -> Result<Finding, Refusal> {
        let name = "drift";
        let project = self.branch.project();
        if let Some(check) = self.call.recovery_under_way(project, name).await? {
            return Ok((check, Some(Code::Drift)));
        }
        let rebase = Next::new(
            "rebase_branch",
            json!({ "project_id": project, "branch": self.branch.name() }),
            "brings production's state onto the branch; then check again",
        );
        let anew = Next::new(
            "delete_branch",
            json!({ "project_id": project, "branch": self.branch.name(), "discard_unmerged": true }),
            "returns the unmerged migrations' SQL; apply it on the new branch that the next write makes",
        );
        let behind: Vec<&str> = production
            .ledger
            .missing_from(&branch.ledger)
            .map(|entry| entry.version.as_str())
            .collect();
        if !behind.is_empty() {
            let check = Check::new(
                name,
                CheckStatus::Failed,
                format!(
                    "production has migrations that the branch lacks: {}",
                    quote(behind.join(", "))
                ),
            );
            let way = if self.was_rebased_in_vain(&branch.ledger).await? {
                anew
            } else {
                rebase
            };
            return Ok((check.next(way), Some(Code::Drift)));
        }
        let rewritten: Vec<&str> = production
            .ledger
            .0
            .iter()
            .filter(|entry| {
                branch
                    .ledger
                    .find(&entry.version)
                    .is_some_and(|own| own.digest != entry.digest)
            })
            .map(|entry| entry.version.as_str())
            .collect();
        if !rewritten.is_empty() {
            let check = Check::new(
                name,
                CheckStatus::Failed,
                format!(
                    "the SQL of these migrations differs between production and the branch: {}",
                    quote(rewritten.join(", "))
                ),
            );
            return Ok((check.next(anew), Some(Code::Drift)));
        }
        let store = self.call.guard.store();
        let Some(recorded) = store.recorded_hashes(project).await? else {
            store
                .record_hashes(
                    project,
                    &production.schema_hash,
                    &production.ledger_hash,
                    &production.catalogue,
                    "first_sight",
                )
                .await?;
            return Ok(passed(
                name,
                "production is seen for the first time; its state is recorded now",
            ));
        };
        if recorded.schema_hash != production.schema_hash {
            if let Some(begun) = store.merging(project).await?
                && begun.expected == production.ledger.versions()
                && begun.schema_hash == production.schema_hash
            {
                return Ok(passed(
                    name,
                    "production is as the last merge made it; merge_branch records it",
                ));
            }
            let changed = differences(&recorded.catalogue, &production.catalogue);
            let shown = name_differences(&changed);
            let how = if recorded.ledger_hash == production.ledger_hash {
                "outside its migrations"
            } else {
                "past Drydock, by migrations or outside of them,"
            };
            let check = Check::new(
                name,
                CheckStatus::Failed,
                format!(
                    "production was changed {how} since {}: {shown}",
                    recorded.recorded_at
                ),
            );
            return Ok((check.next(rebase).details(json!({
                "operator": "if production is right as it is: drydock accept REF; a rebase accepts only what production's own migrations make",
            })), Some(Code::Drift)));
        }
        Ok(passed(name, "the branch stands on production as it is"))
    }

    /// Whether a rebase began from this very ledger and the branch is there again: production's
    /// migrations do not go onto it.
    async fn was_rebased_in_vain(&self, ledger: &Ledger) -> Result<bool, Refusal> {
        let store = self.call.guard.store();
        let points = store.points(self.branch.reference()).await?;
        Ok(points
            .iter()
            .any(|point| point.name.starts_with("rebase-") && point.ledger == ledger.versions()))
    }
}

pub(super) fn name_differences(changed: &[super::state::Difference]) -> String {
    let mut shown: Vec<String> = changed
        .iter()
        .take(NAMED)
        .map(|one| format!("{} {} {}", one.kind, quote(&one.identity), one.change))
        .collect();
    if changed.len() > NAMED {
        shown.push(format!("and {} more", changed.len() - NAMED));
    }
    shown.join(", ")
}
