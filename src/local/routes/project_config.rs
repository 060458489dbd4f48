//! The whole configuration of a project or branch in one document.
//!
//! It is the same configuration as the routes of the services answer. What these leave to a service's own
//! choice, by null, has a value here: the one that the service would choose.

use axum::Router;
use serde_json::{Value, json};

use super::{Asked, Platform, serve};
use crate::api::config::{Service, Settings};
use crate::api::project_config::{
    DatabaseSettings, GetProjectConfig, ProjectConfig, ProjectConfigDocument, ProjectSettings,
};
use crate::local::fault::Fault;
use crate::local::registry::StoredPooler;

pub(super) fn routes(routes: Router<Platform>) -> Router<Platform> {
    serve::<GetProjectConfig, _, _>(routes, get)
}

async fn get(asked: Asked<GetProjectConfig>) -> Result<ProjectConfigDocument, Fault> {
    let Asked { platform, path, .. } = asked;
    let of = async |service| platform.configuration(&path, service).await;
    let attributes = ProjectSettings {
        database: DatabaseSettings {
            major_version: platform.engine().major(),
            ssl_enforced: false,
            network_restrictions: members(json!({
                "entitlement": "disallowed",
                "status": "applied",
                "allowed_cidrs": [
                    { "address": "0.0.0.0/0", "type": "v4" },
                    { "address": "::/0", "type": "v6" },
                ],
            })),
            postgres_settings: of(Service::Database)
                .await?
                .into_iter()
                .map(|(name, value)| (name.replace('.', "_"), value))
                .collect(),
        },
        pooler: pooler(platform.registry().pooler(&path).await?),
        auth: of(Service::Auth).await?,
        api: chosen(of(Service::DataApi).await?, data_api_choices()),
        realtime: realtime(of(Service::Realtime).await?),
        storage: storage(of(Service::Storage).await?),
    };
    Ok(ProjectConfigDocument {
        data: ProjectConfig {
            kind: "project_config".to_owned(),
            id: path.to_string(),
            attributes,
        },
    })
}

/// Nothing is shared and nothing is waited for: each client has a session of its own.
fn pooler(stored: StoredPooler) -> Settings {
    members(json!({
        "pool_mode": stored.mode(),
        "ignore_startup_parameters": "",
        "server_idle_timeout": 0,
        "server_lifetime": 0,
        "query_wait_timeout": 0,
        "reserve_pool_size": 0,
        "default_pool_size": stored.sessions(),
        "max_client_conn": stored.sessions(),
    }))
}

/// Seconds, as PostgREST has them by default.
fn data_api_choices() -> Value {
    json!({
        "db_pool_acquisition_timeout": 10,
        "db_pool_max_lifetime": 1800,
        "db_pool_max_idletime": 30,
    })
}

fn realtime(settings: Settings) -> Settings {
    let mut settings = chosen(
        settings,
        json!({
            "private_only": false,
            "max_concurrent_users": 200,
            "max_events_per_second": 100,
            "max_bytes_per_second": 100_000,
            "max_channels_per_client": 100,
            "max_joins_per_second": 100,
            "max_presence_events_per_second": 100,
            "max_payload_size_in_kb": 3000,
            "connection_pool": 2,
        }),
    );
    settings.shift_remove("admin_suspended_at");
    settings
}

fn storage(settings: Settings) -> Settings {
    let mut settings = members(in_snake_case(Value::Object(settings)));
    if let Some(Value::Object(external)) = settings.shift_remove("external") {
        settings.extend(external);
    }
    settings
}

/// Settings with a service's own choice in the place of null.
fn chosen(mut settings: Settings, choices: Value) -> Settings {
    for (name, choice) in members(choices) {
        let value = settings.entry(name).or_insert(Value::Null);
        if value.is_null() {
            *value = choice;
        }
    }
    settings
}

fn members(value: Value) -> Settings {
    match value {
        Value::Object(members) => members,
        _ => Settings::new(),
    }
}

/// A value with the names of its members as `upstream_target` instead of `upstreamTarget`.
fn in_snake_case(value: Value) -> Value {
    match value {
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| (snake(&name), in_snake_case(value)))
            .collect::<Settings>()
            .into(),
        other => other,
    }
}

fn snake(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for one in name.chars() {
        if one.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(one.to_ascii_lowercase());
    }
    snake
}
