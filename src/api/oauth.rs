//! The claim flow: a user takes a project into an organization of their own, and the builder keeps
//! access to it through an OAuth app.
//!
//! ```text
//! AuthorizeProjectClaim ─► Location: the page where the user claims the project
//!        the user agrees ─► redirect_uri?code&state ─► ExchangeToken ─► tokens for that project
//!                                                      refresh_token ─► ExchangeToken, again
//! ```
//!
//! The description states 204 for the first; what is answered is a redirect, which the platform's own
//! guide follows with `curl -L`.

use futures_util::future::BoxFuture;
use reqwest::header::LOCATION;
use reqwest::{RequestBuilder, Response};
use serde::{Deserialize, Serialize};

use super::client::{Client, ReleasePermit, chain, error_message};
use super::endpoint::{Endpoint, endpoints};
use super::error::ApiError;
use super::reference::Ref;
use crate::redact;

/// What the platform's word for PKCE's one safe method is.
pub const S256: &str = "S256";

/// Who asks a user to claim which project, and where the answer goes.
#[derive(Clone, Serialize, Deserialize)]
pub struct ClaimQuery {
    /// Production's ref.
    pub project_ref: Ref,
    /// The OAuth app's id, a UUID.
    pub client_id: String,
    /// `code`.
    pub response_type: String,
    /// One of the app's own, to the letter.
    pub redirect_uri: String,
    /// Comes back with the code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// `query`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_mode: Option<String>,
    /// PKCE's challenge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_challenge: Option<String>,
    /// `S256`, `sha256` or `plain`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_challenge_method: Option<String>,
}

impl std::fmt::Debug for ClaimQuery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClaimQuery")
            .field("project_ref", &self.project_ref)
            .field("redirect_uri", &self.redirect_uri)
            .finish_non_exhaustive()
    }
}

/// What is given for tokens: a code, or an earlier refresh token. Sent as a form.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct TokenBody {
    /// `authorization_code` or `refresh_token`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant_type: Option<String>,
    /// The OAuth app's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// The OAuth app's secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<String>,
    /// The code that came back to the redirect URI.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What PKCE's challenge was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_verifier: Option<String>,
    /// The one that the code came back to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect_uri: Option<String>,
    /// An earlier refresh token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
}

/// Tokens. Has no `Debug`, so that no log shows one by accident.
#[derive(Clone, Serialize, Deserialize)]
pub struct Tokens {
    /// The bearer token.
    pub access_token: String,
    /// What another access token is had for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// For how many seconds the access token holds.
    pub expires_in: u64,
    /// `Bearer`.
    pub token_type: String,
    /// What it may do, with blanks between.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// The projects that it is for; nothing means all.
    pub project_refs: Option<Vec<String>>,
}

/// Which authorization ends.
#[derive(Clone, Serialize, Deserialize)]
pub struct RevokeBody {
    /// The OAuth app's id.
    pub client_id: String,
    /// The OAuth app's secret.
    pub client_secret: String,
    /// The refresh token; its access tokens end with it.
    pub refresh_token: String,
}

endpoints! {
    /// Begins a claim. Answers a redirect to the page where the user claims the project.
    AuthorizeProjectClaim: Releases GET "/v1/oauth/authorize/project-claim" (()) ? ClaimQuery => 204 (), needs "organization_admin_write";
    /// Exchanges a code or a refresh token for tokens. Takes a form.
    ExchangeToken: Releases POST "/v1/oauth/token" (()) { TokenBody } => 201 Tokens;
    /// Ends an authorization with all its tokens.
    RevokeToken: Releases POST "/v1/oauth/revoke" (()) { RevokeBody } => 204 ();
}

/// Knows the access tokens of projects that users have claimed.
pub trait ClaimedTokens: Send + Sync + 'static {
    /// The token for a project or branch by what is known in memory.
    fn known(&self, scope: &str) -> Option<String>;
    /// The token for a project or branch; another than `refused`, which the platform did not take.
    fn find<'a>(
        &'a self,
        scope: &'a str,
        refused: Option<&'a str>,
    ) -> BoxFuture<'a, Option<String>>;
}

impl Client {
    /// Begins a claim. Answers the address of the page where the user claims the project.
    pub async fn begin_claim(
        &self,
        _permit: &ReleasePermit,
        query: &ClaimQuery,
    ) -> Result<String, ApiError> {
        let place = self.place().await?;
        redact::keep_secret(&place.token);
        self.count();
        let request = self
            .plain_http()?
            .get(format!("{}{}", place.base, AuthorizeProjectClaim::PATH))
            .bearer_auth(&place.token)
            .query(query);
        let response = answered::<AuthorizeProjectClaim>(request).await?;
        let location = response.headers().get(LOCATION);
        let location = location.and_then(|value| value.to_str().ok());
        if let Some(location) = location.filter(|_| response.status().is_redirection())
            && (location.starts_with("https://")
                || location.starts_with(&format!("{}/", place.base)))
        {
            return Ok(location.to_owned());
        }
        if response.status().is_success() || response.status().is_redirection() {
            return Err(ApiError::Unreadable {
                operation: AuthorizeProjectClaim::NAME,
                reason: "it leads to no page".to_owned(),
            });
        }
        Err(refused::<AuthorizeProjectClaim>(response).await)
    }

    /// Exchanges a code or a refresh token for tokens: what the app's secret is for, and no token of
    /// the builder's.
    pub async fn exchange(&self, body: &TokenBody) -> Result<Tokens, ApiError> {
        let place = self.place().await?;
        self.count();
        let request = self
            .plain_http()?
            .post(format!("{}{}", place.base, ExchangeToken::PATH))
            .form(body);
        let response = answered::<ExchangeToken>(request).await?;
        if !response.status().is_success() {
            return Err(refused::<ExchangeToken>(response).await);
        }
        let bytes = response
            .bytes()
            .await
            .map_err(|error| ApiError::AnswerLost {
                operation: ExchangeToken::NAME,
                reason: chain(&error),
            })?;
        serde_json::from_slice(&bytes).map_err(|error| ApiError::Unreadable {
            operation: ExchangeToken::NAME,
            // The decoder's own words could repeat a token.
            reason: format!("{:?} at column {}", error.classify(), error.column()),
        })
    }
}

async fn answered<E: Endpoint>(request: RequestBuilder) -> Result<Response, ApiError> {
    request.send().await.map_err(|error| ApiError::AnswerLost {
        operation: E::NAME,
        reason: chain(&error.without_url()),
    })
}

async fn refused<E: Endpoint>(response: Response) -> ApiError {
    let status = response.status().as_u16();
    let bytes = response.bytes().await.unwrap_or_default();
    ApiError::Status {
        operation: E::NAME,
        status,
        permission: E::PERMISSION,
        message: error_message(status, &bytes),
    }
}
