//! The decision table: what each tool makes of each class of statement, and of batches of them.

use super::{
    batch::{
        Batch,
        Class::{self, *},
        Reason, Statement,
    },
    trial::{self, Trial},
};

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tool {
    /// `execute_sql`.
    ExecuteSql,
    /// `apply_migration`.
    ApplyMigration,
}

/// Where it would run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    /// A development branch.
    Dev,
    /// Production, or what cannot be told from it.
    Production,
}

/// What is to be done with a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Run its one statement on the connection that cannot write.
    Read,
    /// Run its last statement as a user of the app, in a transaction that cannot write.
    ReadAs(Trial),
    /// Run it on the connection that can.
    WriteData {
        /// Make a restore point first.
        mass: bool,
    },
    /// It came to `execute_sql` and is a migration: run it as one, with ledger row and restore point.
    RunAsMigration,
    /// Run it as the migration that it was sent as.
    Migrate,
    /// Run nothing of it.
    Refuse(Objection),
}

/// Why a batch is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Objection {
    /// The stable name of the refusal.
    pub code: &'static str,
    /// What happened and what to do instead, for an agent.
    pub message: String,
    /// Index of the offending statement.
    pub statement: usize,
    /// Its command, `COPY`.
    pub kind: &'static str,
    /// What to do next, where there is a way.
    pub suggestion: Option<Suggestion>,
}

/// A way on after a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suggestion {
    /// Send the same text to `apply_migration`.
    ApplyMigration,
    /// Send the two halves of [`super::split_mixed`] one after the other.
    Split,
    /// Send each statement in a call of its own.
    OneByOne,
    /// Send the text again without the offending statement.
    LeaveOut,
    /// Send the text again without the word `CONCURRENTLY`.
    LeaveOutConcurrently,
    /// Send the same text for a DEV branch.
    UseDevBranch,
}

/// A refusal in the making: code, advice, way on.
type No = (&'static str, &'static str, Option<Suggestion>);

/// What the table says of one class, one environment and one tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cell {
    /// It runs as it is.
    Runs,
    /// It runs where the operator's policy lets production's rows be read, which the guard asks.
    RunsByPolicy,
    /// It runs after a restore point.
    RunsAfterPoint,
    /// It runs as a migration, with its ledger row and restore point.
    RunsAsMigration,
    /// It does not run.
    Refused(No),
}

use Cell::{Refused, Runs, RunsAfterPoint, RunsAsMigration, RunsByPolicy};

/// The table. What passes it must also hold together as a batch: see [`decide`].
///
/// A migration never runs on production, whatever it holds: it reaches it through the gate.
#[rustfmt::skip]
fn row(class: Class) -> [Cell; 4] {
    match class {
        //                  execute_sql                                        apply_migration
        //                  on DEV                   on production             on DEV                    on production
        Read              => [Runs,                  RunsByPolicy,             Runs,                     Refused(GATED)],
        DataChange        => [Runs,                  Refused(READ_ONLY),       Runs,                     Refused(GATED)],
        MassDataChange    => [RunsAfterPoint,        Refused(READ_ONLY),       Runs,                     Refused(GATED)],
        Schema            => [RunsAsMigration,       Refused(READ_ONLY),       Runs,                     Refused(GATED)],
        Privilege         => [RunsAsMigration,       Refused(READ_ONLY),       Runs,                     Refused(GATED)],
        Opaque            => [Refused(OPAQUE),       Refused(OPAQUE),          Runs,                     Refused(GATED)],
        Session           => [Refused(SESSION),      Refused(SESSION),         Runs,                     Refused(GATED)],
        Transaction       => [Refused(ONE_CALL),     Refused(ONE_CALL),        Refused(ONE_MIGRATION),   Refused(GATED)],
        Forbidden(reason) => [Refused(forbidden(reason)); 4],
    }
}

/// The table's entry.
fn cell(class: Class, tool: Tool, place: Place) -> Cell {
    let [
        sql_on_dev,
        sql_on_production,
        migration_on_dev,
        migration_on_production,
    ] = row(class);
    match (tool, place) {
        (Tool::ExecuteSql, Place::Dev) => sql_on_dev,
        (Tool::ExecuteSql, Place::Production) => sql_on_production,
        (Tool::ApplyMigration, Place::Dev) => migration_on_dev,
        (Tool::ApplyMigration, Place::Production) => migration_on_production,
    }
}

const READ_ONLY: No = (
    "read_only",
    "only reads run here; send it for a DEV branch, without naming production",
    Some(Suggestion::UseDevBranch),
);
const GATED: No = (
    "production_is_protected",
    "a migration runs on DEV, and reaches production by merge_branch",
    Some(Suggestion::ApplyMigration),
);
const OPAQUE: No = (
    "opaque_statement",
    "what it runs cannot be seen beforehand; write the statements themselves, or put it into a migration",
    Some(Suggestion::ApplyMigration),
);
const SESSION: No = (
    "session_setting",
    "each call has a session of its own, so this would not last; leave it out (migrations may set what they need; `set local role anon` or `authenticated` and `set local request.jwt.claims` may stand before one read)",
    Some(Suggestion::LeaveOut),
);
const ONE_CALL: No = (
    "transaction_control",
    "the statements of one call already run in one transaction; leave out BEGIN and COMMIT",
    Some(Suggestion::LeaveOut),
);
const ONE_MIGRATION: No = (
    "transaction_control",
    "a migration already runs in one transaction; leave out BEGIN at its start and COMMIT at its end, and send the rest",
    Some(Suggestion::LeaveOut),
);

fn forbidden(reason: Reason) -> No {
    use Suggestion::LeaveOut;
    match reason {
        Reason::Ledger => (
            "ledger_is_protected",
            "supabase_migrations is written by the server alone; it can be read, and apply_migration adds to it",
            None,
        ),
        Reason::Role => (
            "role_statement",
            "roles belong to the platform; grant privileges on objects to anon, authenticated or service_role instead",
            None,
        ),
        Reason::ServerFile => (
            "server_file",
            "files, programs and libraries of the server are out of reach; insert the rows, or use storage",
            None,
        ),
        Reason::CopyStream => (
            "copy_unsupported",
            "there is no channel for COPY's data; use INSERT to write and SELECT to read",
            None,
        ),
        Reason::Function => (
            "forbidden_function",
            "it calls, or is, administration of the server, which runs in no tool; leave it out",
            Some(LeaveOut),
        ),
        Reason::HiddenRelation => (
            "hidden_relation",
            "it calls a function that reads relations named in a string; write the query itself",
            None,
        ),
        Reason::Server => (
            "server_object",
            "configuration, databases, tablespaces and subscriptions of the server are not changed through SQL; see update_config",
            None,
        ),
        Reason::TextReading => (
            "session_setting",
            "it changes how the text after it is read; leave it out: strings are standard and the encoding is UTF-8",
            Some(LeaveOut),
        ),
        Reason::Unsupported => (
            "unsupported_statement",
            "no PostgreSQL that runs here knows this statement",
            None,
        ),
    }
}

/// Decides what a tool does with a batch.
pub fn decide(batch: &Batch, tool: Tool, place: Place) -> Decision {
    if (tool, place) == (Tool::ExecuteSql, Place::Dev)
        && let Some(trial) = trial::of(batch)
    {
        return match decide(&trial::read_of(batch, &trial), tool, place) {
            Decision::Refuse(objection) => Decision::Refuse(Objection {
                statement: trial.read,
                ..objection
            }),
            _ => Decision::ReadAs(trial),
        };
    }
    for (index, statement) in batch.statements().iter().enumerate() {
        let no = match cell(statement.class, tool, place) {
            Refused(no) => Some(no),
            Runs | RunsByPolicy | RunsAfterPoint | RunsAsMigration => None,
        };
        let no = no
            .or_else(|| untransactional(statement))
            .or_else(|| sensitive(statement, tool));
        if let Some(no) = no {
            return refuse(index, statement, no);
        }
    }
    match tool {
        Tool::ApplyMigration => Decision::Migrate,
        Tool::ExecuteSql if batch.is_read() => Decision::Read,
        Tool::ExecuteSql if batch.is_data_only() => Decision::WriteData {
            mass: batch
                .classes()
                .any(|class| cell(class, tool, place) == RunsAfterPoint),
        },
        Tool::ExecuteSql
            if batch
                .classes()
                .all(|class| cell(class, tool, place) == RunsAsMigration) =>
        {
            Decision::RunAsMigration
        }
        Tool::ExecuteSql if batch.is_mixed() => refuse_from(
            batch,
            Class::is_schema,
            (
                "mixed_batch",
                "it changes objects and rows in one batch; send what changes objects to apply_migration first, then the rows",
                Some(Suggestion::Split),
            ),
        ),
        Tool::ExecuteSql => refuse_from(
            batch,
            Class::is_read,
            (
                "multi_statement",
                "a read must be the only statement of its call; send each read by itself, and the changes by themselves",
                Some(Suggestion::OneByOne),
            ),
        ),
    }
}

fn untransactional(statement: &Statement) -> Option<No> {
    let concurrently = matches!(
        statement.kind,
        "CREATE INDEX" | "DROP INDEX" | "REINDEX" | "ALTER TABLE"
    );
    match (statement.transactional, concurrently) {
        (true, _) => None,
        (false, true) => Some((
            "not_transactional",
            "it cannot run inside a transaction, and every change runs in one; leave out CONCURRENTLY, and name a table or index rather than a whole schema or database",
            Some(Suggestion::LeaveOutConcurrently),
        )),
        (false, false) => Some((
            "not_transactional",
            "it cannot run inside a transaction, and every change runs in one; leave it out",
            Some(Suggestion::LeaveOut),
        )),
    }
}

/// Migrations may touch secrets: they show no rows, and the gate judges the views and functions that they make.
fn sensitive(statement: &Statement, tool: Tool) -> Option<No> {
    let shows_rows = statement.class.is_read() || statement.class.is_data();
    (tool != Tool::ApplyMigration && shows_rows && statement.reads_secrets).then_some((
        "sensitive_relation",
        "it reads secrets; name the columns that you need, without a star, a whole row or a secret column (select id, email from auth.users)",
        None,
    ))
}

fn refuse_from(batch: &Batch, offends: fn(Class) -> bool, no: No) -> Decision {
    let found = batch
        .statements()
        .iter()
        .enumerate()
        .find(|(_, statement)| offends(statement.class));
    match found.or_else(|| batch.statements().iter().enumerate().next()) {
        Some((index, statement)) => refuse(index, statement, no),
        // A batch has a statement; one without is still refused.
        None => Decision::Refuse(Objection {
            code: no.0,
            message: no.1.to_owned(),
            statement: 0,
            kind: "",
            suggestion: no.2,
        }),
    }
}

fn refuse(index: usize, statement: &Statement, (code, advice, suggestion): No) -> Decision {
    Decision::Refuse(Objection {
        code,
        message: format!("statement {} ({}): {advice}", index + 1, statement.kind),
        statement: index,
        kind: statement.kind,
        suggestion,
    })
}
