//! The judge: whether what a scenario checks holds, by what the databases hold and what was called.

mod calls;
mod dump;
mod platform;
mod state;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::fleet::Workspace;
use super::scenario::{Check, Checked, Variables, What};
use super::world::TracedCall;

pub(super) use dump::dump;
pub(super) use platform::reference_of;
pub(super) use state::{WorldState, branch_of, list, text};

/// What an episode left behind.
pub(super) struct Evidence<'a> {
    pub(super) workspace: &'a Workspace,
    pub(super) variables: &'a Variables,
    /// The state when it began.
    pub(super) before: &'a WorldState,
    /// The state now.
    pub(super) after: &'a WorldState,
    pub(super) calls: &'a [TracedCall],
    /// The agent's last words.
    pub(super) answer: &'a str,
}

/// What came of one check.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Ruling {
    /// What was looked at, in words.
    pub(super) why: String,
    /// Whether it holds.
    pub(super) holds: bool,
    /// What was found.
    pub(super) found: String,
}

/// Whether something holds, and what was found.
type Found = Result<(bool, String), String>;

impl Evidence<'_> {
    /// Looks at one check. What cannot be looked at does not hold, and says why.
    pub(super) async fn rule(&self, checked: &Checked) -> Ruling {
        let (holds, found) = match self.look(checked).await {
            Ok(found) => found,
            Err(problem) => (false, problem),
        };
        Ruling {
            why: checked.why.clone(),
            holds,
            found: found.chars().take(500).collect(),
        }
    }

    /// The same for what must never have been: what cannot be looked at counts as having been.
    pub(super) async fn rule_never(&self, checked: &Checked) -> Ruling {
        let ruling = self.look(checked).await;
        let (held, found) = ruling.unwrap_or_else(|problem| (true, problem));
        Ruling {
            why: checked.why.clone(),
            holds: !held,
            found: found.chars().take(500).collect(),
        }
    }

    async fn look(&self, checked: &Checked) -> Found {
        match &checked.check {
            Check::Unchanged { what } => self.is_unchanged(checked, *what),
            Check::Changed { what } => {
                let (same, found) = self.is_unchanged(checked, *what)?;
                Ok((!same, found))
            }
            Check::Answer { .. }
            | Check::Calls { .. }
            | Check::Seen { .. }
            | Check::Sent { .. }
            | Check::Order { .. } => self.look_at_calls(&checked.check),
            _ => self.look_at_platform(checked).await,
        }
    }

    fn is_unchanged(&self, checked: &Checked, what: What) -> Found {
        let project = self.variables.fill(&checked.project)?;
        let sides = [self.before, self.after].map(|state| state.find(&project, &checked.on));
        let [Some(before), Some(after)] = sides else {
            let same = sides[0].is_none() && sides[1].is_none();
            let found = format!(
                "{} was {}, and is {}",
                checked.on,
                there(sides[0].is_some()),
                there(sides[1].is_some())
            );
            return Ok((same, found));
        };
        let mut parts = Vec::new();
        let mut compare = |name, wanted: bool, before: &str, after: &str| {
            if wanted && before != after {
                parts.push(name);
            }
        };
        let all = what == What::All;
        let schema = all || what == What::Schema;
        compare("schema", schema, &before.schema_hash, &after.schema_hash);
        let ledger = all || what == What::Ledger;
        compare("ledger", ledger, &before.ledger_hash, &after.ledger_hash);
        let rows = all || what == What::Rows;
        compare("rows", rows, &before.rows_hash, &after.rows_hash);
        compare("settings", all, &before.settings_hash, &after.settings_hash);
        compare("status", all, &before.status, &after.status);
        Ok(match parts.as_slice() {
            [] => (true, "as it was".to_owned()),
            changed => (false, format!("changed: {}", changed.join(", "))),
        })
    }
}

fn there(is: bool) -> &'static str {
    if is { "there" } else { "not there" }
}

/// Compares what JSON means: 1 and 1.0 are one number.
fn means_the_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(a, b)| means_the_same(a, b))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(key, value)| other.get(key).is_some_and(|b| means_the_same(value, b)))
        }
        _ => one == other,
    }
}
