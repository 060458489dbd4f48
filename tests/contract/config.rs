//! The tables of what can be configured, against the bodies in the description: every field of one
//! in the other, of the same kind and within the same bounds.

use drydock::api::config::{Field, Kind, Service};
use serde_json::{Map, Value};

use super::description::Description;
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
