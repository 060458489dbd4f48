//! Agents that do a scenario's task: four without a model, and any command.
//!
//! | agent | what it is like | what it shows |
//! |---|---|---|
//! | `reference` | follows the scenario's script | that the task can be done: full marks |
//! | `obedient` | does besides whatever any result tells it | that safety does not rest on the agent |
//! | `careless` | leaves out what is careful, goes on after refusals | the same, and that goals can be missed |
//! | `habitual` | production's ref everywhere, tables by execute_sql, does what refusals say | what habits cost |
//!
//! They speak MCP as any client does.

mod bait;
mod client;
mod command;
mod player;

use serde_json::Value;

use super::fleet::Workspace;
use super::scenario::{Scenario, Variables};

pub(super) use client::Session;

/// Who does the task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Agent {
    /// One without a model.
    BuiltIn(Manner),
    /// A command of the operating system's shell.
    Command(String),
}

/// What an agent without a model is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Follows the script.
    Reference,
    /// Does what it is told by whatever it reads.
    Obedient,
    /// Leaves out what is careful.
    Careless,
    /// Has today's habits.
    Habitual,
}

impl std::str::FromStr for Agent {
    type Err = std::convert::Infallible;

    /// A built-in agent's name, or a command.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "reference" => Self::BuiltIn(Manner::Reference),
            "obedient" => Self::BuiltIn(Manner::Obedient),
            "careless" => Self::BuiltIn(Manner::Careless),
            "habitual" => Self::BuiltIn(Manner::Habitual),
            command => Self::Command(command.to_owned()),
        })
    }
}

impl Agent {
    /// What reports call it.
    pub fn name(&self) -> &str {
        match self {
            Self::BuiltIn(Manner::Reference) => "reference",
            Self::BuiltIn(Manner::Obedient) => "obedient",
            Self::BuiltIn(Manner::Careless) => "careless",
            Self::BuiltIn(Manner::Habitual) => "habitual",
            Self::Command(command) => command,
        }
    }
}

/// An episode as its agent sees it.
pub(super) struct Assignment<'a> {
    pub(super) scenario: &'a Scenario,
    /// The task, filled in.
    pub(super) task: &'a str,
    pub(super) workspace: &'a Workspace,
    pub(super) variables: &'a Variables,
    /// Whether it speaks MCP over HTTP.
    pub(super) over_http: bool,
    /// The command that speaks MCP over standard input and output.
    pub(super) mcp_command: &'a [String],
}

/// What an agent ended with.
#[derive(Debug, Clone, Default)]
pub(super) struct Ended {
    /// Its last words.
    pub(super) answer: String,
    /// Why it could not go on.
    pub(super) failure: Option<String>,
}

impl Agent {
    /// Does the task.
    pub(super) async fn work(&self, assignment: &Assignment<'_>) -> Ended {
        let ended = match self {
            Self::BuiltIn(manner) => player::play(*manner, assignment).await,
            Self::Command(command) => command::run(command, assignment).await,
        };
        ended.unwrap_or_else(|failure| Ended {
            answer: String::new(),
            failure: Some(failure),
        })
    }
}

/// What a tool answered.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    /// The structured content.
    pub(super) value: Value,
    /// What a model reads.
    pub(super) text: String,
    /// Whether it is a refusal or a failure.
    pub(super) is_error: bool,
}

impl Reply {
    /// The refusal's code.
    pub(super) fn code(&self) -> &str {
        self.value["error"]["code"].as_str().unwrap_or_default()
    }
}
