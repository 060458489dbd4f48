//! A world's Management API as its dashboard would use it: with every right, and around the guard. What a
//! harness sets up and looks at goes this way, and nothing of an agent's does.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The API of one world.
#[derive(Clone)]
pub(super) struct Platform {
    http: reqwest::Client,
    base: String,
    token: String,
}

impl Platform {
    /// The API at `base`, by its bearer token.
    pub(super) fn new(http: reqwest::Client, base: &str, token: &str) -> Self {
        Self {
            http,
            base: base.to_owned(),
            token: token.to_owned(),
        }
    }

    /// What is at a path. A 404 is `None`.
    pub(super) async fn get(&self, path: &str) -> Result<Option<Value>, String> {
        let (status, text) = self.send(Method::GET, path, None).await?;
        match status {
            404 => Ok(None),
            200..300 => parse(&text).map(Some),
            _ => Err(format!("GET {path}: {status} {text}")),
        }
    }

    /// The text at a path, whatever it is. A 404 is `None`.
    pub(super) async fn text(&self, path: &str) -> Result<Option<String>, String> {
        let (status, text) = self.send(Method::GET, path, None).await?;
        match status {
            404 => Ok(None),
            200..300 => Ok(Some(text)),
            _ => Err(format!("GET {path}: {status} {text}")),
        }
    }

    /// Runs SQL on a project or branch: as its owner, or as a role that cannot write.
    pub(super) async fn query(
        &self,
        reference: &str,
        query: &str,
        read_only: bool,
    ) -> Result<Vec<Value>, String> {
        let path = format!("/v1/projects/{reference}/database/query");
        let body = json!({ "query": query, "read_only": read_only });
        let (status, text) = self.send(Method::POST, &path, Some(body)).await?;
        if !(200..300).contains(&status) {
            return Err(format!("{status} {text}"));
        }
        match parse(&text)? {
            Value::Array(rows) => Ok(rows),
            other => Err(format!("rows were expected, not {other}")),
        }
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<(u16, String), String> {
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.base))
            .bearer_auth(&self.token)
            .timeout(PATIENCE);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let failed = |error: reqwest::Error| format!("{path}: {}", error.without_url());
        let response = request.send().await.map_err(failed)?;
        let status = response.status().as_u16();
        Ok((status, response.text().await.map_err(failed)?))
    }
}

fn parse(text: &str) -> Result<Value, String> {
    if text.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(text).map_err(|error| error.to_string())
}
