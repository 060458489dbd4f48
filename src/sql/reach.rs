//! What SQL reaches beyond what its text names: through views, functions, triggers, rules, partitions and whatever
//! else the catalogue knows, followed until a secret is found or nothing is left.
//!
//! ```text
//! statement ─► relations, words ─► the catalogue's answer (guard/reach.sql): objects and what they refer to
//!                                        │
//!    view ──► column of auth.users       │  known exactly: PostgreSQL records the columns that a view reads
//!    function (body) ──► by its words    │  read by the judge: see `bodies`
//!    table, when written ──► triggers, rules, defaults, constraints, cascades
//! ```
//!
//! Objects that a migration defines itself stand beside those of the catalogue.
//!
//! What stays hidden: SQL that is put together while it runs. A function that does so is taken to read secrets where
//! its result would be shown. A `do` block in a migration may do so too, shows nothing, and cannot be told from an
//! honest one; what it copies is on DEV, of test users, and its shape is still redacted. Before it reaches production
//! somebody approves of it: see [`super::runs`].

use std::collections::BTreeSet;

use super::{
    batch::{Batch, Class, Statement},
    bodies,
    graph::Graph,
    names::Name,
    on_own_stack, sensitive,
};

/// What becomes of what is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The rows are shown; nothing can be written.
    Show,
    /// The rows that row security lets through are shown; nothing can be written.
    Try,
    /// Rows are written, and may be shown.
    Write,
    /// A migration: nothing is shown, everything can be written.
    Migrate,
}

impl Purpose {
    pub(super) fn writes(self) -> bool {
        matches!(self, Self::Write | Self::Migrate)
    }
}

/// What the catalogue is to be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Relations, as they are named.
    pub relations: Vec<Name>,
    /// Words that could be functions.
    pub words: BTreeSet<String>,
    /// Whether what happens on writing counts.
    pub writes: bool,
    /// Whether what policies call counts.
    pub policies: bool,
}

/// A relation or a function, as the catalogue has it.
#[derive(Debug, Clone, Default)]
pub struct Object {
    /// Its name within the catalogue's answer.
    pub id: String,
    /// Whether it is a function; a relation otherwise.
    pub is_routine: bool,
    /// Whether it is a relation without rows of its own: a view.
    pub is_view: bool,
    /// Schema and name.
    pub schema: String,
    /// The name within the schema.
    pub name: String,
    /// Whether its name alone finds it.
    pub visible: bool,
    /// A function's language.
    pub language: String,
    /// A function's code, or what the database prints of a relation's queries and expressions.
    pub text: String,
    /// Whether `text` is printed by the database, and what it refers to is all in `references`.
    pub printed: bool,
    /// Settings that a function runs under.
    pub settings: String,
    /// Whether it is the platform's own and does only what its name says.
    pub trusted: bool,
    /// Whether it runs without being named: operators, casts, domains.
    pub implicit: bool,
    /// What it refers to.
    pub references: Vec<Reference>,
}

/// One thing that an object refers to.
#[derive(Debug, Clone, Default)]
pub struct Reference {
    /// The other object's `id`.
    pub to: String,
    /// The column of it, where one is named.
    pub column: Option<String>,
    /// Whether it counts only when the object is written to.
    pub on_write: bool,
    /// Whether it is a trigger's function.
    pub fires: bool,
    /// Whether all of the other's columns are shown: a child's rows by its parent.
    pub whole: bool,
    /// Whether the other's rows, or values in them, go with the rows that they point to.
    pub follows: bool,
}

/// A secret that would be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Index of the statement that reaches it.
    pub statement: usize,
    /// The objects on the way, from the one that the statement names.
    pub via: Vec<String>,
    /// What is reached, or why it cannot be told.
    pub what: Reached,
}

/// The end of the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reached {
    /// A secret: the relation or column.
    Secret(String),
    /// Something that cannot be told, and why.
    Unknown(&'static str),
    /// A write to the ledger of migrations.
    Ledger,
}

/// What to ask the catalogue about a batch; `None` if it names nothing that could be more than it says.
pub fn question(batch: &Batch, purpose: Purpose) -> Option<Question> {
    let everything = || {
        let (mut relations, mut words) = (BTreeSet::new(), BTreeSet::new());
        for statement in batch.statements() {
            if statement.defines.is_some() || runs_now(statement, purpose) {
                let body = bodies::of_statement(statement, 0);
                relations.extend(body.relations);
                words.extend(body.words);
            }
        }
        (relations, words)
    };
    let statements = || batch.statements().iter();
    let purposeful = match purpose {
        Purpose::Migrate => statements().any(|it| runs_now(it, purpose) || it.defines.is_some()),
        // An operator is enough: it can be the user's own, whatever it is called.
        Purpose::Show | Purpose::Try | Purpose::Write => !statements().all(|it| it.is_plain),
    };
    if !purposeful {
        return None;
    }
    let (mut relations, words) = on_own_stack(bodies::STACK, everything).unwrap_or_default();
    if purpose == Purpose::Migrate {
        relations.extend(sensitive::relations_with_secret_columns());
    }
    Some(Question {
        relations: relations.into_iter().collect(),
        words,
        writes: purpose.writes(),
        policies: purpose == Purpose::Try,
    })
}

/// Whether a statement runs what it names, other than by defining something.
pub(super) fn runs_now(statement: &Statement, purpose: Purpose) -> bool {
    purpose != Purpose::Migrate
        || matches!(
            statement.class,
            Class::Read | Class::DataChange | Class::MassDataChange | Class::Opaque
        )
        || matches!(
            statement.kind,
            "CREATE TABLE AS"
                | "SELECT INTO"
                | "CREATE MATERIALIZED VIEW"
                | "CREATE INDEX"
                | "ALTER DOMAIN"
                | "REINDEX"
                | "CLUSTER"
                | "VACUUM"
        )
        || (statement.kind == "ALTER TABLE" && !only_switches_row_security(statement))
}

/// Whether a statement runs anything: what only defines needs no catalogue to tell what it does.
pub fn runs_anything(batch: &Batch) -> bool {
    let mut statements = batch.statements().iter();
    statements.any(|statement| runs_now(statement, Purpose::Migrate))
}

/// Whether an `ALTER TABLE` does nothing that calls a function or goes through rows.
fn only_switches_row_security(statement: &Statement) -> bool {
    !statement.effects.is_empty()
        && statement
            .effects
            .iter()
            .all(|effect| effect.action.ends_with(" row security"))
}

/// The first secret that a batch reaches, given what the catalogue answered.
pub fn find(batch: &Batch, purpose: Purpose, catalogue: &[Object]) -> Option<Finding> {
    let lost = || Finding {
        statement: 0,
        via: Vec::new(),
        what: Reached::Unknown("it is too deep to be followed"),
    };
    on_own_stack(bodies::STACK, || {
        Graph::new(batch, purpose, catalogue).find(batch, purpose)
    })
    .unwrap_or_else(|| Some(lost()))
}
