//! The SQL judge: what a text of SQL would do, told from the text alone.
//!
//! A pure function, no I/O. It fails closed: what does not parse, what is too large, and what our reading and
//! PostgreSQL's could differ on is an error, and every kind of statement stands on a list or does not compile.
//!
//! ```text
//! text ─ bounds ─► parser ─► per statement: kinds ─ facts ─ classify ─► Batch ─ decide(tool) ─► Decision
//!        lexer     squawk                   │       │         └ functions, mass, sensitive
//!        only      no errors                │       └ one walk: names, calls, writes, literals
//!                  allowed                  └ the allow-list
//! ```
//!
//! What names stand for is the database's to say. The guard asks its catalogue, and the judge follows the answer:
//!
//! ```text
//! Batch ─ reach::question ─► the catalogue's answer ─ graph ─► a secret and the way to it, or none
//!                                                     ├ bodies, scan: the code of functions
//!                                                     └ runs: what the code that a migration runs will do elsewhere
//! ```
//!
//! What it is not: the only lock. The role that runs a statement is another, and redaction by shape the last.

mod alterations;
mod batch;
mod bodies;
mod bounds;
mod classify;
mod conduct;
mod decide;
mod effects;
mod error;
mod facts;
mod functions;
mod graph;
mod kinds;
mod locks;
mod losses;
mod mass;
mod names;
mod once;
mod reach;
mod runs;
mod scan;
mod scopes;
mod sensitive;
mod steady;
#[cfg(test)]
mod tests;
mod trial;
mod walk;

use std::thread;

use squawk_syntax::{SourceFile, ast::AstNode};

use self::bounds::Depth;

pub use self::{
    batch::{Batch, Class, Defined, Definition, Effect, Reason, Statement, split_mixed},
    bounds::{MAX_BYTES, MAX_NESTING, MAX_PATH},
    decide::{Decision, Objection, Place, Suggestion, Tool, decide},
    error::SqlError,
    locks::{LockWarning, lock_warnings},
    losses::Loss,
    names::{Name, quoted},
    once::asked_once,
    reach::{
        Finding, Object, Purpose, Question, Reached, Reference, find, question, runs_anything,
    },
    runs::{Running, Taken, Unforeseeable, running},
    trial::{Trial, TrialStep, read_of},
};

/// Stack for the parser on a text that is deep and still within bounds: eight times what the deepest was seen to need
/// without optimisation. Pages that are not touched cost nothing.
const DEEP_STACK: usize = 16 * 1024 * 1024;

/// Reads a text as PostgreSQL would, and says what each of its statements is.
///
/// # Errors
///
/// [`SqlError`] when there is nothing to judge, or too much, or when any part of it is in doubt.
pub fn judge(sql: &str) -> Result<Batch, SqlError> {
    match bounds::check(sql)? {
        Depth::Shallow => read(sql),
        Depth::Deep => on_own_stack(DEEP_STACK, || read(sql)).unwrap_or_else(|| {
            Err(SqlError::unparsable(
                sql,
                0,
                "it is too deep for the parser",
            ))
        }),
    }
}

/// Does work that needs more stack than a worker has; `None` where there is none to be had, or the work panics.
fn on_own_stack<T: Send>(size: usize, work: impl FnOnce() -> T + Send) -> Option<T> {
    thread::scope(|scope| {
        thread::Builder::new()
            .stack_size(size)
            .spawn_scoped(scope, work)
            .ok()?
            .join()
            .ok()
    })
}

fn read(sql: &str) -> Result<Batch, SqlError> {
    let parsed = SourceFile::parse(sql);
    if let Some(error) = parsed.errors().first() {
        let offset = usize::from(error.range().start());
        return Err(SqlError::unparsable(sql, offset, error.message()));
    }
    let tree = parsed.tree();
    // What the parser left outside of statements, it would not have judged.
    if tree.syntax().children().count() != tree.stmts().count() {
        return Err(SqlError::unparsable(sql, 0, "text outside of statements"));
    }
    let statements: Vec<Statement> = tree
        .stmts()
        .filter_map(|statement| classify::statement(&statement))
        .collect();
    if statements.is_empty() {
        return Err(SqlError::Empty);
    }
    Ok(Batch { statements })
}

/// Whether the SQL has the reserved word RETURNING, outside of strings, names and comments.
pub fn mentions_returning(sql: &str) -> bool {
    bounds::has_word(sql, "returning")
}
