//! Calls that were answered with `in_progress`, and what came of them.
//!
//! A row is there from that answer until its outcome has been given to a repeated call, or until
//! it is an hour old. While the work runs, its process holds the lease `operation:<id>`.

use rusqlite::{OptionalExtension, params};

use super::{Store, StoreError};
use crate::clock;

/// How long an outcome waits for somebody to ask for it, in milliseconds.
const KEPT_MILLIS: i64 = 60 * 60 * 1000;

/// A call that was left behind.
#[derive(Debug, Clone)]
pub struct LeftOperation {
    /// What a repeated call has in common with it.
    pub key: String,
    /// Its id.
    pub id: String,
    /// The tool.
    pub tool: String,
    /// When it was begun; RFC 3339.
    pub started_at: String,
    /// What came of it, as JSON; `None` while it runs, or if its process died.
    pub outcome: Option<String>,
}

impl Store {
    /// Stores that a call goes on without its caller, or what came of it.
    pub async fn put_operation(&self, left: LeftOperation) -> Result<(), StoreError> {
        self.run(move |connection| {
            let now = clock::unix_millis();
            connection.execute("delete from operations where until_ms < ?1", params![now])?;
            connection.execute(
                "insert or replace into operations (key, id, tool, started_at, outcome, until_ms) values (?1, ?2, ?3, ?4, ?5, ?6)",
                params![
                    left.key,
                    left.id,
                    left.tool,
                    left.started_at,
                    left.outcome,
                    now + KEPT_MILLIS
                ],
            )?;
            Ok(())
        })
        .await
    }

    /// The call with this key that was left behind, if there is one.
    pub async fn left_operation(&self, key: &str) -> Result<Option<LeftOperation>, StoreError> {
        let key = key.to_owned();
        self.look(move |connection| {
            Ok(connection
                .prepare_cached(
                    "select key, id, tool, started_at, outcome from operations where key = ?1 and until_ms >= ?2",
                )?
                .query_row(params![key, clock::unix_millis()], |row| {
                    Ok(LeftOperation {
                        key: row.get(0)?,
                        id: row.get(1)?,
                        tool: row.get(2)?,
                        started_at: row.get(3)?,
                        outcome: row.get(4)?,
                    })
                })
                .optional()?)
        })
        .await
    }

    /// Forgets a call that was left behind: its outcome is given.
    pub async fn end_operation(&self, id: &str) -> Result<(), StoreError> {
        let id = id.to_owned();
        self.run(move |connection| {
            connection.execute("delete from operations where id = ?1", params![id])?;
            Ok(())
        })
        .await
    }
}
