//! The weather between servers and platform: answers that come late, lost, cut, garbled or never.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::harness::{Mcp, World, http_client};

/// What the servers take for the platform's token.
const TOKEN: &str = "sbp_0000000000000000000000000000000000000000";

/// A platform in the middle that finds the real one anew for each request, because it may have
/// been killed and started again.
pub(super) struct Weather {
    url: String,
    sky: Arc<Sky>,
    serving: JoinHandle<()>,
}

struct Sky {
    /// Where the real platform says how it is reached.
    ready: PathBuf,
    http: reqwest::Client,
    is_foul: AtomicBool,
    random: Mutex<StdRng>,
}

/// What becomes of one request.
enum Fate {
    Passes,
    /// It comes late.
    Late(Duration),
    /// It never reaches the platform.
    NeverArrives,
    /// It is carried out, and the answer is a gateway's.
    Lost,
    /// It is carried out, and the answer breaks off half-way.
    Half,
    /// It is carried out, and the answer is not what was said.
    Garbled,
}

impl Weather {
    pub(super) async fn over(world: &World) -> Self {
        let sky = Arc::new(Sky {
            ready: world.dir().join("platform/ready.json"),
            http: http_client(),
            is_foul: AtomicBool::new(false),
            random: Mutex::new(StdRng::seed_from_u64(0)),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(Arc::clone(&sky));
        let serving = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Self { url, sky, serving }
    }

    pub(super) fn turns_foul(&self, seed: u64) {
        *self.sky.random.lock().unwrap() = StdRng::seed_from_u64(seed);
        self.sky.is_foul.store(true, Ordering::Relaxed);
    }

    pub(super) fn turns_fair(&self) {
        self.sky.is_foul.store(false, Ordering::Relaxed);
    }

    /// A server below this sky.
    pub(super) async fn serve(&self, world: &World) -> Mcp {
        world
            .serve_with(&["--api-url", &self.url, "--access-token", TOKEN])
            .await
    }
}

impl Drop for Weather {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Sky {
    fn fate(&self) -> Fate {
        if !self.is_foul.load(Ordering::Relaxed) {
            return Fate::Passes;
        }
        let mut random = self.random.lock().unwrap();
        match random.random_range(0..40) {
            0 | 1 => Fate::Late(Duration::from_millis(random.random_range(0..500))),
            2 => Fate::NeverArrives,
            3 => Fate::Lost,
            4 => Fate::Half,
            5 => Fate::Garbled,
            _ => Fate::Passes,
        }
    }

    async fn pass_on(
        &self,
        method: Method,
        uri: &Uri,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Option<(StatusCode, Bytes)> {
        let ready: Value =
            serde_json::from_str(&std::fs::read_to_string(&self.ready).ok()?).ok()?;
        let url = format!("{}{uri}", ready["api_url"].as_str()?);
        let mut request = self
            .http
            .request(method, url)
            .bearer_auth(ready["access_token"].as_str()?)
            .body(body);
        if let Some(kind) = headers.get("content-type") {
            request = request.header("content-type", kind);
        }
        let response = request.send().await.ok()?;
        let status = response.status();
        Some((status, response.bytes().await.ok()?))
    }
}

async fn answer(
    State(sky): State<Arc<Sky>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let fate = sky.fate();
    if let Fate::NeverArrives = fate {
        return StatusCode::BAD_GATEWAY.into_response();
    }
    if let Fate::Late(pause) = fate {
        tokio::time::sleep(pause).await;
    }
    let Some((status, text)) = sky.pass_on(method, &uri, &headers, body).await else {
        return StatusCode::BAD_GATEWAY.into_response();
    };
    match fate {
        Fate::Lost => StatusCode::BAD_GATEWAY.into_response(),
        Fate::Half => (status, cut(text)).into_response(),
        Fate::Garbled => (status, garble(&text)).into_response(),
        _ => (status, [("content-type", "application/json")], text).into_response(),
    }
}

/// Half of it, and then the connection breaks.
fn cut(mut text: Bytes) -> Body {
    text.truncate(text.len() / 2);
    let broken = std::io::Error::other("the line is cut");
    Body::from_stream(futures_util::stream::iter([Ok(text), Err(broken)]))
}

/// As long as it was, and nonsense from the middle on.
fn garble(text: &Bytes) -> Vec<u8> {
    let mut text = text.to_vec();
    let middle = text.len() / 2;
    for byte in text.iter_mut().skip(middle) {
        *byte = b'#';
    }
    text
}
