//! Projects that were seen: their names, and the keys under which they were created.

use rusqlite::{Connection, OptionalExtension, params};

use super::{Store, StoreError};
use crate::api::Ref;
use crate::clock;
use crate::hex;

impl Store {
    /// Remembers projects by ref and name. A failure is logged: they will be listed again.
    pub async fn remember_projects(&self, projects: Vec<(Ref, String)>) {
        let unknown = self.look(move |connection| {
            let mut statement =
                connection.prepare_cached("select name = ?2 from projects where ref = ?1")?;
            let mut unknown = Vec::new();
            for (reference, name) in projects {
                let known: Option<bool> = statement
                    .query_row(params![reference.as_str(), name], |row| row.get(0))
                    .optional()?;
                if known != Some(true) {
                    unknown.push((reference, name));
                }
            }
            Ok(unknown)
        });
        let projects = match unknown.await {
            Ok(unknown) if unknown.is_empty() => return,
            Ok(unknown) => unknown,
            Err(error) => {
                tracing::warn!(%error, "the names of projects could not be looked up");
                return;
            }
        };
        self.run_later("the names of projects", move |connection| {
            let mut statement = connection.prepare_cached(
                "insert into projects (ref, name, seen_at) values (?1, ?2, ?3)
                 on conflict (ref) do update set name = excluded.name
                 where name <> excluded.name",
            )?;
            for (reference, name) in projects {
                statement.execute(params![reference.as_str(), name, clock::now()])?;
            }
            Ok(())
        });
    }

    /// The project that was created under `key`.
    pub async fn project_created_under(&self, key: &str) -> Result<Option<Ref>, StoreError> {
        let key = digest(key);
        self.look(move |connection| {
            let found: Option<String> = connection
                .query_row(
                    "select ref from projects where idempotency_key = ?1",
                    params![key],
                    |row| row.get(0),
                )
                .optional()?;
            Ok(found.and_then(|reference| reference.parse().ok()))
        })
        .await
    }

    /// Whether `reference` has been seen among the projects.
    pub async fn knows_project(&self, reference: &Ref) -> Result<bool, StoreError> {
        let reference = reference.to_string();
        self.look(move |connection| {
            Ok(connection
                .prepare_cached("select 1 from projects where ref = ?1")?
                .exists(params![reference])?)
        })
        .await
    }

    /// Forgets a project that is no more, with its branches and their restore points.
    pub async fn forget_project(&self, reference: &Ref) -> Result<(), StoreError> {
        let reference = reference.to_string();
        self.run(move |connection| {
            for statement in [
                "delete from points where project = ?1",
                "delete from hashes where project = ?1",
                "delete from merges where project = ?1",
                "delete from recoveries where project = ?1",
                "delete from branches where project = ?1",
                "delete from claims where project = ?1",
                "delete from projects where ref = ?1",
            ] {
                connection.execute(statement, params![reference])?;
            }
            Ok(())
        })
        .await
    }

    /// Refs of projects and branches whose name is `name`, whatever its case.
    pub async fn refs_by_name(&self, name: &str) -> Result<Vec<String>, StoreError> {
        let name = name.trim().to_owned();
        self.look(move |connection| {
            let mut statement = connection.prepare(
                "select ref from projects where lower(name) = lower(?1)
                 union select ref from branches where lower(name) = lower(?1)
                 union select ref from projects where ref = lower(?1)
                 order by 1 limit 5",
            )?;
            let rows = statement.query_map(params![name], |row| row.get(0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }
}

/// Remembers a project with the key under which it was created.
pub(super) fn remember(
    connection: &Connection,
    reference: &Ref,
    name: &str,
    idempotency_key: &str,
) -> Result<(), StoreError> {
    connection.execute(
        "insert or replace into projects (ref, name, idempotency_key, seen_at) values (?1, ?2, ?3, ?4)",
        params![reference.as_str(), name, digest(idempotency_key), clock::now()],
    )?;
    Ok(())
}

/// What is kept of an idempotency key: agents put all kinds of things there.
fn digest(key: &str) -> String {
    hex::sha256_of(["idempotency key", key])
}
