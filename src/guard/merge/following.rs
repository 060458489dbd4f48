//! Following a merge to its end: also one whose server died.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use super::super::drift::name_differences;
use super::super::merged::{Merged, MergedMigrations, not_merged};
use super::super::pauses::Pauses;
use super::super::state::{State, differences};
use super::super::{Advisor, Code, Dev, Next, PATIENCE, Refusal};
use crate::api::advisors::Level;
use crate::api::branches::{BranchStatus, ListBranches};
use crate::fence::quote;
use crate::store::Merging;

/// How long production must be at rest, with another ledger than expected, before that is final.
const REST: Duration = Duration::from_secs(10);
/// The same where the platform says that its workflow failed.
const REST_AFTER_FAILURE: Duration = Duration::from_millis(300);

impl Dev {
    /// Waits until production's ledger is the expected one, or the platform has given up.
    pub(super) async fn follow(&self, merging: &Merging) -> Result<Merged, Refusal> {
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
    pub(in crate::guard) async fn production_workflow(
        &self,
    ) -> Result<Option<BranchStatus>, Refusal> {
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
}
