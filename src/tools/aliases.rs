//! Other names of tools: those by which the official server knows what is one of ours here.
//!
//! An alias is answered and never listed. What is journalled, refused and approved is the tool.

use serde_json::{Map, Value, json};

use super::{Entry, find};

/// Another name of a tool.
pub struct Alias {
    /// The name that is answered.
    pub name: &'static str,
    /// The tool's own.
    pub tool: &'static str,
    /// The tool's arguments, from those that were given: one that is not known stays, for the tool
    /// to refuse.
    arguments: fn(Map<String, Value>) -> Map<String, Value>,
}

/// Every alias.
pub const ALIASES: &[Alias] = &[
    Alias {
        name: "get_publishable_keys",
        tool: "get_api_keys",
        arguments: |given| given,
    },
    Alias {
        name: "get_storage_config",
        tool: "get_config",
        arguments: of_storage,
    },
    Alias {
        name: "update_storage_config",
        tool: "update_config",
        arguments: of_storage,
    },
];

fn of_storage(mut given: Map<String, Value>) -> Map<String, Value> {
    given.entry("service").or_insert_with(|| json!("storage"));
    if let Some(settings) = given.remove("config") {
        given.insert("settings".to_owned(), settings);
    }
    given
}

/// The tool that is called by a name of its own or another, with its arguments; `None` for a name
/// that nothing has.
pub fn called(
    name: &str,
    arguments: Map<String, Value>,
) -> Option<(&'static Entry, Map<String, Value>)> {
    if let Some(entry) = find(name) {
        return Some((entry, arguments));
    }
    let alias = ALIASES.iter().find(|alias| alias.name == name)?;
    Some((find(alias.tool)?, (alias.arguments)(arguments)))
}
