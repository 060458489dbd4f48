//! A control plane as a harness has it.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use reqwest::Method;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::harness::{Mcp, World, http_client, kill};

/// `drydock eval serve`, ended with this.
pub(super) struct Fleet {
    child: Child,
    http: reqwest::Client,
    pub(super) url: String,
    token: String,
    pub(super) dir: PathBuf,
    world: World,
}

/// A workspace: its id, and where it is reached.
pub(super) struct Workspace<'a> {
    fleet: &'a Fleet,
    pub(super) id: String,
    pub(super) shown: Value,
}

impl Fleet {
    /// Starts one without worlds in waiting.
    pub(super) fn start() -> Self {
        Self::start_with(&["--spares", "0"])
    }

    pub(super) fn start_with(flags: &[&str]) -> Self {
        let world = World::new();
        let dir = world.dir().join("fleet");
        let mut command = world.command(&["eval", "serve", "--dir"]);
        let mut child = command
            .arg(&dir)
            .args(flags)
            .stdout(Stdio::piped())
            .stderr(world.log())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(ready["ready"], true, "{ready}");
        Self {
            child,
            http: http_client(),
            url: ready["control_url"].as_str().unwrap().to_owned(),
            token: ready["control_token"].as_str().unwrap().to_owned(),
            dir,
            world,
        }
    }

    /// Sends a request; gives status and body.
    pub(super) async fn send(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        self.send_as(method, path, body, Some(&self.token)).await
    }

    pub(super) async fn send_as(
        &self,
        method: Method,
        path: &str,
        body: Value,
        token: Option<&str>,
    ) -> (u16, Value) {
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if !body.is_null() {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    /// Sends a request that must be done.
    pub(super) async fn ok(&self, method: Method, path: &str, body: Value) -> Value {
        let (status, value) = self.send(method.clone(), path, body).await;
        assert_eq!(status, 200, "{method} {path}: {value}");
        value
    }

    /// Makes a workspace.
    pub(super) async fn workspace(&self, body: Value) -> Workspace<'_> {
        let shown = self.ok(Method::POST, "/workspaces", body).await;
        Workspace {
            fleet: self,
            id: shown["id"].as_str().unwrap().to_owned(),
            shown,
        }
    }

    /// The process.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Kills it, and waits until it has gone.
    pub(super) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Tells it to end, and waits until it has.
    pub(super) fn end(&mut self) -> std::process::ExitStatus {
        kill(self.child.id(), Signal::TERM);
        self.child.wait().unwrap()
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.end();
        }
        // The world, with its directory, goes last.
        let _ = &self.world;
    }
}

impl Workspace<'_> {
    /// An agent's connection.
    pub(super) async fn connect(&self) -> Mcp {
        let words: Vec<&str> = self.shown["mcp_command"]
            .as_array()
            .unwrap()
            .iter()
            .map(|word| word.as_str().unwrap())
            .collect();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).stderr(self.fleet.world.log());
        Mcp::over(command, None).await
    }

    pub(super) async fn post(&self, what: &str, body: Value) -> Value {
        let path = format!("/workspaces/{}/{what}", self.id);
        self.fleet.ok(Method::POST, &path, body).await
    }

    pub(super) async fn get(&self, what: &str) -> Value {
        let path = format!("/workspaces/{}/{what}", self.id);
        self.fleet.ok(Method::GET, &path, Value::Null).await
    }

    pub(super) async fn reset(&self) -> Value {
        self.post("reset", json!({})).await
    }

    pub(super) async fn snapshot(&self, name: &str) {
        self.post("snapshot", json!({ "name": name })).await;
    }
}
