//! Recoveries of production under way: stored before the platform is told, so that one whose server
//! died is found and followed to its end by the next.

use rusqlite::{OptionalExtension, params};

use super::{Store, StoreError};
use crate::api::Ref;

/// A recovery that was begun.
#[derive(Debug, Clone)]
pub struct Recovering {
    /// The moment that is returned to: seconds since 1970.
    pub target: i64,
    /// What named production's log before; another name says that it was restored. None where it
    /// could not be read.
    pub timeline: Option<String>,
    /// The versions that production's ledger held before; none where it could not be read.
    pub before: Option<Vec<String>>,
    /// The restore point from just before, where the platform offers one.
    pub undo_point: Option<String>,
    /// The latest moment that could be returned to when it began, by the platform's clock: seconds
    /// since 1970.
    pub latest: i64,
    /// When it was begun, by whichever clock was ahead: seconds since 1970.
    pub started_at: i64,
}

impl Store {
    /// The recovery of `project` that is under way, if one is.
    pub async fn recovering(&self, project: &Ref) -> Result<Option<Recovering>, StoreError> {
        let project = project.to_string();
        self.look(move |connection| {
            let found = connection
                .prepare_cached(
                    "select target, timeline, before, undo_point, latest, started_at from recoveries where project = ?1",
                )?
                .query_row(params![project], |row| {
                    let before: Option<String> = row.get(2)?;
                    let recovering = Recovering {
                        target: row.get(0)?,
                        timeline: row.get(1)?,
                        before: None,
                        undo_point: row.get(3)?,
                        latest: row.get(4)?,
                        started_at: row.get(5)?,
                    };
                    Ok((recovering, before))
                })
                .optional()?;
            let Some((recovering, before)) = found else {
                return Ok(None);
            };
            Ok(Some(Recovering {
                before: before.map(|text| serde_json::from_str(&text)).transpose()?,
                ..recovering
            }))
        })
        .await
    }

    /// Stores that a recovery begins.
    pub async fn begin_recovery(
        &self,
        project: &Ref,
        recovering: &Recovering,
    ) -> Result<(), StoreError> {
        let project = project.to_string();
        let recovering = recovering.clone();
        let before = recovering
            .before
            .map(|versions| serde_json::to_string(&versions))
            .transpose()?;
        self.run(move |connection| {
            connection.execute(
                "insert or replace into recoveries (project, target, timeline, before, undo_point, latest, started_at) values (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                params![
                    project,
                    recovering.target,
                    recovering.timeline,
                    before,
                    recovering.undo_point,
                    recovering.latest,
                    recovering.started_at
                ],
            )?;
            Ok(())
        })
        .await
    }

    /// Forgets a recovery that has been followed to its end.
    pub async fn end_recovery(&self, project: &Ref) -> Result<(), StoreError> {
        let project = project.to_string();
        self.run(move |connection| {
            connection.execute(
                "delete from recoveries where project = ?1",
                params![project],
            )?;
            Ok(())
        })
        .await
    }
}
