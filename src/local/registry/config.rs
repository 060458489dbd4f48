//! Configuration in the registry: what was set, service by service. Each project and each branch
//! has its own, and a new one has none: the platform's defaults.

use rusqlite::{OptionalExtension, params};

use super::Registry;
use crate::api::Ref;
use crate::api::config::{Service, Settings};
use crate::sqlite::StoreError;

impl Registry {
    /// What was set of a service.
    pub(in crate::local) async fn config(
        &self,
        reference: &Ref,
        service: Service,
    ) -> Result<Settings, StoreError> {
        let reference = reference.to_string();
        self.look(move |connection| {
            let found: Option<String> = connection
                .prepare_cached("select settings from config where ref = ?1 and service = ?2")?
                .query_row(params![reference, service.as_str()], |row| row.get(0))
                .optional()?;
            Ok(match found {
                Some(settings) => serde_json::from_str(&settings)?,
                None => Settings::new(),
            })
        })
        .await
    }

    /// Stores all that is set of a service.
    pub(in crate::local) async fn set_config(
        &self,
        reference: &Ref,
        service: Service,
        settings: &Settings,
    ) -> Result<(), StoreError> {
        let reference = reference.to_string();
        let settings = serde_json::to_string(settings)?;
        self.run(move |connection| {
            connection.execute(
                "insert into config (ref, service, settings) values (?1, ?2, ?3)
                 on conflict (ref, service) do update set settings = excluded.settings",
                params![reference, service.as_str(), settings],
            )?;
            Ok(())
        })
        .await
    }
}
