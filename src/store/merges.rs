//! Merges under way: stored before the platform is told, so that a merge whose server died is
//! found and followed to its end by the next.

use std::time::Duration;

use rusqlite::{OptionalExtension, params};

use super::{Store, StoreError};
use crate::api::Ref;
use crate::clock;

/// A merge that was begun.
#[derive(Debug, Clone)]
pub struct Merging {
    /// The ref of the branch that is merged.
    pub branch_ref: String,
    /// The versions that production's ledger held before.
    pub before: Vec<String>,
    /// The versions that it will hold when the merge is done.
    pub expected: Vec<String>,
    /// The functions that it deploys there.
    pub functions: Vec<String>,
    /// The functions that it deletes there, as an approval says.
    pub deleted: Vec<String>,
    /// The branch's `schema_hash` that passed the gate: production's, when it is done.
    pub schema_hash: String,
    /// The branch's `state_hash` that passed the gate.
    pub state_hash: String,
    /// When it was begun; RFC 3339.
    pub started_at: String,
}

impl Merging {
    /// How long ago it was begun; zero by a clock that stands before that.
    pub fn since(&self) -> Duration {
        clock::since(&self.started_at)
    }
}

impl Store {
    /// The merge that is under way into `project`, if one is.
    pub async fn merging(&self, project: &Ref) -> Result<Option<Merging>, StoreError> {
        let project = project.to_string();
        self.look(move |connection| {
            let found: Option<[String; 7]> = connection
                .prepare_cached(
                    "select branch_ref, before, expected, schema_hash, state_hash, started_at, functions from merges where project = ?1",
                )?
                .query_row(params![project], |row| {
                    Ok([
                        row.get(0)?,
                        row.get(1)?,
                        row.get(2)?,
                        row.get(3)?,
                        row.get(4)?,
                        row.get(5)?,
                        row.get(6)?,
                    ])
                })
                .optional()?;
            let Some([branch_ref, before, expected, schema_hash, state_hash, started_at, functions]) = found else {
                return Ok(None);
            };
            let (functions, deleted) = serde_json::from_str(&functions)?;
            Ok(Some(Merging {
                functions,
                deleted,
                branch_ref,
                before: serde_json::from_str(&before)?,
                expected: serde_json::from_str(&expected)?,
                schema_hash,
                state_hash,
                started_at,
            }))
        })
        .await
    }

    /// Stores that a merge begins.
    pub async fn begin_merge(&self, project: &Ref, merging: &Merging) -> Result<(), StoreError> {
        let project = project.to_string();
        let before = serde_json::to_string(&merging.before)?;
        let expected = serde_json::to_string(&merging.expected)?;
        let functions = serde_json::to_string(&(&merging.functions, &merging.deleted))?;
        let merging = merging.clone();
        self.run(move |connection| {
            connection.execute(
                "insert or replace into merges (project, branch_ref, before, expected, schema_hash, state_hash, started_at, functions) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                params![
                    project,
                    merging.branch_ref,
                    before,
                    expected,
                    merging.schema_hash,
                    merging.state_hash,
                    merging.started_at,
                    functions
                ],
            )?;
            Ok(())
        })
        .await
    }

    /// Forgets a merge that has been followed to its end.
    pub async fn end_merge(&self, project: &Ref) -> Result<(), StoreError> {
        let project = project.to_string();
        self.run(move |connection| {
            connection.execute("delete from merges where project = ?1", params![project])?;
            Ok(())
        })
        .await
    }
}
