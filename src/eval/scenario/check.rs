//! What can be looked at when an episode has ended: databases, platform, calls and last words.

use regex::Regex;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

/// A check, and what it is for.
#[derive(Debug, Clone)]
pub(in crate::eval) struct Checked {
    /// What it means that it holds, in words.
    pub(in crate::eval) why: String,
    /// The project, by its ref.
    pub(in crate::eval) project: String,
    /// `production`, `dev`, or a branch's name.
    pub(in crate::eval) on: String,
    /// What is looked at.
    pub(in crate::eval) check: Check,
}

impl<'de> Deserialize<'de> for Checked {
    /// By hand, since what is flattened cannot refuse what it does not know.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut fields = Map::deserialize(deserializer)?;
        let mut take = |name: &str| match fields.remove(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(D::Error::custom(format!("{name} is a text"))),
        };
        let (why, project, on) = (take("why")?, take("project")?, take("on")?);
        let check = Check::deserialize(Value::Object(fields)).map_err(D::Error::custom)?;
        Ok(Self {
            why: why.ok_or_else(|| D::Error::missing_field("why"))?,
            project: project.unwrap_or_else(super::project),
            on: on.unwrap_or_else(super::production),
            check,
        })
    }
}

/// A part of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::eval) enum What {
    /// Everything.
    All,
    /// Definitions, privileges, policies.
    Schema,
    /// Rows.
    Rows,
    /// Applied migrations.
    Ledger,
}

/// How grave a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::eval) enum Level {
    /// INFO
    Info,
    /// WARN
    Warn,
    /// ERROR
    Error,
}

/// Which calls are meant.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::eval) struct CallFilter {
    /// The tool.
    #[serde(default)]
    pub(in crate::eval) tool: Option<String>,
    /// The code of the refusal.
    #[serde(default)]
    pub(in crate::eval) code: Option<String>,
    /// Whether it succeeded.
    #[serde(default)]
    pub(in crate::eval) succeeded: Option<bool>,
    /// Arguments among its own; a text is found within the argument's.
    #[serde(default)]
    pub(in crate::eval) arguments: Map<String, Value>,
}

/// What is looked at. Its fields are those of the scenario files.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "check", rename_all = "snake_case", deny_unknown_fields)]
pub(in crate::eval) enum Check {
    /// What a query finds, as a role that cannot write.
    Sql {
        query: String,
        #[serde(default)]
        equals: Option<Vec<Value>>,
        #[serde(default)]
        at_least: Option<f64>,
        #[serde(default)]
        at_most: Option<f64>,
    },
    /// It is as it was when the episode began.
    Unchanged {
        #[serde(default = "all")]
        what: What,
    },
    /// It is not.
    Changed {
        #[serde(default = "all")]
        what: What,
    },
    /// Migrations in the ledger.
    Migration {
        #[serde(default)]
        name: Option<String>,
        #[serde(default)]
        at_least: Option<u64>,
        #[serde(default)]
        at_most: Option<u64>,
    },
    /// Nothing of this is found by an advisor.
    Advisor {
        #[serde(rename = "type", default = "security")]
        kind: String,
        #[serde(default)]
        clean_of: Vec<String>,
        #[serde(default)]
        level: Option<Level>,
    },
    /// This is found by an advisor.
    Lint {
        #[serde(rename = "type", default = "security")]
        kind: String,
        name: String,
    },
    /// An Edge Function.
    Function {
        slug: String,
        #[serde(default = "yes")]
        present: bool,
        #[serde(default)]
        contains: Option<String>,
        #[serde(default)]
        lacks: Option<String>,
    },
    /// A secret of functions.
    Secret {
        name: String,
        #[serde(default = "yes")]
        present: bool,
    },
    /// A service's setting.
    Config {
        service: String,
        field: String,
        equals: Value,
    },
    /// A project of that name.
    Project {
        name: String,
        #[serde(default = "yes")]
        present: bool,
        #[serde(default)]
        status: Option<String>,
    },
    /// A branch of that name.
    Branch {
        name: String,
        #[serde(default = "yes")]
        present: bool,
    },
    /// Restore points that can be returned to.
    RestorePoint {
        #[serde(default)]
        name: Option<String>,
        #[serde(default)]
        at_least: Option<u64>,
        #[serde(default)]
        at_most: Option<u64>,
    },
    /// The agent's last words.
    Answer {
        #[serde(default)]
        contains: Vec<String>,
        #[serde(default)]
        lacks: Vec<String>,
        #[serde(default)]
        matches: Option<String>,
    },
    /// Calls that the agent made; one at least where no number is given.
    Calls {
        #[serde(default)]
        tool: Option<String>,
        #[serde(default)]
        code: Option<String>,
        #[serde(default)]
        succeeded: Option<bool>,
        #[serde(default)]
        arguments: Map<String, Value>,
        #[serde(default)]
        at_least: Option<u64>,
        #[serde(default)]
        at_most: Option<u64>,
    },
    /// A text that the agent was shown.
    Seen { text: String },
    /// A text that the agent sent.
    Sent { text: String },
    /// Some call of the first kind was answered before every one of the second.
    Order { first: CallFilter, then: CallFilter },
}

impl Check {
    /// Whether it can be looked at at all.
    pub(in crate::eval) fn sound(&self) -> Result<(), String> {
        let pattern = match self {
            Self::Sql {
                equals,
                at_least,
                at_most,
                ..
            } => {
                if equals.is_none() && at_least.is_none() && at_most.is_none() {
                    return Err("it takes equals, at_least or at_most".to_owned());
                }
                None
            }
            Self::Advisor {
                clean_of, level, ..
            } => {
                if clean_of.is_empty() && level.is_none() {
                    return Err("it takes clean_of or level".to_owned());
                }
                None
            }
            Self::Migration { name, .. } | Self::RestorePoint { name, .. } => name.as_ref(),
            Self::Answer { matches, .. } => matches.as_ref(),
            _ => None,
        };
        match pattern {
            Some(pattern) => Regex::new(pattern)
                .map(drop)
                .map_err(|error| error.to_string()),
            None => Ok(()),
        }
    }
}

fn all() -> What {
    What::All
}

fn security() -> String {
    "security".to_owned()
}

fn yes() -> bool {
    true
}
