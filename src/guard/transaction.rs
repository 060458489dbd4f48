//! The text of a migration's transaction, and of its replay.

use super::MigrationRequest;
use super::ledger::Ledger;
use crate::chance;

/// The SQLSTATE with which the transaction's own check says that the ledger was touched.
pub(super) const LEDGER_TOUCHED: &str = "DD001";
/// How many lines stand before the migration's own first line in `migrate.sql`.
const LINES_BEFORE: u64 = 2;

/// The one transaction: the SQL, the ledger row, and a check that the ledger changed by that row
/// alone.
pub(super) fn transaction(
    marker: &str,
    request: &MigrationRequest,
    version: &str,
    ledger: &Ledger,
) -> String {
    let expected = ledger
        .0
        .iter()
        .map(|entry| format!("{}={}", entry.version, entry.digest))
        .collect::<Vec<_>>()
        .join("\n");
    format!(
        include_str!("migrate.sql"),
        marker = marker,
        sql = request.query,
        version = quote(version),
        name = quote(&request.name),
        statements = quote(&request.query),
        key = request
            .idempotency_key
            .as_deref()
            .map_or_else(|| "null".to_owned(), quote),
        expected = quote(&expected),
        tag = dollar_tag(&request.query),
        state = LEDGER_TOUCHED,
    )
}

/// A migration that is replayed on a temporary branch: the SQL and its ledger row, as they were.
pub(super) fn replay_transaction(version: &str, name: Option<&str>, sql: &str) -> String {
    format!(
        "begin;\n{sql}\n;\nreset role;\n\
         insert into supabase_migrations.schema_migrations (version, name, statements) \
         values ({}, {}, array[{}]);\ncommit;",
        quote(version),
        quote(name.unwrap_or_default()),
        quote(sql)
    )
}

/// A string literal that reads the same whatever the session's settings: dollar-quoted with a tag
/// that the text cannot contain but by guessing 64 bits.
pub(super) fn quote(text: &str) -> String {
    let tag = dollar_tag(text);
    format!("{tag}{text}{tag}")
}

fn dollar_tag(of: &str) -> String {
    format!("$d{}$", chance::hex::<8>("dollar tag", of))
}

/// The database's message, with `LINE n` counted from the migration's own first line.
pub(super) fn without_wrapping(message: &str) -> String {
    message
        .trim_end()
        .lines()
        .map(|line| {
            let own = line.strip_prefix("LINE ").and_then(|rest| {
                let (number, rest) = rest.split_once(':')?;
                let number = number.parse::<u64>().ok()?.checked_sub(LINES_BEFORE)?;
                Some(format!("LINE {number}:{rest}"))
            });
            own.unwrap_or_else(|| line.to_owned())
        })
        .collect::<Vec<_>>()
        .join("\n")
}
