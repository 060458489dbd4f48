//! `GET /claim/callback`: where a user comes back to who has claimed a project. What the user sees
//! says whether it worked, and nothing else.

use axum::Router;
use axum::extract::{Query, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY};
use axum::http::{HeaderName, StatusCode};
use axum::routing::get;
use serde::Deserialize;

use crate::guard::{Guard, Unclaimed};

/// What comes along.
#[derive(Deserialize)]
struct Came {
    state: Option<String>,
    code: Option<String>,
    error: Option<String>,
}

/// The route.
pub(super) fn routes(guard: &Guard) -> Router {
    Router::new()
        .route("/claim/callback", get(come_back))
        .with_state(guard.clone())
}

async fn come_back(
    State(guard): State<Guard>,
    Query(came): Query<Came>,
) -> (StatusCode, [(HeaderName, &'static str); 3], String) {
    let (status, words) = match (came.state, came.code, came.error) {
        (Some(state), Some(code), None) => {
            // In a task of its own: a browser that goes away does not end it half-way.
            let work = tokio::spawn(async move { guard.complete_claim(&state, &code).await });
            match work.await {
                Ok(Ok(_)) => (
                    StatusCode::OK,
                    "The project is yours. You can close this page.".to_owned(),
                ),
                Ok(Err(error)) => (status_of(&error), error.to_string()),
                Err(_) => (
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "Drydock failed; open the same address again.".to_owned(),
                ),
            }
        }
        (_, _, Some(_)) => (
            StatusCode::OK,
            "Nothing was changed. You can close this page.".to_owned(),
        ),
        _ => (
            StatusCode::BAD_REQUEST,
            "state and code are needed.".to_owned(),
        ),
    };
    let headers = [
        (CACHE_CONTROL, "no-store"),
        (
            CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'",
        ),
        (REFERRER_POLICY, "no-referrer"),
    ];
    (status, headers, words)
}

fn status_of(error: &Unclaimed) -> StatusCode {
    match error {
        Unclaimed::Unknown => StatusCode::NOT_FOUND,
        Unclaimed::Used | Unclaimed::Lost => StatusCode::CONFLICT,
        Unclaimed::Expired => StatusCode::GONE,
        Unclaimed::Refused(_) | Unclaimed::ForAnother => StatusCode::BAD_REQUEST,
        Unclaimed::NotConfigured | Unclaimed::Later(_) | Unclaimed::Store(_) => {
            StatusCode::SERVICE_UNAVAILABLE
        }
    }
}
