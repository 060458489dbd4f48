//! API keys.

use rusqlite::{Connection, Row, params};
use serde_json::{Map, Value};

use super::{Registry, collect, wire_word, word};
use crate::api::Ref;
use crate::api::keys::KeyKind;
use crate::clock;
use crate::sqlite::StoreError;

/// An API key as the registry has it.
#[derive(Clone)]
pub(in crate::local) struct StoredKey {
    pub(in crate::local) id: String,
    pub(in crate::local) kind: KeyKind,
    pub(in crate::local) name: String,
    pub(in crate::local) api_key: String,
    pub(in crate::local) inserted_at: String,
    pub(in crate::local) updated_at: String,
    pub(in crate::local) description: Option<String>,
    pub(in crate::local) secret_jwt_template: Option<Map<String, Value>>,
}

impl StoredKey {
    /// A key that is made now.
    pub(in crate::local) fn new(id: String, kind: KeyKind, name: String, api_key: String) -> Self {
        let now = clock::now();
        Self {
            id,
            kind,
            name,
            api_key,
            inserted_at: now.clone(),
            updated_at: now,
            description: None,
            secret_jwt_template: None,
        }
    }

    fn kind_word(&self) -> &'static str {
        match self.kind {
            KeyKind::Secret => "secret",
            KeyKind::Publishable | KeyKind::Legacy => "publishable",
        }
    }

    fn template_json(&self) -> Result<Option<String>, StoreError> {
        let template = self.secret_jwt_template.as_ref();
        Ok(template.map(serde_json::to_string).transpose()?)
    }
}

impl Registry {
    /// The keys of a project or branch, by kind and name.
    pub(in crate::local) async fn api_keys(
        &self,
        reference: &Ref,
    ) -> Result<Vec<StoredKey>, StoreError> {
        let reference = reference.to_string();
        self.look(move |connection| {
            let mut statement = connection.prepare_cached(
                "select id, kind, name, api_key, inserted_at, coalesce(updated_at, inserted_at), description,
                 secret_jwt_template from api_keys where ref = ?1 order by kind, name",
            )?;
            collect(statement.query_map(params![reference], stored)?)
        })
        .await
    }

    /// Adds a key, unless there is one of its kind and name. Says whether it was added.
    pub(in crate::local) async fn add_api_key(
        &self,
        reference: &Ref,
        key: &StoredKey,
    ) -> Result<bool, StoreError> {
        let (reference, key) = (reference.clone(), key.clone());
        self.run(move |connection| insert_key(connection, &reference, &key))
            .await
    }

    /// Writes down what is said of a key, unless there is another of its kind and name. Says whether it was.
    pub(in crate::local) async fn update_api_key(
        &self,
        reference: &Ref,
        key: &StoredKey,
    ) -> Result<bool, StoreError> {
        let (reference, key) = (reference.to_string(), key.clone());
        let template = key.template_json()?;
        self.run(move |connection| {
            let updated = connection.execute(
                "update or ignore api_keys
                 set name = ?3, description = ?4, secret_jwt_template = ?5, updated_at = ?6
                 where ref = ?1 and id = ?2",
                params![
                    reference,
                    key.id,
                    key.name,
                    key.description,
                    template,
                    key.updated_at
                ],
            )?;
            Ok(updated == 1)
        })
        .await
    }

    /// Removes a key.
    pub(in crate::local) async fn remove_api_key(
        &self,
        reference: &Ref,
        id: &str,
    ) -> Result<bool, StoreError> {
        let (reference, id) = (reference.to_string(), id.to_owned());
        self.run(move |connection| {
            let removed = connection.execute(
                "delete from api_keys where ref = ?1 and id = ?2",
                params![reference, id],
            )?;
            Ok(removed == 1)
        })
        .await
    }
}

/// Adds a key, unless there is one of its kind and name. Says whether it was added.
pub(super) fn insert_key(
    connection: &Connection,
    reference: &Ref,
    key: &StoredKey,
) -> Result<bool, StoreError> {
    let added = connection.execute(
        "insert into api_keys
         (id, ref, kind, name, api_key, inserted_at, updated_at, description, secret_jwt_template)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) on conflict do nothing",
        params![
            key.id,
            reference.as_str(),
            key.kind_word(),
            key.name,
            key.api_key,
            key.inserted_at,
            key.updated_at,
            key.description,
            key.template_json()?,
        ],
    )?;
    Ok(added == 1)
}

fn stored(row: &Row<'_>) -> rusqlite::Result<StoredKey> {
    let template: Option<String> = row.get(7)?;
    Ok(StoredKey {
        id: row.get(0)?,
        kind: word(row, 1, wire_word)?,
        name: row.get(2)?,
        api_key: row.get(3)?,
        inserted_at: row.get(4)?,
        updated_at: row.get(5)?,
        description: row.get(6)?,
        secret_jwt_template: template.and_then(|text| serde_json::from_str(&text).ok()),
    })
}
