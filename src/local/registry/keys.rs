//! API keys.

use rusqlite::params;

use super::{Registry, collect, wire_word, word};
use crate::api::Ref;
use crate::api::keys::KeyKind;
use crate::clock;
use crate::sqlite::StoreError;

/// An API key as the registry has it.
pub(in crate::local) struct StoredKey {
    pub(in crate::local) id: String,
    pub(in crate::local) kind: KeyKind,
    pub(in crate::local) name: String,
    pub(in crate::local) api_key: String,
    pub(in crate::local) inserted_at: String,
}

impl StoredKey {
    /// A key that is made now.
    pub(in crate::local) fn new(id: String, kind: KeyKind, name: String, api_key: String) -> Self {
        Self {
            id,
            kind,
            name,
            api_key,
            inserted_at: clock::now(),
        }
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
                "select id, kind, name, api_key, inserted_at from api_keys where ref = ?1 order by kind, name",
            )?;
            collect(statement.query_map(params![reference], |row| {
                Ok(StoredKey {
                    id: row.get(0)?,
                    kind: word(row, 1, wire_word)?,
                    name: row.get(2)?,
                    api_key: row.get(3)?,
                    inserted_at: row.get(4)?,
                })
            })?)
        })
        .await
    }

    /// Adds a key, unless there is one of its kind and name. Says whether it was added.
    pub(in crate::local) async fn add_api_key(
        &self,
        reference: &Ref,
        key: &StoredKey,
    ) -> Result<bool, StoreError> {
        let reference = reference.to_string();
        let kind = match key.kind {
            KeyKind::Secret => "secret",
            KeyKind::Publishable | KeyKind::Legacy => "publishable",
        };
        let values = [
            key.id.clone(),
            reference,
            kind.to_owned(),
            key.name.clone(),
            key.api_key.clone(),
            key.inserted_at.clone(),
        ];
        self.run(move |connection| {
            let added = connection.execute(
                "insert into api_keys (id, ref, kind, name, api_key, inserted_at)
                 values (?1, ?2, ?3, ?4, ?5, ?6) on conflict do nothing",
                values,
            )?;
            Ok(added == 1)
        })
        .await
    }
}
