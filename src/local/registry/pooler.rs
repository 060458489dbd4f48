//! How the pooler is set, in the registry.

use rusqlite::{OptionalExtension, params};

use super::{Registry, wire_word};
use crate::api::Ref;
use crate::api::pooler::PoolMode;
use crate::sqlite::StoreError;

/// What was set; the platform's choice where nothing was.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::local) struct StoredPooler {
    pub(in crate::local) default_pool_size: Option<u32>,
    pub(in crate::local) pool_mode: Option<PoolMode>,
}

impl Registry {
    /// How the pooler of a project or branch is set.
    pub(in crate::local) async fn pooler(
        &self,
        reference: &Ref,
    ) -> Result<StoredPooler, StoreError> {
        let reference = reference.to_string();
        self.look(move |connection| {
            let found = connection
                .prepare_cached("select default_pool_size, pool_mode from pooler where ref = ?1")?
                .query_row(params![reference], |row| {
                    let mode: Option<String> = row.get(1)?;
                    Ok(StoredPooler {
                        default_pool_size: row.get(0)?,
                        pool_mode: mode.as_deref().and_then(wire_word),
                    })
                })
                .optional()?;
            Ok(found.unwrap_or_default())
        })
        .await
    }

    /// Sets the size where one is given, which may be none, and the mode where one is given.
    pub(in crate::local) async fn set_pooler(
        &self,
        reference: &Ref,
        size: Option<Option<u32>>,
        mode: Option<PoolMode>,
    ) -> Result<(), StoreError> {
        let reference = reference.to_string();
        let mode = mode.map(PoolMode::as_str);
        self.run(move |connection| {
            connection.execute(
                "insert into pooler (ref) values (?1) on conflict do nothing",
                params![reference],
            )?;
            if let Some(size) = size {
                connection.execute(
                    "update pooler set default_pool_size = ?2 where ref = ?1",
                    params![reference, size],
                )?;
            }
            if let Some(mode) = mode {
                connection.execute(
                    "update pooler set pool_mode = ?2 where ref = ?1",
                    params![reference, mode],
                )?;
            }
            Ok(())
        })
        .await
    }
}
