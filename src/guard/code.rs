//! The gate's `code`: whether what a merge runs on production can be told from a replay that has no rows. Statements
//! do there what they did in the replay; code that looks at rows, puts SQL together, or tells others what it sees,
//! need not. It takes an approval by somebody who has read it.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::gate::{Check, Finding, passed};
use super::ledger::LedgerMigration;
use super::{Dev, Guard, Operation, Refusal};
use crate::api::Ref;
use crate::fence::quote;
use crate::sql::{self, Purpose, Running, Taken, Unforeseeable};

/// The condition's name.
const NAME: &str = "code";
/// How many findings a message names.
const NAMED: usize = 3;
/// What an agent can do without asking anybody.
const INSTEAD: &str = "revert to before that migration and write what it is to do as plain statements: no do, no condition on rows, no execute of what is put together. Code that asks the catalogue alone passes: if not exists (select from pg_type where …), exception when duplicate_object";

/// Code of which a replay does not show what it will do on production.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(super) struct UnforeseeableCode {
    /// The migration's version.
    pub(super) migration: String,
    /// The statement that runs it, from 1.
    pub(super) statement: usize,
    /// The functions and tables on the way to it, itself the last; none for a statement's own code.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) via: Vec<String>,
    /// Why.
    pub(super) why: String,
}

impl UnforeseeableCode {
    fn words(&self) -> String {
        let way = match self.via.as_slice() {
            [] => String::new(),
            via => format!(" by way of {}", quote(via.join(", "))),
        };
        format!(
            "statement {} of migration {}{way}: {}",
            self.statement,
            quote(&self.migration),
            quote(&self.why)
        )
    }
}

/// What migrations run: the code that cannot be foreseen, and what is taken away.
#[derive(Debug, Clone, Default)]
pub(super) struct UnmergedCode {
    pub(super) unforeseeable: Vec<UnforeseeableCode>,
    pub(super) taken: Vec<Taken>,
    /// Whether rows may be deleted from any table.
    pub(super) anywhere: bool,
}

impl UnmergedCode {
    fn add(&mut self, migration: &LedgerMigration, running: Running) {
        for one in running.unforeseeable {
            let one = UnforeseeableCode {
                migration: migration.version.clone(),
                statement: one.statement + 1,
                via: one.via,
                why: one.why,
            };
            if !self.unforeseeable.contains(&one) {
                self.unforeseeable.push(one);
            }
        }
        self.taken.extend(running.taken);
        self.anywhere |= running.anywhere;
    }
}

impl Guard {
    /// Adds what a migration runs on `reference` as it is now, before the migration.
    pub(super) async fn add_code_of(
        &self,
        code: &mut UnmergedCode,
        reference: &Ref,
        migration: &LedgerMigration,
    ) -> Result<(), Refusal> {
        let Ok(batch) = sql::judge(&migration.sql) else {
            let unreadable = Unforeseeable {
                statement: 0,
                via: Vec::new(),
                why: "it cannot be read".to_owned(),
            };
            code.add(
                migration,
                Running {
                    unforeseeable: vec![unreadable],
                    taken: Vec::new(),
                    anywhere: true,
                },
            );
            return Ok(());
        };
        let question = sql::question(&batch, Purpose::Migrate);
        let catalogue = match question.filter(|_| sql::runs_anything(&batch)) {
            Some(question) => self.answer(reference, &question).await?,
            None => Vec::new(),
        };
        code.add(migration, sql::running(&migration.sql, &batch, &catalogue));
        Ok(())
    }
}

impl Dev {
    /// What the migrations run on the branch as it is, and on production as it is: all that there is to look at
    /// where nothing was replayed.
    pub(super) async fn code_without_replay(
        &self,
        unmerged: &[LedgerMigration],
    ) -> Result<UnmergedCode, Refusal> {
        let guard = &self.call.guard;
        let mut code = UnmergedCode::default();
        for migration in unmerged {
            for reference in [self.branch.reference(), self.branch.project()] {
                guard.add_code_of(&mut code, reference, migration).await?;
            }
        }
        Ok(code)
    }

    /// Whether everything that the migrations run was seen in the replay.
    pub(super) fn check_code(&self, found: &[UnforeseeableCode]) -> Finding {
        if found.is_empty() {
            return passed(NAME, "what the migrations run does the same on production");
        }
        let check = Check::new(
            NAME,
            self.status_with(Operation::UnforeseeableCode),
            in_words(found),
        )
        .next(self.asks_for_approval())
        .details(json!({ "code": found, "instead": INSTEAD }));
        (check, None)
    }
}

/// What is to be said of code as a sentence can hold it.
pub(super) fn in_words(found: &[UnforeseeableCode]) -> String {
    let mut words: Vec<String> = found
        .iter()
        .take(NAMED)
        .map(UnforeseeableCode::words)
        .collect();
    if found.len() > NAMED {
        words.push(format!("and {} more", found.len() - NAMED));
    }
    format!(
        "what this does on production the replay does not show: {}",
        words.join("; ")
    )
}
