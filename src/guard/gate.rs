//! The gate: the conditions of a merge, taken by the server, on the very state that is merged.
//!
//! 1. `restore_points`: none missing, nothing in doubt.
//! 2. `drift`: production's whole ledger is on the branch, production's schema is the recorded one, and
//!    its functions are those that the branch's changes began with.
//! 3. `replay`: the ledgers, replayed on a temporary branch, make the branch's schema.
//! 4. `advisor`: on the replayed state, no ERROR, and no WARN that production does not have.
//! 5. `exposure`: nothing becomes public that nobody can have meant.
//! 6. `code`: what the migrations run does on production what it did in the replay; other code takes an approval.
//! 7. `data_loss`: production's rows that would be gone; they take an approval bound to their counts.
//! 8. `constraints`: no row of production that the migrations' demands would fail on.
//!
//! A condition that cannot be checked has failed.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::carried::FunctionDiff;
use super::code::UnforeseeableCode;
use super::data_loss::{taken_away, taken_away_by_name};
use super::ledger::{Ledger, LedgerMigration};
use super::opening::{Exposure, PublicReading};
use super::rehearsal::{Rehearsed, Replayed};
use super::state::expected_schema;
use super::{Code, Dev, LostData, Next, Operation, Refusal, Road};
use crate::clock;
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
    /// restore_points, drift, replay, advisor, exposure, code, data_loss or constraints.
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
    /// Code whose doings on production the replay does not show, if that takes an approval.
    pub(super) unforeseeable: Vec<UnforeseeableCode>,
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

    /// One that fails as something refused: with the way on that the refusal names.
    fn of_refusal(name: &str, refusal: Refusal) -> Self {
        let mut check = Self::new(name, CheckStatus::Failed, refusal.message);
        check.next = refusal.next.map(|next| *next);
        if let Some(operator) = refusal.operator {
            check.details = json!({ "operator": operator });
        }
        check
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

/// The condition on code with what it has found, the one on losses, and these.
type Consequences = ((Finding, Vec<UnforeseeableCode>), Finding, Vec<LostData>);

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
                    ..
                },
            fix,
            base,
            replayed,
        } = rehearsed;
        let (code_run, data_loss, lost) = self
            .consequences(&unmerged, &replay, replayed.as_ref())
            .await?;
        let (code_run, unforeseeable) = code_run;
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
            code_run,
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
            unforeseeable,
            expected_schema,
            code,
            production_ledger: production.ledger,
            production_state_hash: production.state_hash,
        })
    }

    /// Whether the operator's policy has waived what a condition says of an object.
    pub(super) fn is_waived(&self, condition: &str, object: &str) -> bool {
        let today = clock::today();
        let mut waivers = self.call.guard.policy().gate.waivers.iter();
        waivers.any(|waiver| waiver.covers(condition, object) && waiver.counts_on(today))
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

    /// What the merge does beyond what the replay shows: the code that it runs, and what production loses.
    async fn consequences(
        &self,
        unmerged: &[LedgerMigration],
        replay: &Finding,
        replayed: Option<&Replayed>,
    ) -> Result<Consequences, Refusal> {
        self.call.step("counting what production would lose");
        let guard = &self.call.guard;
        let own;
        let (losses, code) = match replayed {
            Some(replayed) => (taken_away(replayed), &replayed.code),
            None if replay.0.status == CheckStatus::Off => {
                let (production, branch) = tokio::try_join!(
                    guard.shape(self.branch.project()),
                    guard.shape(self.branch.reference())
                )?;
                own = self.code_without_replay(unmerged).await?;
                (taken_away_by_name(&production, &branch, &own), &own)
            }
            None => {
                let none = |name| like(name, replay);
                return Ok(((none("code"), Vec::new()), none("data_loss"), Vec::new()));
            }
        };
        let finding = self.check_code(&code.unforeseeable);
        let unforeseeable = match finding.0.status {
            CheckStatus::NeedsApproval => code.unforeseeable.clone(),
            _ => Vec::new(),
        };
        let (data_loss, lost) = self.check_data_loss(&losses).await?;
        Ok(((finding, unforeseeable), data_loss, lost))
    }

    async fn check_points(&self) -> Result<Finding, Refusal> {
        let name = "restore_points";
        match self.repair().await {
            Ok(()) => {}
            Err(refusal) if refusal.code == Code::RestorePointMissing => {
                let check = Check::of_refusal(name, refusal);
                return Ok((check, Some(Code::RestorePointMissing)));
            }
            Err(refusal) => return Err(refusal),
        }
        let ledger = self.call.guard.ledger(self.branch.reference()).await?;
        let strangers = self.strangers(&ledger).await?;
        if !strangers.is_empty() {
            let check = Check::of_refusal(name, self.estranged(&strangers).await);
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
}
