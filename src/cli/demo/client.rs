//! The demo's MCP client: what any client does, over a child's standard input and output.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use rmcp::ServiceExt;
use rmcp::model::CallToolRequestParams;
use rmcp::service::{RoleClient, RunningService};
use rmcp::transport::TokioChildProcess;
use serde_json::Value;
use tokio::process::Command;

use crate::config::EngineArgs;

/// A session with a server that runs as a child.
pub(super) struct Session {
    running: RunningService<RoleClient, ()>,
    data_dir: PathBuf,
}

/// What a tool answered.
pub(super) struct Answer {
    /// The structured content.
    pub(super) value: Value,
    /// Whether it is a refusal.
    pub(super) refused: bool,
}

impl Session {
    /// Starts this very program as a server, and initialises.
    pub(super) async fn start(data_dir: &Path, engine: &EngineArgs) -> Result<Self, String> {
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut command = Command::new(program);
        // The demo's operator lets production's rows be read, to show that there are none.
        command
            .args(["serve", "--production-rows", "read", "--data-dir"])
            .arg(data_dir);
        // The demo is about the local platform, whatever the shell is set up for.
        for variable in [
            "SUPABASE_ACCESS_TOKEN",
            "DRYDOCK_PROJECT_REF",
            "DRYDOCK_READ_ONLY",
            "DRYDOCK_HTTP",
            "DRYDOCK_FEATURES",
            "DRYDOCK_DEV_BRANCH",
            "DRYDOCK_CREATE_DEV_BRANCH",
            "DRYDOCK_PRODUCTION_ROWS",
            "DRYDOCK_REPLAY",
            "DRYDOCK_MAX_ROWS",
        ] {
            command.env_remove(variable);
        }
        if let Some(bin) = &engine.postgres_bin {
            command.env("DRYDOCK_POSTGRES_BIN", bin);
        }
        if let Some(templates) = &engine.templates {
            command.env("DRYDOCK_TEMPLATES", templates);
        }
        let (transport, _) = TokioChildProcess::builder(command)
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| error.to_string())?;
        let running = ().serve(transport).await.map_err(|error| error.to_string())?;
        Ok(Self {
            running,
            data_dir: data_dir.to_owned(),
        })
    }

    /// The protocol version that was agreed on.
    pub(super) fn protocol(&self) -> String {
        self.running
            .peer_info()
            .map(|info| info.protocol_version.to_string())
            .unwrap_or_default()
    }

    /// How many tools are offered.
    pub(super) async fn tools(&self) -> Result<usize, String> {
        let tools = self
            .running
            .list_all_tools()
            .await
            .map_err(|error| error.to_string())?;
        Ok(tools.len())
    }

    /// Calls a tool.
    pub(super) async fn call(
        &self,
        tool: &'static str,
        arguments: Value,
    ) -> Result<Answer, String> {
        let Value::Object(arguments) = arguments else {
            return Err("arguments are an object".to_owned());
        };
        let params = CallToolRequestParams::new(tool).with_arguments(arguments);
        let result = self
            .running
            .call_tool(params)
            .await
            .map_err(|error| format!("{tool}: {error}"))?;
        Ok(Answer {
            value: result.structured_content.unwrap_or_default(),
            refused: result.is_error == Some(true),
        })
    }

    /// Answers an approval as the operator does, past the server.
    pub(super) async fn approve(&self, id: &str) -> Result<(), String> {
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let output = Command::new(program)
            .args(["approve", "grant", id, "--data-dir"])
            .arg(&self.data_dir)
            .output()
            .await
            .map_err(|error| error.to_string())?;
        if output.status.success() {
            return Ok(());
        }
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// Closes the pipe and waits until the server has gone.
    pub(super) async fn end(self) {
        if let Err(error) = self.running.cancel().await {
            tracing::debug!(%error, "the server's end could not be awaited");
        }
    }
}

impl Answer {
    /// The answer of a call that must have worked.
    pub(super) fn accepted(self) -> Result<Value, String> {
        if self.refused {
            return Err(format!("refused: {}", self.value));
        }
        Ok(self.value)
    }

    /// The error of a call that must have been refused, with this code.
    pub(super) fn refused_as(self, code: &str) -> Result<Value, String> {
        let error = self.value.get("error").cloned().unwrap_or_default();
        if self.refused && error.get("code").and_then(Value::as_str) == Some(code) {
            return Ok(error);
        }
        Err(format!("expected the refusal {code}, got {}", self.value))
    }
}
