//! The registry: which projects, branches and restore points exist, and which workflows are under
//! way. What a route has answered for stands here, on disk.

mod accounts;
mod actions;
mod addons;
mod branches;
mod claim_tokens;
mod claims;
mod config;
mod functions;
mod keys;
mod points;
mod pooler;
mod recoveries;
mod runs;
mod secrets;

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::Value;

use super::GrantsProfile;
use super::engine::ClusterId;
use crate::api::Ref;
use crate::api::projects::ProjectStatus;
use crate::clock;
use crate::sqlite::{Sqlite, StoreError};

pub(super) use accounts::{ACCESS_LASTS, Account, Granted, Login, StoredOrganization};
pub(super) use claim_tokens::StoredClaimToken;
pub(super) use claims::{Claim, CodeProof, Confirmed, LAST_PAGE};
pub(super) use functions::StoredFunction;
pub(super) use keys::StoredKey;
pub(super) use pooler::StoredPooler;
use runs::insert_run;
pub(super) use runs::{Run, RunKind};

const MIGRATIONS: &[&str] = &[
    include_str!("schema.sql"),
    include_str!("launch_password.sql"),
    include_str!("addons.sql"),
    include_str!("secrets.sql"),
    include_str!("keys.sql"),
    include_str!("recoveries.sql"),
    include_str!("actions.sql"),
    include_str!("functions.sql"),
    include_str!("jwt.sql"),
    include_str!("config.sql"),
    include_str!("claims.sql"),
    include_str!("claim_tokens.sql"),
    include_str!("key_notes.sql"),
    include_str!("pooler.sql"),
    include_str!("grants.sql"),
];

/// A project or branch as the registry has it.
#[derive(Debug, Clone)]
pub(super) struct StoredProject {
    pub(super) number: i64,
    pub(super) reference: Ref,
    pub(super) name: String,
    pub(super) organization: String,
    pub(super) region: String,
    pub(super) status: ProjectStatus,
    pub(super) created_at: String,
    pub(super) cluster: Option<ClusterId>,
    pub(super) parent: Option<Ref>,
    /// Why its status is a failure.
    pub(super) reason: Option<String>,
    pub(super) grants: GrantsProfile,
}

/// The registry. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Registry {
    file: Sqlite,
}

const PROJECT: &str = "select seq, ref, name, organization, region, status, created_at, cluster, parent, reason, grants from projects";

impl Registry {
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self {
            file: Sqlite::open(path, MIGRATIONS)?,
        })
    }

    async fn look<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        self.file.look(work).await
    }

    async fn run<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        self.file.run(work).await
    }

    /// Projects and branches, oldest first.
    pub(super) async fn projects_and_branches(&self) -> Result<Vec<StoredProject>, StoreError> {
        self.look(|connection| {
            let mut statement = connection.prepare_cached(&format!("{PROJECT} order by seq"))?;
            collect(statement.query_map([], project)?)
        })
        .await
    }

    /// Production projects, oldest first.
    pub(super) async fn projects(&self) -> Result<Vec<StoredProject>, StoreError> {
        self.look(|connection| {
            let mut statement = connection
                .prepare_cached(&format!("{PROJECT} where parent is null order by seq"))?;
            collect(statement.query_map([], project)?)
        })
        .await
    }

    pub(super) async fn project(
        &self,
        reference: &Ref,
    ) -> Result<Option<StoredProject>, StoreError> {
        let reference = reference.to_string();
        self.look(move |connection| {
            Ok(connection
                .prepare_cached(&format!("{PROJECT} where ref = ?1"))?
                .query_row(params![reference], project)
                .optional()?)
        })
        .await
    }

    /// Clusters that belong to somebody.
    pub(super) async fn clusters(&self) -> Result<Vec<ClusterId>, StoreError> {
        self.look(|connection| {
            let mut statement =
                connection.prepare(&format!("{PROJECT} where cluster is not null"))?;
            let projects: Vec<StoredProject> = collect(statement.query_map([], project)?)?;
            Ok(projects.into_iter().filter_map(|one| one.cluster).collect())
        })
        .await
    }

    /// Every ref: projects and branches.
    pub(super) async fn refs(&self) -> Result<Vec<Ref>, StoreError> {
        self.look(|connection| {
            let mut statement = connection.prepare(PROJECT)?;
            let projects: Vec<StoredProject> = collect(statement.query_map([], project)?)?;
            Ok(projects.into_iter().map(|one| one.reference).collect())
        })
        .await
    }

    /// Every ref with its cluster, of those that have one.
    pub(super) async fn clusters_by_ref(&self) -> Result<Vec<(Ref, ClusterId)>, StoreError> {
        self.look(|connection| {
            let mut statement =
                connection.prepare(&format!("{PROJECT} where cluster is not null"))?;
            let projects: Vec<StoredProject> = collect(statement.query_map([], project)?)?;
            let named = |one: StoredProject| Some((one.reference, one.cluster?));
            Ok(projects.into_iter().filter_map(named).collect())
        })
        .await
    }

    /// Writes a new project down, with the run that will make its database and the password that
    /// its user's role gets.
    pub(super) async fn add_project(
        &self,
        reference: &Ref,
        name: &str,
        region: &str,
        grants: GrantsProfile,
        db_pass: &str,
        run: &Run,
    ) -> Result<(), StoreError> {
        let values = [
            reference.to_string(),
            name.to_owned(),
            region.to_owned(),
            ProjectStatus::ComingUp.as_str().to_owned(),
        ];
        let (run, db_pass) = (run.clone(), db_pass.to_owned());
        self.run(move |connection| {
            let [reference, name, region, status] = values;
            connection.execute(
                "insert into projects (ref, name, organization, region, status, created_at, grants) values (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                params![reference, name, super::routes::ORGANIZATION, region, status, clock::now(), grants.as_str()],
            )?;
            insert_run(connection, &run)?;
            connection.execute(
                "update runs set db_pass = ?2 where id = ?1",
                params![run.id, db_pass],
            )?;
            Ok(())
        })
        .await
    }

    pub(super) async fn rename_project(
        &self,
        reference: &Ref,
        name: &str,
    ) -> Result<(), StoreError> {
        let (reference, name) = (reference.to_string(), name.to_owned());
        self.run(move |connection| {
            connection.execute(
                "update projects set name = ?2 where ref = ?1",
                params![reference, name],
            )?;
            Ok(())
        })
        .await
    }

    pub(super) async fn set_project(
        &self,
        reference: &Ref,
        status: ProjectStatus,
    ) -> Result<(), StoreError> {
        let reference = reference.to_string();
        self.run(move |connection| {
            connection.execute(
                "update projects set status = ?2 where ref = ?1",
                params![reference, status.as_str()],
            )?;
            Ok(())
        })
        .await
    }

    /// A project's database could not be made.
    pub(super) async fn fail_project(
        &self,
        reference: &Ref,
        reason: &str,
    ) -> Result<(), StoreError> {
        let (reference, reason) = (reference.to_string(), reason.to_owned());
        self.run(move |connection| {
            connection.execute(
                "update projects set status = ?2, reason = ?3 where ref = ?1",
                params![reference, ProjectStatus::InitFailed.as_str(), reason],
            )?;
            Ok(())
        })
        .await
    }

    /// Gives a project its cluster, and its restore points a fresh start: points belong to a
    /// cluster.
    pub(super) async fn set_cluster(
        &self,
        reference: &Ref,
        cluster: ClusterId,
        status: ProjectStatus,
    ) -> Result<(), StoreError> {
        let reference = reference.to_string();
        let cluster = serde_json::to_string(&cluster)?;
        self.run(move |connection| {
            connection.execute(
                "update projects set cluster = ?2, status = ?3 where ref = ?1",
                params![reference, cluster, status.as_str()],
            )?;
            connection.execute("delete from points where ref = ?1", params![reference])?;
            Ok(())
        })
        .await
    }

    /// Forgets a project or branch and all that belongs to it.
    pub(super) async fn remove_project(&self, reference: &Ref) -> Result<(), StoreError> {
        let reference = reference.to_string();
        self.run(move |connection| {
            for statement in [
                "delete from access_tokens where refresh_token in (select refresh_token from authorizations where ref = ?1)",
                "delete from authorizations where ref = ?1",
                "delete from claims where ref = ?1",
                "delete from claim_tokens where ref = ?1",
                "delete from api_keys where ref = ?1",
                "delete from addons where ref = ?1",
                "delete from runs where ref = ?1",
                "delete from points where ref = ?1",
                "delete from secrets where ref = ?1",
                "delete from actions where ref = ?1 or parent = ?1",
                "delete from functions where ref = ?1",
                "delete from jwt_secrets where ref = ?1",
                "delete from config where ref = ?1",
                "delete from pooler where ref = ?1",
                "delete from branches where ref = ?1",
                "delete from projects where ref = ?1",
            ] {
                connection.execute(statement, params![reference])?;
            }
            Ok(())
        })
        .await
    }
}

pub(super) fn collect<T>(
    rows: impl Iterator<Item = rusqlite::Result<T>>,
) -> Result<Vec<T>, StoreError> {
    Ok(rows.collect::<Result<_, _>>()?)
}

fn project(row: &Row<'_>) -> rusqlite::Result<StoredProject> {
    let cluster: Option<String> = row.get(7)?;
    let parent: Option<String> = row.get(8)?;
    Ok(StoredProject {
        number: row.get(0)?,
        reference: word(row, 1, |text| text.parse().ok())?,
        name: row.get(2)?,
        organization: row.get(3)?,
        region: row.get(4)?,
        status: word(row, 5, wire_word)?,
        created_at: row.get(6)?,
        cluster: cluster.and_then(|cluster| serde_json::from_str(&cluster).ok()),
        parent: parent.and_then(|parent| parent.parse().ok()),
        reason: row.get(9)?,
        grants: word(row, 10, GrantsProfile::parse)?,
    })
}

/// A column that holds one of the API's own words.
pub(super) fn wire_word<T: serde::de::DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_value(Value::String(text.to_owned())).ok()
}

pub(super) fn word<T>(
    row: &Row<'_>,
    column: usize,
    parse: impl FnOnce(&str) -> Option<T>,
) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    parse(&text).ok_or_else(|| {
        rusqlite::Error::FromSqlConversionFailure(
            column,
            rusqlite::types::Type::Text,
            format!("unknown word {text}").into(),
        )
    })
}

/// A random UUID for a purpose, of what is told apart.
pub(super) use crate::chance::uuid as new_uuid;
