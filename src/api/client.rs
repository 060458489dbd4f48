//! The HTTP client: one way to send an [`Endpoint`], and who may send which.

use std::any::TypeId;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::Method;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};

use super::actions::RunCount;
use super::branches::{Branch, CreateBranch, CreateBranchBody};
use super::database::{QueryBody, Row, RunQuery};
use super::dev_branch::{BranchPath, DevBranch};
use super::endpoint::{Endpoint, Looks, PathParams, WritesBranch, fill_path};
use super::error::{ApiError, ErrorBody};
use super::oauth::ClaimedTokens;
use super::pace::{Pace, scope_of};
use super::reference::Ref;
use super::secrets::NewSecret;
use crate::redact;

/// How long a reply may take. The platform's own gateway gives up after a minute.
const DEADLINE: Duration = Duration::from_secs(75);
/// How often a request that changes nothing is sent again.
const RETRIES: u32 = 2;
/// How often a request that came too fast is sent.
const TURNS: u32 = 3;

/// Where the API answers, and with which token.
#[derive(Clone)]
pub struct Place {
    /// The base URL, without a slash at its end.
    pub base: String,
    /// The bearer token.
    pub token: String,
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Place")
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

/// Finds the place when it is first needed: the cloud's is known from the start, the local
/// platform is looked up, or started, then.
pub trait Locator: Send + Sync + 'static {
    /// The place.
    fn locate(&self) -> BoxFuture<'_, Result<Place, ApiError>>;
    /// Says that nobody answered at `place`, so that the next call looks again.
    fn lost(&self, place: &Place);
}

impl Locator for Place {
    fn locate(&self) -> BoxFuture<'_, Result<Place, ApiError>> {
        Box::pin(std::future::ready(Ok(self.clone())))
    }

    fn lost(&self, _: &Place) {}
}

/// Proof that a call beyond a DEV branch was allowed: within policy, approved, or gated.
///
/// Made by the guard alone.
#[derive(Debug)]
pub struct ReleasePermit {
    _made_by_the_guard: (),
}

impl ReleasePermit {
    /// For the guard, after it has satisfied itself.
    pub(crate) fn issue() -> Self {
        Self {
            _made_by_the_guard: (),
        }
    }
}

/// A client of the Management API. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    /// Made with the first request: reading the machine's certificates takes its time.
    http: Arc<OnceLock<reqwest::Client>>,
    /// For what is not the platform's own word: it follows nobody elsewhere.
    plain: Arc<OnceLock<reqwest::Client>>,
    locator: Arc<dyn Locator>,
    pace: Arc<Pace>,
    /// For projects that other organizations have taken over.
    pub(super) claimed: Option<Arc<dyn ClaimedTokens>>,
}

impl Client {
    /// A client that finds its platform through `locator`.
    pub fn new(locator: Arc<dyn Locator>) -> Self {
        Self {
            http: Arc::default(),
            plain: Arc::default(),
            locator,
            pace: Arc::default(),
            claimed: None,
        }
    }

    /// The same, with access to projects that users have claimed.
    #[must_use]
    pub fn with_claimed(mut self, claimed: Arc<dyn ClaimedTokens>) -> Self {
        self.claimed = Some(claimed);
        self
    }

    fn http(&self) -> Result<&reqwest::Client, ApiError> {
        make_once(&self.http, |builder| builder.timeout(DEADLINE))
    }

    /// A client that answers a redirect with the redirect.
    pub(super) fn plain_http(&self) -> Result<&reqwest::Client, ApiError> {
        make_once(&self.plain, |builder| {
            builder.redirect(reqwest::redirect::Policy::none())
        })
    }

    /// Where the API answers; starts the local platform if it must.
    pub async fn place(&self) -> Result<Place, ApiError> {
        self.locator.locate().await
    }

    /// Calls an endpoint that changes nothing. Sent again when the answer is lost.
    pub async fn look<E>(&self, path: E::Path, query: &E::Query) -> Result<E::Reply, ApiError>
    where
        E: Endpoint<Access = Looks, Body = ()>,
    {
        self.send_again_if_lost::<E>(&path, query, None).await
    }

    /// Runs one statement on `reference`, any project or branch, as a role that cannot write.
    pub async fn query_read_only(
        &self,
        reference: &Ref,
        query: impl Into<String>,
        parameters: Option<Vec<serde_json::Value>>,
    ) -> Result<Vec<Row>, ApiError> {
        let body = QueryBody {
            query: query.into(),
            parameters,
            read_only: Some(true),
        };
        self.send_again_if_lost::<RunQuery>(reference, &(), Some(&body))
            .await
    }

    /// Calls an endpoint that changes a branch: this branch.
    pub async fn write<E>(
        &self,
        branch: &DevBranch,
        query: &E::Query,
        body: &E::Body,
    ) -> Result<E::Reply, ApiError>
    where
        E: Endpoint<Access = WritesBranch>,
        E::Path: BranchPath,
    {
        self.send::<E>(&E::Path::of(branch), query, Some(body))
            .await
    }

    /// Calls an endpoint that changes one thing of a branch, by its name: this branch.
    pub async fn write_named<E>(
        &self,
        branch: &DevBranch,
        name: &str,
        query: &E::Query,
        body: &E::Body,
    ) -> Result<E::Reply, ApiError>
    where
        E: Endpoint<Access = WritesBranch, Path = (Ref, String)>,
    {
        let path = (branch.reference().clone(), name.to_owned());
        self.send::<E>(&path, query, Some(body)).await
    }

    /// Creates a branch of `project`, empty of production's rows, with these secrets.
    pub async fn create_branch(
        &self,
        project: &Ref,
        name: &str,
        secrets: &[NewSecret],
    ) -> Result<Branch, ApiError> {
        let pair = |secret: &NewSecret| (secret.name.clone(), secret.value.clone());
        let body = CreateBranchBody {
            branch_name: name.to_owned(),
            secrets: (!secrets.is_empty()).then(|| secrets.iter().map(pair).collect()),
            ..CreateBranchBody::default()
        };
        self.send::<CreateBranch>(project, &(), Some(&body)).await
    }

    /// Calls any endpoint, production's included, with a permit.
    pub async fn release<E: Endpoint>(
        &self,
        _permit: &ReleasePermit,
        path: E::Path,
        query: &E::Query,
        body: &E::Body,
    ) -> Result<E::Reply, ApiError> {
        self.send::<E>(&path, query, Some(body)).await
    }

    /// For what changes nothing: a lost answer is asked for again.
    async fn send_again_if_lost<E: Endpoint>(
        &self,
        path: &E::Path,
        query: &E::Query,
        body: Option<&E::Body>,
    ) -> Result<E::Reply, ApiError> {
        let mut attempt = 0;
        loop {
            let result = self.send::<E>(path, query, body).await;
            match &result {
                Err(error) if attempt < RETRIES && is_passing(error) => {
                    attempt += 1;
                    tracing::debug!(operation = E::NAME, %error, attempt, "asking again");
                    tokio::time::sleep(Duration::from_millis(50 << (2 * attempt))).await;
                }
                _ => return result,
            }
        }
    }

    /// Sends once; where nobody could be reached nothing was sent, so the platform is looked for
    /// anew and the request sent there.
    async fn send<E: Endpoint>(
        &self,
        path: &E::Path,
        query: &E::Query,
        body: Option<&E::Body>,
    ) -> Result<E::Reply, ApiError> {
        match self.send_in_turn::<E>(path, query, body).await {
            Err(ApiError::Unreachable { .. }) => self.send_in_turn::<E>(path, query, body).await,
            other => other,
        }
    }

    /// Sends within the platform's rate limit. What it refuses for coming too fast was not carried
    /// out, so it is sent again when the platform says, whatever it is.
    async fn send_in_turn<E: Endpoint>(
        &self,
        path: &E::Path,
        query: &E::Query,
        body: Option<&E::Body>,
    ) -> Result<E::Reply, ApiError> {
        let mut turn = 1;
        loop {
            self.pace.wait(&scope_of(E::PATH, &path.values())).await;
            match self.send_as_owner::<E>(path, query, body).await {
                Err(ApiError::TooFast { .. }) if turn < TURNS => turn += 1,
                other => return other,
            }
        }
    }

    pub(super) async fn send_once<E: Endpoint>(
        &self,
        path: &E::Path,
        query: &E::Query,
        body: Option<&E::Body>,
        token: Option<&str>,
    ) -> Result<E::Reply, ApiError> {
        let place = self.locator.locate().await?;
        let token = token.unwrap_or(&place.token);
        redact::keep_secret(token);
        let filled = fill_path(E::PATH, &path.values());
        let mut request = self
            .http()?
            .request(E::METHOD, format!("{}{filled}", place.base))
            .header(AUTHORIZATION, format!("Bearer {token}"))
            .query(query);
        let takes_a_body = matches!(E::METHOD, Method::POST | Method::PUT | Method::PATCH)
            || TypeId::of::<E::Body>() != TypeId::of::<()>();
        if let Some(body) = body
            && takes_a_body
        {
            let unsendable = |reason| ApiError::Unreadable {
                operation: E::NAME,
                reason,
            };
            request = if let Some(form) = &E::BODY_FORM {
                let (content_type, bytes) = form.encode(body).map_err(unsendable)?;
                request.header(CONTENT_TYPE, content_type).body(bytes)
            } else {
                let json =
                    serde_json::to_value(body).map_err(|error| unsendable(error.to_string()))?;
                // Some operations take no body at all, some an empty object: both accept one.
                if json.is_null() {
                    request.json(&serde_json::json!({}))
                } else {
                    request.json(&json)
                }
            };
        }
        if E::REPLY_FORM.is_some() {
            request = request.header(ACCEPT, "multipart/form-data");
        }
        let response = request.send().await.map_err(|error| {
            if error.is_connect() || error.is_builder() {
                self.locator.lost(&place);
                ApiError::Unreachable {
                    base: place.base.clone(),
                    reason: chain(&error),
                }
            } else {
                ApiError::AnswerLost {
                    operation: E::NAME,
                    reason: chain(&error),
                }
            }
        })?;
        let status = response.status().as_u16();
        let content_type = header_text(&response, CONTENT_TYPE.as_str());
        // The answer to a HEAD has no body.
        let count = (E::METHOD == Method::HEAD).then(|| header_text(&response, RunCount::HEADER));
        let scope = scope_of(E::PATH, &path.values());
        let again = self.pace.heard(&scope, status, response.headers());
        let bytes = response
            .bytes()
            .await
            .map_err(|error| ApiError::AnswerLost {
                operation: E::NAME,
                reason: chain(&error),
            })?;
        let bytes = count.map_or(bytes, Bytes::from);
        if again {
            return Err(ApiError::TooFast { operation: E::NAME });
        }
        if !(200..300).contains(&status) {
            return Err(ApiError::Status {
                operation: E::NAME,
                status,
                permission: E::PERMISSION,
                message: error_message(status, &bytes),
            });
        }
        if let Some(form) = &E::REPLY_FORM {
            let decoded = form.decode(&content_type, bytes).await;
            return decoded.map_err(|reason| ApiError::Unreadable {
                operation: E::NAME,
                reason,
            });
        }
        // A reply that says nothing is read as that, whatever a platform puts there.
        let says_nothing = bytes.is_empty() || TypeId::of::<E::Reply>() == TypeId::of::<()>();
        let json: &[u8] = if says_nothing { b"null" } else { &bytes };
        serde_json::from_slice(json).map_err(|error| ApiError::Unreadable {
            operation: E::NAME,
            reason: error.to_string(),
        })
    }
}

fn make_once(
    cell: &OnceLock<reqwest::Client>,
    configure: impl FnOnce(reqwest::ClientBuilder) -> reqwest::ClientBuilder,
) -> Result<&reqwest::Client, ApiError> {
    if let Some(http) = cell.get() {
        return Ok(http);
    }
    // Fails only when another provider is installed already, which serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = reqwest::Client::builder()
        .user_agent(concat!("drydock/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(Duration::from_secs(10))
        .tcp_nodelay(true);
    let http = configure(builder)
        .build()
        .map_err(|error| ApiError::NotStarted(chain(&error)))?;
    Ok(cell.get_or_init(|| http))
}

/// A header of an answer; empty if there is none that is text.
pub(super) fn header_text(response: &reqwest::Response, name: &str) -> String {
    let value = response.headers().get(name);
    value
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_owned()
}

/// Whether asking again may help.
fn is_passing(error: &ApiError) -> bool {
    match error {
        ApiError::Unreachable { .. } | ApiError::AnswerLost { .. } => true,
        ApiError::Status { status, .. } => matches!(status, 502..=504),
        ApiError::NotStarted(_) | ApiError::Unreadable { .. } | ApiError::TooFast { .. } => false,
    }
}

/// The platform's own words, or what the status means where it gives none.
pub(super) fn error_message(status: u16, body: &[u8]) -> String {
    if let Ok(ErrorBody { message }) = serde_json::from_slice(body) {
        return message;
    }
    match status {
        401 => "the platform does not accept the access token".to_owned(),
        403 => "the access token lacks a permission for this".to_owned(),
        404 => "the platform knows no such thing".to_owned(),
        _ => http::StatusCode::from_u16(status)
            .ok()
            .and_then(|status| status.canonical_reason())
            .unwrap_or("the platform refused")
            .to_owned(),
    }
}

/// An error with its causes, which reqwest keeps out of its `Display`. Never holds the URL's
/// query or the token.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
