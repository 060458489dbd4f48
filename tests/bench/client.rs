//! MCP as thin as can be: one line out, one line in, or one POST. What is measured is the server.

use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::Failure;
use super::world::{drydock, first_line};

/// The version that most clients initialise with.
const PROTOCOL: &str = "2025-11-25";

/// What `initialize` asks with.
pub(crate) fn initialize() -> Value {
    let params = json!({
        "protocolVersion": PROTOCOL,
        "capabilities": {},
        "clientInfo": { "name": "bench", "version": "1" },
    });
    request(0, "initialize", params)
}

fn request(id: u64, method: &str, params: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
}

fn initialized() -> Value {
    json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })
}

/// A tool's structured content; a refusal is a failure.
fn accepted(tool: &str, mut answer: Value) -> Result<Value, Failure> {
    let result = answer["result"].take();
    if !result.is_object() || result["isError"] == true {
        return Err(format!("{tool}: {result} {}", answer["error"]).into());
    }
    Ok(result["structuredContent"].clone())
}

/// A server over standard input and output.
pub(crate) struct OverStdio {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    line: String,
    next: u64,
}

impl OverStdio {
    /// Starts the server of a data directory on its local platform.
    pub(crate) async fn start(data_dir: &Path) -> Result<Self, Failure> {
        Self::of(drydock(&["serve"], data_dir)).await
    }

    /// Starts this command and initialises.
    pub(crate) async fn of(mut command: Command) -> Result<Self, Failure> {
        let mut child = command.stdin(Stdio::piped()).spawn()?;
        let input = child.stdin.take().ok_or("the child has no input")?;
        let output = child.stdout.take().ok_or("the child has no output")?;
        let mut session = Self {
            child,
            input,
            output: BufReader::new(output),
            line: String::new(),
            next: 1,
        };
        session.send(&initialize()).await?;
        session.receive(0).await?;
        session.send(&initialized()).await?;
        Ok(session)
    }

    async fn send(&mut self, message: &Value) -> Result<(), Failure> {
        let mut line = message.to_string();
        line.push('\n');
        Ok(self.input.write_all(line.as_bytes()).await?)
    }

    async fn receive(&mut self, id: u64) -> Result<Value, Failure> {
        loop {
            self.line.clear();
            if self.output.read_line(&mut self.line).await? == 0 {
                return Err("the server has ended".into());
            }
            let answer: Value = serde_json::from_str(&self.line)?;
            // Notifications have no id.
            if answer["id"] == id {
                return Ok(answer);
            }
        }
    }

    /// Any request's result.
    pub(crate) async fn ask(&mut self, method: &str, params: Value) -> Result<Value, Failure> {
        let id = self.next;
        self.next += 1;
        self.send(&request(id, method, params)).await?;
        self.receive(id).await
    }

    /// A tool's structured content.
    pub(crate) async fn call(&mut self, tool: &str, arguments: Value) -> Result<Value, Failure> {
        let params = json!({ "name": tool, "arguments": arguments });
        let answer = self.ask("tools/call", params).await?;
        accepted(tool, answer)
    }

    pub(crate) fn pid(&self) -> Result<u32, Failure> {
        Ok(self.child.id().ok_or("the server has ended")?)
    }

    /// Closes the pipe and waits until the server has gone.
    pub(crate) async fn end(mut self) -> Result<(), Failure> {
        drop(self.input);
        self.child.wait().await?;
        Ok(())
    }
}

/// A server over streamable HTTP, with one client.
pub(crate) struct OverHttp {
    child: Child,
    first: HttpSession,
}

impl OverHttp {
    /// Starts this command, which must serve HTTP, and opens a session.
    pub(crate) async fn of(mut command: Command) -> Result<Self, Failure> {
        let mut child = command.spawn()?;
        let ready: Value = serde_json::from_str(&first_line(&mut child).await?)?;
        let url = ready["url"].as_str().ok_or("no address")?;
        let first = HttpSession::open(url).await?;
        Ok(Self { child, first })
    }

    /// Another client of the same server.
    pub(crate) async fn another(&self) -> Result<HttpSession, Failure> {
        HttpSession::open(&self.first.url).await
    }

    /// Opens so many sessions over one connection, and leaves them.
    pub(crate) async fn open_sessions(&self, count: usize) -> Result<(), Failure> {
        let http = reqwest::Client::builder().tcp_nodelay(true).build()?;
        for _ in 0..count {
            HttpSession::open_over(&self.first.url, http.clone()).await?;
        }
        Ok(())
    }

    /// A tool's structured content.
    pub(crate) async fn call(&self, tool: &str, arguments: Value) -> Result<Value, Failure> {
        self.first.call(tool, arguments).await
    }

    pub(crate) fn pid(&self) -> Result<u32, Failure> {
        Ok(self.child.id().ok_or("the server has ended")?)
    }

    /// Asks the server to end, and waits until it has.
    pub(crate) async fn end(mut self) -> Result<(), Failure> {
        let pid = i32::try_from(self.pid()?)?;
        let pid = rustix::process::Pid::from_raw(pid).ok_or("no process")?;
        // A connection that is kept alive would hold the end up.
        drop(self.first);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        self.child.wait().await?;
        Ok(())
    }
}

/// A client with a session and a connection of its own.
pub(crate) struct HttpSession {
    url: String,
    id: Option<String>,
    http: reqwest::Client,
}

impl HttpSession {
    async fn open(url: &str) -> Result<Self, Failure> {
        let http = reqwest::Client::builder().tcp_nodelay(true).build()?;
        Self::open_over(url, http).await
    }

    async fn open_over(url: &str, http: reqwest::Client) -> Result<Self, Failure> {
        let mut session = Self {
            url: url.to_owned(),
            id: None,
            http,
        };
        let answer = session.post(&initialize()).await?;
        let id = answer.headers().get("mcp-session-id");
        session.id = Some(id.ok_or("no session")?.to_str()?.to_owned());
        answer.bytes().await?;
        session.post(&initialized()).await?.bytes().await?;
        Ok(session)
    }

    async fn post(&self, message: &Value) -> Result<reqwest::Response, Failure> {
        let mut request = self
            .http
            .post(&self.url)
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", PROTOCOL)
            .json(message);
        if let Some(id) = &self.id {
            request = request.header("mcp-session-id", id);
        }
        Ok(request.send().await?.error_for_status()?)
    }

    /// A tool's structured content.
    pub(crate) async fn call(&self, tool: &str, arguments: Value) -> Result<Value, Failure> {
        let params = json!({ "name": tool, "arguments": arguments });
        let answer = self.post(&request(1, "tools/call", params)).await?;
        let bytes = answer.bytes().await?;
        let text = std::str::from_utf8(&bytes)?;
        // An event stream, or plain JSON.
        let events = text.lines().filter_map(|line| line.strip_prefix("data:"));
        let answer = events
            .chain([text])
            .find_map(|event| serde_json::from_str::<Value>(event.trim()).ok())
            .ok_or("the server answered no JSON")?;
        accepted(tool, answer)
    }
}
