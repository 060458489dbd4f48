//! The merge: through the gate, then followed to its end.
//!
//! ```text
//! gate passed ──stored──► platform told ──► production's ledger as expected ──► merged
//!                              │                     │ less than expected ──► partial
//!                              └ this server dies: the next merge call follows it to its end
//! ```

use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::gate::Verdict;
use super::points::next_name;
use super::{CheckStatus, Code, Dev, Next, Refusal, Release, WAIT};
use crate::api::ReleasePermit;
use crate::api::branches::{ListBranches, MergeBranch, WorkflowBody};
use crate::api::restore_points::{CreateRestorePoint, RestorePointName};
use crate::store::PointStatus;

/// What a merge carried.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct MergedMigrations {
    /// Versions, oldest first.
    pub migrations: Vec<String>,
    /// Deployed functions.
    pub functions: Vec<String>,
}

/// Something that a merge does not carry.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct NotMerged {
    /// What.
    pub what: String,
    /// How it gets to production, if it does.
    pub how: String,
}

/// What came of a merge.
#[derive(Debug, Clone)]
pub struct Merged {
    /// `merged` or `nothing_to_merge`.
    pub status: &'static str,
    /// What was carried.
    pub merged: MergedMigrations,
    /// What was not.
    pub not_merged: Vec<NotMerged>,
    /// The point on production from just before.
    pub production_restore_point: Option<String>,
    /// What the advisor says of production afterwards: errors and warnings.
    pub advisor: String,
}

impl Release {
    /// Merges the branch into production, if it passes the gate now.
    pub async fn merge(self) -> Result<Merged, Refusal> {
        match self {
            Self::Gated(dev) => dev.merge().await,
            Self::WithinPolicy(_) => Err(Refusal::invalid("project_id is missing")),
        }
    }
}

impl Dev {
    async fn merge(self) -> Result<Merged, Refusal> {
        let guard = &self.call.guard;
        let (project, branch) = (self.branch.project(), self.branch.reference());
        let _project_turn = guard.project_turn(project).await?;
        let _turn = guard.branch_turn(branch).await?;
        if let Some(begun) = guard.store().merging(project).await? {
            self.call.step("following the merge that is under way");
            return self.follow(&begun.expected, None).await;
        }
        let verdict = self.judge_merge().await?;
        if let Some(code) = verdict.code {
            return Err(self.gate_refused(code, &verdict));
        }
        let Some(newest) = verdict.unmerged.last().cloned() else {
            return Ok(Merged {
                status: "nothing_to_merge",
                merged: MergedMigrations {
                    migrations: Vec::new(),
                    functions: Vec::new(),
                },
                not_merged: not_merged(),
                production_restore_point: None,
                advisor: "not asked".to_owned(),
            });
        };
        // Taken again right before the merge: what was judged is what is merged.
        let now = guard.state(branch).await?;
        if now.state_hash != verdict.state_hash {
            return Err(Refusal::new(
                Code::StaleCheck,
                "the branch changed while it was being checked; nothing was merged",
            )
            .next(self.check_again()));
        }
        let permit = ReleasePermit::issue();
        let point = self.production_point(&permit, &newest).await;
        let mut expected = verdict.production_ledger.versions();
        expected.extend(verdict.unmerged.iter().cloned());
        guard
            .store()
            .begin_merge(project, branch, &expected, &verdict.state_hash)
            .await?;
        self.call.step("merging into production");
        let body = WorkflowBody {
            migration_version: Some(newest),
        };
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
        let mut merged = self.follow(&expected, Some(&verdict)).await?;
        merged.production_restore_point = point;
        Ok(merged)
    }

    /// A point on production, where the platform offers one.
    async fn production_point(&self, permit: &ReleasePermit, newest: &str) -> Option<String> {
        let guard = &self.call.guard;
        let project = self.branch.project();
        let points = guard.store().points(project).await.ok()?;
        let plain = format!("pm-{newest}");
        let name = if points.iter().any(|point| point.name == plain) {
            next_name(&points, "premerge")
        } else {
            plain
        };
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
    async fn follow(
        &self,
        expected: &[String],
        verdict: Option<&Verdict>,
    ) -> Result<Merged, Refusal> {
        let guard = &self.call.guard;
        let project = self.branch.project();
        let deadline = tokio::time::Instant::now() + WAIT;
        let mut pause = Duration::from_millis(10);
        let mut settled_rounds = 0;
        let ledger = loop {
            let failed = self.workflow_failed().await?;
            let ledger = guard.ledger(project).await?.versions();
            if ledger == expected {
                break ledger;
            }
            // A failure that is read before the ledger may be an older one: it must stay.
            settled_rounds = if failed { settled_rounds + 1 } else { 0 };
            if settled_rounds > 3 {
                break ledger;
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
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(2));
        };
        guard.store().end_merge(project).await?;
        let before = verdict.map(|verdict| verdict.production_ledger.versions());
        let carried: Vec<String> = match &before {
            Some(before) => ledger
                .iter()
                .filter(|version| !before.contains(version))
                .cloned()
                .collect(),
            None => ledger.clone(),
        };
        if ledger != expected {
            let missing: Vec<&String> = expected
                .iter()
                .filter(|version| !ledger.contains(version))
                .collect();
            return Err(Refusal::new(
                Code::Partial,
                "the platform stopped the merge half-way: production has some of the migrations; rebase, mend the one that failed and merge again",
            )
            .next(Next::new(
                "rebase_branch",
                json!({ "project_id": project, "branch": self.branch.name() }),
                "takes production's present state as the ground to stand on",
            ))
            .details(json!({ "applied": carried, "missing": missing })));
        }
        guard.record_production(project, "merge").await?;
        let advisor = match guard.lints(project, false).await {
            Ok(lints) => {
                use crate::api::advisors::Level;
                let count = |level| lints.iter().filter(|lint| lint.level == level).count();
                format!(
                    "{} errors, {} warnings on production",
                    count(Level::Error),
                    count(Level::Warn)
                )
            }
            Err(refusal) => refusal.message,
        };
        Ok(Merged {
            status: "merged",
            merged: MergedMigrations {
                migrations: carried,
                functions: Vec::new(),
            },
            not_merged: not_merged(),
            production_restore_point: None,
            advisor,
        })
    }

    /// Whether production's own entry says that its migrations failed.
    async fn workflow_failed(&self) -> Result<bool, Refusal> {
        let branches = self
            .call
            .guard
            .client()
            .look::<ListBranches>(self.branch.project().clone(), &())
            .await?;
        Ok(branches
            .iter()
            .any(|branch| branch.is_default && branch.status.is_failure()))
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
        Refusal::new(code, format!("not merged: {}", failed.join("; ")))
            .next(next)
            .details(json!({ "checks": verdict.checks, "fix_migration": verdict.fix_migration }))
    }

    fn check_again(&self) -> Next {
        Next::new(
            "check_merge",
            json!({ "project_id": self.branch.project(), "branch": self.branch.name() }),
            "checks the branch as it is now",
        )
    }
}

/// What no merge carries, and how it gets to production.
fn not_merged() -> Vec<NotMerged> {
    [
        ("data", "rows stay on the branch: seed data belongs there, and production's rows come from its users"),
        ("configuration", "auth, API, storage and realtime settings stay as they are on production"),
        ("secrets", "production's secrets are set by the operator"),
        ("storage objects", "files and their rows stay on the branch"),
        ("deleted functions", "a function that was deleted on the branch stays on production"),
    ]
    .into_iter()
    .map(|(what, how)| NotMerged {
        what: what.to_owned(),
        how: how.to_owned(),
    })
    .collect()
}
