//! The map from a branch's ref to its project.

use rusqlite::{OptionalExtension, params};

use super::{Store, StoreError};
use crate::api::Ref;
use crate::api::branches::Branch;
use crate::clock;

impl Store {
    /// The project that `reference` is a branch of, if a listing has ever shown it.
    pub async fn project_of_branch(&self, reference: &Ref) -> Result<Option<Ref>, StoreError> {
        let reference = reference.to_string();
        self.run(move |connection| {
            let project: Option<String> = connection
                .prepare_cached("select project from branches where ref = ?1")?
                .query_row(params![reference], |row| row.get(0))
                .optional()?;
            Ok(project.and_then(|project| project.parse().ok()))
        })
        .await
    }

    /// Remembers a project's branches, and forgets those that are gone.
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
}
