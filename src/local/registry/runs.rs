//! Workflows that were answered for and are not over.

use rusqlite::{Connection, OptionalExtension, params};

use super::{Registry, collect, word};
use crate::api::Ref;
use crate::api::projects::ProjectStatus;
use crate::sqlite::StoreError;

/// A workflow that was answered for.
#[derive(Debug, Clone)]
pub(in crate::local) struct Run {
    pub(in crate::local) id: String,
    pub(in crate::local) kind: RunKind,
    /// The project or branch that it works on; for a merge, the branch that is merged.
    pub(in crate::local) reference: Ref,
    pub(in crate::local) migration_version: Option<String>,
}

/// What a workflow does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::local) enum RunKind {
    /// Makes a project's database.
    Launch,
    /// Makes a branch's database and replays production's ledger.
    Branch,
    /// Brings production's newer migrations onto a branch.
    Push,
    /// Makes a branch's database anew and replays its own ledger.
    Reset,
    /// Applies a branch's new migrations to production.
    Merge,
    /// Returns a project's database to a point in time.
    Recovery,
}

impl RunKind {
    const ALL: [(Self, &'static str); 6] = [
        (Self::Launch, "launch"),
        (Self::Branch, "branch"),
        (Self::Push, "push"),
        (Self::Reset, "reset"),
        (Self::Merge, "merge"),
        (Self::Recovery, "recovery"),
    ];

    pub(in crate::local) fn as_str(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(kind, _)| *kind == self)
            .map_or("", |(_, word)| word)
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(_, word)| *word == text)
            .map(|(kind, _)| *kind)
    }
}

impl Registry {
    /// The password that a launch was asked for with.
    pub(in crate::local) async fn launch_password(
        &self,
        run: &str,
    ) -> Result<Option<String>, StoreError> {
        let run = run.to_owned();
        self.look(move |connection| {
            let found = connection.query_row(
                "select db_pass from runs where id = ?1",
                params![run],
                |row| row.get(0),
            );
            Ok(found.optional()?.flatten())
        })
        .await
    }

    /// Writes a run down, before it is answered for.
    pub(in crate::local) async fn add_run(&self, run: &Run) -> Result<(), StoreError> {
        let run = run.clone();
        self.run(move |connection| insert_run(connection, &run))
            .await
    }

    /// A run is over.
    pub(in crate::local) async fn end_run(&self, id: &str) -> Result<(), StoreError> {
        let id = id.to_owned();
        self.run(move |connection| {
            connection.execute("delete from runs where id = ?1", params![id])?;
            Ok(())
        })
        .await
    }

    /// Ends reverts that a platform was killed in: the engine has left each database as it was before
    /// or as it was asked to be. A recovery goes on instead: it is a run.
    pub(in crate::local) async fn end_reverts(&self) -> Result<(), StoreError> {
        self.run(|connection| {
            connection.execute(
                "update projects set status = ?1 where status = ?2
                 and ref not in (select ref from runs where kind = ?3)",
                params![
                    ProjectStatus::ActiveHealthy.as_str(),
                    ProjectStatus::Restoring.as_str(),
                    RunKind::Recovery.as_str()
                ],
            )?;
            Ok(())
        })
        .await
    }

    /// Runs that were answered for and are not over.
    pub(in crate::local) async fn open_runs(&self) -> Result<Vec<Run>, StoreError> {
        self.look(|connection| {
            let mut statement = connection
                .prepare("select id, kind, ref, migration_version from runs order by rowid")?;
            collect(statement.query_map([], |row| {
                Ok(Run {
                    id: row.get(0)?,
                    kind: word(row, 1, RunKind::parse)?,
                    reference: word(row, 2, |text| text.parse().ok())?,
                    migration_version: row.get(3)?,
                })
            })?)
        })
        .await
    }
}

pub(super) fn insert_run(connection: &Connection, run: &Run) -> Result<(), StoreError> {
    connection.execute(
        "insert into runs (id, kind, ref, migration_version) values (?1, ?2, ?3, ?4)",
        params![
            run.id,
            run.kind.as_str(),
            run.reference.as_str(),
            run.migration_version
        ],
    )?;
    Ok(())
}
