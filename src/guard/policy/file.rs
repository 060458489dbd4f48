//! The policy file: one TOML file, read once at the start.
//!
//! Everything that is wrong with it is said at once, unknown keys with the nearest known name. A
//! file that is not wholly understood is no policy.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};
use toml::Table;

use super::{Approvals, Policy};
use crate::webhook::check_url;

/// A policy file that was understood.
#[derive(Debug, Clone)]
pub struct PolicyFile {
    /// What it says, with the defaults for what it leaves out.
    pub policy: Policy,
    /// The keys that it sets, as `limits.rows`.
    pub keys: Vec<String>,
}

/// What is wrong with a policy file: one sentence each.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct PolicyError(pub Vec<String>);

/// One key of the policy.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    /// Its name in the file, `limits.rows`.
    pub name: String,
    /// Its value.
    pub value: Value,
    /// What it means.
    pub meaning: String,
}

impl PolicyFile {
    /// Reads the text of a file.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let table: Table = text
            .parse()
            .map_err(|error: toml::de::Error| PolicyError(vec![error.to_string()]))?;
        let (mut keys, mut problems) = (Vec::new(), Vec::new());
        walk(&table, &schema(), "", &mut keys, &mut problems);
        if !problems.is_empty() {
            return Err(PolicyError(problems));
        }
        let policy: Policy =
            toml::from_str(text).map_err(|error| PolicyError(vec![error.to_string()]))?;
        let problems = policy.problems();
        if problems.is_empty() {
            Ok(Self { policy, keys })
        } else {
            Err(PolicyError(problems))
        }
    }
}

impl Policy {
    /// Every key with its value and its meaning, in the order in which they are declared.
    pub fn keys(&self) -> Vec<Key> {
        let mut keys = Vec::new();
        list(&schema(), &json!(self), "", &mut keys);
        keys
    }

    /// What no type says: values that cannot be meant.
    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut demand = |holds: bool, problem: &str| {
            if !holds {
                problems.push(problem.to_owned());
            }
        };
        demand(
            !self.dev_branch.name.trim().is_empty(),
            "dev_branch.name is empty",
        );
        demand(self.limits.rows > 0, "limits.rows is 0");
        demand(
            (1024..=16 * 1024 * 1024).contains(&self.limits.bytes),
            "limits.bytes is 1024 (1 KiB) to 16777216 (16 MiB)",
        );
        demand(
            self.cost
                .usd_per_month
                .is_none_or(|cap| cap.is_finite() && cap >= 0.0),
            "cost.usd_per_month is a number of US dollars, 0 or more",
        );
        demand(
            (1..=600).contains(&self.limits.wait_s),
            "limits.wait_s is 1 to 600",
        );
        problems_of(&self.approvals, &mut demand);
        for waiver in &self.gate.waivers {
            demand(
                !waiver.reason.trim().is_empty(),
                &format!(
                    "the waiver of {} on {} has no reason",
                    waiver.lint, waiver.object
                ),
            );
        }
        for table in &self.gate.public_tables {
            demand(
                table.split('.').filter(|part| !part.is_empty()).count() == 2,
                &format!("gate.public_tables: \"{table}\" is not schema.name"),
            );
        }
        problems
    }
}

fn problems_of(approvals: &Approvals, demand: &mut impl FnMut(bool, &str)) {
    demand(
        (1..=7 * 24 * 3600).contains(&approvals.expire_s),
        "approvals.expire_s is 1 to 604800, which is a week",
    );
    demand(
        approvals.most_pending > 0,
        "approvals.most_pending is 0, so nothing could ever be approved",
    );
    if let Some(Err(problem)) = approvals.webhook().map(check_url) {
        demand(false, &format!("approvals.webhook_url: {problem}"));
    }
}

/// The policy's own schema: names and meanings of its keys, as they are declared.
fn schema() -> Map<String, Value> {
    let mut settings = SchemaSettings::draft2020_12();
    settings.inline_subschemas = true;
    match settings
        .into_generator()
        .into_root_schema_for::<Policy>()
        .to_value()
    {
        Value::Object(schema) => schema,
        _ => Map::new(),
    }
}

fn properties(schema: &Map<String, Value>) -> Option<&Map<String, Value>> {
    schema.get("properties")?.as_object()
}

fn dotted(prefix: &str, key: &str) -> String {
    if prefix.is_empty() {
        key.to_owned()
    } else {
        format!("{prefix}.{key}")
    }
}

/// Goes through a table beside its schema, and collects known and unknown keys.
fn walk(
    table: &Table,
    schema: &Map<String, Value>,
    prefix: &str,
    keys: &mut Vec<String>,
    problems: &mut Vec<String>,
) {
    let Some(known) = properties(schema) else {
        return;
    };
    for (key, value) in table {
        let name = dotted(prefix, key);
        let Some(Value::Object(below)) = known.get(key) else {
            problems.push(unknown(&name, key, known));
            continue;
        };
        match value {
            toml::Value::Table(inner) if properties(below).is_some() => {
                walk(inner, below, &name, keys, problems);
            }
            toml::Value::Array(items) => {
                let of_items = below.get("items").and_then(Value::as_object);
                for item in items.iter().filter_map(toml::Value::as_table) {
                    if let Some(of_items) = of_items {
                        walk(item, of_items, &name, &mut Vec::new(), problems);
                    }
                }
                keys.push(name);
            }
            _ => keys.push(name),
        }
    }
}

fn unknown(name: &str, key: &str, known: &Map<String, Value>) -> String {
    let nearest = known
        .keys()
        .map(|candidate| (strsim::jaro_winkler(candidate, key), candidate))
        .max_by(|one, other| one.0.total_cmp(&other.0));
    let all = || {
        known
            .keys()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(", ")
    };
    match nearest {
        Some((likeness, nearest)) if likeness > 0.7 => {
            format!("{name} is no key of the policy; did you mean {nearest}?")
        }
        _ => format!("{name} is no key of the policy; there are {}", all()),
    }
}

fn list(schema: &Map<String, Value>, values: &Value, prefix: &str, keys: &mut Vec<Key>) {
    for (key, below) in properties(schema).into_iter().flatten() {
        let name = dotted(prefix, key);
        let value = values.get(key).cloned().unwrap_or_default();
        match below.as_object() {
            Some(section) if properties(section).is_some() => list(section, &value, &name, keys),
            _ => {
                let meaning = below.get("description").and_then(Value::as_str);
                keys.push(Key {
                    name,
                    value,
                    meaning: meaning.unwrap_or_default().replace('\n', " "),
                });
            }
        }
    }
}
