//! What was approved once to be read by anybody.

use std::collections::BTreeSet;

use rusqlite::params;

use super::{Store, StoreError};
use crate::api::Ref;
use crate::clock;

impl Store {
    /// Those of the digests that were approved for a project.
    pub async fn approved_reading(
        &self,
        project: &Ref,
        digests: Vec<String>,
    ) -> Result<BTreeSet<String>, StoreError> {
        let project = project.to_string();
        self.look(move |connection| {
            let mut statement = connection
                .prepare_cached("select digest from public_reading where project_ref = ?1")?;
            let rows = statement.query_map(params![project], |row| row.get(0))?;
            let approved: BTreeSet<String> = rows.collect::<Result<_, _>>()?;
            Ok(digests
                .into_iter()
                .filter(|digest| approved.contains(digest))
                .collect())
        })
        .await
    }

    /// These were approved: `(object, digest)`.
    pub async fn approve_reading(
        &self,
        project: &Ref,
        read: Vec<(String, String)>,
    ) -> Result<(), StoreError> {
        let project = project.to_string();
        self.run(move |connection| {
            for (object, digest) in read {
                connection.execute(
                    "insert or ignore into public_reading (project_ref, digest, object, approved_ms)
                     values (?1, ?2, ?3, ?4)",
                    params![project, digest, object, clock::unix_millis()],
                )?;
            }
            Ok(())
        })
        .await
    }
}
