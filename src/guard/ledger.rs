//! The ledger of a project or a branch, read as it is.

use serde_json::json;

use super::{Guard, Refusal};
use crate::api::{ApiError, Ref};
use crate::hex;

/// One row of a ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LedgerEntry {
    pub(super) version: String,
    pub(super) name: Option<String>,
    pub(super) idempotency_key: Option<String>,
    /// SHA-256 over its statements, hexadecimal.
    pub(super) digest: String,
}

/// A migration with its SQL.
#[derive(Debug, Clone)]
pub(super) struct LedgerMigration {
    pub(super) version: String,
    pub(super) name: Option<String>,
    pub(super) sql: String,
}

/// A ledger, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Ledger(pub(super) Vec<LedgerEntry>);

impl Ledger {
    pub(super) fn versions(&self) -> Vec<String> {
        self.0.iter().map(|entry| entry.version.clone()).collect()
    }

    pub(super) fn find(&self, version: &str) -> Option<&LedgerEntry> {
        self.0.iter().find(|entry| entry.version == version)
    }

    /// The newest version as a number; 0 for an empty ledger.
    pub(super) fn newest(&self) -> u64 {
        self.0
            .iter()
            .filter_map(|entry| entry.version.parse().ok())
            .max()
            .unwrap_or(0)
    }

    /// The newest version as ledgers are ordered, by their text; empty for an empty ledger.
    pub(super) fn last_version(&self) -> &str {
        self.0
            .iter()
            .map(|entry| entry.version.as_str())
            .max()
            .unwrap_or_default()
    }

    /// SHA-256 over the ordered (version, digest) pairs.
    pub(super) fn hash(&self) -> String {
        hex::sha256_of(
            self.0
                .iter()
                .flat_map(|entry| [entry.version.as_str(), entry.digest.as_str()]),
        )
    }

    /// The entries that `other` lacks.
    pub(super) fn missing_from<'a>(
        &'a self,
        other: &'a Ledger,
    ) -> impl Iterator<Item = &'a LedgerEntry> {
        self.0
            .iter()
            .filter(|entry| other.find(&entry.version).is_none())
    }
}

impl Guard {
    /// Reads a ledger; one that has not been made yet is empty.
    pub(super) async fn ledger(&self, reference: &Ref) -> Result<Ledger, ApiError> {
        let rows = match self
            .client()
            .query_read_only(reference, include_str!("ledger.sql"), None)
            .await
        {
            Err(error) if is_absent(&error) => return Ok(Ledger::default()),
            other => other?,
        };
        Ok(Ledger(
            rows.iter()
                .map(|row| LedgerEntry {
                    version: text(row, "version").unwrap_or_default(),
                    name: text(row, "name"),
                    idempotency_key: text(row, "idempotency_key"),
                    digest: text(row, "digest").unwrap_or_default(),
                })
                .collect(),
        ))
    }

    /// The migrations of `reference` with these versions, in order, with their SQL.
    pub(super) async fn migrations(
        &self,
        reference: &Ref,
        versions: &[String],
    ) -> Result<Vec<LedgerMigration>, Refusal> {
        if versions.is_empty() {
            return Ok(Vec::new());
        }
        let rows = self
            .client()
            .query_read_only(
                reference,
                "select m.version, to_jsonb(m) ->> 'name' as name, \
                 pg_catalog.array_to_string(m.statements, e';\\n') as sql \
                 from supabase_migrations.schema_migrations as m \
                 where m.version = any(pg_catalog.string_to_array($1, ',')) order by m.version",
                Some(vec![json!(versions.join(","))]),
            )
            .await?;
        Ok(rows
            .iter()
            .map(|row| LedgerMigration {
                version: text(row, "version").unwrap_or_default(),
                name: text(row, "name"),
                sql: text(row, "sql").unwrap_or_default(),
            })
            .collect())
    }
}

/// A column as text.
pub(super) fn text(row: &crate::api::database::Row, column: &str) -> Option<String> {
    row.get(column)?.as_str().map(str::to_owned)
}

/// `undefined_table` or `invalid_schema_name`: nothing has ever been migrated there.
fn is_absent(error: &ApiError) -> bool {
    matches!(error, ApiError::Status { status: 400, message, .. }
        if message.contains("42P01") || message.contains("3F000"))
}
