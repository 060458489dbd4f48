//! Requests to projects' own APIs: `/projects/{ref}/…` on the local platform.

use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::middleware::Next;
use axum::response::Response;

use super::event::{Event, Source};
use crate::api::Ref;
use crate::local::Platform;

/// Headers that are kept: none of them carries a secret by custom.
const REQUEST_HEADERS: [&str; 6] = [
    "host",
    "user_agent",
    "referer",
    "content_type",
    "content_length",
    "x_client_info",
];
const RESPONSE_HEADERS: [&str; 2] = ["content_type", "content_length"];

/// Middleware that logs each request to a project's own API, with its answer, before the answer goes out.
pub(in crate::local) async fn record_requests(
    State(platform): State<Platform>,
    request: Request,
    next: Next,
) -> Response {
    let reference = project_of(request.uri().path());
    let Some(reference) = reference else {
        return next.run(request).await;
    };
    // A ref that nobody has would keep lines for nobody.
    if !matches!(platform.registry().project(&reference).await, Ok(Some(_))) {
        return next.run(request).await;
    }
    let begun = Instant::now();
    let uri = request.uri().clone();
    let path = own_path(uri.path()).to_owned();
    let method = request.method().clone();
    let mut event_of_request: Vec<(String, String)> = Vec::new();
    kept(
        request.headers(),
        &REQUEST_HEADERS,
        "request",
        &mut event_of_request,
    );
    let host = header(request.headers(), "host");
    let response = next.run(request).await;
    let status = response.status().as_u16();
    kept(
        response.headers(),
        &RESPONSE_HEADERS,
        "response",
        &mut event_of_request,
    );
    let agent = event_of_request
        .iter()
        .find(|(key, _)| key == "request.headers.user_agent")
        .map_or("", |(_, value)| value.as_str());
    let search = uri
        .query()
        .map(|query| format!("?{query}"))
        .unwrap_or_default();
    let url = format!("http://{host}{path}{search}");
    let mut event = Event::now(format!("{method} | {status} | {url} | {agent}"))
        .severity(severity(status))
        .with("identifier", &reference)
        .with("request.method", method)
        .with("request.path", path)
        .with("request.search", search)
        .with("request.host", host)
        .with("request.url", url)
        .with("request.protocol", "http:")
        .with("response.status_code", status)
        .with("response.origin_time", begun.elapsed().as_millis());
    for (key, value) in event_of_request {
        event = event.with(key, value);
    }
    platform.log(&reference, Source::Edge, event);
    response
}

fn severity(status: u16) -> &'static str {
    match status {
        500.. => "ERROR",
        400.. => "WARN",
        _ => "INFO",
    }
}

/// The project whose own API a path leads to.
fn project_of(path: &str) -> Option<Ref> {
    let rest = path.strip_prefix("/projects/")?;
    let (reference, _) = rest.split_once('/')?;
    reference.parse().ok()
}

/// The path as it is on a host of the project's own.
fn own_path(path: &str) -> &str {
    path.strip_prefix("/projects/")
        .and_then(|rest| rest.find('/').and_then(|slash| rest.get(slash..)))
        .unwrap_or(path)
}

fn kept(headers: &HeaderMap, names: &[&str], of: &str, into: &mut Vec<(String, String)>) {
    for name in names {
        let value = header(headers, &name.replace('_', "-"));
        if !value.is_empty() {
            into.push((format!("{of}.headers.{name}"), value));
        }
    }
}

fn header(headers: &HeaderMap, name: &str) -> String {
    headers
        .get(name)
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        .unwrap_or_default()
}
