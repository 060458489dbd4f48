//! The HTTP client: who may send which [`Endpoint`]. How it is sent stands in the module `exchange`.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::branches::{Branch, CreateBranch, CreateBranchBody};
use super::database::{QueryBody, Row, RunQuery};
use super::dev_branch::{BranchPath, DevBranch};
use super::endpoint::{Endpoint, Looks, WritesBranch};
use super::error::{ApiError, ErrorBody};
use super::exchange::Request;
use super::meter::Meter;
use super::oauth::ClaimedTokens;
use super::pace::Pace;
use super::reference::Ref;
use super::secrets::NewSecret;

/// How long a reply may take. The platform's own gateway gives up after a minute.
const DEADLINE: Duration = Duration::from_secs(75);

/// Where the API answers, and with which token.
#[derive(Clone)]
pub struct Place {
    /// The base URL, without a slash at its end.
    pub base: String,
    /// The bearer token.
    pub token: String,
    /// Whether it is Drydock's own platform, which is told what call a request belongs to. Nobody else is.
    pub is_local: bool,
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
    pub(super) locator: Arc<dyn Locator>,
    pub(super) pace: Arc<Pace>,
    /// For projects that other organizations have taken over.
    pub(super) claimed: Option<Arc<dyn ClaimedTokens>>,
    /// Whose requests are counted.
    pub(super) meter: Option<Arc<Meter>>,
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
            meter: None,
        }
    }

    /// The same for one call, whose requests are counted.
    #[must_use]
    pub fn metered(&self, meter: Arc<Meter>) -> Self {
        Self {
            meter: Some(meter),
            ..self.clone()
        }
    }

    /// Counts a request that is about to be sent.
    pub(super) fn count(&self) {
        if let Some(meter) = &self.meter {
            meter.count();
        }
    }

    /// The same, with access to projects that users have claimed.
    #[must_use]
    pub fn with_claimed(mut self, claimed: Arc<dyn ClaimedTokens>) -> Self {
        self.claimed = Some(claimed);
        self
    }

    pub(super) fn http(&self) -> Result<&reqwest::Client, ApiError> {
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
        self.read_again_if_lost::<E>(&path, query, None).await
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
        self.read_again_if_lost::<RunQuery>(reference, &(), Some(&body))
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

    async fn send<E: Endpoint>(
        &self,
        path: &E::Path,
        query: &E::Query,
        body: Option<&E::Body>,
    ) -> Result<E::Reply, ApiError> {
        let request = Request::of::<E>(path, query, body)?;
        self.exchange_anew(&request).await?.read::<E>().await
    }

    async fn read_again_if_lost<E: Endpoint>(
        &self,
        path: &E::Path,
        query: &E::Query,
        body: Option<&E::Body>,
    ) -> Result<E::Reply, ApiError> {
        let request = Request::of::<E>(path, query, body)?;
        let answer = self.exchange_again_if_lost(&request).await?;
        answer.read::<E>().await
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
