//! What real MCP clients demand of a list of tools, over the wire.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::platform::{DRYDOCK, Folder};
use super::{Failure, assert_none};

/// What a model may have to read, in tokens of four bytes.
const BUDGET: usize = 4_500;
/// Arguments that say by their name what they are.
const PLAIN: [&str; 4] = ["name", "query", "type", "organization_id"];

/// The answer to `tools/list`, as the real server writes it.
fn listed() -> Result<Vec<Value>, Failure> {
    let folder = Folder::make()?;
    let mut child = Command::new(DRYDOCK)
        .arg("--data-dir")
        .arg(&folder.0)
        .env_remove("DRYDOCK_FEATURES")
        .env_remove("DRYDOCK_READ_ONLY")
        .env_remove("DRYDOCK_HTTP")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let mut input = child.stdin.take().ok_or("the child has no input")?;
    let output = child.stdout.take().ok_or("the child has no output")?;
    let client = json!({
        "protocolVersion": "2025-11-25", "capabilities": {},
        "clientInfo": { "name": "contract", "version": "1" },
    });
    for message in [
        json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": client }),
        json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }),
        json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/list" }),
    ] {
        writeln!(input, "{message}")?;
    }
    let mut tools = None;
    for line in BufReader::new(output).lines() {
        let answer: Value = serde_json::from_str(&line?)?;
        if answer["id"] == 2 {
            tools = answer["result"]["tools"].as_array().cloned();
            break;
        }
    }
    drop(input);
    child.wait()?;
    Ok(tools.ok_or("there is no list of tools")?)
}

/// Keys that several clients reject, wherever they stand.
fn indirections(place: &str, value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                if matches!(name.as_str(), "$ref" | "$defs" | "$schema" | "definitions") {
                    found.push(format!("{place}: {name}"));
                }
                indirections(&format!("{place}.{name}"), field, found);
            }
        }
        Value::Array(items) => {
            for item in items {
                indirections(place, item, found);
            }
        }
        _ => {}
    }
}

#[test]
fn no_schema_points_elsewhere() -> Result<(), Failure> {
    let mut found = Vec::new();
    for tool in listed()? {
        for schema in ["inputSchema", "outputSchema"] {
            indirections(
                &format!("{} {schema}", tool["name"]),
                &tool[schema],
                &mut found,
            );
            if tool[schema]["type"] != "object" {
                found.push(format!("{} {schema}: is no object", tool["name"]));
            }
        }
    }
    assert_none("schemas that clients reject", &found);
    Ok(())
}

#[test]
fn every_tool_and_every_required_argument_says_what_it_is() -> Result<(), Failure> {
    let mut found = Vec::new();
    for tool in listed()? {
        for field in ["title", "description"] {
            if tool[field].as_str().is_none_or(str::is_empty) {
                found.push(format!("{}: no {field}", tool["name"]));
            }
        }
        let schema = &tool["inputSchema"];
        if schema["additionalProperties"] != false {
            found.push(format!(
                "{}: unknown arguments are not refused",
                tool["name"]
            ));
        }
        for name in schema["required"].as_array().into_iter().flatten() {
            let name = name.as_str().unwrap_or_default();
            let argument = &schema["properties"][name];
            if argument["description"].is_null() && !PLAIN.contains(&name) {
                found.push(format!("{}: {name} has no description", tool["name"]));
            }
        }
    }
    assert_none("tools that do not explain themselves", &found);
    Ok(())
}

#[test]
fn the_whole_list_stays_within_its_budget() -> Result<(), Failure> {
    let bytes: usize = listed()?
        .iter()
        .flat_map(|tool| ["name", "description", "inputSchema"].map(|key| tool[key].to_string()))
        .map(|text| text.len())
        .sum();
    assert!(bytes / 4 <= BUDGET, "{} tokens", bytes / 4);
    Ok(())
}
