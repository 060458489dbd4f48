//! Recoveries to a point in time that were answered for and are not over.

use rusqlite::{OptionalExtension, params};

use super::{Registry, Run, insert_run};
use crate::api::projects::ProjectStatus;
use crate::sqlite::StoreError;

impl Registry {
    /// Writes a recovery down, before it is answered for: to which second since 1970, and how many
    /// states the cluster had left before it. The project is `RESTORING` from then on.
    pub(in crate::local) async fn add_recovery(
        &self,
        run: &Run,
        second: i64,
        left_before: u64,
    ) -> Result<(), StoreError> {
        let run = run.clone();
        let left_before = i64::try_from(left_before).unwrap_or(i64::MAX);
        self.run(move |connection| {
            insert_run(connection, &run)?;
            connection.execute(
                "update runs set recover_to = ?2, left_before = ?3 where id = ?1",
                params![run.id, second, left_before],
            )?;
            connection.execute(
                "update projects set status = ?2 where ref = ?1",
                params![run.reference.as_str(), ProjectStatus::Restoring.as_str()],
            )?;
            Ok(())
        })
        .await
    }

    /// Where a recovery returns to, and how many states were left before it.
    pub(in crate::local) async fn recovery(
        &self,
        run: &str,
    ) -> Result<Option<(i64, u64)>, StoreError> {
        let run = run.to_owned();
        self.look(move |connection| {
            let found: Option<(i64, i64)> = connection
                .prepare_cached(
                    "select recover_to, left_before from runs where id = ?1 and recover_to is not null",
                )?
                .query_row(params![run], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            Ok(found.map(|(second, left)| (second, u64::try_from(left).unwrap_or(u64::MAX))))
        })
        .await
    }
}
