//! `drydock init`: an MCP client's configuration, merged into what stands there.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::print_line;
use crate::config::{ClientName, InitArgs};

pub(super) fn run(args: &InitArgs) -> Result<(), String> {
    let entry = entry(&args.data_dir.path()?)?;
    let (path, key) = place(args.client);
    if args.print {
        print_line(&pretty(&json!({ key: { "drydock": entry } })));
        return Ok(());
    }
    let mut configuration = read(&path)?;
    let servers = configuration
        .entry(key)
        .or_insert_with(|| Value::Object(Map::new()));
    let Value::Object(servers) = servers else {
        return Err(format!("{}: {key} is not an object", path.display()));
    };
    servers.insert("drydock".to_owned(), entry);
    write(&path, &Value::Object(configuration))?;
    print_line(&format!(
        "wrote {}: restart the client, or reload its MCP servers",
        path.display()
    ));
    Ok(())
}

/// How a client starts this very program.
pub(super) fn entry(data_dir: &Path) -> Result<Value, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    Ok(json!({
        "type": "stdio",
        "command": program,
        "args": ["serve", "--data-dir", data_dir],
    }))
}

/// Where a client looks, from the folder of the work, and under which key.
fn place(client: ClientName) -> (PathBuf, &'static str) {
    match client {
        ClientName::Claude => (PathBuf::from(".mcp.json"), "mcpServers"),
        ClientName::Cursor => (PathBuf::from(".cursor/mcp.json"), "mcpServers"),
        ClientName::Vscode => (PathBuf::from(".vscode/mcp.json"), "servers"),
    }
}

fn read(path: &Path) -> Result<Map<String, Value>, String> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Map::new()),
        Err(error) => return Err(format!("{}: {error}", path.display())),
    };
    serde_json::from_str(&text).map_err(|error| {
        format!(
            "{} is not plain JSON ({error}); add this by hand, or mend the file: drydock init --print",
            path.display()
        )
    })
}

fn write(path: &Path, configuration: &Value) -> Result<(), String> {
    let unwritable = |error: std::io::Error| format!("{}: {error}", path.display());
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        fs::create_dir_all(folder).map_err(unwritable)?;
    }
    fs::write(path, pretty(configuration) + "\n").map_err(unwritable)
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_else(|_| value.to_string())
}
