//! MCP over streamable HTTP, on loopback, for one user. `/mcp` is the endpoint; at `/approvals/{id}`
//! the operator's backend answers, if it has a secret to sign with; to `/claim/callback` users come
//! back who have claimed a project.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::Request;
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use axum::serve::ListenerExt;
use axum::{Router, middleware};
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::sessions::Sessions;
use super::{Server, answers, claimed, narrowing};

/// Where to listen, and whom to answer.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// The address; loopback only.
    pub address: SocketAddr,
    /// `Host` values that are answered besides loopback's own.
    pub allowed_hosts: Vec<String>,
    /// `Origin` values that are answered besides loopback's own.
    pub allowed_origins: Vec<String>,
    /// How many sessions are kept at most.
    pub sessions: usize,
}

/// Listens, calls `ready` with the address that was taken, and serves until `stop` is cancelled.
pub async fn serve_http(
    server: Server,
    settings: HttpSettings,
    stop: CancellationToken,
    ready: impl FnOnce(SocketAddr),
) -> Result<(), String> {
    if !settings.address.ip().is_loopback() {
        return Err(format!(
            "--http {} is not a loopback address: without authentication only 127.0.0.1 and [::1] are served",
            settings.address
        ));
    }
    let listener = TcpListener::bind(settings.address).await.map_err(|error| {
        format!(
            "cannot listen on {}: {error}; choose another port, or 0 for any",
            settings.address
        )
    })?;
    ready(listener.local_addr().map_err(|error| error.to_string())?);
    serve_http_on(listener, server, &settings, stop).await
}

/// Serves on a listener that is there already, until `stop` is cancelled.
pub async fn serve_http_on(
    listener: TcpListener,
    server: Server,
    settings: &HttpSettings,
    stop: CancellationToken,
) -> Result<(), String> {
    let config = configure(settings, &stop);
    let sessions = Arc::new(Sessions::new(server.clone(), settings.sessions));
    let guard = server.guard().clone();
    let answers = answers::routes(&guard).merge(claimed::routes(&guard));
    let service = StreamableHttpService::new(move || Ok(server.clone()), sessions, config);
    let router = Router::new()
        .nest_service("/mcp", service)
        .layer(middleware::from_fn(end_with_no_content))
        .layer(middleware::from_fn_with_state(guard, narrowing::narrow))
        .merge(answers);
    // Nagle's algorithm would hold every small answer back for tens of milliseconds.
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection stays with Nagle's algorithm");
        }
    });
    axum::serve(listener, router)
        .with_graceful_shutdown(async move { stop.cancelled().await })
        .await
        .map_err(|error| error.to_string())
}

/// Answers the end of a session with 204, where rmcp says 202: the Python client takes anything but 200 and 204 for a
/// failure, and says so of every session.
async fn end_with_no_content(request: Request, next: Next) -> Response {
    let ends = request.method() == Method::DELETE;
    let mut response = next.run(request).await;
    if ends && response.status() == StatusCode::ACCEPTED {
        *response.status_mut() = StatusCode::NO_CONTENT;
    }
    response
}

fn configure(settings: &HttpSettings, stop: &CancellationToken) -> StreamableHttpServerConfig {
    let hosts = ["localhost", "127.0.0.1", "::1"]
        .map(str::to_owned)
        .into_iter()
        .chain(settings.allowed_hosts.iter().cloned());
    let origins = ["http://localhost:*", "http://127.0.0.1:*", "http://[::1]:*"]
        .map(str::to_owned)
        .into_iter()
        .chain(settings.allowed_origins.iter().cloned());
    let mut config = StreamableHttpServerConfig::default();
    config.allowed_hosts = hosts.collect();
    config.allowed_origins = origins.collect();
    config.cancellation_token = stop.child_token();
    config
}
