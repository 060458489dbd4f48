//! Restore points, as Drydock knows them: the platform has no listing of its own.

use rusqlite::{OptionalExtension, Row, params};
use serde::Serialize;

use super::{Store, StoreError};
use crate::api::Ref;
use crate::clock;

/// Whether a restore point exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PointStatus {
    /// Journalled before its migration; whether that happened is not known yet.
    Intended,
    /// It exists.
    Available,
    /// The platform offers none: returning here empties the branch and replays its migrations.
    BranchReset,
    /// Its migration happened and the point could not be made.
    Missing,
}

impl PointStatus {
    /// Whether there is something to return to.
    pub fn is_made(self) -> bool {
        matches!(self, Self::Available | Self::BranchReset)
    }

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Intended => "intended",
            Self::Available => "available",
            Self::BranchReset => "branch_reset",
            Self::Missing => "missing",
        }
    }

    fn parse(text: &str) -> Self {
        match text {
            "available" => Self::Available,
            "branch_reset" => Self::BranchReset,
            "intended" => Self::Intended,
            _ => Self::Missing,
        }
    }
}

/// A restore point of one branch.
#[derive(Debug, Clone)]
pub struct Point {
    /// At most 20 characters: `rp-<version>`, `baseline`, `undo-<n>`.
    pub name: String,
    /// The migration that it follows.
    pub migration_version: Option<String>,
    /// Whether it exists.
    pub status: PointStatus,
    /// Whether a revert can return to it.
    pub reachable: bool,
    /// Whether it is not of the branch's history any more: a revert or a reset went past it.
    pub cut_off: bool,
    /// When it was stored; RFC 3339.
    pub created_at: String,
    /// The ledger's versions at that moment, oldest first.
    pub ledger: Vec<String>,
}

const COLUMNS: &str = "name, migration_version, status, reachable, expired, created_at, ledger";

impl Store {
    /// A branch's points, oldest first.
    pub async fn points(&self, branch: &Ref) -> Result<Vec<Point>, StoreError> {
        let branch = branch.to_string();
        self.look(move |connection| {
            let mut statement = connection.prepare_cached(&format!(
                "select {COLUMNS} from points where branch_ref = ?1 order by seq"
            ))?;
            let rows = statement.query_map(params![branch], stored)?;
            rows.map(|row| Ok(point(row?)?)).collect()
        })
        .await
    }

    /// Stores a point, or replaces the one of that name.
    pub async fn put_point(
        &self,
        project: &Ref,
        branch: &Ref,
        name: &str,
        migration_version: Option<&str>,
        status: PointStatus,
        ledger: &[String],
    ) -> Result<(), StoreError> {
        let project = project.to_string();
        let branch = branch.to_string();
        let name = name.to_owned();
        let version = migration_version.map(str::to_owned);
        let ledger = serde_json::to_string(ledger)?;
        self.run(move |connection| {
            connection
                .prepare_cached(
                    "insert into points (branch_ref, name, project, migration_version, status, created_at, ledger)
                     values (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                     on conflict (branch_ref, name) do update set
                        migration_version = excluded.migration_version, status = excluded.status,
                        reachable = 1, expired = 0, created_at = excluded.created_at, ledger = excluded.ledger",
                )?
                .execute(params![branch, name, project, version, status.as_str(), clock::now(), ledger])?;
            Ok(())
        })
        .await
    }

    /// Says how a point that was stored before stands now.
    pub async fn set_point_status(
        &self,
        branch: &Ref,
        name: &str,
        status: PointStatus,
    ) -> Result<(), StoreError> {
        let (branch, name) = (branch.to_string(), name.to_owned());
        self.run(move |connection| {
            connection.execute(
                "update points set status = ?3 where branch_ref = ?1 and name = ?2",
                params![branch, name, status.as_str()],
            )?;
            Ok(())
        })
        .await
    }

    /// Forgets a point that was intended and whose migration did not happen.
    pub async fn forget_point(&self, branch: &Ref, name: &str) -> Result<(), StoreError> {
        let (branch, name) = (branch.to_string(), name.to_owned());
        self.run(move |connection| {
            connection.execute(
                "delete from points where branch_ref = ?1 and name = ?2",
                params![branch, name],
            )?;
            Ok(())
        })
        .await
    }

    /// After a revert to `name`: every point made later can no longer be returned to, except the
    /// way back, `undo`. Going back on a way back makes what it had cut off reachable again.
    pub async fn mark_reverted(
        &self,
        branch: &Ref,
        name: &str,
        undo: &str,
    ) -> Result<(), StoreError> {
        let (branch, name, undo) = (branch.to_string(), name.to_owned(), undo.to_owned());
        self.run(move |connection| {
            connection.execute(
                "update points set reachable = 0, cut_by = ?3
                 where branch_ref = ?1 and name <> ?3 and reachable = 1
                   and seq > (select seq from points where branch_ref = ?1 and name = ?2)",
                params![branch, name, undo],
            )?;
            connection.execute(
                "update points set reachable = 1, cut_by = null where branch_ref = ?1 and cut_by = ?2",
                params![branch, name],
            )?;
            connection.execute("delete from reverts where branch_ref = ?1", params![branch])?;
            Ok(())
        })
        .await
    }

    /// Stores that a revert to `target` is about to be asked for, with `undo` as the way back.
    pub async fn intend_revert(
        &self,
        branch: &Ref,
        target: &str,
        undo: &str,
    ) -> Result<(), StoreError> {
        let (branch, target, undo) = (branch.to_string(), target.to_owned(), undo.to_owned());
        self.run(move |connection| {
            connection.execute(
                "insert or replace into reverts (branch_ref, target, undo) values (?1, ?2, ?3)",
                params![branch, target, undo],
            )?;
            Ok(())
        })
        .await
    }

    /// The revert whose outcome is not stored yet: its target and its way back.
    pub async fn intended_revert(
        &self,
        branch: &Ref,
    ) -> Result<Option<(String, String)>, StoreError> {
        let branch = branch.to_string();
        self.look(move |connection| {
            Ok(connection
                .prepare_cached("select target, undo from reverts where branch_ref = ?1")?
                .query_row(params![branch], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?)
        })
        .await
    }

    /// A revert that was intended did not happen.
    pub async fn forget_revert(&self, branch: &Ref) -> Result<(), StoreError> {
        let branch = branch.to_string();
        self.run(move |connection| {
            connection.execute("delete from reverts where branch_ref = ?1", params![branch])?;
            Ok(())
        })
        .await
    }

    /// The platform has said that it does not keep a point's history any more.
    pub async fn mark_expired(&self, branch: &Ref, name: &str) -> Result<(), StoreError> {
        let (branch, name) = (branch.to_string(), name.to_owned());
        self.run(move |connection| {
            connection.execute(
                "update points set expired = 1 where branch_ref = ?1 and name = ?2",
                params![branch, name],
            )?;
            Ok(())
        })
        .await
    }

    /// After a reset or a deletion: nothing from before can be returned to.
    pub async fn mark_all_unreachable(&self, branch: &Ref) -> Result<(), StoreError> {
        let branch = branch.to_string();
        self.run(move |connection| {
            connection.execute(
                "update points set reachable = 0 where branch_ref = ?1",
                params![branch],
            )?;
            Ok(())
        })
        .await
    }

    /// After the branch was emptied and replayed up to `name`: what the platform kept of its history
    /// is gone, and what was there later as well.
    pub async fn mark_replayed(&self, branch: &Ref, name: &str) -> Result<(), StoreError> {
        let (branch, name) = (branch.to_string(), name.to_owned());
        self.run(move |connection| {
            connection.execute(
                "update points set reachable = 0
                 where branch_ref = ?1 and reachable = 1
                   and (status <> ?3 or seq > (select seq from points where branch_ref = ?1 and name = ?2))",
                params![branch, name, PointStatus::BranchReset.as_str()],
            )?;
            connection.execute("delete from reverts where branch_ref = ?1", params![branch])?;
            Ok(())
        })
        .await
    }

    /// Whether the operator has chosen to work on `project` without restore points of the platform.
    pub async fn takes_weaker_road(&self, project: &Ref) -> Result<bool, StoreError> {
        let project = project.to_string();
        self.look(move |connection| {
            Ok(connection
                .prepare_cached("select 1 from weaker_roads where project = ?1")?
                .exists(params![project])?)
        })
        .await
    }

    /// Remembers that the operator has chosen that.
    pub async fn take_weaker_road(&self, project: &Ref) -> Result<(), StoreError> {
        let project = project.to_string();
        self.run(move |connection| {
            connection.execute(
                "insert or ignore into weaker_roads (project, chosen_at) values (?1, ?2)",
                params![project, clock::now()],
            )?;
            Ok(())
        })
        .await
    }

    /// The newest version that a migration on any branch of `project` has had; 0 for none.
    pub async fn newest_version(&self, project: &Ref) -> Result<u64, StoreError> {
        let project = project.to_string();
        self.look(move |connection| {
            let newest: Option<i64> = connection
                .prepare_cached(
                    "select max(cast(migration_version as integer)) from points where project = ?1 and length(migration_version) = 14",
                )?
                .query_row(params![project], |row| row.get(0))?;
            Ok(newest.and_then(|newest| newest.try_into().ok()).unwrap_or(0))
        })
        .await
    }
}

type Stored = (String, Option<String>, String, bool, bool, String, String);

fn stored(row: &Row<'_>) -> rusqlite::Result<Stored> {
    Ok((
        row.get(0)?,
        row.get(1)?,
        row.get(2)?,
        row.get(3)?,
        row.get(4)?,
        row.get(5)?,
        row.get(6)?,
    ))
}

fn point(
    (name, migration_version, status, stands, expired, created_at, ledger): Stored,
) -> Result<Point, serde_json::Error> {
    Ok(Point {
        name,
        migration_version,
        status: PointStatus::parse(&status),
        reachable: stands && !expired,
        cut_off: !stands,
        created_at,
        ledger: serde_json::from_str(&ledger)?,
    })
}
