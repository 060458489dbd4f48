//! Whether a value fits a schema: the part of OpenAPI 3.0's schemas that the description uses.
//!
//! What is not understood is reported like what does not fit, so that nothing passes unseen. So is
//! a field that the schema does not name: what we send should be what is described.

use serde_json::{Map, Value};

use super::description::Description;

/// Keywords that say nothing about a value.
const REMARKS: [&str; 7] = [
    "description",
    "example",
    "default",
    "deprecated",
    "discriminator",
    "title",
    "nullable",
];

/// Everything about `value` that does not fit, each with its place.
pub(crate) fn misfits(description: &Description, schema: &Value, value: &Value) -> Vec<String> {
    let mut check = Check {
        description,
        found: Vec::new(),
    };
    check.value("$", schema, value);
    check.found
}

struct Check<'a> {
    description: &'a Description,
    found: Vec<String>,
}

impl Check<'_> {
    fn report(&mut self, place: &str, what: impl std::fmt::Display) {
        self.found.push(format!("{place}: {what}"));
    }

    fn value(&mut self, place: &str, schema: &Value, value: &Value) {
        let schema = self.description.resolve(schema);
        if value.is_null() && schema["nullable"] == true {
            return;
        }
        let Value::Object(keywords) = schema else {
            self.report(place, "the schema is no object");
            return;
        };
        for (keyword, wanted) in keywords {
            self.keyword(place, keywords, keyword, wanted, value);
        }
    }

    fn keyword(
        &mut self,
        place: &str,
        schema: &Map<String, Value>,
        keyword: &str,
        wanted: &Value,
        value: &Value,
    ) {
        let fits = match keyword {
            "type" => is_of_type(value, wanted),
            "enum" => wanted.as_array().is_some_and(|all| all.contains(value)),
            "format" => has_format(value, wanted),
            "pattern" => match matches(value, wanted) {
                Some(fits) => fits,
                None => return self.report(place, format!("unknown pattern {wanted}")),
            },
            "minLength" => characters(value).is_none_or(|length| Some(length) >= wanted.as_u64()),
            "maxLength" => characters(value).is_none_or(|length| Some(length) <= wanted.as_u64()),
            "minItems" => items(value).is_none_or(|length| Some(length) >= wanted.as_u64()),
            "maxItems" => items(value).is_none_or(|length| Some(length) <= wanted.as_u64()),
            "minimum" if schema.get("exclusiveMinimum") == Some(&Value::Bool(true)) => value
                .as_f64()
                .is_none_or(|number| Some(number) > wanted.as_f64()),
            "minimum" => value
                .as_f64()
                .is_none_or(|number| Some(number) >= wanted.as_f64()),
            "maximum" => value
                .as_f64()
                .is_none_or(|number| Some(number) <= wanted.as_f64()),
            "exclusiveMinimum" => wanted.is_boolean(),
            "required" => return self.required(place, wanted, value),
            "properties" => return self.properties(place, schema, value),
            // With `properties` it is looked at there.
            "additionalProperties" if schema.contains_key("properties") => true,
            "additionalProperties" => return self.properties(place, schema, value),
            "items" => return self.items(place, wanted, value),
            "allOf" | "anyOf" | "oneOf" => return self.combined(place, keyword, wanted, value),
            _ => {
                if !REMARKS.contains(&keyword) {
                    self.report(place, format!("the keyword {keyword} is not understood"));
                }
                true
            }
        };
        if !fits {
            self.report(place, format!("{value} is not {keyword} {wanted}"));
        }
    }

    fn required(&mut self, place: &str, wanted: &Value, value: &Value) {
        let Value::Object(fields) = value else { return };
        for name in wanted.as_array().into_iter().flatten() {
            if !name.as_str().is_some_and(|name| fields.contains_key(name)) {
                self.report(place, format!("{name} is missing"));
            }
        }
    }

    fn properties(&mut self, place: &str, schema: &Map<String, Value>, value: &Value) {
        let Value::Object(fields) = value else { return };
        let known = schema.get("properties").and_then(Value::as_object);
        for (name, field) in fields {
            let place = format!("{place}.{name}");
            match known.and_then(|known| known.get(name)) {
                Some(schema) => self.value(&place, schema, field),
                None => match schema.get("additionalProperties") {
                    Some(Value::Bool(true)) => {}
                    Some(schema @ Value::Object(_)) => self.value(&place, schema, field),
                    _ => self.report(&place, "is not described"),
                },
            }
        }
    }

    fn items(&mut self, place: &str, schema: &Value, value: &Value) {
        for (index, item) in value.as_array().into_iter().flatten().enumerate() {
            self.value(&format!("{place}[{index}]"), schema, item);
        }
    }

    fn combined(&mut self, place: &str, keyword: &str, wanted: &Value, value: &Value) {
        let choices = wanted.as_array().into_iter().flatten();
        let found: Vec<_> = choices
            .map(|choice| misfits(self.description, choice, value))
            .collect();
        let fitting = found.iter().filter(|misfits| misfits.is_empty()).count();
        let fits = match keyword {
            "allOf" => fitting == found.len(),
            "anyOf" => fitting > 0,
            _ => fitting == 1,
        };
        if !fits {
            let why: Vec<String> = found.into_iter().flatten().collect();
            let why = why.join("; ");
            self.report(place, format!("{value} fits {fitting} of {keyword}: {why}"));
        }
    }
}

fn is_of_type(value: &Value, wanted: &Value) -> bool {
    match wanted.as_str() {
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("number") => value.is_number(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        _ => false,
    }
}

fn characters(value: &Value) -> Option<u64> {
    u64::try_from(value.as_str()?.chars().count()).ok()
}

fn items(value: &Value) -> Option<u64> {
    u64::try_from(value.as_array()?.len()).ok()
}

/// Formats, lightly: enough to tell a time from a name.
fn has_format(value: &Value, wanted: &Value) -> bool {
    let Some(text) = value.as_str() else {
        return true;
    };
    match wanted.as_str() {
        Some("date-time") => is_time(text),
        Some("uuid") => is_uuid(text),
        Some("uri") => text.contains("://"),
        _ => true,
    }
}

/// RFC 3339: `2026-01-02T03:04:05`, perhaps a fraction, and a zone.
fn is_time(text: &str) -> bool {
    let zone = text.ends_with('Z') || text.get(19..).is_some_and(|rest| rest.contains(['+', '-']));
    let shape = |(index, byte): (usize, u8)| match index {
        4 | 7 => byte == b'-',
        10 => byte == b'T',
        13 | 16 => byte == b':',
        _ => byte.is_ascii_digit(),
    };
    zone && text.len() > 19 && text.bytes().take(19).enumerate().all(shape)
}

fn is_uuid(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12])
        && parts
            .iter()
            .all(|part| part.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// The few patterns that the description's own operations use; `None` for another.
fn matches(value: &Value, pattern: &Value) -> Option<bool> {
    let text = value.as_str().unwrap_or_default();
    let all = |fits: fn(u8) -> bool| !text.is_empty() && text.bytes().all(fits);
    match pattern.as_str()? {
        "^[a-z]+$" => Some(all(|byte| byte.is_ascii_lowercase())),
        r"^\d+$" => Some(all(|byte| byte.is_ascii_digit())),
        r"^[\w-]+$" => Some(all(|byte| {
            byte.is_ascii_alphanumeric() || b"_-".contains(&byte)
        })),
        "^[a-z_][a-z0-9_]+$" => Some(
            !text.starts_with(|first: char| first.is_ascii_digit())
                && text.len() > 1
                && all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'),
        ),
        "^[A-Za-z][A-Za-z0-9_-]*$" => Some(
            text.starts_with(|first: char| first.is_ascii_alphabetic())
                && all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)),
        ),
        "^[^,]+$" => Some(!text.is_empty() && !text.contains(',')),
        r"^(-?[0-9]+(?:\.[0-9]+)?)(us|ms|s|min|h|d)?$" => {
            let number = text.trim_end_matches(|one: char| one.is_ascii_lowercase());
            Some(number.parse::<f64>().is_ok())
        }
        email if email.starts_with(r"^(?!\.)(?!.*\.\.)") => Some(text.contains('@')),
        "^(?!SUPABASE_).*" => Some(!text.starts_with("SUPABASE_")),
        uuid if uuid.starts_with("^([0-9a-fA-F]{8}-[0-9a-fA-F]{4}") => Some(is_uuid(text)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::misfits;
    use crate::description::Description;

    fn fits(schema: Value, value: Value) -> bool {
        let description =
            Description::of(json!({ "components": { "name": { "type": "string" } } }));
        misfits(&description, &schema, &value).is_empty()
    }

    #[test]
    fn values_are_held_against_every_keyword() {
        let schema = json!({
            "type": "object",
            "required": ["ref", "port"],
            "properties": {
                "ref": { "type": "string", "pattern": "^[a-z]+$", "minLength": 3, "maxLength": 3 },
                "port": { "type": "integer", "minimum": 0, "exclusiveMinimum": true },
                "at": { "type": "string", "format": "date-time", "nullable": true },
                "names": { "type": "array", "items": { "$ref": "#/components/name" } },
            },
        });
        assert!(fits(
            schema.clone(),
            json!({ "ref": "abc", "port": 1, "at": null })
        ));
        assert!(fits(
            schema.clone(),
            json!({ "ref": "abc", "port": 1, "names": ["x"] })
        ));
        for wrong in [
            json!({ "ref": "abc" }),
            json!({ "ref": "abcd", "port": 1 }),
            json!({ "ref": "ABC", "port": 1 }),
            json!({ "ref": "abc", "port": 0 }),
            json!({ "ref": "abc", "port": 1.5 }),
            json!({ "ref": "abc", "port": 1, "at": "yesterday" }),
            json!({ "ref": "abc", "port": 1, "names": [1] }),
            json!({ "ref": "abc", "port": 1, "unknown": true }),
            json!([]),
        ] {
            assert!(!fits(schema.clone(), wrong.clone()), "{wrong}");
        }
    }

    #[test]
    fn exactly_one_of_the_choices_fits() {
        let schema = json!({ "oneOf": [
            { "type": "object", "required": ["type"], "properties": { "type": { "enum": ["a"] } } },
            { "type": "object", "required": ["type"], "properties": { "type": { "enum": ["b"] } } },
        ] });
        assert!(fits(schema.clone(), json!({ "type": "b" })));
        assert!(!fits(schema, json!({ "type": "c" })));
    }

    #[test]
    fn a_keyword_that_is_not_understood_is_reported() {
        assert!(!fits(json!({ "multipleOf": 2 }), json!(4)));
    }
}
