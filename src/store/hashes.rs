//! Production's hashes, as they were when Drydock last knew production to be right.

use rusqlite::{OptionalExtension, params};

use super::{Store, StoreError};
use crate::api::Ref;
use crate::clock;

/// The recorded hashes of one project's production.
#[derive(Debug, Clone)]
pub struct RecordedHashes {
    /// SHA-256 over the catalogue, hexadecimal.
    pub schema_hash: String,
    /// SHA-256 over the ledger, hexadecimal.
    pub ledger_hash: String,
    /// What `schema_hash` was taken over: (kind, identity, digest), ordered.
    pub catalogue: Vec<(String, String, String)>,
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
        self.look(move |connection| {
            let found: Option<(String, String, String, String, String)> = connection
                .prepare_cached(
                    "select schema_hash, ledger_hash, catalogue, recorded_at, reason from hashes where project = ?1",
                )?
                .query_row(params![project], |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
                })
                .optional()?;
            let Some((schema_hash, ledger_hash, catalogue, recorded_at, reason)) = found else {
                return Ok(None);
            };
            Ok(Some(RecordedHashes {
                schema_hash,
                ledger_hash,
                catalogue: serde_json::from_str(&catalogue)?,
                recorded_at,
                reason,
            }))
        })
        .await
    }

    /// Records production's hashes; the earlier ones are replaced.
    pub async fn record_hashes(
        &self,
        project: &Ref,
        schema_hash: &str,
        ledger_hash: &str,
        catalogue: &[(String, String, String)],
        reason: &'static str,
    ) -> Result<(), StoreError> {
        let values = [
            project.to_string(),
            schema_hash.to_owned(),
            ledger_hash.to_owned(),
            serde_json::to_string(catalogue)?,
        ];
        self.run(move |connection| {
            let [project, schema_hash, ledger_hash, catalogue] = values;
            connection.execute(
                "insert or replace into hashes (project, schema_hash, ledger_hash, catalogue, recorded_at, reason) values (?1, ?2, ?3, ?4, ?5, ?6)",
                params![project, schema_hash, ledger_hash, catalogue, clock::now(), reason],
            )?;
            Ok(())
        })
        .await
    }
}
