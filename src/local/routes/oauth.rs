//! OAuth: beginning a claim, exchanging codes, ending authorizations.

use axum::extract::rejection::FormRejection;
use axum::extract::{Query, State};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use super::{ORGANIZATION, Platform};
use crate::api::Endpoint;
use crate::api::oauth::{
    AuthorizeProjectClaim, ClaimQuery, ExchangeToken, RevokeBody, RevokeToken, TokenBody, Tokens,
};
use crate::local::claim::{SCOPES, new_secret};
use crate::local::fault::Fault;
use crate::local::registry::{ACCESS_LASTS, CodeProof};
use crate::redact;

/// For who has the builder's token.
pub(super) fn routes(routes: Router<Platform>) -> Router<Platform> {
    routes.route(AuthorizeProjectClaim::PATH, get(authorize))
}

/// For who has an app's secret.
pub(super) fn token_routes() -> Router<Platform> {
    Router::new()
        .route(ExchangeToken::PATH, post(exchange))
        .route(RevokeToken::PATH, post(revoke))
}

async fn authorize(
    State(platform): State<Platform>,
    headers: HeaderMap,
    query: Result<Query<ClaimQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Fault> {
    let Query(asked) = query.map_err(|rejection| Fault::new(400, rejection.body_text()))?;
    let app = platform.registry().app(&asked.client_id, None).await?;
    let app = app.ok_or_else(|| Fault::new(400, "there is no OAuth app of that client_id"))?;
    // To the letter: whoever gets near to it gets the code.
    if !app.redirect_uris.contains(&asked.redirect_uri) {
        return Err(Fault::new(
            400,
            "redirect_uri is none that the OAuth app has registered",
        ));
    }
    if asked.response_type != "code" {
        return Err(Fault::new(400, "response_type is code"));
    }
    if asked
        .response_mode
        .as_ref()
        .is_some_and(|mode| mode != "query")
    {
        return Err(Fault::new(400, "response_mode is query"));
    }
    let method = asked.code_challenge_method.as_deref();
    match (&asked.code_challenge, method) {
        (None, None) | (Some(_), None | Some("S256" | "sha256" | "plain")) => {}
        _ => {
            return Err(Fault::new(
                400,
                "code_challenge_method is S256, sha256 or plain, and comes with a code_challenge",
            ));
        }
    }
    if asked.state.as_ref().is_some_and(|state| state.len() > 2048) {
        return Err(Fault::new(400, "state is too long"));
    }
    let project = platform.project(&asked.project_ref).await?;
    if project.organization != ORGANIZATION {
        return Err(Fault::new(403, "Forbidden action"));
    }
    if project.parent.is_some() {
        return Err(Fault::new(
            400,
            "a branch goes with its project: claim the project",
        ));
    }
    let token = new_secret("", "claim page");
    platform.registry().begin_claim(&token, asked).await?;
    // Where the request came to is where the pages are.
    let host = headers
        .get(axum::http::header::HOST)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let location = format!("http://{host}/claim/{token}");
    let headers = [(LOCATION, location), (CACHE_CONTROL, "no-store".to_owned())];
    Ok((StatusCode::FOUND, headers).into_response())
}

async fn exchange(
    State(platform): State<Platform>,
    headers: HeaderMap,
    body: Result<Form<TokenBody>, FormRejection>,
) -> Result<Response, Fault> {
    let Form(body) = body.map_err(|rejection| Fault::new(400, rejection.body_text()))?;
    let (client_id, client_secret) = credentials(&headers, &body)
        .ok_or_else(|| Fault::new(401, "client_id and client_secret are needed"))?;
    redact::keep_secret(&client_secret);
    let registry = platform.registry();
    if registry
        .app(&client_id, Some(&client_secret))
        .await?
        .is_none()
    {
        return Err(Fault::new(401, "the client_id or client_secret is wrong"));
    }
    let access_token = new_secret("sbp_oauth_", "access token");
    redact::keep_secret(&access_token);
    let (reference, refresh_token) = match body.grant_type.as_deref() {
        Some("authorization_code") => {
            let (code, redirect_uri) = body
                .code
                .as_deref()
                .zip(body.redirect_uri.as_deref())
                .ok_or_else(|| Fault::new(400, "code and redirect_uri are needed"))?;
            let proof = CodeProof {
                code,
                client_id: &client_id,
                redirect_uri,
                challenges: body.code_verifier.map(challenges),
            };
            let refresh_token = new_secret("", "refresh token");
            redact::keep_secret(&refresh_token);
            let taken = registry
                .take_code(proof, &refresh_token, &access_token)
                .await?;
            let reference = taken.ok_or_else(|| {
                Fault::new(
                    400,
                    "the code is wrong, used or expired, or does not fit its redirect_uri or code_verifier",
                )
            })?;
            (reference, refresh_token)
        }
        Some("refresh_token") => {
            let refresh_token = body
                .refresh_token
                .ok_or_else(|| Fault::new(400, "refresh_token is needed"))?;
            let reference = registry
                .refresh(&client_id, &refresh_token, &access_token)
                .await?
                .ok_or_else(|| Fault::new(400, "the refresh_token is wrong or revoked"))?;
            (reference, refresh_token)
        }
        _ => {
            return Err(Fault::new(
                400,
                "grant_type is authorization_code or refresh_token",
            ));
        }
    };
    let tokens = Tokens {
        access_token,
        refresh_token: Some(refresh_token),
        expires_in: ACCESS_LASTS,
        token_type: "Bearer".to_owned(),
        scope: Some(SCOPES.map(|(scope, _)| scope).join(" ")),
        project_refs: Some(vec![reference.to_string()]),
    };
    let headers = [(CACHE_CONTROL, "no-store")];
    Ok((StatusCode::CREATED, headers, Json(tokens)).into_response())
}

async fn revoke(
    State(platform): State<Platform>,
    body: Result<Json<RevokeBody>, axum::extract::rejection::JsonRejection>,
) -> Result<StatusCode, Fault> {
    let Json(body) = body.map_err(|rejection| Fault::new(400, rejection.body_text()))?;
    let registry = platform.registry();
    let app = registry
        .app(&body.client_id, Some(&body.client_secret))
        .await?;
    if app.is_none() {
        return Err(Fault::new(401, "the client_id or client_secret is wrong"));
    }
    if !registry
        .revoke(&body.client_id, &body.refresh_token)
        .await?
    {
        return Err(Fault::new(400, "the refresh_token is wrong or revoked"));
    }
    Ok(StatusCode::NO_CONTENT)
}

/// The app's id and secret: in the form, or as HTTP's own.
fn credentials(headers: &HeaderMap, body: &TokenBody) -> Option<(String, String)> {
    if let Some(both) = body.client_id.clone().zip(body.client_secret.clone()) {
        return Some(both);
    }
    let basic = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let bytes = BASE64_STANDARD.decode(basic.strip_prefix("Basic ")?).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some((id.to_owned(), secret.to_owned()))
}

/// What a verifier's challenge would be, by S256 and as it is.
fn challenges(verifier: String) -> (String, String) {
    let digest = Sha256::digest(verifier.as_bytes());
    (BASE64_URL_SAFE_NO_PAD.encode(digest), verifier)
}
