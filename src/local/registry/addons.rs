//! Add-ons that projects and branches have chosen.

use rusqlite::params;

use super::{Registry, collect};
use crate::api::Ref;
use crate::sqlite::StoreError;

impl Registry {
    /// What was chosen: the kind, and its variant; `None` where the project does without.
    pub(in crate::local) async fn addons(
        &self,
        reference: &Ref,
    ) -> Result<Vec<(String, Option<String>)>, StoreError> {
        let reference = reference.to_string();
        self.look(move |connection| {
            let mut statement =
                connection.prepare_cached("select kind, variant from addons where ref = ?1")?;
            collect(statement.query_map(params![reference], |row| Ok((row.get(0)?, row.get(1)?)))?)
        })
        .await
    }

    /// Chooses a variant of an add-on, or to do without it.
    pub(in crate::local) async fn choose_addon(
        &self,
        reference: &Ref,
        kind: &str,
        variant: Option<&str>,
    ) -> Result<(), StoreError> {
        let reference = reference.to_string();
        let (kind, variant) = (kind.to_owned(), variant.map(str::to_owned));
        self.run(move |connection| {
            connection.execute(
                "insert into addons (ref, kind, variant) values (?1, ?2, ?3)
                 on conflict (ref, kind) do update set variant = excluded.variant",
                params![reference, kind, variant],
            )?;
            Ok(())
        })
        .await
    }
}
