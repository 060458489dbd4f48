//! The gate's `drift`: whether the branch stands on production as it is.

use serde_json::json;

use super::gate::{Check, CheckStatus, Finding, NAMED, passed};
use super::ledger::Ledger;
use super::state::{Difference, State, differences};
use super::{Code, Dev, Next, Refusal};
use crate::fence::quote;

impl Dev {
    pub(super) fn other_functions(&self, functions: &[String]) -> Finding {
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

    pub(super) async fn check_drift(
        &self,
        production: &State,
        branch: &State,
    ) -> Result<Finding, Refusal> {
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
                "by migrations of this branch that no merge has brought whole (one that stopped half-way, or somebody past Drydock),"
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

/// Differences in words.
pub(super) fn name_differences(changed: &[Difference]) -> String {
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
