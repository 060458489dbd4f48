//! The merge: through the gate, then followed to its end.
//!
//! ```text
//! gate passed ──stored──► platform told ──► production's ledger as expected ──► merged
//!                              │                     │ less than expected ──► partial
//!                              └ this server dies: the next merge call follows it to its end
//! ```

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use super::data_loss::in_words;
use super::gate::{Verdict, name_differences};
use super::merged::{Merged, MergedMigrations, not_merged};
use super::pauses::Pauses;
use super::state::{State, differences};
use super::{
    Advisor, CheckStatus, Code, Dev, LostData, Next, Operation, PATIENCE, Refusal, Release,
};
use crate::api::ReleasePermit;
use crate::api::advisors::Level;
use crate::api::branches::{BranchStatus, ListBranches, MergeBranch, WorkflowBody};
use crate::api::restore_points::{CreateRestorePoint, RestorePointName};
use crate::clock;
use crate::fence::quote;
use crate::store::{Merging, PointStatus};

/// How long production must be at rest, with another ledger than expected, before that is final.
const REST: Duration = Duration::from_secs(10);
/// The same where the platform says that its workflow failed.
const REST_AFTER_FAILURE: Duration = Duration::from_millis(300);

/// How long the request of a server that died can still reach the platform.
const ARRIVAL: Duration = Duration::from_secs(120);

impl Release {
    /// Merges the branch into production, if it passes the gate now. Functions that production has and
    /// the branch does not are deleted there if they are named, and if that is approved.
    pub async fn merge(self, delete_functions: &[String]) -> Result<Merged, Refusal> {
        self.dev.merge(delete_functions).await
    }
}

impl Dev {
    async fn merge(self, delete_functions: &[String]) -> Result<Merged, Refusal> {
        let guard = &self.call.guard;
        let (project, branch) = (self.branch.project(), self.branch.reference());
        let _project_turn = guard.project_turn(project).await?;
        let _turn = guard.branch_turn(branch).await?;
        self.call.settle_recovery(project).await?;
        if let Some(merged) = self.take_up_earlier_merge().await? {
            return Ok(merged);
        }
        let verdict = self.judge_merge().await?;
        // What a dead server sent can still have been on its way when the gate began to look.
        if (verdict.code.is_some() || verdict.unmerged.is_empty())
            && let Some(merged) = self.take_up_earlier_merge().await?
        {
            return Ok(merged);
        }
        if let Some(code) = verdict.code {
            return Err(self.gate_refused(code, &verdict));
        }
        let deleted = Self::deletable(&verdict.functions, delete_functions)?;
        let tells = !verdict.unmerged.is_empty() || !verdict.functions.deployed.is_empty();
        if !tells && deleted.is_empty() {
            return Ok(Merged::nothing(&verdict.functions.only_on_production));
        }
        let mut operations = vec![Operation::MergeBranch];
        if !deleted.is_empty() {
            operations.push(Operation::DeleteFunction);
        }
        if !verdict.publishes.is_empty() {
            operations.push(Operation::PublicReading);
        }
        if !verdict.lost.is_empty() {
            operations.push(Operation::DataLoss);
        }
        let leave = self
            .call
            .leave(&operations, self.ask_to_merge(&verdict, &deleted))
            .await
            .map_err(|refusal| loss_named(refusal, &verdict.lost))?;
        self.remember_public_reading(&verdict.publishes).await?;
        // Taken again right before the merge: what was judged is what is merged, into what it was
        // judged against.
        if guard.state(branch).await?.state_hash != verdict.state_hash
            || guard.state(project).await?.state_hash != verdict.production_state_hash
        {
            if let Some(merged) = self.take_up_earlier_merge().await? {
                return Ok(merged);
            }
            return Err(Refusal::new(
                Code::StaleCheck,
                "the branch or production changed while the gate looked; nothing was merged",
            )
            .next(self.check_again()));
        }
        let permit = leave.permit();
        let newest = verdict.unmerged.last().cloned();
        // What changes no database needs no way back for one.
        let point = match &newest {
            Some(newest) => self.production_point(&permit, newest).await,
            None => None,
        };
        let before = verdict.production_ledger.versions();
        let mut expected = before.clone();
        expected.extend(verdict.unmerged.iter().cloned());
        // As a ledger is read: a branch's migration may be older than production's newest.
        expected.sort();
        let merging = Merging {
            branch_ref: branch.to_string(),
            expected,
            before,
            functions: verdict.functions.deployed,
            deleted,
            schema_hash: verdict.expected_schema,
            state_hash: verdict.state_hash,
            started_at: clock::now(),
        };
        guard.store().begin_merge(project, &merging).await?;
        self.call.step("merging into production");
        let body = WorkflowBody {
            migration_version: newest,
        };
        if tells {
            let told = guard
                .client()
                .release::<MergeBranch>(&permit, branch.to_string(), &(), &body)
                .await;
            if let Err(error) = told
                && !error.may_have_happened()
            {
                guard.store().end_merge(project).await?;
                return Err(error.into());
            }
        }
        let mut merged = self.follow(&merging).await?;
        self.delete_on_production(&permit, &merging.deleted).await?;
        let left = self.function_diff().await?.only_on_production;
        merged.not_merged = not_merged(&left);
        merged.merged.deleted_functions = merging.deleted;
        merged.production_restore_point = point;
        Ok(merged)
    }

    /// A merge whose server died is followed to its end first. `None` if there is none, if the
    /// platform does not know of it, or if it was another branch's: then the way is free.
    async fn take_up_earlier_merge(&self) -> Result<Option<Merged>, Refusal> {
        let guard = &self.call.guard;
        let project = self.branch.project();
        let Some(mut begun) = guard.store().merging(project).await? else {
            return Ok(None);
        };
        let is_own = begun.branch_ref == self.branch.reference().as_str();
        if !is_own {
            // Whether these are on production as that branch has them, this one cannot tell.
            begun.functions.clear();
        }
        self.call.step("following the merge that was begun before");
        // The status first: once it is settled, the ledger read after it is final.
        let settled = self
            .production_workflow()
            .await?
            .is_none_or(|status| status.is_settled());
        let untouched = guard.ledger(project).await?.versions() == begun.before
            && (begun.functions.is_empty() || !self.has_carried(&begun.functions).await?);
        if settled && untouched {
            // It stays remembered while its request can still arrive. Telling the platform again
            // meanwhile is safe: it applies only what production lacks.
            if begun.since() > ARRIVAL {
                guard.store().end_merge(project).await?;
            }
            return Ok(None);
        }
        let merged = self.follow(&begun).await?;
        Ok(is_own.then_some(merged))
    }

    /// A point on production, where the platform offers one.
    async fn production_point(&self, permit: &ReleasePermit, newest: &str) -> Option<String> {
        let guard = &self.call.guard;
        let project = self.branch.project();
        let points = guard.store().points(project).await.ok()?;
        let plain = format!("pm-{newest}");
        let name = std::iter::once(plain.clone())
            .chain((2..10).map(|again| format!("{plain}~{again}")))
            .find(|name| points.iter().all(|point| &point.name != name))?;
        let body = RestorePointName { name: name.clone() };
        let made = guard
            .client()
            .release::<CreateRestorePoint>(permit, project.clone(), &(), &body)
            .await;
        match made {
            Ok(_) => {
                let stored = guard
                    .store()
                    .put_point(project, project, &name, None, PointStatus::Available, &[])
                    .await;
                if let Err(error) = stored {
                    tracing::warn!(%error, "production's restore point is made but not remembered");
                }
                Some(name)
            }
            Err(error) => {
                tracing::warn!(%error, "production has no restore point from before the merge");
                None
            }
        }
    }

    /// Waits until production's ledger is the expected one, or the platform has given up.
    async fn follow(&self, merging: &Merging) -> Result<Merged, Refusal> {
        let guard = &self.call.guard;
        let project = self.branch.project();
        let ledger = self.settled_ledger(&merging.expected).await?;
        let carried: Vec<String> = ledger
            .iter()
            .filter(|version| !merging.before.contains(version))
            .cloned()
            .collect();
        if ledger != merging.expected {
            guard.store().end_merge(project).await?;
            return Err(self.not_as_expected(merging, &ledger, &carried).await);
        }
        let production = guard.state(project).await?;
        if production.schema_hash != merging.schema_hash {
            guard.store().end_merge(project).await?;
            return Err(self.other_schema(&production, &carried).await);
        }
        let missing = self.settled_functions(&merging.functions).await?;
        if !missing.is_empty() {
            guard.store().end_merge(project).await?;
            guard.record_state(project, &production, "merge").await?;
            return Err(self.functions_missing(&missing, &carried));
        }
        if merging.branch_ref == self.branch.reference().as_str() {
            let nothing = BTreeMap::new();
            let store = guard.store();
            store
                .set_function_work(self.branch.reference(), nothing)
                .await?;
        }
        // Recorded before the merge is forgotten: a failure here is made good by the next call.
        guard.record_state(project, &production, "merge").await?;
        guard.store().end_merge(project).await?;
        Ok(Merged {
            status: "merged",
            merged: MergedMigrations {
                migrations: carried,
                functions: merging.functions.clone(),
                deleted_functions: Vec::new(),
            },
            not_merged: not_merged(&self.function_diff().await?.only_on_production),
            production_restore_point: None,
            advisor: self.advisor_on_production().await,
        })
    }

    /// The platform is done, and production's ledger is not the one that the gate passed.
    async fn not_as_expected(
        &self,
        merging: &Merging,
        ledger: &[String],
        carried: &[String],
    ) -> Refusal {
        let project = self.branch.project();
        let missing: Vec<&String> = merging
            .expected
            .iter()
            .filter(|version| !ledger.contains(version))
            .collect();
        let details = json!({ "applied": carried, "missing": missing });
        let Some(first) = missing.first() else {
            return Refusal::new(
                Code::Drift,
                "production's ledger holds more than the gate passed: somebody else has changed it meanwhile",
            )
            .next(self.check_again())
            .details(details);
        };
        let applied = match carried.len() {
            0 => "none of the migrations is".to_owned(),
            count => format!("{count} of the migrations are"),
        };
        let refusal = Refusal::new(
            Code::Partial,
            format!(
                "the platform stopped at migration {}, which production's rows or objects do not let pass; {applied} on production. Take it back on the branch, write it so that it passes there, rebase and merge again",
                quote(first)
            ),
        )
        .details(details);
        match self.back_before(first).await {
            Some(next) => refusal.next(next),
            None => refusal.next(Next::new(
                "get_branch_diff",
                json!({ "project_id": project, "branch": self.branch.name() }),
                "shows the migrations that are not merged",
            )),
        }
    }

    /// The platform is done, and some functions are not on production as the branch has them.
    fn functions_missing(&self, missing: &[String], carried: &[String]) -> Refusal {
        Refusal::new(
            Code::Partial,
            format!(
                "the migrations are on production, and these functions are not: {}; see that they deploy, and merge again",
                quote(missing.join(", "))
            ),
        )
        .details(json!({ "merged": carried, "missing_functions": missing }))
        .next(self.list_functions("shows the branch's functions; then call merge_branch again"))
    }

    /// A migration that looks at rows can do one thing on a branch and another on production.
    /// Nothing is recorded, so the gate says drift until somebody has looked.
    async fn other_schema(&self, production: &State, carried: &[String]) -> Refusal {
        let differ = match self.call.guard.state(self.branch.reference()).await {
            Ok(branch) => name_differences(&differences(&branch.catalogue, &production.catalogue)),
            Err(refusal) => refusal.message,
        };
        Refusal::new(
            Code::UnexpectedSchema,
            format!(
                "the migrations are on production, and have made another schema there than the gate saw: {differ}; {}",
                self.advisor_on_production().await
            ),
        )
        .operator("look at production, put it right, then accept it: drydock accept REF")
        .details(json!({ "merged": carried }))
    }

    /// Production's ledger once it is the expected one, or once the platform says that its
    /// workflow failed and nothing moves any more.
    async fn settled_ledger(&self, expected: &[String]) -> Result<Vec<String>, Refusal> {
        let guard = &self.call.guard;
        let project = self.branch.project();
        let deadline = tokio::time::Instant::now() + PATIENCE;
        let mut pauses = Pauses::new(Duration::from_millis(10), Duration::from_secs(2));
        let mut at_rest: Option<(tokio::time::Instant, Vec<String>)> = None;
        loop {
            // The status first: once it is settled, the ledger read after it is final.
            let status = self.production_workflow().await?;
            let ledger = guard.ledger(project).await?.versions();
            if ledger == expected {
                return Ok(ledger);
            }
            // A status may be an older one that the platform has not overwritten yet: it and the
            // ledger must stay as they are for a while.
            let now = tokio::time::Instant::now();
            at_rest = match at_rest {
                _ if status.is_some_and(|status| !status.is_settled()) => None,
                Some((since, before)) if before == ledger => Some((since, before)),
                _ => Some((now, ledger)),
            };
            if let Some((since, ledger)) = &at_rest {
                let failed = status.is_some_and(BranchStatus::is_failure);
                if now - *since >= if failed { REST_AFTER_FAILURE } else { REST } {
                    return Ok(ledger.clone());
                }
            }
            if tokio::time::Instant::now() >= deadline {
                return Err(Refusal::new(
                    Code::InProgress,
                    "the merge is under way and needs more time; repeat the call to follow it",
                )
                .next(Next::new(
                    "merge_branch",
                    json!({ "project_id": project, "branch": self.branch.name() }),
                    "attaches to the merge that is under way",
                )));
            }
            pauses.rest().await;
        }
    }

    async fn advisor_on_production(&self) -> String {
        match self
            .call
            .guard
            .lints(self.branch.project(), Advisor::Security)
            .await
        {
            Ok(lints) => {
                let count = |level| lints.iter().filter(|lint| lint.level == level).count();
                format!(
                    "{} errors, {} warnings on production",
                    count(Level::Error),
                    count(Level::Warn)
                )
            }
            Err(refusal) => refusal.message,
        }
    }

    /// How far the workflow on production's own entry has come.
    pub(super) async fn production_workflow(&self) -> Result<Option<BranchStatus>, Refusal> {
        let branches = self
            .call
            .guard
            .client()
            .look::<ListBranches>(self.branch.project().clone(), &())
            .await?;
        Ok(branches
            .iter()
            .find(|branch| branch.is_default)
            .map(|branch| branch.status))
    }

    fn gate_refused(&self, code: Code, verdict: &Verdict) -> Refusal {
        let failed: Vec<&str> = verdict
            .checks
            .iter()
            .filter(|check| check.status == CheckStatus::Failed)
            .map(|check| check.message.as_str())
            .collect();
        let next = verdict
            .checks
            .iter()
            .find(|check| check.status == CheckStatus::Failed)
            .and_then(|check| check.next.clone())
            .unwrap_or_else(|| self.check_again());
        let mut refusal = Refusal::new(code, format!("not merged: {}", failed.join("; ")));
        refusal.operator = verdict
            .checks
            .iter()
            .find_map(|check| check.details["operator"].as_str().map(str::to_owned));
        refusal
            .next(next)
            .details(json!({ "checks": verdict.checks, "fix_migration": verdict.fix_migration }))
    }

    pub(super) fn check_again(&self) -> Next {
        Next::new(
            "check_merge",
            json!({ "project_id": self.branch.project(), "branch": self.branch.name() }),
            "checks the branch as it is now",
        )
    }
}

/// The refusal of a merge that waits for an approval, under the name of the loss that it is about.
fn loss_named(mut refusal: Refusal, lost: &[LostData]) -> Refusal {
    if refusal.code == Code::ApprovalRequired && !lost.is_empty() {
        refusal.code = Code::DataLoss;
        refusal.message = format!(
            "production would lose {}: {}",
            in_words(lost),
            refusal.message
        );
        if let Some(details) = refusal.details.as_object_mut() {
            details.insert("lost".to_owned(), json!(lost));
        }
    }
    refusal
}
