//! A server over streamable HTTP, spoken to by hand: both eras.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use reqwest::RequestBuilder;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use super::api::http_client;
use super::mcp::Answer;
use super::world::World;

/// A server on a free port.
pub(crate) struct Http {
    child: Child,
    client: reqwest::Client,
    url: String,
    /// The session of the era with sessions.
    session: Option<String>,
    /// What the client says it can do.
    capabilities: Value,
}

/// The era without sessions.
const MODERN: &str = "2026-07-28";
/// The era with sessions.
const LEGACY: &str = "2025-11-25";

impl Http {
    /// Starts a server and reads the line in which it says where it listens.
    pub(crate) fn start(world: &World, flags: &[&str]) -> Self {
        Self::start_at(world, "127.0.0.1:0", flags)
    }

    /// The same at an address.
    pub(crate) fn start_at(world: &World, address: &str, flags: &[&str]) -> Self {
        let mut arguments = vec!["serve", "--http", address];
        arguments.extend(flags);
        let mut child = world
            .command(&arguments)
            .stdout(Stdio::piped())
            .stderr(world.log())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(ready["ready"], true);
        Self {
            child,
            client: http_client(),
            url: ready["url"].as_str().unwrap().to_owned(),
            session: None,
            capabilities: json!({}),
        }
    }

    /// From now on the client says that its user can be asked, in these modes.
    pub(crate) fn can_ask(&mut self, modes: Value) {
        self.can(json!({ "elicitation": modes }));
    }

    /// From now on the client says that it can do this.
    pub(crate) fn can(&mut self, capabilities: Value) {
        self.capabilities = capabilities;
    }

    /// The endpoint.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Puts a query behind the endpoint's address from here on; an empty one takes it away.
    pub(crate) fn ask_with(&mut self, query: &str) {
        let bare = self.url.split('?').next().unwrap_or_default();
        self.url = format!("{bare}{query}");
    }

    /// The server's process.
    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// A bare request to the endpoint.
    pub(crate) fn post(&self) -> RequestBuilder {
        self.client
            .post(&self.url)
            .header("accept", "application/json, text/event-stream")
    }

    /// Initialises a session of the era that has them.
    pub(crate) async fn initialize(&mut self) -> Value {
        let body = json!({
            "jsonrpc": "2.0", "id": 0, "method": "initialize",
            "params": {
                "protocolVersion": LEGACY, "capabilities": self.capabilities,
                "clientInfo": { "name": "by hand", "version": "1" },
            },
        });
        let (status, headers, answer) = exchange(self.post().json(&body)).await;
        assert_eq!(status, 200, "{answer}");
        let session = headers.get("mcp-session-id").expect("a session");
        self.session = Some(session.to_str().unwrap().to_owned());
        let told = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        let (status, _, _) = exchange(self.in_session().json(&told)).await;
        assert_eq!(status, 202);
        answer["result"].clone()
    }

    /// The session that was initialised last.
    pub(crate) fn session(&self) -> &str {
        self.session.as_ref().expect("initialize first")
    }

    /// A bare request in the session.
    pub(crate) fn in_session(&self) -> RequestBuilder {
        self.within(self.session())
    }

    /// A bare request in this session.
    pub(crate) fn within(&self, session: &str) -> RequestBuilder {
        self.post()
            .header("mcp-protocol-version", LEGACY)
            .header("mcp-session-id", session)
    }

    /// The request that ends a session.
    pub(crate) fn ending(&self, session: &str) -> RequestBuilder {
        self.client
            .delete(&self.url)
            .header("mcp-protocol-version", LEGACY)
            .header("mcp-session-id", session)
    }

    /// A request of the era without sessions: headers that match the body, and `_meta`.
    pub(crate) fn modern(
        &self,
        method: &str,
        name: Option<&str>,
        mut params: Value,
    ) -> RequestBuilder {
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientInfo": { "name": "by hand", "version": "1" },
            "io.modelcontextprotocol/clientCapabilities": self.capabilities,
        });
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let request = self
            .post()
            .header("mcp-protocol-version", MODERN)
            .header("mcp-method", method)
            .json(&body);
        match name {
            Some(name) => request.header("mcp-name", name),
            None => request,
        }
    }

    /// Calls a tool, in the session if there is one, else without.
    pub(crate) async fn call(&self, tool: &str, arguments: Value) -> Answer {
        let params = json!({ "name": tool, "arguments": arguments });
        let request = if self.session.is_some() {
            self.in_session().json(&json!({
                "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params,
            }))
        } else {
            self.modern("tools/call", Some(tool), params)
        };
        let (status, _, answer) = exchange(request).await;
        assert_eq!(status, 200, "{tool}: {answer}");
        let result = &answer["result"];
        Answer {
            tool: tool.to_owned(),
            value: result["structuredContent"].clone(),
            text: result["content"][0]["text"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            refused: result["isError"] == true,
        }
    }
}

impl Drop for Http {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a request; the answer is the body, or the last message of an event stream.
pub(crate) async fn exchange(request: RequestBuilder) -> (u16, HeaderMap, Value) {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.unwrap();
    let last = text
        .lines()
        .filter_map(|line| line.strip_prefix("data:"))
        .map(str::trim)
        .rfind(|data| data.contains("\"id\""));
    let body = serde_json::from_str(last.unwrap_or(&text)).unwrap_or(Value::String(text));
    (status, headers, body)
}
