//! Restore points in the registry: names, and the engine's own description of each.

use rusqlite::{OptionalExtension, params};

use super::Registry;
use crate::api::Ref;
use crate::local::engine::Point;
use crate::sqlite::StoreError;

impl Registry {
    /// Stores a restore point; `false` if there is one of that name.
    pub(in crate::local) async fn add_point(
        &self,
        reference: &Ref,
        name: &str,
        point: &Point,
        completed_on: &str,
    ) -> Result<bool, StoreError> {
        let values = [
            reference.to_string(),
            name.to_owned(),
            serde_json::to_string(point)?,
            completed_on.to_owned(),
        ];
        self.run(move |connection| {
            let [reference, name, point, completed_on] = values;
            let added = connection.execute(
                "insert or ignore into points (ref, name, point, completed_on) values (?1, ?2, ?3, ?4)",
                params![reference, name, point, completed_on],
            )?;
            Ok(added == 1)
        })
        .await
    }

    /// The point of that name, or the latest; with its name and the moment of its completion.
    pub(in crate::local) async fn point(
        &self,
        reference: &Ref,
        name: Option<&str>,
    ) -> Result<Option<(String, Point, String)>, StoreError> {
        let (reference, name) = (reference.to_string(), name.map(str::to_owned));
        self.look(move |connection| {
            let found: Option<(String, String, String)> = connection
                .query_row(
                    "select name, point, completed_on from points
                     where ref = ?1 and (?2 is null or name = ?2) order by seq desc limit 1",
                    params![reference, name],
                    |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
                )
                .optional()?;
            let Some((name, point, completed_on)) = found else {
                return Ok(None);
            };
            Ok(Some((name, serde_json::from_str(&point)?, completed_on)))
        })
        .await
    }
}
