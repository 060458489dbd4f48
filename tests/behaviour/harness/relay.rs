//! A platform in the middle: passes requests on to the real one, remembers them, and can answer
//! in its place. It is how faults of the platform are made.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use futures_util::future::BoxFuture;
use serde_json::Value;
use tokio::task::JoinHandle;

use super::api::Api;
use super::http::Http;
use super::mcp::Mcp;
use super::world::World;

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    /// The method.
    pub(crate) method: Method,
    /// Path and query.
    pub(crate) path: String,
    /// The body, null without.
    pub(crate) body: Value,
}

impl Heard {
    /// Whether it could change something: queries count unless they are read-only.
    pub(crate) fn writes(&self) -> bool {
        self.method != Method::GET && self.body["read_only"] != true
    }

    /// Whether its SQL holds this text.
    pub(crate) fn queries(&self, text: &str) -> bool {
        self.body["query"]
            .as_str()
            .is_some_and(|query| query.contains(text))
    }
}

/// What becomes of a request.
pub(crate) enum Reaction {
    /// The real platform answers it.
    Pass,
    /// This is the answer; the real platform never hears of it.
    Answer(u16, Value),
    /// The rate limit is used up for so many seconds; the real platform never hears of it.
    TooFast(u64),
    /// The real platform carries it out, and its answer is lost.
    Lose,
}

type React = Arc<dyn Fn(Heard) -> BoxFuture<'static, Reaction> + Send + Sync>;

/// The platform in the middle.
pub(crate) struct Relay {
    url: String,
    heard: Arc<Mutex<Vec<Heard>>>,
    serving: JoinHandle<()>,
}

#[derive(Clone)]
struct Middle {
    real: Option<Arc<Api>>,
    heard: Arc<Mutex<Vec<Heard>>>,
    react: React,
}

impl Relay {
    /// In front of a real platform, or of none.
    pub(crate) async fn start<R>(real: Option<Api>, react: R) -> Self
    where
        R: Fn(Heard) -> BoxFuture<'static, Reaction> + Send + Sync + 'static,
    {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let heard = Arc::<Mutex<Vec<Heard>>>::default();
        let middle = Middle {
            real: real.map(Arc::new),
            heard: Arc::clone(&heard),
            react: Arc::new(react),
        };
        let router = Router::new().fallback(answer).with_state(middle);
        let serving = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Self {
            url,
            heard,
            serving,
        }
    }

    /// The base URL.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Every request so far.
    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }

    /// A server whose platform is this one.
    pub(crate) async fn serve(&self, world: &World, token: &str) -> Mcp {
        self.serve_with(world, token, &[]).await
    }

    /// The same with flags.
    pub(crate) async fn serve_with(&self, world: &World, token: &str, flags: &[&str]) -> Mcp {
        let mut all = vec!["--api-url", &self.url, "--access-token", token];
        all.extend(flags);
        world.serve_with(&all).await
    }

    /// A server over HTTP whose platform is this one.
    pub(crate) fn serve_http(&self, world: &World, token: &str) -> Http {
        Http::start(world, &["--api-url", &self.url, "--access-token", token])
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn answer(State(middle): State<Middle>, method: Method, uri: Uri, body: Bytes) -> Response {
    let heard = Heard {
        method,
        path: uri.to_string(),
        body: serde_json::from_slice(&body).unwrap_or_default(),
    };
    middle.heard.lock().unwrap().push(heard.clone());
    let reaction = (middle.react)(heard.clone()).await;
    if let Reaction::Answer(status, body) = reaction {
        return reply(status, &body);
    }
    if let Reaction::TooFast(seconds) = reaction {
        let headers = [
            ("x-ratelimit-limit", "120".to_owned()),
            ("x-ratelimit-remaining", "0".to_owned()),
            ("x-ratelimit-reset", seconds.to_string()),
        ];
        let body = serde_json::json!({ "message": "ThrottlerException: Too Many Requests" });
        return (headers, reply(429, &body)).into_response();
    }
    let Some(real) = &middle.real else {
        return reply(404, &Value::Null);
    };
    let (status, body) = match String::from_utf8(body.to_vec()) {
        // What is neither JSON nor nothing is a form.
        Ok(form) if heard.body.is_null() && form.contains('=') => {
            real.send_form(&heard.path, form).await
        }
        _ => real.send(heard.method, &heard.path, heard.body).await,
    };
    match reaction {
        Reaction::Lose => reply(502, &Value::Null),
        _ => reply(status, &body),
    }
}

fn reply(status: u16, body: &Value) -> Response {
    let status = StatusCode::from_u16(status).unwrap();
    // What the real platform answered without a body has none here either.
    if body == "" {
        return status.into_response();
    }
    (status, axum::Json(body)).into_response()
}
