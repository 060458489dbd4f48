//! Changing the configuration of services on development branches: what is sent, and when.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::approval::Leave;
use super::config::{MOST, is_hidden, shown, wrong};
use super::dangers::{check_schemas, unsafe_setting};
use super::environment::{For, secret};
use super::pauses::Pauses;
use super::payment::holds_live_key;
use super::secrets::live_key;
use super::{Call, Code, Dev, Guard, Next, PATIENCE, Refusal};
use crate::api::config::{
    RESTART, Service, Settings, UpdateAuthConfig, UpdateDataApiConfig, UpdatePostgresConfig,
    UpdateRealtimeConfig, UpdateStorageConfig, flat, nested,
};
use crate::api::projects::GetHealth;
use crate::api::{ApiError, Ref};
use crate::fence::quote;
use crate::redact::{self, MARK};

/// How long a service that is unhealthy is waited for; one that is coming up, as long as work may.
const UNHEALTHY: Duration = Duration::from_secs(60);

/// One field's change.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ChangedField {
    /// Its name.
    pub field: String,
    /// Its value before; of a secret, whether there was one.
    pub from: Value,
    /// Its value now.
    pub to: Value,
}

/// What came of a change.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct ChangedConfig {
    /// Fields that have another value now.
    pub changed: Vec<ChangedField>,
    /// Fields that had that value already.
    pub unchanged: Vec<String>,
    /// Fields that the platform took and has not changed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_taken: Vec<String>,
    /// Settings that wait for a restart.
    pub pending_restart: Vec<String>,
}

/// Settings that are known and of the right kind, their secrets in place. Not yet anybody's, and
/// without `Debug`, so that no log shows them by accident.
#[derive(Clone)]
pub struct CheckedSettings {
    pub(super) service: Service,
    pub(super) settings: Settings,
}

impl CheckedSettings {
    /// Settings as a caller gives them for a development branch: a secret's value, or `env(NAME)`
    /// for the one in the operator's environment.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with them, before anything is sent anywhere.
    pub fn for_dev(service: Service, given: &Settings) -> Result<Self, Refusal> {
        let mut given = flat(given);
        if given.is_empty() || given.len() > MOST {
            return Err(Refusal::invalid(format!("give 1 to {MOST} settings")));
        }
        for (name, value) in &mut given {
            let is_secret = service.holds_secret(name);
            if let (true, Value::String(text)) = (is_secret, &mut *value) {
                let named = text
                    .strip_prefix("env(")
                    .and_then(|rest| rest.strip_suffix(')'));
                if let Some(named) = named {
                    *text = secret(For::Dev, named)?;
                }
                redact::keep_given(text);
            }
        }
        let mut known = given.clone();
        // In the database's settings null takes away what was set.
        if service == Service::Database {
            known.retain(|name, value| service.field(name).is_none() || !value.is_null());
        }
        service
            .checked(&known)
            .map_err(|problems| wrong(service, &problems))?;
        for (name, value) in &given {
            let Some(text) = value.as_str() else { continue };
            if text.contains(MARK) {
                return Err(Refusal::invalid(format!(
                    "{name} is what stands where Drydock has hidden a secret, not the secret itself"
                )));
            }
            if holds_live_key(text) {
                return Err(live_key(name));
            }
        }
        let wrong = given
            .iter()
            .find_map(|(name, value)| unsafe_setting(service, name, value));
        match wrong {
            Some(why) => Err(Refusal::new(Code::UnsafeSetting, why)),
            None => Ok(Self {
                service,
                settings: given,
            }),
        }
    }
}

impl Guard {
    /// Waits until a service can be configured. Of one that the platform does not speak of, nothing
    /// is known.
    pub(super) async fn await_service(
        &self,
        call: &Call,
        reference: &Ref,
        service: Service,
    ) -> Result<(), Refusal> {
        let name = service.in_health();
        let query = vec![("services".to_owned(), name.to_owned())];
        let start = tokio::time::Instant::now();
        let mut pauses = Pauses::new(Duration::from_millis(100), Duration::from_secs(3));
        loop {
            let health = self
                .client()
                .look::<GetHealth>(reference.clone(), &query)
                .await?;
            let Some(health) = health.into_iter().find(|one| one.name == name) else {
                return Ok(());
            };
            let patience = match health.status.as_str() {
                "ACTIVE_HEALTHY" => return Ok(()),
                "COMING_UP" => PATIENCE,
                _ => UNHEALTHY,
            };
            if start.elapsed() > patience {
                return Err(Refusal::new(
                    Code::PlatformError,
                    format!(
                        "{} of {reference} is {} and is not configured before it is healthy",
                        service.as_str(),
                        quote(&health.status)
                    ),
                )
                .next(Next::new(
                    "get_project_health",
                    json!({ "project_id": reference }),
                    "shows when it is",
                )));
            }
            call.step(format!("{} is {}", service.as_str(), quote(&health.status)));
            pauses.rest().await;
        }
    }

    /// Sends a body to production.
    pub(super) async fn release_config(
        &self,
        leave: &Leave,
        project: &Ref,
        service: Service,
        body: &Settings,
    ) -> Result<(), ApiError> {
        let (client, permit, project) = (self.client(), leave.permit(), project.clone());
        match service {
            Service::Auth => client
                .release::<UpdateAuthConfig>(&permit, project, &(), body)
                .await
                .map(drop),
            Service::DataApi => client
                .release::<UpdateDataApiConfig>(&permit, project, &(), body)
                .await
                .map(drop),
            Service::Storage => {
                client
                    .release::<UpdateStorageConfig>(&permit, project, &(), body)
                    .await
            }
            Service::Realtime => {
                client
                    .release::<UpdateRealtimeConfig>(&permit, project, &(), body)
                    .await
            }
            Service::Database => client
                .release::<UpdatePostgresConfig>(&permit, project, &(), body)
                .await
                .map(drop),
        }
    }
}

/// What must be sent for a change: changes alone, or, where the platform replaces, all there is.
pub(super) fn body(service: Service, present: &Settings, changes: &Settings) -> Settings {
    match service {
        Service::Auth | Service::DataApi | Service::Realtime => changes.clone(),
        Service::Storage => {
            let group = |name: &str| name.rsplit_once('.').map(|(group, _)| group.to_owned());
            let groups: Vec<_> = changes.keys().filter_map(|name| group(name)).collect();
            let mut whole: Settings = present
                .iter()
                .filter(|(name, _)| {
                    let is_in = |group: String| groups.contains(&group);
                    service.field(name).is_some() && group(name).is_some_and(is_in)
                })
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect();
            whole.extend(changes.clone());
            nested(&whole)
        }
        Service::Database => {
            let mut whole = present.clone();
            whole.extend(changes.clone());
            whole.retain(|_, value| !value.is_null());
            whole
        }
    }
}

impl Dev {
    /// Changes fields of a service's configuration on the branch.
    pub async fn update_config(&self, checked: &CheckedSettings) -> Result<ChangedConfig, Refusal> {
        let CheckedSettings { service, settings } = checked;
        let service = *service;
        let guard = &self.call.guard;
        let reference = self.branch.reference();
        let _turn = guard.branch_turn(reference).await?;
        guard.await_service(&self.call, reference, service).await?;
        check_schemas(guard, reference, service, settings).await?;
        let present = guard.configuration(reference, service).await?;
        let mut done = ChangedConfig::default();
        let mut changes = Settings::new();
        for (name, value) in settings {
            // Whether a secret is another one cannot be seen.
            let same =
                !is_hidden(service, name) && present.get(name).unwrap_or(&Value::Null) == value;
            if same || (name == RESTART && value == &json!(false)) {
                done.unchanged.push(name.clone());
            } else {
                changes.insert(name.clone(), value.clone());
            }
        }
        if changes.is_empty() {
            return Ok(done);
        }
        self.call.step(format!("configuring {}", service.as_str()));
        self.send_config(service, &body(service, &present, &changes))
            .await?;
        let after = guard.configuration(reference, service).await?;
        for (name, value) in &changes {
            let (before, now) = (present.get(name), after.get(name));
            if before == now && name != RESTART && !is_hidden(service, name) {
                done.not_taken.push(name.clone());
                continue;
            }
            done.changed.push(ChangedField {
                field: name.clone(),
                from: shown(service, name, before),
                // A restart is done and leaves no trace.
                to: shown(service, name, now.or((name == RESTART).then_some(value))),
            });
        }
        if service == Service::Database {
            let names: Vec<&str> = after.keys().map(String::as_str).collect();
            done.pending_restart = guard.in_force(reference, &names).await?.1;
        }
        Ok(done)
    }

    /// Sends a body to the branch.
    pub(super) async fn send_config(
        &self,
        service: Service,
        body: &Settings,
    ) -> Result<(), Refusal> {
        let (client, branch) = (self.call.guard.client(), &self.branch);
        match service {
            Service::Auth => client
                .write::<UpdateAuthConfig>(branch, &(), body)
                .await
                .map(drop),
            Service::DataApi => client
                .write::<UpdateDataApiConfig>(branch, &(), body)
                .await
                .map(drop),
            Service::Storage => client.write::<UpdateStorageConfig>(branch, &(), body).await,
            Service::Realtime => {
                client
                    .write::<UpdateRealtimeConfig>(branch, &(), body)
                    .await
            }
            Service::Database => client
                .write::<UpdatePostgresConfig>(branch, &(), body)
                .await
                .map(drop),
        }
        .map_err(|error| not_taken(service, error))
    }
}

/// The platform did not take a change. What it refuses is the caller's to mend.
pub(super) fn not_taken(service: Service, error: ApiError) -> Refusal {
    match error.status() {
        Some(400 | 422) => Refusal::invalid(format!(
            "the platform does not take this for {}, and nothing was changed: {error}",
            service.as_str()
        )),
        _ => error.into(),
    }
}
