//! Runs of branch actions in the registry.

use rusqlite::{OptionalExtension, params};

use super::Registry;
use crate::api::Ref;
use crate::api::actions::ActionRun;
use crate::api::branches::Branch;
use crate::sqlite::StoreError;

/// How many runs a project keeps.
const KEPT: u32 = 1000;

impl Registry {
    /// Writes a run down, or how far it is by now.
    pub(in crate::local) async fn put_action(
        &self,
        branch: &Branch,
        run: &ActionRun,
    ) -> Result<(), StoreError> {
        let (id, json) = (run.id.clone(), serde_json::to_string(run)?);
        let (reference, parent) = (
            branch.project_ref.to_string(),
            branch.parent_project_ref.to_string(),
        );
        self.run(move |connection| {
            // A branch that was deleted meanwhile keeps nothing.
            connection.execute(
                "insert into actions (id, ref, parent, run)
                 select ?1, ?2, ?3, ?4 where exists (select 1 from projects where ref = ?2)
                 on conflict (id) do update set run = excluded.run",
                params![id, reference, parent, json],
            )?;
            connection.execute(
                "delete from actions where parent = ?1 and seq <= (
                     select seq from actions where parent = ?1 order by seq desc limit 1 offset ?2)",
                params![parent, KEPT],
            )?;
            Ok(())
        })
        .await
    }

    /// Runs of a branch, or of all branches of a project; newest first.
    pub(in crate::local) async fn actions(
        &self,
        reference: &Ref,
        offset: u32,
        limit: u32,
    ) -> Result<Vec<ActionRun>, StoreError> {
        let reference = reference.to_string();
        self.look(move |connection| {
            let mut statement = connection.prepare_cached(
                "select run from actions where ref = ?1 or parent = ?1
                 order by seq desc limit ?2 offset ?3",
            )?;
            let mut rows = statement.query(params![reference, limit, offset])?;
            let mut runs = Vec::new();
            while let Some(row) = rows.next()? {
                runs.push(serde_json::from_str(&row.get::<_, String>(0)?)?);
            }
            Ok(runs)
        })
        .await
    }

    /// How many there are.
    pub(in crate::local) async fn count_actions(&self, reference: &Ref) -> Result<u64, StoreError> {
        let reference = reference.to_string();
        self.look(move |connection| {
            let count: i64 = connection
                .prepare_cached("select count(*) from actions where ref = ?1 or parent = ?1")?
                .query_row(params![reference], |row| row.get(0))?;
            Ok(u64::try_from(count).unwrap_or_default())
        })
        .await
    }

    /// One of them.
    pub(in crate::local) async fn action(
        &self,
        reference: &Ref,
        id: &str,
    ) -> Result<Option<ActionRun>, StoreError> {
        let (reference, id) = (reference.to_string(), id.to_owned());
        self.look(move |connection| {
            let found: Option<String> = connection
                .query_row(
                    "select run from actions where id = ?2 and (ref = ?1 or parent = ?1)",
                    params![reference, id],
                    |row| row.get(0),
                )
                .optional()?;
            Ok(found.map(|json| serde_json::from_str(&json)).transpose()?)
        })
        .await
    }
}
