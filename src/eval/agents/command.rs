//! An agent that is a command: it is told its task on standard input and in its environment, speaks MCP with
//! the workspace, and says its last words on standard output.

use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

use super::{Assignment, Ended};

/// The most bytes of last words that are kept.
const MOST_WORDS: u64 = 256 * 1024;

/// Ends a command with all that it has started.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        let pid = child.id().and_then(|pid| Pid::from_raw(pid.cast_signed()));
        Self(pid)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(pid) = self.0 {
            // It may have ended by itself.
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}

pub(super) async fn run(command: &str, assignment: &Assignment<'_>) -> Result<Ended, String> {
    let address = assignment.workspace.address();
    let told = json!({
        "scenario": assignment.scenario.name,
        "task": assignment.task,
        "mcp": { "url": address.url(), "command": assignment.mcp_command },
        "limits": assignment.scenario.limits,
    });
    let mcp_command = json!(assignment.mcp_command).to_string();
    let mut child = Command::new("sh")
        .arg("-c")
        .arg(command)
        .env("DRYDOCK_TASK", assignment.task)
        .env("DRYDOCK_MCP_URL", address.url())
        .env("DRYDOCK_MCP_COMMAND", mcp_command)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .process_group(0)
        .spawn()
        .map_err(|error| format!("the agent could not be started: {error}"))?;
    // Also where the limit of time ends this.
    let _group = Group::of(&child);
    let (Some(mut input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
        return Err("the agent has no pipes".to_owned());
    };
    // One that does not read its input has the same in its environment.
    let _ = input.write_all(format!("{told}\n").as_bytes()).await;
    drop(input);
    let mut words = Vec::new();
    let read = output.take(MOST_WORDS).read_to_end(&mut words).await;
    read.map_err(|error| error.to_string())?;
    let status = child.wait().await.map_err(|error| error.to_string())?;
    Ok(Ended {
        answer: String::from_utf8_lossy(&words).trim().to_owned(),
        failure: (!status.success()).then(|| format!("the agent ended with {status}")),
    })
}
