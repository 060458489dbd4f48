//! Functions in the registry. What a row names is served: switching a version over is writing it.

use rusqlite::{OptionalExtension, Row, params};

use super::{Registry, collect, new_uuid, word};
use crate::api::Ref;
use crate::chance;
use crate::clock;
use crate::sqlite::StoreError;

const FUNCTION: &str = "select id, ref, slug, name, version, created_at, updated_at, verify_jwt, \
    digest, entrypoint, import_map from functions";

/// A deployed function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::local) struct StoredFunction {
    pub(in crate::local) id: String,
    pub(in crate::local) reference: Ref,
    pub(in crate::local) slug: String,
    pub(in crate::local) name: String,
    pub(in crate::local) version: u32,
    /// Milliseconds since 1970.
    pub(in crate::local) created_at: i64,
    /// Milliseconds since 1970.
    pub(in crate::local) updated_at: i64,
    pub(in crate::local) verify_jwt: bool,
    /// The bundle that it serves.
    pub(in crate::local) digest: String,
    pub(in crate::local) entrypoint: String,
    pub(in crate::local) import_map: Option<String>,
}

impl Registry {
    /// The functions of a project or branch, by slug.
    pub(in crate::local) async fn functions(
        &self,
        reference: &Ref,
    ) -> Result<Vec<StoredFunction>, StoreError> {
        let reference = reference.to_string();
        self.look(move |connection| {
            let mut statement =
                connection.prepare_cached(&format!("{FUNCTION} where ref = ?1 order by slug"))?;
            collect(statement.query_map(params![reference], function)?)
        })
        .await
    }

    /// One function.
    pub(in crate::local) async fn function(
        &self,
        reference: &Ref,
        slug: &str,
    ) -> Result<Option<StoredFunction>, StoreError> {
        let (reference, slug) = (reference.to_string(), slug.to_owned());
        self.look(move |connection| {
            Ok(connection
                .prepare_cached(&format!("{FUNCTION} where ref = ?1 and slug = ?2"))?
                .query_row(params![reference, slug], function)
                .optional()?)
        })
        .await
    }

    /// Writes functions down as they are from now on, all or none.
    pub(in crate::local) async fn put_functions(
        &self,
        functions: Vec<StoredFunction>,
    ) -> Result<(), StoreError> {
        self.run(move |connection| {
            for one in &functions {
                connection.execute(
                    "insert or replace into functions (id, ref, slug, name, version, created_at, updated_at, verify_jwt, digest, entrypoint, import_map)
                     values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
                    params![
                        one.id,
                        one.reference.as_str(),
                        one.slug,
                        one.name,
                        one.version,
                        one.created_at,
                        one.updated_at,
                        one.verify_jwt,
                        one.digest,
                        one.entrypoint,
                        one.import_map
                    ],
                )?;
            }
            Ok(())
        })
        .await
    }

    /// Forgets a function; `false` if there was none.
    pub(in crate::local) async fn remove_function(
        &self,
        reference: &Ref,
        slug: &str,
    ) -> Result<bool, StoreError> {
        let (reference, slug) = (reference.to_string(), slug.to_owned());
        self.run(move |connection| {
            let removed = connection.execute(
                "delete from functions where ref = ?1 and slug = ?2",
                params![reference, slug],
            )?;
            Ok(removed == 1)
        })
        .await
    }

    /// Deploys to `to` what `from` has and `to` lacks, or has otherwise. What only `to` has stays.
    pub(in crate::local) async fn carry_functions(
        &self,
        from: &Ref,
        to: &Ref,
    ) -> Result<(), StoreError> {
        let (from, to) = (from.to_string(), to.to_string());
        self.run(move |connection| {
            connection.execute(
                include_str!("carry_functions.sql"),
                params![from, to, clock::unix_millis()],
            )?;
            Ok(())
        })
        .await
    }

    /// The bundles that somebody serves.
    pub(in crate::local) async fn bundles(&self) -> Result<Vec<String>, StoreError> {
        self.look(|connection| {
            let mut statement = connection.prepare("select distinct digest from functions")?;
            collect(statement.query_map([], |row| row.get(0))?)
        })
        .await
    }

    /// What the tokens of a project or branch are signed with; made when it is first needed.
    pub(in crate::local) async fn jwt_secret(&self, reference: &Ref) -> Result<String, StoreError> {
        let reference = reference.to_string();
        self.run(move |connection| {
            let fresh = chance::hex::<32>("JWT secret", &reference);
            connection.execute(
                "insert or ignore into jwt_secrets (ref, secret) values (?1, ?2)",
                params![reference, fresh],
            )?;
            Ok(connection.query_row(
                "select secret from jwt_secrets where ref = ?1",
                params![reference],
                |row| row.get(0),
            )?)
        })
        .await
    }
}

impl StoredFunction {
    /// A function that was not there before.
    pub(in crate::local) fn new(reference: &Ref, slug: &str) -> Self {
        let now = clock::unix_millis();
        Self {
            id: new_uuid("function", &format!("{reference}/{slug}")),
            reference: reference.clone(),
            slug: slug.to_owned(),
            name: slug.to_owned(),
            version: 0,
            created_at: now,
            updated_at: now,
            verify_jwt: true,
            digest: String::new(),
            entrypoint: String::new(),
            import_map: None,
        }
    }
}

fn function(row: &Row<'_>) -> rusqlite::Result<StoredFunction> {
    Ok(StoredFunction {
        id: row.get(0)?,
        reference: word(row, 1, |text| text.parse().ok())?,
        slug: row.get(2)?,
        name: row.get(3)?,
        version: row.get(4)?,
        created_at: row.get(5)?,
        updated_at: row.get(6)?,
        verify_jwt: row.get(7)?,
        digest: row.get(8)?,
        entrypoint: row.get(9)?,
        import_map: row.get(10)?,
    })
}
