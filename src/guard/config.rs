//! Configuration of services, as it is: what is shown of it, and what is not.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::ledger::text;
use super::{Guard, Read, Refusal};
use crate::api::Ref;
use crate::api::config::{
    GetAuthConfig, GetDataApiConfig, GetPostgresConfig, GetRealtimeConfig, GetStorageConfig,
    Service, Settings, flat,
};
use crate::fence::quote;
use crate::redact;

/// How many characters of a text are shown unless its field was named.
const SHOWN: usize = 300;
/// The most fields that are named in one call.
pub(super) const MOST: usize = 100;

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

/// The refusal of settings or fields, with everything that is wrong with them.
pub(super) fn wrong(service: Service, problems: &[String]) -> Refusal {
    Refusal::invalid(quote(problems.join("; ")).to_string())
        .details(json!({ "service": service.as_str(), "problems": problems }))
}

/// Names of fields, as they were given: not too many, and each known.
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

pub(super) fn cut(value: &Value) -> Value {
    match value.as_str() {
        Some(text) if text.chars().nth(SHOWN).is_some() => {
            let start: String = text.chars().take(SHOWN).collect();
            json!(format!("{start}… ({} characters)", text.chars().count()))
        }
        _ => value.clone(),
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
