//! Configuration of services: reading it anywhere, changing it on development branches.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::dangers::{check_schemas, unsafe_setting};
use super::environment::{For, secret};
use super::ledger::text;
use super::pauses::Pauses;
use super::payment::holds_live_key;
use super::secrets::live_key;
use super::{Call, Code, Dev, Guard, Next, PATIENCE, Read, Refusal};
use crate::api::Ref;
use crate::api::config::{
    GetAuthConfig, GetDataApiConfig, GetPostgresConfig, GetRealtimeConfig, GetStorageConfig,
    RESTART, Service, Settings, UpdateAuthConfig, UpdateDataApiConfig, UpdatePostgresConfig,
    UpdateRealtimeConfig, UpdateStorageConfig, flat, nested,
};
use crate::api::projects::GetHealth;
use crate::fence::quote;
use crate::redact::{self, MARK};

/// How many characters of a text are shown unless its field was named.
const SHOWN: usize = 300;
/// How long a service that is unhealthy is waited for; one that is coming up, as long as work may.
const UNHEALTHY: Duration = Duration::from_secs(60);
/// The most fields that are named in one call.
const MOST: usize = 100;

/// A service's configuration, as far as it is shown.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ShownConfig {
    /// Values by field.
    pub settings: Map<String, Value>,
    /// Fields that hold a secret, which is not shown.
    pub secrets_set: Vec<String>,
    /// How many fields are not shown: off, empty or null.
    pub left_out: usize,
    /// What PostgreSQL runs with.
    #[serde(skip_serializing_if = "Map::is_empty")]
    #[schemars(with = "std::collections::BTreeMap<String, String>")]
    pub in_force: Map<String, Value>,
    /// Settings that wait for a restart.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pending_restart: Vec<String>,
}

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
    /// Settings that wait for a restart.
    pub pending_restart: Vec<String>,
}

/// Settings that are known and of the right kind, their secrets in place. Not yet anybody's.
#[derive(Debug, Clone)]
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
            let is_secret = service.field(name).is_some_and(|field| field.secret);
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

fn wrong(service: Service, problems: &[String]) -> Refusal {
    Refusal::invalid(quote(problems.join("; ")).to_string())
        .details(json!({ "service": service.as_str(), "problems": problems }))
}

/// Names of fields, as they were given: each known, none twice.
pub(super) fn check_fields(service: Service, fields: &[String]) -> Result<(), Refusal> {
    if fields.len() > MOST {
        return Err(Refusal::invalid(format!("name at most {MOST} fields")));
    }
    let problems: Vec<String> = fields
        .iter()
        .filter(|name| service.field(name).is_none())
        .map(|name| service.unknown(name))
        .collect();
    if !problems.is_empty() {
        return Err(wrong(service, &problems));
    }
    Ok(())
}

/// Whether a field's value must not be shown. What is not in the table is judged by its name.
pub(super) fn is_hidden(service: Service, name: &str) -> bool {
    match service.field(name) {
        Some(field) => field.secret,
        None => {
            let name = name.to_ascii_lowercase();
            ["secret", "pass", "token", "key", "private", "credential"]
                .iter()
                .any(|word| name.contains(word))
        }
    }
}

/// Whether a value is there at all.
pub(super) fn is_set(value: Option<&Value>) -> bool {
    !matches!(value, None | Some(Value::Null | Value::Bool(false)))
        && value.and_then(Value::as_str) != Some("")
}

impl Guard {
    /// A service's configuration, flat.
    pub(super) async fn configuration(
        &self,
        reference: &Ref,
        service: Service,
    ) -> Result<Settings, Refusal> {
        let (client, reference) = (self.client(), reference.clone());
        let settings = match service {
            Service::Auth => client.look::<GetAuthConfig>(reference, &()).await,
            Service::DataApi => client.look::<GetDataApiConfig>(reference, &()).await,
            Service::Storage => client.look::<GetStorageConfig>(reference, &()).await,
            Service::Realtime => client.look::<GetRealtimeConfig>(reference, &()).await,
            Service::Database => client.look::<GetPostgresConfig>(reference, &()).await,
        };
        let settings = flat(&settings?);
        // The key that signs everybody's tokens.
        if let Some(secret) = settings.get("jwt_secret").and_then(Value::as_str) {
            redact::keep_secret(secret);
        }
        Ok(settings)
    }

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

    /// What PostgreSQL runs with, and what waits for a restart.
    pub(super) async fn in_force(
        &self,
        reference: &Ref,
        names: &[&str],
    ) -> Result<(Map<String, Value>, Vec<String>), Refusal> {
        let rows = self
            .client()
            .query_read_only(
                reference,
                include_str!("postgres_settings.sql"),
                Some(vec![json!(names.join(","))]),
            )
            .await?;
        let (mut values, mut pending) = (Map::new(), Vec::new());
        for row in &rows {
            let name = text(row, "name").unwrap_or_default();
            if row.get("pending_restart") == Some(&json!(true)) {
                pending.push(name.clone());
            }
            values.insert(name, json!(text(row, "value")));
        }
        Ok((values, pending))
    }
}

impl Read {
    /// The named fields of a service's configuration; without names, those that are set.
    pub async fn config(
        &self,
        service: Service,
        fields: &[String],
    ) -> Result<ShownConfig, Refusal> {
        let guard = &self.call.guard;
        let reference = self.reference()?;
        let all = guard.configuration(reference, service).await?;
        let unknown: Vec<String> = fields
            .iter()
            .filter(|name| !all.contains_key(*name))
            .cloned()
            .collect();
        check_fields(service, &unknown)?;
        let mut shown = ShownConfig {
            settings: Map::new(),
            secrets_set: Vec::new(),
            left_out: 0,
            in_force: Map::new(),
            pending_restart: Vec::new(),
        };
        for (name, value) in &all {
            let named = fields.contains(name);
            if !named && !fields.is_empty() {
                continue;
            }
            if !named && !is_set(Some(value)) {
                shown.left_out += 1;
            } else if is_hidden(service, name) {
                if is_set(Some(value)) {
                    shown.secrets_set.push(name.clone());
                }
            } else {
                shown
                    .settings
                    .insert(name.clone(), if named { value.clone() } else { cut(value) });
            }
        }
        // What the platform left out of its answer has no value.
        for name in unknown {
            shown.settings.insert(name, Value::Null);
        }
        if service == Service::Database {
            let names: Vec<&str> = shown.settings.keys().map(String::as_str).collect();
            if !names.is_empty() {
                (shown.in_force, shown.pending_restart) = guard.in_force(reference, &names).await?;
            }
        }
        Ok(shown)
    }
}

fn cut(value: &Value) -> Value {
    match value.as_str() {
        Some(text) if text.chars().nth(SHOWN).is_some() => {
            let start: String = text.chars().take(SHOWN).collect();
            json!(format!("{start}… ({} characters)", text.chars().count()))
        }
        _ => value.clone(),
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

/// A value as a change shows it.
pub(super) fn shown(service: Service, name: &str, value: Option<&Value>) -> Value {
    match (is_hidden(service, name), is_set(value)) {
        (true, true) => json!("set, not shown"),
        (true, false) => json!("not set"),
        (false, _) => value.cloned().unwrap_or_default(),
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
        for name in changes.keys().filter(|name| *name != RESTART) {
            done.changed.push(ChangedField {
                field: name.clone(),
                from: shown(service, name, present.get(name)),
                to: shown(service, name, after.get(name)),
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
pub(super) fn not_taken(service: Service, error: crate::api::ApiError) -> Refusal {
    match error.status() {
        Some(400 | 422) => Refusal::invalid(format!(
            "the platform does not take this for {}, and nothing was changed: {error}",
            service.as_str()
        )),
        _ => error.into(),
    }
}
