//! The gate: the conditions of a merge, taken by the server, on the very state that is merged.
//!
//! 1. `restore_points`: none missing, nothing in doubt.
//! 2. `drift`: production's whole ledger is on the branch, and production's schema is the recorded one.
//! 3. `replay`: the ledgers, replayed on a temporary branch, make the branch's schema.
//! 4. `advisor`: on the replayed state, no ERROR, and no WARN that production does not have.
//!
//! A condition that cannot be checked has failed.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::judging::AskedSql;
use super::ledger::{Ledger, LedgerMigration};
use super::migrate::replay_transaction;
use super::reading::{level_word, lint_object};
use super::state::{State, differences};
use super::{Code, Dev, FoundLint, Next, Refusal};
use crate::api::DevBranch;
use crate::api::advisors::{Level, Lint};
use crate::api::database::{QueryBody, RunQuery};
use crate::sql;

/// The names of temporary branches begin so.
const REPLAY_PREFIX: &str = "drydock-replay-";
/// How many differing objects a check names.
const NAMED: usize = 20;

/// How one condition stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckStatus {
    /// It holds.
    Passed,
    /// It does not hold.
    Failed,
    /// It could not be looked at, because an earlier one failed.
    NotRun,
    /// The operator has switched it off.
    Off,
}

/// One condition.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Check {
    /// restore_points, drift, replay or advisor.
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
    /// The state that was judged.
    pub state_hash: String,
    /// The code that a refusal of the merge has.
    pub(super) code: Option<Code>,
    pub(super) production_ledger: Ledger,
    pub(super) production_state_hash: String,
}

impl Check {
    fn new(name: &str, status: CheckStatus, message: impl Into<String>) -> Self {
        Self {
            name: name.to_owned(),
            status,
            message: message.into(),
            next: None,
            details: Value::Null,
        }
    }

    fn next(mut self, next: Next) -> Self {
        self.next = Some(next);
        self
    }

    fn details(mut self, details: Value) -> Self {
        self.details = details;
        self
    }
}

/// What a condition says, and the code if it fails.
type Finding = (Check, Option<Code>);

fn passed(name: &str, message: impl Into<String>) -> Finding {
    (Check::new(name, CheckStatus::Passed, message), None)
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
        self.call.step("comparing with production");
        let production = guard.state(self.branch.project()).await?;
        let branch = guard.state(self.branch.reference()).await?;
        let drift = self.check_drift(&production, &branch).await?;
        let versions: Vec<String> = branch
            .ledger
            .missing_from(&production.ledger)
            .map(|entry| entry.version.clone())
            .collect();
        let unmerged = guard.migrations(self.branch.reference(), &versions).await?;
        let may_replay = drift.1.is_none();
        let (replay, advisor, fix) = if unmerged.is_empty() {
            (
                passed("replay", "there is nothing to merge"),
                passed("advisor", "there is nothing to merge"),
                None,
            )
        } else if may_replay {
            self.rehearse(&unmerged, &branch).await?
        } else {
            let not_run = |name| {
                (
                    Check::new(
                        name,
                        CheckStatus::NotRun,
                        "rebase first: the branch does not stand on production as it is",
                    ),
                    None,
                )
            };
            (not_run("replay"), not_run("advisor"), None)
        };
        let code = [&points, &drift, &replay, &advisor]
            .into_iter()
            .find_map(|finding| finding.1);
        Ok(Verdict {
            passes: code.is_none(),
            checks: vec![points.0, drift.0, replay.0, advisor.0],
            fix_migration: fix,
            unmerged: versions,
            state_hash: branch.state_hash,
            code,
            production_ledger: production.ledger,
            production_state_hash: production.state_hash,
        })
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
        let open = self.open_points().await?;
        if open.is_empty() {
            return Ok(passed(name, "every migration has its restore point"));
        }
        let check = Check::new(
            name,
            CheckStatus::Failed,
            format!("missing: {}", open.join(", ")),
        );
        Ok((check, Some(Code::RestorePointMissing)))
    }

    async fn check_drift(&self, production: &State, branch: &State) -> Result<Finding, Refusal> {
        let name = "drift";
        let project = self.branch.project();
        let rebase = Next::new(
            "rebase_branch",
            json!({ "project_id": project, "branch": self.branch.name() }),
            "brings production's state onto the branch; then check again",
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
                    behind.join(", ")
                ),
            );
            return Ok((check.next(rebase), Some(Code::Drift)));
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
                    rewritten.join(", ")
                ),
            );
            let anew = Next::new(
                "delete_branch",
                json!({ "project_id": project, "branch": self.branch.name(), "discard_unmerged": true }),
                "returns the unmerged migrations' SQL; apply it on the new branch that the next write makes",
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
            let changed = differences(&recorded.catalogue, &production.catalogue);
            let shown = name_differences(&changed);
            let check = Check::new(
                name,
                CheckStatus::Failed,
                format!(
                    "production was changed outside its migrations since {}: {shown}",
                    recorded.recorded_at
                ),
            );
            return Ok((check.next(rebase), Some(Code::Drift)));
        }
        Ok(passed(name, "the branch stands on production as it is"))
    }

    /// Replays the ledgers on a temporary branch, and asks the advisor about what they make.
    async fn rehearse(
        &self,
        unmerged: &[LedgerMigration],
        branch: &State,
    ) -> Result<(Finding, Finding, Option<FixMigration>), Refusal> {
        if !self.call.guard.policy().replay {
            let off = (
                Check::new(
                    "replay",
                    CheckStatus::Off,
                    "the operator has switched the replay off: the advisor looks at the branch itself",
                ),
                None,
            );
            let (advisor, fix) = self.check_advisor(&self.branch).await?;
            return Ok((off, advisor, fix));
        }
        self.call
            .step("replaying the migrations on a temporary branch");
        let name = format!("{REPLAY_PREFIX}{:08x}", rand::random::<u32>());
        let guard = &self.call.guard;
        self.sweep_rehearsals().await;
        guard
            .client()
            .create_branch(self.branch.project(), &name)
            .await?;
        let result = self.rehearse_on(&name, unmerged, branch).await;
        if let Err(refusal) = self.remove_rehearsal(&name).await {
            tracing::warn!(
                message = refusal.message,
                "a temporary branch could not be removed; the next check tries again"
            );
        }
        result
    }

    async fn rehearse_on(
        &self,
        name: &str,
        unmerged: &[LedgerMigration],
        branch: &State,
    ) -> Result<(Finding, Finding, Option<FixMigration>), Refusal> {
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
        let rehearsal = match guard.until_settled(&self.call, project, name).await {
            Ok(rehearsal) => rehearsal,
            Err(refusal) if refusal.code == Code::BranchFailed => {
                let failed = unreplayable(
                    "production's own migrations cannot be replayed".to_owned(),
                    json!({}),
                );
                return Ok((failed, not_run(), None));
            }
            Err(refusal) => return Err(refusal),
        };
        for migration in unmerged {
            if let Err(refusal) = self.replay(&rehearsal, migration).await {
                let failed = unreplayable(
                    format!(
                        "migration {} cannot be replayed: {}",
                        migration.version, refusal.message
                    ),
                    json!({ "version": migration.version }),
                );
                return Ok((failed, not_run(), None));
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
            return Ok((failed, not_run(), None));
        }
        let replay = passed(
            "replay",
            format!(
                "{} migration(s) replayed on production's ledger make the branch's schema",
                unmerged.len()
            ),
        );
        let (advisor, fix) = self.check_advisor(&rehearsal).await?;
        Ok((replay, advisor, fix))
    }

    /// One migration of the branch's ledger on the temporary branch. The ledger may have been
    /// written by others, so its SQL is judged again.
    async fn replay(
        &self,
        rehearsal: &DevBranch,
        migration: &LedgerMigration,
    ) -> Result<(), Refusal> {
        AskedSql {
            tool: "apply_migration",
            project: self.branch.project().as_str(),
            query: &migration.sql,
        }
        .judge(sql::Tool::ApplyMigration)?;
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

    async fn check_advisor(
        &self,
        judged: &DevBranch,
    ) -> Result<(Finding, Option<FixMigration>), Refusal> {
        let guard = &self.call.guard;
        self.call.step("asking the security advisor");
        let lints = match guard.lints(judged.reference(), false).await {
            Ok(lints) => lints,
            Err(refusal) if refusal.code == Code::AdvisorUnavailable => {
                let check = Check::new("advisor", CheckStatus::Failed, refusal.message).next(
                    Next::new(
                        "check_merge",
                        json!({ "project_id": self.branch.project(), "branch": self.branch.name() }),
                        "asks the advisor again",
                    ),
                );
                return Ok(((check, Some(Code::AdvisorUnavailable)), None));
            }
            Err(refusal) => return Err(refusal),
        };
        // Looked at only where a WARN needs an excuse.
        let known: Vec<String> = if lints.iter().any(|lint| lint.level == Level::Warn) {
            guard
                .lints(self.branch.project(), false)
                .await
                .map(|lints| lints.into_iter().map(|lint| lint.cache_key).collect())
                .unwrap_or_default()
        } else {
            Vec::new()
        };
        let failing: Vec<&Lint> = lints
            .iter()
            .filter(|lint| match lint.level {
                Level::Error => true,
                Level::Warn => !known.contains(&lint.cache_key),
                Level::Info => false,
            })
            .collect();
        if failing.is_empty() {
            return Ok((
                passed("advisor", "the security advisor has no objection"),
                None,
            ));
        }
        let fix = fix_for(&failing);
        let shown: Vec<String> = failing
            .iter()
            .take(NAMED)
            .map(|lint| {
                format!(
                    "{} {} on {}",
                    level_word(lint.level),
                    lint.name,
                    lint_object(lint)
                )
            })
            .collect();
        let findings: Vec<FoundLint> = failing.iter().copied().map(FoundLint::from).collect();
        let check = Check::new(
            "advisor",
            CheckStatus::Failed,
            format!("the security advisor objects: {}", shown.join("; ")),
        )
        .next(self.next_for(fix.as_ref()))
        .details(json!({ "lints": findings }));
        Ok(((check, Some(Code::AdvisorFailed)), fix))
    }

    fn next_for(&self, fix: Option<&FixMigration>) -> Next {
        let project = self.branch.project();
        match fix {
            Some(fix) => Next::new(
                "apply_migration",
                json!({ "project_id": project, "branch": self.branch.name(), "name": fix.name, "query": fix.query }),
                "mends the findings that have a certain fix; then check again",
            ),
            None => Next::new(
                "get_advisors",
                json!({ "project_id": project, "branch": self.branch.name(), "type": "security", "detail": "full" }),
                "shows each finding and how to mend it by a migration",
            ),
        }
    }

    /// Removes temporary branches that an earlier check could not.
    async fn sweep_rehearsals(&self) {
        let guard = &self.call.guard;
        let Ok(branches) = guard.branches_of(self.branch.project()).await else {
            return;
        };
        let old = chrono::Utc::now() - chrono::Duration::hours(1);
        for branch in branches {
            let is_old = chrono::DateTime::parse_from_rfc3339(&branch.created_at)
                .is_ok_and(|created| created < old);
            if branch.name.starts_with(REPLAY_PREFIX)
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

    async fn remove_rehearsal(&self, name: &str) -> Result<(), Refusal> {
        let guard = &self.call.guard;
        let branch = guard.prove(self.branch.project(), name).await?;
        Self::of(self.call.clone(), branch).delete_now().await
    }
}

fn name_differences(changed: &[super::state::Difference]) -> String {
    let mut shown: Vec<String> = changed
        .iter()
        .take(NAMED)
        .map(|one| format!("{} {} {}", one.kind, one.identity, one.change))
        .collect();
    if changed.len() > NAMED {
        shown.push(format!("and {} more", changed.len() - NAMED));
    }
    shown.join(", ")
}

/// One migration for the findings whose fix is certain: it takes nothing from anybody who should
/// have it, and needs no knowledge of what the app is for.
fn fix_for(lints: &[&Lint]) -> Option<FixMigration> {
    let mut statements: Vec<String> = Vec::new();
    for lint in lints {
        let Some(object) = quoted_object(lint) else {
            continue;
        };
        let statement = match lint.name.as_str() {
            "rls_disabled_in_public" | "policy_exists_rls_disabled" => {
                format!("alter table {object} enable row level security;")
            }
            "security_definer_view" => {
                format!("alter view {object} set (security_invoker = true);")
            }
            _ => continue,
        };
        if !statements.contains(&statement) {
            statements.push(statement);
        }
    }
    if statements.is_empty() {
        return None;
    }
    Some(FixMigration {
        name: "fix_advisor_findings".to_owned(),
        query: statements.join("\n"),
    })
}

/// `"schema"."name"` of the table or view that a lint names.
fn quoted_object(lint: &Lint) -> Option<String> {
    let metadata = lint.metadata.as_ref()?;
    let part = |key: &str| {
        metadata
            .get(key)?
            .as_str()
            .map(|name| format!("\"{}\"", name.replace('"', "\"\"")))
    };
    Some(format!("{}.{}", part("schema")?, part("name")?))
}
