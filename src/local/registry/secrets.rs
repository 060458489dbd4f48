//! Secrets of functions in the registry. Each project and each branch has its own.

use rusqlite::{Connection, params};

use super::{Registry, collect};
use crate::api::Ref;
use crate::api::secrets::NewSecret;
use crate::clock;
use crate::sqlite::StoreError;

/// A secret with its value. Has no `Debug`, so that no log shows one by accident.
pub(in crate::local) struct StoredSecret {
    pub(in crate::local) name: String,
    pub(in crate::local) value: String,
    /// RFC 3339.
    pub(in crate::local) updated_at: String,
}

impl Registry {
    /// A project's or branch's secrets, by name.
    pub(in crate::local) async fn secrets(
        &self,
        reference: &Ref,
    ) -> Result<Vec<StoredSecret>, StoreError> {
        let reference = reference.to_string();
        self.look(move |connection| {
            let mut statement = connection.prepare_cached(
                "select name, value, updated_at from secrets where ref = ?1 order by name",
            )?;
            collect(statement.query_map(params![reference], |row| {
                Ok(StoredSecret {
                    name: row.get(0)?,
                    value: row.get(1)?,
                    updated_at: row.get(2)?,
                })
            })?)
        })
        .await
    }

    /// Sets secrets, those of the same name anew: all of them or none.
    pub(in crate::local) async fn set_secrets(
        &self,
        reference: &Ref,
        secrets: Vec<NewSecret>,
    ) -> Result<(), StoreError> {
        let reference = reference.clone();
        self.run(move |connection| insert_secrets(connection, &reference, &secrets))
            .await
    }

    /// Deletes the secrets of these names that there are.
    pub(in crate::local) async fn delete_secrets(
        &self,
        reference: &Ref,
        names: Vec<String>,
    ) -> Result<(), StoreError> {
        let reference = reference.to_string();
        self.run(move |connection| {
            for name in names {
                connection.execute(
                    "delete from secrets where ref = ?1 and name = ?2",
                    params![reference, name],
                )?;
            }
            Ok(())
        })
        .await
    }
}

pub(super) fn insert_secrets(
    connection: &Connection,
    reference: &Ref,
    secrets: &[NewSecret],
) -> Result<(), StoreError> {
    for NewSecret { name, value } in secrets {
        connection.execute(
            "insert into secrets (ref, name, value, updated_at) values (?1, ?2, ?3, ?4)
             on conflict (ref, name) do update set value = excluded.value, updated_at = excluded.updated_at",
            params![reference.as_str(), name, value, clock::now()],
        )?;
    }
    Ok(())
}
