//! What is asked where the policy wants an approval: in words, as facts, and bound to which state.

use std::future::ready;

use serde_json::{Value, json};

use super::approval::Ask;
use super::code;
use super::costs::CostCheck;
use super::data_loss::in_words;
use super::gate::Verdict;
use super::ledger::{Ledger, LedgerMigration};
use super::quote::quoted;
use super::{Code, Dev, Next, Operation, ProductionRows, Read, Refusal};
use crate::api::projects::CreateProjectBody;
use crate::hex;
use crate::store::Point;

pub(super) fn ask_to_create(body: &CreateProjectBody, cost: &CostCheck) -> Ask {
    Ask {
        what: format!(
            "create the project {} in the organization {}{}",
            quoted(&body.name),
            quoted(&body.organization_slug),
            cost.words()
        ),
        subject: None,
        state: Vec::new(),
        facts: json!({
            "region": body.region_selection,
            "instance_size": body.desired_instance_size,
            "cost": cost.facts(),
        }),
        for_a_while: false,
    }
}

impl Read {
    /// Whether SQL may read production's rows: for the policy or an approval to say.
    pub(super) async fn may_read_rows(&self, query: &str) -> Result<(), Refusal> {
        let project = self.project()?;
        match self.call.guard.policy().production.rows {
            ProductionRows::Read => return Ok(()),
            // Nobody is bothered for somebody who only has no DEV branch yet.
            ProductionRows::Approval if self.is_production_by_name() => {}
            ProductionRows::Approval | ProductionRows::Deny => {
                return Err(Refusal::new(
                    Code::ProductionRows,
                    "SQL could read production's rows, which is not allowed as it is; list_tables, list_migrations, list_extensions and get_advisors show production's catalogue",
                )
                .next(Next::new(
                    "create_branch",
                    json!({ "project_id": project }),
                    "makes the DEV branch: without environment, queries run there",
                ))
                .operator("the policy says what agents may do with it, in production.rows: deny, approval (the call then says environment: \"production\") or read"));
            }
        }
        let ask = Ask {
            what: format!(
                "read any of production's rows of {project} for an hour, beginning with {}",
                quoted(query)
            ),
            subject: Some((project.clone(), None)),
            state: Vec::new(),
            facts: json!({}),
            for_a_while: true,
        };
        self.call
            .leave(&[Operation::ProductionRows], ready(Ok(ask)))
            .await?;
        Ok(())
    }
}

impl Dev {
    pub(super) async fn ask_to_merge(
        &self,
        verdict: &Verdict,
        deleted: &[String],
    ) -> Result<Ask, Refusal> {
        let (project, name) = (self.branch.project(), self.branch.name());
        let migrations: Vec<String> = self
            .call
            .guard
            .migrations(self.branch.reference(), &verdict.unmerged)
            .await?
            .iter()
            .map(named)
            .collect();
        let states = [&verdict.state_hash, &verdict.production_state_hash];
        let deletes = match deleted {
            [] => String::new(),
            some => format!(", and delete there {}", quoted(&some.join(", "))),
        };
        let publishes: Vec<String> = verdict
            .publishes
            .iter()
            .map(|one| format!("{} ({})", quoted(&one.object), quoted(&one.rows)))
            .collect();
        let publishes = match publishes.as_slice() {
            [] => String::new(),
            some => format!(", and let anybody read {}", some.join(", ")),
        };
        let loses = match verdict.lost.as_slice() {
            [] => String::new(),
            some => format!(", and lose there {}", in_words(some)),
        };
        let runs = match verdict.unforeseeable.as_slice() {
            [] => String::new(),
            some => format!(", and run code there ({})", code::in_words(some)),
        };
        let counts = verdict
            .lost
            .iter()
            .map(|lost| format!("{} rows of {}", lost.rows, lost.object));
        Ok(Ask {
            what: format!(
                "merge {} migration(s) and {} function(s) of the branch {} into production of {project}{deletes}{publishes}{loses}{runs}; it has passed the gate",
                migrations.len(),
                verdict.functions.deployed.len(),
                quoted(name)
            ),
            subject: Some((project.clone(), Some(name.to_owned()))),
            state: states.into_iter().cloned().chain(counts).collect(),
            facts: json!({
                "migrations": migrations,
                "functions": verdict.functions.deployed,
                "deleted_functions": deleted,
                "public_reading": verdict.publishes,
                "lost": verdict.lost,
                "unforeseeable_code": verdict.unforeseeable,
                "branch_state": verdict.state_hash,
                "production_state": verdict.production_state_hash,
            }),
            for_a_while: false,
        })
    }

    /// Leave to empty the branch and replay its ledger without `dropped`.
    pub(super) async fn leave_to_reset(
        &self,
        ledger: &Ledger,
        dropped: &[LedgerMigration],
    ) -> Result<(), Refusal> {
        let dropped: Vec<String> = dropped.iter().map(named).collect();
        self.leave_on_branch(
            Operation::ResetBranch,
            "empty and replay the branch",
            ledger.hash(),
            json!({ "migrations": ledger.versions(), "dropped": dropped }),
        )
        .await
    }

    /// Leave to delete the branch with migrations that exist nowhere else; `known` says whether
    /// these are all, for a branch that cannot be looked at has more, perhaps.
    pub(super) async fn leave_to_delete(
        &self,
        unmerged: &[LedgerMigration],
        known: bool,
    ) -> Result<(), Refusal> {
        let what_is_lost = unmerged
            .iter()
            .flat_map(|one| [one.version.as_str(), one.sql.as_str()]);
        let lost: Vec<String> = unmerged.iter().map(named).collect();
        self.leave_on_branch(
            Operation::DeleteBranch,
            "delete, with its unmerged migrations, the branch",
            format!("{known} {}", hex::sha256_of(what_is_lost)),
            json!({ "lost": lost, "all_known": known }),
        )
        .await
    }

    /// Leave to return the branch, whose ledger this is, to a restore point.
    pub(super) async fn leave_to_revert(
        &self,
        point: &Point,
        ledger: &Ledger,
    ) -> Result<(), Refusal> {
        self.leave_on_branch(
            Operation::RevertToRestorePoint,
            &format!(
                "return to the restore point {} the branch",
                quoted(&point.name)
            ),
            ledger.hash(),
            json!({ "migrations": ledger.versions(), "migrations_then": point.ledger }),
        )
        .await
    }

    async fn leave_on_branch(
        &self,
        operation: Operation,
        what: &str,
        state: String,
        facts: Value,
    ) -> Result<(), Refusal> {
        let (project, name) = (self.branch.project(), self.branch.name());
        let ask = Ask {
            what: format!("{what} {} of {project}", quoted(name)),
            subject: Some((project.clone(), Some(name.to_owned()))),
            state: vec![self.branch.reference().to_string(), state],
            facts,
            for_a_while: false,
        };
        self.call.leave(&[operation], ready(Ok(ask))).await?;
        Ok(())
    }
}

fn named(migration: &LedgerMigration) -> String {
    let name = migration.name.as_deref().unwrap_or_default();
    format!("{} {name}", migration.version)
}
