//! Calling a function of a branch, as its users do.

use std::time::Instant;

use http::Method;
use serde_json::Value;

use super::sources::check_slug;
use super::{Code, Dev, Refusal};
use crate::api::keys::{ApiKey, KeyKind, ListApiKeys, RevealQuery};
use crate::api::{Invocation, Invoked};
use crate::redact;

/// The most bytes of a path, a header or all of a body.
const MOST_PATH: usize = 2048;
const MOST_HEADER: usize = 8192;
const MOST_BODY: usize = 1024 * 1024;
/// The most headers.
const MOST_HEADERS: usize = 32;
/// Headers that are the connection's, or that say who is called.
const NOT_FOR_CALLERS: [&str; 8] = [
    "host",
    "connection",
    "content-length",
    "transfer-encoding",
    "upgrade",
    "te",
    "trailer",
    "expect",
];

/// As whom a function is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum InvokeRole {
    /// With the branch's public key.
    #[default]
    Anon,
    /// With the branch's key that sees everything.
    ServiceRole,
    /// With no key.
    None,
}

/// A call that an agent wants made.
#[derive(Debug, Clone, Default)]
pub struct WantedCall {
    /// The function.
    pub slug: String,
    /// POST without.
    pub method: Option<String>,
    /// What follows the function's own path.
    pub path: Option<String>,
    /// Headers, by name.
    pub headers: Vec<(String, String)>,
    /// A text as it is, anything else as JSON.
    pub body: Option<Value>,
    /// As whom; the public key without.
    pub role: Option<InvokeRole>,
}

/// What a function answered.
#[derive(Debug, Clone)]
pub struct Invocated {
    /// The HTTP status.
    pub status: u16,
    /// Headers, by name.
    pub headers: Vec<(String, String)>,
    /// The body, in JSON if it is that.
    pub body: Value,
    /// Whether there was more of it than a result holds.
    pub truncated: bool,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

impl Dev {
    /// Calls a function of the branch.
    pub async fn invoke_function(&self, wanted: WantedCall) -> Result<Invocated, Refusal> {
        check_slug(&wanted.slug)?;
        let invocation = self.invocation(wanted).await?;
        self.existing(&invocation.slug).await?;
        // Asked for first: what a function has answered is not to be lost for want of them.
        let digests = self.call.guard.digests(self.branch.reference()).await?;
        self.call.step("calling the function");
        let started = Instant::now();
        let client = self.call.guard.client();
        let answered = client.invoke(&self.branch, &invocation).await?;
        let took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let body = String::from_utf8_lossy(&answered.body);
        let headers = answered.headers.iter().map(|(_, value)| value.as_str());
        for said in headers.chain([&*body]) {
            redact::keep_by_digest(said, &digests);
        }
        let most = self.call.guard.policy().limits.bytes;
        Ok(shown(answered, most, took_ms))
    }

    async fn invocation(&self, wanted: WantedCall) -> Result<Invocation, Refusal> {
        let method = wanted
            .method
            .as_deref()
            .unwrap_or("POST")
            .to_ascii_uppercase();
        let method = match method.as_str() {
            "GET" | "POST" | "PUT" | "PATCH" | "DELETE" | "HEAD" | "OPTIONS" => {
                Method::from_bytes(method.as_bytes()).ok()
            }
            _ => None,
        };
        let method = method.ok_or_else(|| {
            Refusal::invalid("method is GET, POST, PUT, PATCH, DELETE, HEAD or OPTIONS")
        })?;
        let path = checked_path(wanted.path.unwrap_or_default())?;
        let mut headers = checked_headers(wanted.headers)?;
        let has = |headers: &[(String, String)], name: &str| {
            headers
                .iter()
                .any(|(own, _)| own.eq_ignore_ascii_case(name))
        };
        let own_token = has(&headers, "authorization");
        if own_token && wanted.role.is_some_and(|role| role != InvokeRole::None) {
            return Err(Refusal::invalid(
                "headers has an Authorization, and role would give another: give one of them",
            ));
        }
        let body = match wanted.body {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text),
            Some(json) => {
                if !has(&headers, "content-type") {
                    headers.push(("content-type".to_owned(), "application/json".to_owned()));
                }
                Some(json.to_string())
            }
        };
        if body.as_ref().is_some_and(|body| body.len() > MOST_BODY) {
            return Err(Refusal::invalid(format!(
                "body has more than {MOST_BODY} bytes"
            )));
        }
        let key = match wanted.role.unwrap_or_default() {
            _ if own_token => None,
            InvokeRole::None => None,
            role => Some(self.key(role).await?),
        };
        Ok(Invocation {
            slug: wanted.slug,
            method,
            path,
            headers,
            body,
            key,
        })
    }

    /// A key of the branch: the older one, a token, where there is one, because functions verify those.
    /// The one that sees everything is asked for whole only to call with, and shown to nobody.
    async fn key(&self, role: InvokeRole) -> Result<String, Refusal> {
        let (older, newer, reveal) = match role {
            InvokeRole::ServiceRole => ("service_role", KeyKind::Secret, true),
            InvokeRole::Anon | InvokeRole::None => ("anon", KeyKind::Publishable, false),
        };
        let query = RevealQuery {
            reveal: reveal.then_some(true),
        };
        let reference = self.branch.reference().clone();
        let client = self.call.guard.client();
        let keys = client.look::<ListApiKeys>(reference, &query).await?;
        let is_older =
            |key: &&ApiKey| key.name == older && matches!(key.kind, None | Some(KeyKind::Legacy));
        let found = keys
            .iter()
            .find(is_older)
            .or_else(|| keys.iter().find(|key| key.kind == Some(newer)));
        found.and_then(|key| key.api_key.clone()).ok_or_else(|| {
            Refusal::new(
                Code::PlatformError,
                format!("the branch has no key {older}, and none that stands for it"),
            )
        })
    }
}

/// A path that stays below the function.
fn checked_path(path: String) -> Result<String, Refusal> {
    let plain = path.split(['?', '#']).next().unwrap_or_default();
    let decoded = plain
        .to_ascii_lowercase()
        .replace("%2e", ".")
        .replace("%2f", "/");
    let leaves = decoded
        .split(['/', '\\'])
        .any(|part| matches!(part, "." | ".."));
    let is_text = path.bytes().all(|byte| byte.is_ascii_graphic()) && !path.contains('\\');
    let begins = path.is_empty() || path.starts_with(['/', '?']);
    if leaves || !is_text || !begins || path.len() > MOST_PATH {
        return Err(Refusal::invalid(format!(
            "path is what follows the function's own, without ..: /items?id=1, for instance, in at most {MOST_PATH} characters without spaces"
        )));
    }
    Ok(path)
}

fn checked_headers(headers: Vec<(String, String)>) -> Result<Vec<(String, String)>, Refusal> {
    if headers.len() > MOST_HEADERS {
        return Err(Refusal::invalid(format!(
            "there are more than {MOST_HEADERS} headers"
        )));
    }
    for (name, value) in &headers {
        let is_taken = NOT_FOR_CALLERS
            .iter()
            .any(|taken| name.eq_ignore_ascii_case(taken));
        let is_header = http::HeaderName::from_bytes(name.as_bytes()).is_ok()
            && http::HeaderValue::from_str(value).is_ok()
            && value.len() <= MOST_HEADER;
        if is_taken || !is_header {
            return Err(Refusal::invalid(
                "a header has a name and a value as HTTP takes them, and is none of the connection's own: host, content-length and the like",
            ));
        }
    }
    Ok(headers)
}

fn shown(answered: Invoked, most: usize, took_ms: u64) -> Invocated {
    let mut text = String::from_utf8_lossy(&answered.body).into_owned();
    let mut truncated = answered.cut;
    if text.len() > most {
        // Before anything is cut: half a secret is one that nobody recognises.
        text = redact::clean(text);
        text.truncate(text.floor_char_boundary(most));
        truncated = true;
    }
    let json = serde_json::from_str(&text).ok();
    let body = json.filter(|value: &Value| value.is_object() || value.is_array());
    Invocated {
        status: answered.status,
        headers: answered.headers,
        body: body.unwrap_or(Value::String(text)),
        truncated,
        took_ms,
    }
}
