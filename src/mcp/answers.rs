//! `POST /approvals/{id}`: the operator's backend answers for its user, in a signed message.

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::guard::{Guard, Letter, Unheard};

/// The most bytes of an answer.
const MAX_BODY: usize = 16 * 1024;

/// The route, if there is a backend to be believed.
pub(super) fn routes(guard: &Guard) -> Router {
    if !guard.hears_backend() {
        return Router::new();
    }
    Router::new()
        .route("/approvals/{id}", post(answer))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(guard.clone())
}

async fn answer(
    State(guard): State<Guard>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, Json<Value>) {
    let header = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    let letter = Letter {
        id: header("webhook-id"),
        timestamp: header("webhook-timestamp"),
        signature: header("webhook-signature"),
        approval: &id,
        body: &body,
    };
    match guard.hear_backend(letter).await {
        Ok(approval) => {
            let answer = json!({ "approval": approval.id, "status": approval.status, "expires_at": approval.expires_at });
            (StatusCode::OK, Json(answer))
        }
        Err(reason) => {
            let (status, code) = match &reason {
                Unheard::Unbelieved(_) => (StatusCode::UNAUTHORIZED, "not_signed"),
                Unheard::Malformed(_) => (StatusCode::BAD_REQUEST, "invalid_body"),
                Unheard::NobodyExpected | Unheard::Unknown => (StatusCode::NOT_FOUND, "not_found"),
                Unheard::TooLate(_) => (StatusCode::CONFLICT, "too_late"),
                Unheard::Replayed => (StatusCode::CONFLICT, "replayed"),
                Unheard::Store(_) => (StatusCode::SERVICE_UNAVAILABLE, "store_unavailable"),
            };
            let error = json!({ "error": { "code": code, "message": reason.to_string() } });
            (status, Json(error))
        }
    }
}
