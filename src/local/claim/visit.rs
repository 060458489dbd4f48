//! One request of one browser to one claim's pages.

use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, COOKIE, HOST, LOCATION, ORIGIN,
    REFERRER_POLICY, SET_COOKIE, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use url::Url;

use super::pages::{self, Page, Shown};
use super::{failed, new_secret};
use crate::hex;
use crate::local::Platform;
use crate::local::registry::{Account, Claim, Registry};

/// The cookie.
const COOKIE_NAME: &str = "drydock_claim";

/// A browser at a claim.
pub(super) struct Visit {
    platform: Platform,
    token: String,
    pub(super) claim: Claim,
    cookie: String,
    /// Whether the browser does not have the cookie yet.
    fresh: bool,
    pub(super) account: Option<Account>,
}

impl Visit {
    /// Finds the claim and who the browser is; a new browser gets a cookie.
    pub(super) async fn begin(
        platform: Platform,
        token: String,
        headers: &HeaderMap,
    ) -> Result<Self, Response> {
        let registry = platform.registry();
        let claim = registry.claim(&token).await.map_err(failed)?;
        let claim = claim.ok_or_else(|| over(404))?;
        let given = cookie_of(headers);
        let session = match &given {
            Some(cookie) => registry.session(cookie).await.map_err(failed)?,
            None => None,
        };
        let (cookie, fresh, account) = match (given, session) {
            (Some(cookie), Some(account)) => (cookie, false, account),
            _ => {
                let cookie = new_secret("", "session");
                registry
                    .begin_session(&cookie, None, None)
                    .await
                    .map_err(failed)?;
                (cookie, true, None)
            }
        };
        let visit = Self {
            platform,
            token,
            claim,
            cookie,
            fresh,
            account,
        };
        match &visit.account {
            Some(account) if visit.is_for_another(&account.id) => Err(over(403)),
            _ => Ok(visit),
        }
    }

    pub(super) fn registry(&self) -> &Registry {
        self.platform.registry()
    }

    /// Whether another account has begun to answer the claim.
    pub(super) fn is_for_another(&self, account: &str) -> bool {
        self.claim
            .account
            .as_deref()
            .is_some_and(|one| one != account)
    }

    /// The first page that is not answered; the account's while nobody has signed in.
    pub(super) fn next_page(&self) -> Page {
        match self.account {
            Some(_) => Page::after(self.claim.answered),
            None => Page::Account,
        }
    }

    /// The id of whoever has signed in.
    pub(super) fn signed_in(&self) -> Option<&str> {
        self.account.as_ref().map(|account| account.id.as_str())
    }

    /// Another cookie, for the account.
    pub(super) async fn renew(&mut self, account: Option<&str>) -> Result<(), Response> {
        let cookie = new_secret("", "session");
        self.registry()
            .begin_session(&cookie, Some(&self.cookie), account)
            .await
            .map_err(failed)?;
        self.cookie = cookie;
        self.fresh = true;
        Ok(())
    }

    /// What this browser's forms carry, and no other's.
    fn csrf(&self) -> String {
        hex::sha256_of(["csrf", &self.cookie])
    }

    /// Whether a form is this browser's, and no other site's.
    pub(super) fn is_own_form(&self, headers: &HeaderMap, csrf: &str) -> bool {
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let foreign = header(ORIGIN).is_some_and(|origin| {
            origin.strip_prefix("http://") != Some(header(HOST).unwrap_or_default())
        });
        !self.fresh && !foreign && csrf == self.csrf()
    }

    /// Writes an answered page down, and leads on.
    pub(super) async fn answered(
        &self,
        page: Page,
        organization: Option<String>,
    ) -> Result<Response, Response> {
        match self.signed_in() {
            Some(account) => self.answered_by(account, page, organization).await,
            None => Ok(self.go_to(Page::Account)),
        }
    }

    pub(super) async fn answered_by(
        &self,
        account: &str,
        page: Page,
        organization: Option<String>,
    ) -> Result<Response, Response> {
        let written = self
            .registry()
            .answer_page(&self.claim, page.number(), account, organization)
            .await
            .map_err(failed)?;
        if !written {
            return Err(over(409));
        }
        Ok(self.go_to(Page::after(page.number())))
    }

    /// A page, with what was wrong about an answer to it.
    pub(super) async fn show(&self, page: Page, wrong: Option<&str>) -> Result<Response, Response> {
        let registry = self.registry();
        let app = registry
            .app(&self.claim.client_id, None)
            .await
            .map_err(failed)?;
        let project = self.platform.project(&self.claim.reference).await;
        let branches = registry.branches(&self.claim.reference).await;
        let organizations = match &self.account {
            Some(account) => registry.organizations(&account.id).await.map_err(failed)?,
            None => Vec::new(),
        };
        let shown = Shown {
            page,
            wrong,
            csrf: &self.csrf(),
            account: self.account.as_ref().map(|account| account.email.as_str()),
            app: &app.ok_or_else(|| over(404))?.name,
            project: &project.map_err(IntoResponse::into_response)?,
            branches: branches
                .map_err(failed)?
                .iter()
                .filter(|branch| !branch.is_default)
                .count(),
            organization: organizations
                .iter()
                .find(|one| Some(&one.slug) == self.claim.organization.as_ref()),
            organizations: &organizations,
            redirect_uri: &self.claim.redirect_uri,
        };
        let status = if wrong.is_some() {
            StatusCode::BAD_REQUEST
        } else {
            StatusCode::OK
        };
        // The last form's answer leads to the app, which browsers count as part of the form.
        let app = Url::parse(&self.claim.redirect_uri).map_err(|_| over(500))?;
        let response = html(status, &app.origin().ascii_serialization(), shown.html());
        Ok(self.with_cookie(response))
    }

    pub(super) fn go_to(&self, page: Page) -> Response {
        self.leave_to(&format!("/claim/{}/{}", self.token, page.name()))
    }

    /// Leads the browser on, by GET.
    pub(super) fn leave_to(&self, location: &str) -> Response {
        let headers = [
            (LOCATION, location),
            (CACHE_CONTROL, "no-store"),
            (REFERRER_POLICY, "same-origin"),
        ];
        self.with_cookie((StatusCode::SEE_OTHER, headers).into_response())
    }

    fn with_cookie(&self, mut response: Response) -> Response {
        let cookie = format!(
            "{COOKIE_NAME}={}; Path=/claim; HttpOnly; SameSite=Lax",
            self.cookie
        );
        if self.fresh
            && let Ok(value) = cookie.parse()
        {
            response.headers_mut().insert(SET_COOKIE, value);
        }
        response
    }
}

/// The page of a link that leads nowhere, or not for this browser.
pub(super) fn over(status: u16) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::NOT_FOUND);
    html(status, "", pages::over(status))
}

fn html(status: StatusCode, app: &str, body: String) -> Response {
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; form-action 'self' {app}; base-uri 'none'; frame-ancestors 'none'",
        pages::style_hash()
    );
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
        (CONTENT_SECURITY_POLICY, policy),
        (CACHE_CONTROL, "no-store".to_owned()),
        // The link is a secret, and other sites are not told it; forms still say where they are from.
        (REFERRER_POLICY, "same-origin".to_owned()),
        (X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
    ];
    (status, headers, body).into_response()
}

fn cookie_of(headers: &HeaderMap) -> Option<String> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == COOKIE_NAME)
        .map(|(_, value)| value.to_owned())
}
