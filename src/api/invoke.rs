//! Calling a function: not an operation of the Management API, but a request to the project's own
//! URL, under one of its keys.

use std::time::Duration;

use http::Method;
use tracing::Instrument;

use super::client::{Client, chain, header_text};
use super::dev_branch::DevBranch;
use super::endpoint::fill_path;
use super::error::ApiError;
use super::projects::project_url;
use crate::{redact, spans};

/// What a function's call is named by, beside the platform's operations.
const OPERATION: &str = "InvokeFunction";
/// How long a function may take: the platform's own limit on what it waits for.
const DEADLINE: Duration = Duration::from_secs(150);
/// The most of an answer that is read, in bytes.
const MOST: usize = 1024 * 1024;

/// One call of a function.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// The function.
    pub slug: String,
    /// `GET`, for instance.
    pub method: Method,
    /// What follows the function's own path, with its query: empty, or begun by `/` or `?`.
    pub path: String,
    /// Headers, by name.
    pub headers: Vec<(String, String)>,
    /// The body; none for an empty one.
    pub body: Option<String>,
    /// The project's key to call under, if any.
    pub key: Option<String>,
}

/// What a function answered.
#[derive(Debug, Clone)]
pub struct Invoked {
    /// The HTTP status.
    pub status: u16,
    /// Headers, by name.
    pub headers: Vec<(String, String)>,
    /// The body, as far as it was read.
    pub body: Vec<u8>,
    /// Whether there was more of it.
    pub cut: bool,
}

impl Client {
    /// Calls a function of a branch. Never sent twice: what a function does is its own affair.
    pub async fn invoke(
        &self,
        branch: &DevBranch,
        invocation: &Invocation,
    ) -> Result<Invoked, ApiError> {
        let span = spans::sent(OPERATION, &invocation.method, "/functions/v1/{slug}");
        let invoked = self.invoke_once(branch, invocation);
        let invoked = invoked.instrument(span.clone()).await;
        match &invoked {
            Ok(invoked) => spans::status(&span, invoked.status),
            Err(error) => spans::failed(&span, &error.kind()),
        }
        invoked
    }

    async fn invoke_once(
        &self,
        branch: &DevBranch,
        invocation: &Invocation,
    ) -> Result<Invoked, ApiError> {
        let lost = |error: reqwest::Error| ApiError::AnswerLost {
            operation: OPERATION,
            reason: chain(&error),
        };
        let place = self.place().await?;
        let base = project_url(&place.base, branch.reference().as_str());
        let slug = fill_path("{slug}", &[&invocation.slug]);
        let url = format!("{base}/functions/v1/{slug}{}", invocation.path);
        self.count();
        let mut request = self
            .plain_http()?
            .request(invocation.method.clone(), url)
            .timeout(DEADLINE);
        for (name, value) in &invocation.headers {
            request = request.header(name, value);
        }
        if let Some(key) = &invocation.key {
            redact::keep_secret(key);
            request = request.header("apikey", key);
            // The newer keys are no tokens, and stand in the first header alone.
            if key.starts_with("eyJ") {
                request = request.bearer_auth(key);
            }
        }
        if let Some(body) = &invocation.body {
            request = request.body(body.clone());
        }
        let mut response = request.send().await.map_err(|error| {
            if error.is_connect() || error.is_builder() {
                ApiError::Unreachable {
                    base: base.clone(),
                    reason: chain(&error),
                }
            } else {
                lost(error)
            }
        })?;
        let status = response.status().as_u16();
        let headers = response
            .headers()
            .keys()
            .map(|name| (name.to_string(), header_text(&response, name.as_str())))
            .collect();
        let mut body = Vec::new();
        let mut cut = false;
        while let Some(chunk) = response.chunk().await.map_err(lost)? {
            let room = MOST.saturating_sub(body.len());
            body.extend(chunk.iter().take(room));
            if chunk.len() > room {
                cut = true;
                break;
            }
        }
        Ok(Invoked {
            status,
            headers,
            body,
            cut,
        })
    }
}
