//! What setup and scripts save from results, and fill into what follows.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};

/// Values by name.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub(in crate::eval) struct Variables(BTreeMap<String, Value>);

impl Variables {
    /// A variable's value as text.
    pub(in crate::eval) fn text(&self, name: &str) -> Option<String> {
        self.0.get(name).map(shown)
    }

    /// Sets a variable.
    pub(in crate::eval) fn set(&mut self, name: &str, value: Value) {
        self.0.insert(name.to_owned(), value);
    }

    /// Saves parts of a result, each by its path of names and places, as `branches.0.id`.
    pub(in crate::eval) fn save(
        &mut self,
        result: &Value,
        wanted: &BTreeMap<String, String>,
    ) -> Result<(), String> {
        for (name, path) in wanted {
            let found = path
                .split('.')
                .try_fold(result, |value, key| match value {
                    Value::Array(items) => items.get(key.parse::<usize>().ok()?),
                    other => other.get(key),
                })
                .ok_or_else(|| format!("the result has no {path}"))?;
            self.set(name, found.clone());
        }
        Ok(())
    }

    /// Fills `{{name}}` into a text.
    pub(in crate::eval) fn fill(&self, text: &str) -> Result<String, String> {
        let (mut filled, mut rest) = (String::with_capacity(text.len()), text);
        while let Some((before, after)) = rest.split_once("{{") {
            let Some((name, next)) = after.split_once("}}") else {
                break;
            };
            filled.push_str(before);
            let value = self.text(name.trim());
            filled.push_str(&value.ok_or_else(|| format!("nothing has saved {}", name.trim()))?);
            rest = next;
        }
        filled.push_str(rest);
        Ok(filled)
    }

    /// Fills every text of a value; one that is a variable and nothing else becomes its value.
    pub(in crate::eval) fn fill_value(&self, value: &Value) -> Result<Value, String> {
        Ok(match value {
            Value::String(text) => {
                let whole = text
                    .strip_prefix("{{")
                    .and_then(|rest| rest.strip_suffix("}}"))
                    .and_then(|name| self.0.get(name.trim()));
                match whole {
                    Some(value) => value.clone(),
                    None => Value::String(self.fill(text)?),
                }
            }
            Value::Array(items) => {
                let items: Result<_, _> = items.iter().map(|item| self.fill_value(item)).collect();
                Value::Array(items?)
            }
            Value::Object(fields) => Value::Object(self.fill_fields(fields)?),
            other => other.clone(),
        })
    }

    /// The same for arguments.
    pub(in crate::eval) fn fill_fields(
        &self,
        fields: &Map<String, Value>,
    ) -> Result<Map<String, Value>, String> {
        fields
            .iter()
            .map(|(name, value)| Ok((name.clone(), self.fill_value(value)?)))
            .collect()
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Variables;

    #[test]
    fn what_a_result_holds_is_saved_by_its_path_and_filled_in_with_its_type() {
        let mut variables = Variables::default();
        let result = json!({ "rows": [{ "id": 7, "name": "a" }] });
        let wanted = [("id".to_owned(), "rows.0.id".to_owned())].into();
        variables.save(&result, &wanted).unwrap();
        assert_eq!(variables.fill("id {{id}}, {{ id }}").unwrap(), "id 7, 7");
        let filled = variables.fill_value(&json!({ "a": ["{{id}}", "x{{id}}"] }));
        assert_eq!(filled.unwrap(), json!({ "a": [7, "x7"] }));
        assert!(variables.fill("{{other}}").unwrap_err().contains("other"));
        assert_eq!(variables.fill("a {{ b").unwrap(), "a {{ b");
        let missing = [("x".to_owned(), "rows.1.id".to_owned())].into();
        assert!(variables.save(&result, &missing).is_err());
    }
}
