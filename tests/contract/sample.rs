//! Values that fit a schema: the least that it demands, and the most that it allows.

use serde_json::{Map, Value, json};

use super::description::Description;

/// The least, then the most as often as it takes to show each word of every enumeration.
pub(crate) fn samples(description: &Description, schema: &Value) -> Vec<Value> {
    let least = value(description, schema, false, 0);
    let turns = longest_choice(description, schema).max(1);
    let most = (0..turns).map(|turn| value(description, schema, true, turn));
    std::iter::once(least).chain(most).collect()
}

/// How many words the longest enumeration below has.
fn longest_choice(description: &Description, schema: &Value) -> usize {
    let schema = description.resolve(schema);
    let own = ["enum", "oneOf", "anyOf"]
        .iter()
        .filter_map(|keyword| schema[*keyword].as_array().map(Vec::len))
        .max();
    let properties = schema["properties"].as_object().into_iter().flatten();
    let below = properties
        .map(|(_, property)| property)
        .chain(schema.get("items"))
        .chain(schema["oneOf"].as_array().into_iter().flatten())
        .map(|schema| longest_choice(description, schema))
        .max();
    own.max(below).unwrap_or_default()
}

fn value(description: &Description, schema: &Value, most: bool, turn: usize) -> Value {
    let schema = description.resolve(schema);
    if schema["nullable"] == true && !most {
        return Value::Null;
    }
    if let Some(choices) = schema["enum"].as_array() {
        return nth(choices, turn).cloned().unwrap_or_default();
    }
    for keyword in ["oneOf", "anyOf"] {
        if let Some(choices) = schema[keyword].as_array() {
            let chosen = nth(choices, turn).unwrap_or(&Value::Null);
            return value(description, chosen, most, turn);
        }
    }
    match schema["type"].as_str() {
        Some("object") => object(description, schema, most, turn),
        Some("array") if most => json!([value(description, &schema["items"], most, turn)]),
        Some("array") => json!([]),
        Some("string") => Value::String(text(schema)),
        Some("boolean") => json!(turn.is_multiple_of(2)),
        Some("integer" | "number") => json!(schema["minimum"].as_i64().unwrap_or(0) + 1),
        // Anything at all.
        _ => json!("anything"),
    }
}

fn nth(choices: &[Value], turn: usize) -> Option<&Value> {
    choices.get(turn % choices.len().max(1))
}

fn object(description: &Description, schema: &Value, most: bool, turn: usize) -> Value {
    let required = schema["required"].as_array().map_or(&[][..], Vec::as_slice);
    let properties = schema["properties"].as_object().into_iter().flatten();
    let mut object: Map<String, Value> = properties
        .filter(|(name, _)| most || required.iter().any(|required| required == name.as_str()))
        .map(|(name, schema)| (name.clone(), value(description, schema, most, turn)))
        .collect();
    if let Some(schema) = schema.get("additionalProperties").filter(|_| most) {
        object.insert("KEY".to_owned(), value(description, schema, most, turn));
    }
    Value::Object(object)
}

fn text(schema: &Value) -> String {
    match (schema["format"].as_str(), schema["pattern"].as_str()) {
        (Some("date-time"), _) => "2026-01-02T03:04:05.678Z".to_owned(),
        (Some("uuid"), _) => "11111111-1111-4111-8111-111111111111".to_owned(),
        (Some("uri"), _) => "https://example.com/hook".to_owned(),
        (Some("email"), _) => "somebody@example.com".to_owned(),
        (_, Some(span)) if span.starts_with("^(-?[0-9]+") => "30s".to_owned(),
        (_, Some(r"^\d+$")) => "20260102030405".to_owned(),
        // Twenty letters: long enough for a ref, and not too long for a name.
        _ => "abcdefghijklmnopqrst".to_owned(),
    }
}
