//! The judge's tests, one file per question. Each case stands for a class of inputs.

mod batches;
mod bounds;
mod classes;
mod corpus;
mod effects;
mod harmless;
mod ledger;
mod lexing;
mod properties;
mod runs;
mod secrets;
mod table;
mod trials;

use super::*;

/// The batch, or a failure that shows the text.
fn judged(sql: &str) -> Batch {
    match judge(sql) {
        Ok(batch) => batch,
        Err(error) => unreachable!("{sql}\n{error}"),
    }
}

fn classes(sql: &str) -> Vec<Class> {
    judged(sql).classes().collect()
}

/// The code with which a tool refuses a text, judged or not; `ok` when it passes.
fn refusal(sql: &str, (tool, place): Door) -> &'static str {
    match judge(sql).map(|batch| decide(&batch, tool, place)) {
        Ok(Decision::Refuse(objection)) => objection.code,
        Ok(_) => "ok",
        Err(error) => error.code(),
    }
}

fn decision(sql: &str, (tool, place): Door) -> Decision {
    decide(&judged(sql), tool, place)
}

/// Every text is refused with one code, by each of the tools.
fn all_refused(code: &str, tools: &[Door], texts: &[&str]) {
    for sql in texts {
        for tool in tools {
            assert_eq!(refusal(sql, *tool), code, "{tool:?}: {sql}");
        }
    }
}

/// A tool, and where it would run.
type Door = (Tool, Place);

const EXECUTE_SQL: Door = (Tool::ExecuteSql, Place::Dev);
const APPLY_MIGRATION: Door = (Tool::ApplyMigration, Place::Dev);
const READ_ONLY: Door = (Tool::ExecuteSql, Place::Production);
const EVERYWHERE: &[Door] = &[EXECUTE_SQL, APPLY_MIGRATION, READ_ONLY];
const NOT_IN_MIGRATIONS: &[Door] = &[EXECUTE_SQL, READ_ONLY];
