//! Production's hashes, as they were when Drydock last knew production to be right.

use rusqlite::{OptionalExtension, params};
use serde::Serialize;

use super::{Store, StoreError};
use crate::api::Ref;
use crate::clock;

/// The recorded hashes of one project's production.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RecordedHashes {
    /// SHA-256 over the catalogue, hexadecimal.
    pub schema_hash: String,
    /// SHA-256 over the ledger, hexadecimal.
    pub ledger_hash: String,
    /// When they were recorded; RFC 3339.
    pub recorded_at: String,
    /// After what: `create`, `merge`, `rebase`, `first_sight`, …
    pub reason: String,
}

impl Store {
    /// What was recorded for `project`, if anything was.
    pub async fn recorded_hashes(
        &self,
        project: &Ref,
    ) -> Result<Option<RecordedHashes>, StoreError> {
        let project = project.to_string();
        self.run(move |connection| {
            let recorded = connection
                .prepare_cached(
                    "select schema_hash, ledger_hash, recorded_at, reason from hashes where project = ?1",
                )?
                .query_row(params![project], |row| {
                    Ok(RecordedHashes {
                        schema_hash: row.get(0)?,
                        ledger_hash: row.get(1)?,
                        recorded_at: row.get(2)?,
                        reason: row.get(3)?,
                    })
                })
                .optional()?;
            Ok(recorded)
        })
        .await
    }

    /// Records production's hashes; the earlier ones are replaced.
    pub async fn record_hashes(
        &self,
        project: &Ref,
        schema_hash: String,
        ledger_hash: String,
        reason: &'static str,
    ) -> Result<(), StoreError> {
        let project = project.to_string();
        self.run(move |connection| {
            connection.execute(
                "insert or replace into hashes (project, schema_hash, ledger_hash, recorded_at, reason) values (?1, ?2, ?3, ?4, ?5)",
                params![project, schema_hash, ledger_hash, clock::now(), reason],
            )?;
            Ok(())
        })
        .await
    }
}
