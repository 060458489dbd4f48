//! The judge's tests, one file per question. Each case stands for a class of inputs.

mod batches;
mod bounds;
mod classes;
mod corpus;
mod effects;
mod ledger;
mod lexing;
mod secrets;

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
fn refusal(sql: &str, tool: Tool) -> &'static str {
    match judge(sql).map(|batch| decide(&batch, tool)) {
        Ok(Decision::Refuse(objection)) => objection.code,
        Ok(_) => "ok",
        Err(error) => error.code(),
    }
}

fn decision(sql: &str, tool: Tool) -> Decision {
    decide(&judged(sql), tool)
}

/// Every text is refused with one code, by each of the tools.
fn all_refused(code: &str, tools: &[Tool], texts: &[&str]) {
    for sql in texts {
        for tool in tools {
            assert_eq!(refusal(sql, *tool), code, "{tool:?}: {sql}");
        }
    }
}

const EVERYWHERE: &[Tool] = &[Tool::ExecuteSql, Tool::ApplyMigration, Tool::ReadOnly];
const NOT_IN_MIGRATIONS: &[Tool] = &[Tool::ExecuteSql, Tool::ReadOnly];
