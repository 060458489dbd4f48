//! Configuration and secrets: the tables of what can be configured, against the bodies in the
//! description, every field of one in the other, of the same kind and within the same bounds; and
//! the platform's answers.

use drydock::api::config::{Field, Kind, Service};
use serde_json::{Map, Value, json};

use super::description::Description;
use super::drive::{Drive, QUERY};
use super::{Failure, assert_none};

/// Words of a schema, and what they must say.
fn is(schema: &Value, expected: &[(&str, Value)]) -> bool {
    expected
        .iter()
        .all(|(keyword, value)| &schema[*keyword] == value)
}

fn is_of_kind(field: &Field, schema: &Value) -> bool {
    let text = schema["type"] == "string" && schema["enum"].is_null();
    let has_pattern = |start: &str| {
        let pattern = schema["pattern"].as_str();
        text && pattern.is_some_and(|pattern| pattern.starts_with(start))
    };
    match field.kind {
        Kind::Boolean => schema["type"] == "boolean",
        Kind::Integer(least, most) => {
            let bound = |keyword: &str, bound: i64| {
                let open = bound == i64::MIN || bound == i64::MAX;
                if open {
                    schema[keyword].is_null()
                } else {
                    schema[keyword] == bound
                }
            };
            schema["type"] == "integer" && bound("minimum", least) && bound("maximum", most)
        }
        Kind::Number => is(schema, &[("type", "number".into()), ("minimum", 0.into())]),
        Kind::Word(words) => schema["enum"].as_array().is_some_and(|all| {
            all.len() == words.len() && words.iter().all(|word| all.contains(&(*word).into()))
        }),
        Kind::Text | Kind::Schemas => text && schema["pattern"].is_null(),
        // Not every span of time and no amount of memory has a pattern there.
        Kind::Memory => text && schema["pattern"].is_null(),
        Kind::Duration => text && (schema["pattern"].is_null() || has_pattern("^(-?[0-9]+")),
        Kind::OneUrl => has_pattern("^[^,]+$"),
        Kind::Email => schema["format"] == "email",
        Kind::Moment => schema["format"] == "date-time",
        Kind::Tags => has_pattern(r"^(?:\s*|"),
        Kind::TestCodes => has_pattern("^(?:[0-9]{1,15}="),
    }
}

/// A body's fields, objects in objects joined by dots.
fn described(description: &Description, prefix: &str, schema: &Value) -> Map<String, Value> {
    let schema = description.resolve(schema);
    let mut found = Map::new();
    for (name, below) in schema["properties"].as_object().into_iter().flatten() {
        let name = if prefix.is_empty() {
            name.clone()
        } else {
            format!("{prefix}.{name}")
        };
        let below = description.resolve(below);
        if below["properties"].is_object() {
            found.extend(described(description, &name, below));
        } else {
            found.insert(name, below.clone());
        }
    }
    found
}

#[test]
fn the_tables_of_what_can_be_configured_are_as_described() -> Result<(), Failure> {
    let test = "the_tables_of_what_can_be_configured_are_as_described";
    let Some(description) = Description::open(test)? else {
        return Ok(());
    };
    let mut found = Vec::new();
    for (service, method, path) in [
        (Service::Auth, "PATCH", "/v1/projects/{ref}/config/auth"),
        (Service::DataApi, "PATCH", "/v1/projects/{ref}/postgrest"),
        (
            Service::Storage,
            "PATCH",
            "/v1/projects/{ref}/config/storage",
        ),
        (
            Service::Realtime,
            "PATCH",
            "/v1/projects/{ref}/config/realtime",
        ),
        (
            Service::Database,
            "PUT",
            "/v1/projects/{ref}/config/database/postgres",
        ),
    ] {
        let operation = description
            .operation(method, path)
            .ok_or_else(|| format!("no {method} {path}"))?;
        let body = description.body(operation).ok_or("no body")?;
        let fields = described(&description, "", body);
        for field in service.fields() {
            let place = format!("{} {}", service.as_str(), field.name);
            let Some(schema) = fields.get(field.name) else {
                found.push(format!("{place} is not described"));
                continue;
            };
            if !is_of_kind(field, schema) {
                found.push(format!(
                    "{place} is {:?}, and described as {schema}",
                    field.kind
                ));
            }
            if field.nullable != (schema["nullable"] == true) {
                found.push(format!("{place}: null"));
            }
        }
        let unknown = fields.keys().filter(|name| service.field(name).is_none());
        found.extend(unknown.map(|name| format!("{} lacks {name}", service.as_str())));
    }
    assert_none("tables and description differ", &found);
    Ok(())
}

/// Secrets, from their making to their end.
pub(super) async fn secrets(drive: &mut Drive, project: &str) -> Result<(), Failure> {
    let secrets = "/v1/projects/{ref}/secrets";
    let set = format!("POST {secrets}");
    let two = json!([{ "name": "A", "value": "abc" }, { "name": "B", "value": "" }]);
    drive.call(&set, &[project], Some(two)).await?;
    let again = json!([{ "name": "A", "value": "abcd" }]);
    drive.call(&set, &[project], Some(again)).await?;
    let delete = format!("DELETE {secrets}");
    let names = json!(["B", "NEVER_THERE"]);
    drive.call(&delete, &[project], Some(names)).await?;
    let listed = drive
        .call(&format!("GET {secrets}"), &[project], None)
        .await?;
    let digest = "88d4266fd4e6338d13b845fcf289579d209c897823b9217da3e161936f031589";
    assert_eq!(listed[0]["name"], "A");
    assert_eq!(listed[0]["value"], digest);
    assert_eq!(listed.as_array().map(Vec::len), Some(1));
    let reserved = json!([{ "name": "SUPABASE_URL", "value": "" }]);
    drive.refused(400, &set, &[project], Some(reserved)).await
}

/// Every service, and what PostgreSQL makes of its settings.
pub(super) async fn settings(drive: &mut Drive, project: &str) -> Result<(), Failure> {
    let auth = "/v1/projects/{ref}/config/auth";
    let changes = json!({
        "site_url": "https://shop.example.com", "smtp_pass": "hunter2hunter2", "sms_provider": null,
    });
    let patch = |path: &str| format!("PATCH {path}");
    drive.call(&patch(auth), &[project], Some(changes)).await?;
    let read = drive.call(&format!("GET {auth}"), &[project], None).await?;
    assert_eq!(read["site_url"], "https://shop.example.com");
    assert_ne!(read["smtp_pass"], "hunter2hunter2");
    let unknown = json!({ "sites_url": "https://shop.example.com" });
    drive
        .refused(400, &patch(auth), &[project], Some(unknown))
        .await?;
    for (path, changes) in [
        ("/v1/projects/{ref}/postgrest", json!({ "max_rows": 10 })),
        (
            "/v1/projects/{ref}/config/storage",
            json!({ "features": { "s3Protocol": { "enabled": false } } }),
        ),
        (
            "/v1/projects/{ref}/config/realtime",
            json!({ "suspend": true }),
        ),
    ] {
        drive.call(&patch(path), &[project], Some(changes)).await?;
        drive.call(&format!("GET {path}"), &[project], None).await?;
    }
    let database = "/v1/projects/{ref}/config/database/postgres";
    let put = format!("PUT {database}");
    let settings = json!({ "work_mem": "6MB", "max_connections": 30, "restart_database": true });
    drive.call(&put, &[project], Some(settings)).await?;
    let read = drive
        .call(&format!("GET {database}"), &[project], None)
        .await?;
    assert_eq!(read, json!({ "work_mem": "6MB", "max_connections": 30 }));
    let show = json!({ "query": "select current_setting('work_mem') || current_setting('max_connections') as is" });
    let shown = drive.call(QUERY, &[project], Some(show.clone())).await?;
    assert_eq!(shown[0]["is"], "6MB30");
    let never = json!({ "work_mem": "1kB" });
    drive.refused(400, &put, &[project], Some(never)).await?;
    // No server starts with fewer than its superusers need.
    let locked = json!({ "max_connections": 1, "restart_database": true });
    drive.refused(400, &put, &[project], Some(locked)).await?;
    let shown = drive.call(QUERY, &[project], Some(show)).await?;
    assert_eq!(shown[0]["is"], "6MB30");
    Ok(())
}
