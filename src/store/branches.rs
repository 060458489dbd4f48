//! The map from a branch's ref to its project.

use rusqlite::{OptionalExtension, params};

use super::{Store, StoreError};
use crate::api::Ref;
use crate::api::branches::Branch;
use crate::clock;

impl Store {
    /// The project that `reference` is a branch of and the branch's name, if a listing has ever
    /// shown it.
    pub async fn branch_by_ref(
        &self,
        reference: &Ref,
    ) -> Result<Option<(Ref, String)>, StoreError> {
        let reference = reference.to_string();
        self.look(move |connection| {
            let found: Option<(String, String)> = connection
                .prepare_cached("select project, name from branches where ref = ?1")?
                .query_row(params![reference], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            Ok(found.and_then(|(project, name)| Some((project.parse().ok()?, name))))
        })
        .await
    }

    /// Remembers all of a project's branches, and forgets those that are gone.
    pub async fn remember_branches(
        &self,
        project: &Ref,
        branches: &[Branch],
    ) -> Result<(), StoreError> {
        let project = project.to_string();
        let branches: Vec<(String, String)> = branches
            .iter()
            .filter(|branch| !branch.is_default)
            .map(|branch| (branch.project_ref.to_string(), branch.name.clone()))
            .collect();
        let mut listed = branches.clone();
        listed.sort();
        if self.known_branches(project.clone()).await? == listed {
            return Ok(());
        }
        self.run(move |connection| {
            connection.execute("delete from branches where project = ?1", params![project])?;
            for (reference, name) in branches {
                connection.execute(
                    "insert or replace into branches (ref, project, name, seen_at) values (?1, ?2, ?3, ?4)",
                    params![reference, project, name, clock::now()],
                )?;
            }
            Ok(())
        })
        .await
    }

    /// Remembers one branch of a project.
    pub async fn remember_branch(
        &self,
        project: &Ref,
        reference: &Ref,
        name: &str,
    ) -> Result<(), StoreError> {
        if self.branch_by_ref(reference).await?.is_some() {
            return Ok(());
        }
        let values = [reference.as_str(), project.as_str(), name].map(str::to_owned);
        self.run(move |connection| {
            let [reference, project, name] = values;
            connection.execute(
                "insert or replace into branches (ref, project, name, seen_at) values (?1, ?2, ?3, ?4)",
                params![reference, project, name, clock::now()],
            )?;
            Ok(())
        })
        .await
    }

    /// Forgets a branch that is gone.
    pub async fn forget_branch(&self, reference: &Ref) -> Result<(), StoreError> {
        let reference = reference.to_string();
        self.run(move |connection| {
            connection.execute("delete from branches where ref = ?1", params![reference])?;
            Ok(())
        })
        .await
    }

    /// The branches of a project that have this name, as they were remembered last.
    pub async fn branches_called(&self, project: &Ref, name: &str) -> Result<Vec<Ref>, StoreError> {
        let (project, name) = (project.to_string(), name.to_owned());
        self.look(move |connection| {
            let mut statement = connection
                .prepare_cached("select ref from branches where project = ?1 and name = ?2")?;
            let rows = statement.query_map(params![project, name], |row| row.get(0))?;
            let refs: Vec<String> = rows.collect::<Result<_, _>>()?;
            Ok(refs.iter().filter_map(|one| one.parse().ok()).collect())
        })
        .await
    }

    /// What was remembered last: refs and names, ordered.
    async fn known_branches(&self, project: String) -> Result<Vec<(String, String)>, StoreError> {
        self.look(move |connection| {
            let mut statement = connection.prepare_cached(
                "select ref, name from branches where project = ?1 order by ref, name",
            )?;
            let rows =
                statement.query_map(params![project], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }
}
