//! The configuration of a project or branch: what was set, on top of the platform's defaults. What
//! can act here acts: the advisor looks at the schemas that the Data API exposes, and settings of
//! PostgreSQL are its cluster's.

use serde_json::{Value, json};

use super::Platform;
use super::engine::{ClusterId, EngineError};
use super::fault::Fault;
use crate::api::Ref;
use crate::api::config::{EXPOSED_SCHEMAS, RESTART, Service, Settings, nested};
use crate::hex;

impl Platform {
    /// A service's configuration as the platform answers it: secrets as their digests.
    pub(super) async fn configuration(
        &self,
        reference: &Ref,
        service: Service,
    ) -> Result<Settings, Fault> {
        self.exists(reference).await?;
        let mut settings = service.defaults();
        settings.extend(self.registry().config(reference, service).await?);
        Ok(match service {
            Service::Storage => nested(&settings),
            _ => settings,
        })
    }

    /// Changes fields of a service's configuration; of the database's, replaces all that is set.
    pub(super) async fn configure(
        &self,
        reference: &Ref,
        service: Service,
        given: &Settings,
    ) -> Result<(), Fault> {
        self.exists(reference).await?;
        let mut changes = service
            .checked(given)
            .map_err(|problems| Fault::new(400, problems.join("; ")))?;
        // Nothing here has a use for a secret, so it is not kept.
        for (name, value) in &mut changes {
            let is_secret = service.holds_secret(name);
            let digest = value
                .as_str()
                .filter(|text| is_secret && !text.is_empty())
                .map(hex::sha256_text);
            if let Some(digest) = digest {
                *value = json!(digest);
            }
        }
        let _turn = self.turn(reference).await;
        let mut settings = self.registry().config(reference, service).await?;
        match service {
            Service::Database => {
                let restart = changes.remove(RESTART) == Some(json!(true));
                let cluster = self.cluster(reference).await?;
                self.override_settings(cluster, &changes, restart).await?;
                settings = changes;
            }
            _ => settings.extend(changes),
        }
        self.registry()
            .set_config(reference, service, &settings)
            .await?;
        Ok(())
    }

    /// Gives a new cluster the settings that its branch has.
    pub(super) async fn carry_settings(&self, reference: &Ref, cluster: ClusterId) {
        let carried = async {
            let settings = self.registry().config(reference, Service::Database).await?;
            if settings.is_empty() {
                return Ok(());
            }
            self.override_settings(cluster, &settings, true).await
        };
        if let Err(fault) = carried.await {
            // It serves with the engine's own all the same.
            tracing::error!(%reference, message = fault.message(), "settings could not be carried over");
        }
    }

    async fn override_settings(
        &self,
        cluster: ClusterId,
        settings: &Settings,
        restart: bool,
    ) -> Result<(), Fault> {
        let overrides = settings
            .iter()
            .map(|(name, value)| {
                let text = match value {
                    Value::Bool(true) => "on".to_owned(),
                    Value::Bool(false) => "off".to_owned(),
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                };
                (name.clone(), text)
            })
            .collect();
        let set = self
            .engine()
            .set_overrides(cluster, overrides, restart)
            .await;
        set.map_err(|error| match error {
            EngineError::Setting { .. } => Fault::new(400, error.to_string()),
            other => other.into(),
        })
    }

    /// The schemas that the Data API of a project or branch exposes, as it is configured.
    pub(super) async fn exposed_schemas(&self, reference: &Ref) -> Result<String, Fault> {
        let settings = self.registry().config(reference, Service::DataApi).await?;
        let set = settings.get("db_schema").and_then(Value::as_str);
        Ok(set.unwrap_or(EXPOSED_SCHEMAS).to_owned())
    }

    async fn exists(&self, reference: &Ref) -> Result<(), Fault> {
        let project = self.registry().project(reference).await?;
        project.map(drop).ok_or_else(Fault::no_project)
    }
}
