//! A call as it was asked for: what makes two calls the same, and how long one waits.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{Class, Code, Grant, Guard, Next, Principal, Refusal, Tool};
use crate::hex;

/// The argument with which a call of a slow tool shortens its wait.
pub const WAIT_ARGUMENT: &str = "wait_s";

/// A call as it was asked for.
pub(super) struct Asked {
    pub(super) tool: &'static str,
    pub(super) principal: Principal,
    /// Whether it can change anything: what only looks is not worth finding across processes.
    pub(super) writes: bool,
    /// Whether it may simply be made again if its process died.
    pub(super) resumes: bool,
    /// What a repeated call has in common with it.
    pub(super) key: String,
    /// The arguments, without the wait.
    pub(super) arguments: Map<String, Value>,
    pub(super) wait: Duration,
}

impl Asked {
    /// Takes the wait out of the arguments of a call of `T`.
    pub(super) fn read<T: Tool>(
        guard: &Guard,
        principal: &Principal,
        mut arguments: Map<String, Value>,
    ) -> Result<Self, Refusal> {
        let longest = guard.policy().limits.wait_s;
        let wait = match arguments.shift_remove(WAIT_ARGUMENT) {
            Some(wait) if T::SLOW => wait.as_u64().filter(|wait| *wait > 0).ok_or_else(|| {
                Refusal::invalid("wait_s is a number of seconds, at least 1").next(Next::new(
                    T::NAME,
                    Value::Object(arguments.clone()),
                    "the same, waiting as long as the operator lets it",
                ))
            })?,
            Some(wait) => {
                // As any other argument that the tool does not know.
                arguments.insert(WAIT_ARGUMENT.to_owned(), wait);
                longest
            }
            None => longest,
        };
        let hash = arguments_hash(&arguments);
        Ok(Self {
            tool: T::NAME,
            principal: principal.clone(),
            writes: T::Grant::CLASS != Class::Read,
            resumes: T::RESUMES,
            key: hex::sha256_of([principal.as_str(), T::NAME, &hash]),
            arguments,
            wait: Duration::from_secs(wait.min(longest)),
        })
    }

    /// The same call.
    pub(super) fn again(&self, why: &str) -> Next {
        Next::new(self.tool, Value::Object(self.arguments.clone()), why)
    }

    /// The refusal that tells the caller to come back.
    pub(super) fn in_progress(&self, id: &str, started_at: &str, step: Option<String>) -> Refusal {
        let doing = match &step {
            Some(step) => format!(" ({step})"),
            None => String::new(),
        };
        Refusal::new(
            Code::InProgress,
            format!(
                "{} is at work{doing} and needs more time; repeat the same call to follow it",
                self.tool
            ),
        )
        .next(self.again("the very same call attaches to the work that is under way"))
        .details(json!({
            "operation": { "id": id, "tool": self.tool, "started_at": started_at, "step": step },
        }))
    }
}

/// SHA-256 of arguments, whatever the order of their members.
pub(super) fn arguments_hash(arguments: &Map<String, Value>) -> String {
    hex::sha256_text(&canonical(&Value::Object(arguments.clone())))
}

/// A value's text in which the order of members does not matter.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let mut members: Vec<(&String, &Value)> = members.iter().collect();
            members.sort_by_key(|(name, _)| *name);
            let members: Vec<String> = members
                .into_iter()
                .map(|(name, value)| format!("{}:{}", json!(name), canonical(value)))
                .collect();
            format!("{{{}}}", members.join(","))
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(canonical).collect();
            format!("[{}]", items.join(","))
        }
        plain => plain.to_string(),
    }
}
