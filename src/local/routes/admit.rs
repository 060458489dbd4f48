//! Who is let in, and to what.
//!
//! ```text
//! the builder's own token        projects of the builder's organization
//! an OAuth app's access token    the project that its user claimed, and its branches
//! an account's personal token    projects of the account's organizations
//! ```
//!
//! What a request is about is read from the matched route's own parameters, after they are decoded, so
//! that no other spelling of a ref gets past.

use axum::extract::{FromRequestParts, Path, Request, State};
use axum::http::header::{AUTHORIZATION, HOST};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::watch;

use super::{ORGANIZATION, Platform};
use crate::api::Ref;
use crate::local::fault::Fault;
use crate::local::registry::{Granted, StoredOrganization, StoredProject};

/// What the middleware checks and reports.
#[derive(Clone)]
pub(in crate::local) struct Front {
    /// The bearer token.
    pub(in crate::local) token: String,
    /// Told of every request, so that an idle platform can end.
    pub(in crate::local) last_request: watch::Sender<tokio::time::Instant>,
}

/// Whose token a request carries.
#[derive(Debug, Clone)]
pub(super) enum Asker {
    /// The builder's own.
    Builder,
    /// An OAuth app's, for a claimed project.
    App(Granted),
    /// An account's own.
    Account {
        /// Its id.
        id: String,
        /// Its organizations: slug and name.
        organizations: Vec<StoredOrganization>,
    },
}

pub(super) async fn admit(
    State((front, platform)): State<(Front, Platform)>,
    request: Request,
    next: Next,
) -> Response {
    if !is_local(request.headers()) {
        return admit_anybody(State(front), request, next).await;
    }
    let (mut parts, body) = request.into_parts();
    let asker = match who(&front, &platform, &parts.headers).await {
        Ok(asker) => asker,
        Err(fault) => return fault.into_response(),
    };
    // A route without parameters has none, which is no fault.
    let about = match Path::<Vec<(String, String)>>::from_request_parts(&mut parts, &()).await {
        Ok(Path(about)) => about,
        Err(_) => Vec::new(),
    };
    if let Err(fault) = asker.may_touch(&platform, &about, &parts).await {
        return fault.into_response();
    }
    parts.extensions.insert(asker);
    admit_anybody(State(front), Request::from_parts(parts, body), next).await
}

/// Whoever speaks to loopback's own hosts: for what has callers of its own.
pub(super) async fn admit_anybody(
    State(front): State<Front>,
    request: Request,
    next: Next,
) -> Response {
    if !is_local(request.headers()) {
        return Fault::new(403, "the local platform answers on loopback alone").into_response();
    }
    front.last_request.send_replace(tokio::time::Instant::now());
    let response = next.run(request).await;
    // A long request counts until its end.
    front.last_request.send_replace(tokio::time::Instant::now());
    response
}

/// Whether the host that was asked for is loopback's own.
fn is_local(headers: &HeaderMap) -> bool {
    let host = headers.get(HOST).and_then(|value| value.to_str().ok());
    let host = host.unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    matches!(name, "127.0.0.1" | "localhost" | "[::1]")
}

async fn who(front: &Front, platform: &Platform, headers: &HeaderMap) -> Result<Asker, Fault> {
    let token = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "))
        .ok_or_else(|| Fault::new(401, "Unauthorized"))?;
    if token == front.token {
        return Ok(Asker::Builder);
    }
    let registry = platform.registry();
    if let Some(granted) = registry.granted(token).await? {
        return Ok(Asker::App(granted));
    }
    let account = registry.account_of(token).await?;
    let id = account.ok_or_else(|| Fault::new(401, "Unauthorized"))?;
    let organizations = registry.organizations(&id).await?;
    Ok(Asker::Account { id, organizations })
}

impl Asker {
    /// The projects of a list that it sees.
    pub(super) fn sees(&self, project: &StoredProject) -> bool {
        match self {
            Self::Builder => project.organization == ORGANIZATION,
            Self::App(granted) => {
                project.reference == granted.reference
                    || project.parent.as_ref() == Some(&granted.reference)
            }
            Self::Account { .. } => self.administers(&project.organization),
        }
    }

    /// Whether it may give an organization's projects away, and take others in. No app may: its user
    /// has not granted that.
    pub(super) fn administers(&self, organization: &str) -> bool {
        match self {
            Self::Builder => organization == ORGANIZATION,
            Self::App(_) => false,
            Self::Account { organizations, .. } => {
                organizations.iter().any(|own| own.slug == organization)
            }
        }
    }

    async fn may_touch(
        &self,
        platform: &Platform,
        about: &[(String, String)],
        parts: &Parts,
    ) -> Result<(), Fault> {
        let forbidden = || Err(Fault::new(403, "Forbidden action"));
        let of = |wanted: &str| {
            let found = about.iter().find(|(name, _)| name == wanted);
            found.map(|(_, value)| value.as_str())
        };
        let project = match (of("ref"), of("branch_id_or_ref")) {
            (Some(reference), _) => reference.parse::<Ref>().ok(),
            (None, Some(branch)) => {
                let branch = platform.registry().branch(branch).await?;
                branch.map(|branch| branch.project_ref)
            }
            (None, None) => {
                // Who is not the builder lists what it may see, and asks for nothing else that is no
                // project's; an organization's routes ask whose it is.
                let path = parts.uri.path();
                let lists = parts.method == Method::GET && path == "/v1/projects";
                let of_organizations = path.starts_with("/v1/organizations");
                return match self {
                    Self::Builder => Ok(()),
                    _ if lists || of_organizations => Ok(()),
                    _ => forbidden(),
                };
            }
        };
        match project {
            Some(reference) => match platform.registry().project(&reference).await? {
                Some(project) if !self.sees(&project) => forbidden(),
                None if !matches!(self, Self::Builder) => forbidden(),
                // The handler says what is wrong with what nobody has.
                _ => Ok(()),
            },
            None if !matches!(self, Self::Builder) => forbidden(),
            None => Ok(()),
        }
    }
}
