//! The merge: through the gate, then followed to its end.
//!
//! ```text
//! gate passed ──stored──► platform told ──► production's ledger as expected ──► merged
//!                              │                     │ less than expected ──► partial
//!                              └ this server dies: the next merge call follows it to its end
//! ```

mod following;

use std::time::Duration;

use serde_json::json;

use super::code;
use super::data_loss::in_words;
use super::gate::Verdict;
use super::merged::{Merged, not_merged};
use super::{CheckStatus, Code, Dev, Next, Operation, Refusal, Release};
use crate::api::ReleasePermit;
use crate::api::branches::{MergeBranch, WorkflowBody};
use crate::api::restore_points::{CreateRestorePoint, RestorePointName};
use crate::clock;
use crate::store::{Merging, PointStatus};

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
        if !verdict.unforeseeable.is_empty() {
            operations.push(Operation::UnforeseeableCode);
        }
        let leave = self
            .call
            .leave(&operations, self.ask_to_merge(&verdict, &deleted))
            .await
            .map_err(|refusal| named(refusal, &verdict))?;
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

/// The refusal of a merge that waits for an approval, under the name of what it is about: of a loss first.
fn named(mut refusal: Refusal, verdict: &Verdict) -> Refusal {
    if refusal.code != Code::ApprovalRequired {
        return refusal;
    }
    let mut about = Vec::new();
    if !verdict.unforeseeable.is_empty() {
        refusal.code = Code::UnforeseeableCode;
        about.push(code::in_words(&verdict.unforeseeable));
    }
    if !verdict.lost.is_empty() {
        refusal.code = Code::DataLoss;
        about.push(format!("production would lose {}", in_words(&verdict.lost)));
    }
    if about.is_empty() {
        return refusal;
    }
    about.reverse();
    refusal.message = format!("{}: {}", about.join("; "), refusal.message);
    if let Some(details) = refusal.details.as_object_mut() {
        let facts = [
            ("lost", json!(verdict.lost), verdict.lost.is_empty()),
            (
                "code",
                json!(verdict.unforeseeable),
                verdict.unforeseeable.is_empty(),
            ),
        ];
        let facts = facts.into_iter().filter(|(.., is_empty)| !is_empty);
        details.extend(facts.map(|(name, value, _)| (name.to_owned(), value)));
    }
    refusal
}
