//! What is remembered of functions: which a branch has changed, and what a rebase must put back.

use std::collections::BTreeMap;

use rusqlite::params;

use super::{Store, StoreError};
use crate::api::Ref;

/// A deployment as it travels: its content type, and the form.
type SetAside = (String, Vec<u8>);

impl Store {
    /// A branch has changed a function, of which production had `base` then. The first word counts.
    pub async fn note_function(
        &self,
        branch: &Ref,
        slug: &str,
        base: &str,
    ) -> Result<(), StoreError> {
        let [branch, slug, base] = [branch.as_str(), slug, base].map(str::to_owned);
        self.run(move |connection| {
            connection.execute(
                "insert or ignore into function_work (branch_ref, slug, base) values (?1, ?2, ?3)",
                params![branch, slug, base],
            )?;
            Ok(())
        })
        .await
    }

    /// The functions that a branch has changed, with what production had of each then.
    pub async fn function_work(
        &self,
        branch: &Ref,
    ) -> Result<BTreeMap<String, String>, StoreError> {
        let branch = branch.to_string();
        self.look(move |connection| {
            let mut statement = connection
                .prepare_cached("select slug, base from function_work where branch_ref = ?1")?;
            let rows =
                statement.query_map(params![branch], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// What a branch has changed from now on: this, and nothing else.
    pub async fn set_function_work(
        &self,
        branch: &Ref,
        work: BTreeMap<String, String>,
    ) -> Result<(), StoreError> {
        let branch = branch.to_string();
        self.run(move |connection| {
            connection.execute(
                "delete from function_work where branch_ref = ?1",
                params![branch],
            )?;
            for (slug, base) in work {
                connection.execute(
                    "insert into function_work (branch_ref, slug, base) values (?1, ?2, ?3)",
                    params![branch, slug, base],
                )?;
            }
            Ok(())
        })
        .await
    }

    /// Keeps a deployment until it has been put back.
    pub async fn set_function_aside(
        &self,
        branch: &Ref,
        slug: &str,
        deployment: SetAside,
    ) -> Result<(), StoreError> {
        let (branch, slug) = (branch.to_string(), slug.to_owned());
        self.run(move |connection| {
            let (content_type, body) = deployment;
            connection.execute(
                "insert or replace into functions_aside (branch_ref, slug, content_type, body) values (?1, ?2, ?3, ?4)",
                params![branch, slug, content_type, body],
            )?;
            Ok(())
        })
        .await
    }

    /// The deployments that are still to be put back, by slug.
    pub async fn functions_aside(
        &self,
        branch: &Ref,
    ) -> Result<Vec<(String, SetAside)>, StoreError> {
        let branch = branch.to_string();
        self.look(move |connection| {
            let mut statement = connection.prepare_cached(
                "select slug, content_type, body from functions_aside where branch_ref = ?1 order by slug",
            )?;
            let rows = statement.query_map(params![branch], |row| {
                Ok((row.get(0)?, (row.get(1)?, row.get(2)?)))
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// A deployment has been put back.
    pub async fn function_is_back(&self, branch: &Ref, slug: &str) -> Result<(), StoreError> {
        let (branch, slug) = (branch.to_string(), slug.to_owned());
        self.run(move |connection| {
            connection.execute(
                "delete from functions_aside where branch_ref = ?1 and slug = ?2",
                params![branch, slug],
            )?;
            Ok(())
        })
        .await
    }
}
