//! Where functions answer: `/projects/{ref}/functions/v1/{slug}` and whatever follows it.
//!
//! The platform's own token means nothing here: a caller is a user of the app. A function that
//! verifies tokens takes those that the project's secret has signed.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, TE, TRANSFER_ENCODING, UPGRADE,
};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::voice::{Utterance, Voice, deployment_id};
use super::worker::{Ending, NotBooted, Worker};
use super::{FunctionError, jwt, pool};
use crate::api::Ref;
use crate::api::projects::{ProjectStatus, project_url};
use crate::hex;
use crate::local::Platform;
use crate::local::fault::Fault;
use crate::local::registry::StoredFunction;

/// Headers that speak of one connection, and not of the request.
const OF_THE_CONNECTION: [HeaderName; 4] = [CONNECTION, TE, TRANSFER_ENCODING, UPGRADE];

/// Where functions answer.
pub(in crate::local) fn routes(platform: Platform) -> Router {
    let function = "/projects/{ref}/functions/v1/{slug}";
    Router::new()
        .route(function, any(answer))
        .route(&format!("{function}/"), any(answer))
        .route(&format!("{function}/{{*rest}}"), any(answer))
        .with_state(platform)
}

/// An answer that is not the function's own, in the platform's form.
fn refuse(status: u16, code: impl Into<Value>, message: &str) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = json!({ "code": code.into(), "message": message });
    (status, axum::Json(body)).into_response()
}

async fn answer(State(platform): State<Platform>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let not_found = || refuse(404, "NOT_FOUND", "Requested function was not found");
    let Some((reference, inner)) = inner_path(&path) else {
        return not_found();
    };
    let slug = inner.split('/').nth(1).unwrap_or_default().to_owned();
    let found = platform.registry().function(&reference, &slug).await;
    let function = match found {
        Ok(Some(function)) => function,
        Ok(None) => return not_found(),
        Err(error) => return Fault::from(error).into_response(),
    };
    let started = Instant::now();
    let inner = match request.uri().query() {
        Some(query) => format!("{inner}?{query}"),
        None => inner,
    };
    let (asked, headers) = (request.method().clone(), request.headers().clone());
    let answered = match platform.admit(&function, &asked, &headers).await {
        Ok(()) => platform.invoke(&function, &inner, request).await,
        Err(refused) => refused,
    };
    Voice::of(&function, platform.logs()).say(&Utterance::Answered {
        method: asked.to_string(),
        path: inner,
        status: answered.status().as_u16(),
        took: started.elapsed(),
    });
    answered
}

/// The project, and the path as the function sees it: `/{slug}` and what follows.
fn inner_path(path: &str) -> Option<(Ref, String)> {
    let rest = path.strip_prefix("/projects/")?;
    let (reference, rest) = rest.split_once('/')?;
    let inner = rest.strip_prefix("functions/v1")?;
    Some((reference.parse().ok()?, inner.to_owned()))
}

impl Platform {
    /// Whether the caller may call the function at all.
    async fn admit(
        &self,
        function: &StoredFunction,
        method: &Method,
        headers: &HeaderMap,
    ) -> Result<(), Response> {
        let project = self.registry().project(&function.reference).await;
        let status = match project {
            Ok(project) => project.map(|project| project.status),
            Err(error) => return Err(Fault::from(error).into_response()),
        };
        if status != Some(ProjectStatus::ActiveHealthy) {
            return Err(refuse(
                540,
                "PROJECT_NOT_ACTIVE",
                "The project is not active",
            ));
        }
        // A browser asks beforehand without any credentials.
        if !function.verify_jwt || method == Method::OPTIONS {
            return Ok(());
        }
        let header = headers.get(AUTHORIZATION);
        let Some(token) = header
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Bearer "))
        else {
            return Err(refuse(401, 401, "Missing authorization header"));
        };
        let secret = self.registry().jwt_secret(&function.reference).await;
        let secret = secret.map_err(|error| Fault::from(error).into_response())?;
        if jwt::is_valid(&secret, token) {
            return Ok(());
        }
        Err(refuse(401, 401, "Invalid JWT"))
    }

    async fn invoke(&self, function: &StoredFunction, inner: &str, request: Request) -> Response {
        let worker = match self.worker(function).await {
            Ok(Some(worker)) => worker,
            Ok(None) => {
                return refuse(503, "SERVICE_UNAVAILABLE", "Too many functions are at work");
            }
            Err(NotBooted::Function(words)) => {
                tracing::debug!(slug = function.slug, words, "a function did not boot");
                return refuse(
                    503,
                    "BOOT_ERROR",
                    "Function failed to start (please check logs)",
                );
            }
            Err(NotBooted::Platform(error)) => return Fault::from(error).into_response(),
        };
        let name = (function.reference.clone(), function.slug.clone());
        self.functions().pass_on(name, worker, inner, request).await
    }

    /// The process that serves the function as it is now; `None` if there is no room for one.
    async fn worker(&self, function: &StoredFunction) -> Result<Option<Arc<Worker>>, NotBooted> {
        let functions = self.functions();
        let variables = self.variables(function).await?;
        let name = (function.reference.clone(), function.slug.clone());
        let known = variables
            .iter()
            .flat_map(|(name, value)| [name.as_str(), value]);
        let stamp = hex::sha256_of(known.chain([function.digest.as_str()]));
        if let Some(worker) = functions.pool.find(&name, &stamp) {
            return Ok(Some(worker));
        }
        let _turn = functions.pool.turn(&name).await;
        if let Some(worker) = functions.pool.find(&name, &stamp) {
            return Ok(Some(worker));
        }
        if !functions.pool.make_room() {
            return Ok(None);
        }
        let worker = functions.boot(function, &variables, stamp).await?;
        functions.pool.put(name, Arc::clone(&worker));
        Ok(Some(worker))
    }

    /// The variables of a function: its branch's secrets, and what the platform tells every one.
    async fn variables(
        &self,
        function: &StoredFunction,
    ) -> Result<BTreeMap<String, String>, NotBooted> {
        let reference = &function.reference;
        let secrets = self.registry().secrets(reference).await;
        let keys = self
            .legacy_keys(reference)
            .await
            .map_err(FunctionError::from)?;
        let mut variables: BTreeMap<String, String> = secrets
            .map_err(FunctionError::from)?
            .into_iter()
            .filter(|secret| is_variable(&secret.name))
            .map(|secret| (secret.name, secret.value))
            .collect();
        let base = self.functions().base.get().map_or("", String::as_str);
        let own = [
            ("SUPABASE_URL", project_url(base, reference.as_str())),
            ("SUPABASE_ANON_KEY", keys.anon),
            ("SUPABASE_SERVICE_ROLE_KEY", keys.service_role),
            ("SB_REGION", "local".to_owned()),
            (
                "DENO_DEPLOYMENT_ID",
                deployment_id(&function.reference, &function.id, function.version),
            ),
        ];
        variables.extend(own.map(|(name, value)| (name.to_owned(), value)));
        Ok(variables)
    }
}

impl super::Functions {
    async fn pass_on(
        &self,
        name: pool::Name,
        worker: Arc<Worker>,
        inner: &str,
        request: Request,
    ) -> Response {
        let turn = worker.begin();
        let deadline = Instant::now() + self.patience;
        let (parts, body) = request.into_parts();
        // The host is the socket's; the caller's own stands among the headers.
        let url = format!("http://localhost{inner}");
        let mut sent = worker.http().request(parts.method, url);
        let has_body = parts.headers.contains_key(CONTENT_LENGTH)
            || parts.headers.contains_key(TRANSFER_ENCODING);
        sent = sent.headers(without_connection(parts.headers));
        if has_body {
            sent = sent.body(reqwest::Body::wrap_stream(body.into_data_stream()));
        }
        let answered = tokio::select! {
            answered = tokio::time::timeout_at(deadline, sent.send()) => answered,
            () = worker.overworked() => {
                self.pool.discard(&name, &worker);
                return refuse(546, "WORKER_LIMIT", "The function used more processor time than a request may");
            }
        };
        let answer = match answered {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => {
                tracing::debug!(%error, "a function gave no answer");
                // A process that is gone says why; one that is not has closed the connection itself.
                let ending = tokio::time::timeout_at(deadline, worker.ending()).await;
                self.pool.discard(&name, &worker);
                return match ending {
                    Ok(Ending::Memory) => refuse(
                        546,
                        "WORKER_LIMIT",
                        "The function used more memory than it may",
                    ),
                    _ => refuse(
                        500,
                        "WORKER_ERROR",
                        "Function exited due to an error (please check logs)",
                    ),
                };
            }
            Err(_) => {
                self.pool.discard(&name, &worker);
                return refuse(504, "IDLE_TIMEOUT", "The function did not answer in time");
            }
        };
        let (status, headers) = (
            answer.status(),
            without_connection(answer.headers().clone()),
        );
        // The process counts as at work until its answer has been passed on.
        let rest = stream::unfold((answer, turn), move |(mut answer, turn)| async move {
            let chunk = tokio::time::timeout_at(deadline, answer.chunk()).await;
            let item = match chunk {
                Ok(Ok(Some(bytes))) => Ok(bytes),
                Ok(Ok(None)) => return None,
                Ok(Err(error)) => Err(std::io::Error::other(error)),
                Err(late) => Err(std::io::Error::other(late)),
            };
            Some((item, (answer, turn)))
        });
        let mut response = Response::new(Body::from_stream(rest.fuse()));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response
    }
}

fn without_connection(mut headers: HeaderMap) -> HeaderMap {
    for name in OF_THE_CONNECTION {
        headers.remove(name);
    }
    headers
}

/// Whether the name is a variable's; the platform's own secrets are no others.
fn is_variable(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    !name.is_empty() && name.bytes().all(is_plain)
}
