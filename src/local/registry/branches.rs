//! Branches in the registry.

use rusqlite::{OptionalExtension, Row, params};

use super::keys::insert_key;
use super::secrets::insert_secrets;
use super::{
    Registry, Run, StoredKey, StoredProject, collect, insert_run, new_uuid, wire_word, word,
};
use crate::api::Ref;
use crate::api::branches::{Branch, BranchStatus};
use crate::api::projects::ProjectStatus;
use crate::api::secrets::NewSecret;
use crate::clock;
use crate::sqlite::StoreError;

const BRANCH: &str = "select b.id, b.name, b.ref, b.parent, b.is_default, b.persistent, b.git_branch, \
    b.status, b.created_at, b.updated_at, p.status from branches b join projects p on p.ref = b.ref";

impl Registry {
    /// A project's branches, production's own entry first.
    pub(in crate::local) async fn branches(&self, parent: &Ref) -> Result<Vec<Branch>, StoreError> {
        let parent = parent.to_string();
        self.look(move |connection| {
            let mut statement = connection.prepare_cached(&format!(
                "{BRANCH} where b.parent = ?1 order by b.is_default desc, p.seq"
            ))?;
            collect(statement.query_map(params![parent], branch)?)
        })
        .await
    }

    /// A branch by its UUID or its ref.
    pub(in crate::local) async fn branch(
        &self,
        id_or_ref: &str,
    ) -> Result<Option<Branch>, StoreError> {
        let id_or_ref = id_or_ref.to_owned();
        self.look(move |connection| {
            Ok(connection
                .prepare_cached(&format!("{BRANCH} where b.id = ?1 or b.ref = ?1"))?
                .query_row(params![id_or_ref], branch)
                .optional()?)
        })
        .await
    }

    /// Writes a new branch down with its project, with production's own entry if it is the first,
    /// with its functions' secrets, its API keys and with the run that will make its database.
    pub(in crate::local) async fn add_branch(
        &self,
        parent: &StoredProject,
        branch: &Branch,
        secrets: Vec<NewSecret>,
        keys: Vec<StoredKey>,
        run: &Run,
    ) -> Result<(), StoreError> {
        let (parent, branch, run) = (parent.clone(), branch.clone(), run.clone());
        self.run(move |connection| {
            connection.execute(
                "insert into branches (id, ref, parent, name, is_default, persistent, status, created_at, updated_at)
                 select ?1, ?2, ?2, 'main', 1, 1, ?3, ?4, ?4
                 where not exists (select 1 from branches where ref = ?2)",
                params![
                    new_uuid("main branch", parent.reference.as_str()),
                    parent.reference.as_str(),
                    BranchStatus::FunctionsDeployed.as_str(),
                    parent.created_at
                ],
            )?;
            // Whose it is stands in its parent's row, which may have moved since it was read.
            connection.execute(
                "insert into projects (ref, name, organization, region, status, created_at, parent, grants)
                 select ?1, ?2, organization, ?3, ?4, ?5, ?6, grants from projects where ref = ?6",
                params![
                    branch.project_ref.as_str(),
                    branch.name,
                    parent.region,
                    ProjectStatus::ComingUp.as_str(),
                    branch.created_at,
                    parent.reference.as_str()
                ],
            )?;
            connection.execute(
                "insert into branches (id, ref, parent, name, is_default, persistent, git_branch, status, created_at, updated_at)
                 values (?1, ?2, ?3, ?4, 0, ?5, ?6, ?7, ?8, ?8)",
                params![
                    branch.id,
                    branch.project_ref.as_str(),
                    parent.reference.as_str(),
                    branch.name,
                    branch.persistent,
                    branch.git_branch,
                    branch.status.as_str(),
                    branch.created_at
                ],
            )?;
            insert_secrets(connection, &branch.project_ref, &secrets)?;
            for key in &keys {
                insert_key(connection, &branch.project_ref, key)?;
            }
            insert_run(connection, &run)
        })
        .await
    }

    pub(in crate::local) async fn update_branch(
        &self,
        id: &str,
        name: Option<String>,
        persistent: Option<bool>,
        git_branch: Option<String>,
    ) -> Result<(), StoreError> {
        let id = id.to_owned();
        self.run(move |connection| {
            connection.execute(
                "update branches set name = coalesce(?2, name), persistent = coalesce(?3, persistent),
                 git_branch = coalesce(?4, git_branch), updated_at = ?5 where id = ?1",
                params![id, name, persistent, git_branch, clock::now()],
            )?;
            Ok(())
        })
        .await
    }

    pub(in crate::local) async fn set_branch(
        &self,
        reference: &Ref,
        status: BranchStatus,
    ) -> Result<(), StoreError> {
        let reference = reference.to_string();
        self.run(move |connection| {
            connection.execute(
                "update branches set status = ?2, updated_at = ?3 where ref = ?1",
                params![reference, status.as_str(), clock::now()],
            )?;
            Ok(())
        })
        .await
    }
}

fn branch(row: &Row<'_>) -> rusqlite::Result<Branch> {
    Ok(Branch {
        id: row.get(0)?,
        name: row.get(1)?,
        project_ref: word(row, 2, |text| text.parse().ok())?,
        parent_project_ref: word(row, 3, |text| text.parse().ok())?,
        is_default: row.get(4)?,
        persistent: row.get(5)?,
        git_branch: row.get(6)?,
        status: word(row, 7, wire_word)?,
        created_at: row.get(8)?,
        updated_at: row.get(9)?,
        with_data: false,
        preview_project_status: Some(word(row, 10, wire_word)?),
    })
}
