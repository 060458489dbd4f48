//! The routes: the whole surface of the local platform on one page.
//!
//! A route is an [`Endpoint`] and a handler of its types. Handlers run in tasks of their own: a
//! client that goes away does not end a change half-way.

mod actions;
mod admit;
mod advisors;
mod backups;
mod billing;
mod branches;
mod claim_tokens;
mod config;
mod database;
mod functions;
mod keys;
mod logs;
mod migrations;
mod oauth;
mod organizations;
mod pooler;
mod project_config;
mod projects;
mod restore_points;
mod secrets;
mod storage;
mod typescript;
mod usage;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, FromRequestParts, Path, Query, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, on};
use futures_util::future::BoxFuture;

use self::admit::{Asker, admit, admit_anybody};
use super::fault::Fault;
use super::faults::Called;
use super::functions as served;
use super::logs::record_requests;
use super::{Platform, claim};
use crate::api::Endpoint;
use crate::api::actions::RunCount;

pub(super) use self::admit::Front;
pub(super) use self::projects::new_ref;

/// The one organization that there is.
pub(super) const ORGANIZATION: &str = "local";
/// The largest request body, in bytes.
/// Functions are the largest of what is sent, and come with some words about their files.
const MAX_BODY: usize = served::MOST_BYTES + 4 * 1024 * 1024;
/// The largest form, in bytes.
const MAX_FORM: usize = 64 * 1024;

/// Every route.
pub(super) fn router(platform: Platform, front: Front) -> Router {
    let routes = Router::new();
    let routes = organizations::routes(routes);
    let routes = projects::routes(routes);
    let routes = billing::routes(routes);
    let routes = branches::routes(routes);
    let routes = database::routes(routes);
    let routes = keys::routes(routes);
    let routes = migrations::routes(routes);
    let routes = restore_points::routes(routes);
    let routes = backups::routes(routes);
    let routes = pooler::routes(routes);
    let routes = advisors::routes(routes);
    let routes = secrets::routes(routes);
    let routes = typescript::routes(routes);
    let routes = storage::routes(routes);
    let routes = actions::routes(routes);
    let routes = logs::routes(routes);
    let routes = usage::routes(routes);
    let routes = functions::routes(routes);
    let routes = config::routes(routes);
    let routes = oauth::routes(routes);
    let routes = claim_tokens::routes(routes);
    let routes = project_config::routes(routes);
    routes
        .fallback(not_served)
        .method_not_allowed_fallback(not_served)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(middleware::from_fn_with_state(
            (front.clone(), platform.clone()),
            admit,
        ))
        .merge(
            // Those who come here have credentials of their own.
            oauth::token_routes()
                .merge(claim::routes())
                .layer(DefaultBodyLimit::max(MAX_FORM))
                .layer(middleware::from_fn_with_state(front.clone(), admit_anybody)),
        )
        .with_state(platform.clone())
        .merge(
            served::routes(platform.clone())
                .layer(middleware::from_fn_with_state(front, admit_anybody)),
        )
        .layer(middleware::from_fn_with_state(platform, record_requests))
}

/// Reads the body first: a client that is still sending would lose the answer with the connection.
async fn not_served(_: Result<Bytes, BytesRejection>) -> Fault {
    Fault::new(404, "the local platform does not serve this route")
}

/// What a handler gets.
struct Asked<E: Endpoint> {
    platform: Platform,
    asker: Asker,
    path: E::Path,
    query: E::Query,
    body: E::Body,
    headers: HeaderMap,
}

/// Adds the route of an endpoint.
fn serve<E, H, F>(routes: Router<Platform>, handler: H) -> Router<Platform>
where
    E: Endpoint,
    H: Fn(Asked<E>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<E::Reply, Fault>> + Send + 'static,
{
    let filter = MethodFilter::try_from(E::METHOD).unwrap_or(MethodFilter::GET);
    let service = move |State(platform): State<Platform>, request: Request| async move {
        let faults = platform.faults().cloned();
        let called = faults.map(|faults| {
            let called = Called::of::<E>(request.uri().path(), request.headers());
            (faults, called)
        });
        let answer = async move {
            match asked::<E>(platform, request).await {
                Ok(asked) => {
                    let reply = handler(asked);
                    let work = async move { reply.await.map(|reply| answer::<E>(&reply)) };
                    in_a_task(E::NAME, Box::pin(work)).await
                }
                Err(fault) => fault.into_response(),
            }
        };
        match called {
            None => answer.await,
            Some((faults, called)) => faults.around(called, Box::pin(answer)).await,
        }
    };
    routes.route(E::PATH, on(filter, service))
}

/// Compiled once for all endpoints.
async fn in_a_task(
    operation: &'static str,
    work: BoxFuture<'static, Result<Response, Fault>>,
) -> Response {
    match tokio::spawn(work).await {
        Ok(answered) => answered.unwrap_or_else(IntoResponse::into_response),
        Err(failure) => {
            tracing::error!(operation, %failure, "a handler failed");
            Fault::new(500, "the local platform failed").into_response()
        }
    }
}

async fn asked<E: Endpoint>(platform: Platform, request: Request) -> Result<Asked<E>, Fault> {
    let (mut parts, body) = request.into_parts();
    let asker = parts.extensions.remove::<Asker>();
    let asker = asker.ok_or_else(|| Fault::new(401, "Unauthorized"))?;
    let Path(path) = Path::<E::Path>::from_request_parts(&mut parts, &())
        .await
        .map_err(|rejection| Fault::new(400, rejection.body_text()))?;
    // What an endpoint does not ask for is passed over, as the platform does.
    let asks_nothing = std::any::TypeId::of::<E::Query>() == std::any::TypeId::of::<()>();
    let bare = Uri::from_static("/");
    let uri = if asks_nothing { &bare } else { &parts.uri };
    let query = match Query::<E::Query>::try_from_uri(uri) {
        Ok(Query(query)) => query,
        Err(rejection) => return Err(Fault::new(400, rejection.body_text())),
    };
    let headers = parts.headers.clone();
    let content_type = headers.get(CONTENT_TYPE);
    let content_type = content_type
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    let bytes = read_body(parts, body).await?;
    if let Some(form) = &E::BODY_FORM {
        let body = form.decode(&content_type, bytes).await;
        return Ok(Asked {
            platform,
            asker,
            path,
            query,
            body: body.map_err(|reason| Fault::new(400, reason))?,
            headers,
        });
    }
    let json: &[u8] = if std::any::TypeId::of::<E::Body>() == std::any::TypeId::of::<()>() {
        b"null"
    } else if bytes.is_empty() {
        b"{}"
    } else {
        &bytes
    };
    let body = serde_json::from_slice(json)
        .map_err(|error| Fault::new(400, format!("the body cannot be read: {error}")))?;
    Ok(Asked {
        platform,
        asker,
        path,
        query,
        body,
        headers,
    })
}

async fn read_body(
    parts: axum::http::request::Parts,
    body: axum::body::Body,
) -> Result<Bytes, Fault> {
    use axum::extract::FromRequest;
    Bytes::from_request(Request::from_parts(parts, body), &())
        .await
        .map_err(|rejection| Fault::new(rejection.status().as_u16(), rejection.body_text()))
}

/// A reply as JSON; one that is nothing as an empty body.
fn answer<E: Endpoint>(reply: &E::Reply) -> Response {
    let status = StatusCode::from_u16(E::STATUS).unwrap_or(StatusCode::OK);
    if std::any::TypeId::of::<E::Reply>() == std::any::TypeId::of::<()>() {
        return status.into_response();
    }
    if let Some(RunCount(count)) = (reply as &dyn std::any::Any).downcast_ref() {
        return (status, [(RunCount::HEADER, count.to_string())]).into_response();
    }
    if let Some(form) = &E::REPLY_FORM {
        return match form.encode(reply) {
            Ok((content_type, bytes)) => {
                (status, [(CONTENT_TYPE, content_type)], bytes).into_response()
            }
            Err(reason) => Fault::new(500, reason).into_response(),
        };
    }
    // The one reply that is a text is plain text on the wire.
    if let Some(text) = (reply as &dyn std::any::Any).downcast_ref::<String>() {
        return (status, text.clone()).into_response();
    }
    (status, axum::Json(reply)).into_response()
}
