//! The pages where a user claims a project: plain forms, made here, with nothing from elsewhere.
//!
//! ```text
//! /claim/{token}               the link; leads to the first page that is not answered
//!   1 account                  sign in, or make an account
//!   2 organization             one of the account's, or a new one
//!   3 permissions              what the builder's app will be allowed to do
//!   4 project                  what is handed over
//!   5 confirm ─► yes: the project moves, and a code goes to the app's redirect URI
//!             └► no: access_denied goes there
//! ```
//!
//! Whoever answers the first page is the one who can answer the others: a claim is bound to an
//! account, a browser to a cookie, and each form to that cookie.

mod pages;
mod passwords;
mod register;
mod visit;

use axum::Router;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;
use url::Url;

use self::pages::Page;
use self::visit::{Visit, over};
use super::Platform;
use super::fault::Fault;
use super::registry::Confirmed;
use crate::chance;
use crate::sqlite::StoreError;

pub use self::register::{NewApp, OwnAccount, register_account, register_app};

/// What an authorization allows, and what the user reads of it.
pub(super) const SCOPES: [(&str, &str); 5] = [
    (
        "projects:read",
        "See the project, its health and its settings",
    ),
    (
        "projects:write",
        "Change, pause and restore the project, and its settings and API keys",
    ),
    ("database:read", "Read the database, with every row"),
    ("database:write", "Change the database and its branches"),
    (
        "secrets:write",
        "See the names of secrets, and set and delete them",
    ),
];
/// The longest name of an organization, in characters.
const ORGANIZATION_NAME: usize = 64;

/// 256 random bits for a purpose, behind a prefix that says what they are.
pub(super) fn new_secret(prefix: &str, purpose: &str) -> String {
    format!("{prefix}{}", chance::hex::<32>(purpose, ""))
}

pub(super) fn routes() -> Router<Platform> {
    Router::new()
        .route("/claim/{token}", get(enter))
        .route("/claim/{token}/{page}", get(show).post(answer))
}

/// What the forms send; each only some of it.
#[derive(Default, Deserialize)]
struct Answer {
    #[serde(default)]
    csrf: String,
    #[serde(default)]
    action: String,
    #[serde(default)]
    email: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    organization: String,
    #[serde(default)]
    new_organization: String,
}

type InPath = axum::extract::Path<(String, String)>;

async fn enter(
    State(platform): State<Platform>,
    axum::extract::Path(token): axum::extract::Path<String>,
    headers: HeaderMap,
) -> Result<Response, Response> {
    let visit = Visit::begin(platform, token, &headers).await?;
    Ok(visit.go_to(visit.next_page()))
}

async fn show(
    State(platform): State<Platform>,
    axum::extract::Path((token, page)): InPath,
    headers: HeaderMap,
) -> Result<Response, Response> {
    let visit = Visit::begin(platform, token, &headers).await?;
    let page = Page::named(&page).ok_or_else(|| over(404))?;
    if page > visit.next_page() {
        return Ok(visit.go_to(visit.next_page()));
    }
    visit.show(page, None).await
}

async fn answer(
    State(platform): State<Platform>,
    axum::extract::Path((token, page)): InPath,
    headers: HeaderMap,
    form: Result<Form<Answer>, FormRejection>,
) -> Result<Response, Response> {
    let Form(answer) = form.map_err(IntoResponse::into_response)?;
    let mut visit = Visit::begin(platform, token, &headers).await?;
    let page = Page::named(&page).ok_or_else(|| over(404))?;
    if !visit.is_own_form(&headers, &answer.csrf) {
        return Err(over(400));
    }
    if page == Page::Account {
        return sign_in(&mut visit, answer).await;
    }
    if page > visit.next_page() {
        return Ok(visit.go_to(visit.next_page()));
    }
    let organization = match page {
        Page::Organization => match choose_organization(&visit, &answer).await? {
            Ok(slug) => Some(slug),
            Err(wrong) => return visit.show(page, Some(wrong)).await,
        },
        Page::Confirm => return confirm(&visit, &answer).await,
        Page::Account | Page::Permissions | Page::Project => None,
    };
    visit.answered(page, organization).await
}

fn is_organization_name(name: &str) -> bool {
    (1..=ORGANIZATION_NAME).contains(&name.chars().count()) && !name.contains(char::is_control)
}

/// Whether it could be an address of mail.
fn is_address(email: &str) -> bool {
    email.len() <= 254
        && email
            .split_once('@')
            .is_some_and(|(name, host)| !name.is_empty() && host.contains('.'))
        && !email.contains(char::is_whitespace)
}

async fn sign_in(visit: &mut Visit, answer: Answer) -> Result<Response, Response> {
    let email = answer.email.trim().to_lowercase();
    let registry = visit.registry().clone();
    let account = match answer.action.as_str() {
        "sign_out" => {
            visit.renew(None).await?;
            return Ok(visit.go_to(Page::Account));
        }
        "continue" => match &visit.account {
            Some(account) => account.id.clone(),
            None => return Ok(visit.go_to(Page::Account)),
        },
        "sign_up" => {
            if !is_address(&email) {
                return visit
                    .show(Page::Account, Some("This is no e-mail address."))
                    .await;
            }
            if !(8..=256).contains(&answer.password.chars().count()) {
                return visit
                    .show(Page::Account, Some("A password has 8 to 256 characters."))
                    .await;
            }
            let (salt, digest) = passwords::sealed(answer.password).await?;
            match registry
                .add_account(&email, salt, digest)
                .await
                .map_err(failed)?
            {
                Some(account) => account,
                None => {
                    return visit
                        .show(
                            Page::Account,
                            Some("There is an account with this address: sign in."),
                        )
                        .await;
                }
            }
        }
        "sign_in" => {
            let login = registry.login(&email).await.map_err(failed)?;
            match passwords::fits(login, answer.password).await? {
                Some(account) => account,
                None => {
                    return visit
                        .show(Page::Account, Some("The address or the password is wrong."))
                        .await;
                }
            }
        }
        _ => return Ok(visit.go_to(Page::Account)),
    };
    if visit.is_for_another(&account) {
        return Err(over(403));
    }
    // What was known before the sign-in is worth nothing after it.
    visit.renew(Some(&account)).await?;
    visit.answered_by(&account, Page::Account, None).await
}

/// The slug of the organization that was chosen, or what is wrong with the choice.
async fn choose_organization(
    visit: &Visit,
    answer: &Answer,
) -> Result<Result<String, &'static str>, Response> {
    let account = visit
        .signed_in()
        .ok_or_else(|| visit.go_to(Page::Account))?;
    let name = answer.new_organization.trim();
    if answer.action == "new" {
        if !is_organization_name(name) {
            return Ok(Err("An organization's name has 1 to 64 characters."));
        }
        let slug = super::routes::new_ref("organization", account).to_string();
        visit
            .registry()
            .add_organization(account, &slug, name)
            .await
            .map_err(failed)?;
        return Ok(Ok(slug));
    }
    let own = visit
        .registry()
        .organizations(account)
        .await
        .map_err(failed)?;
    let chosen = own.into_iter().find(|one| one.slug == answer.organization);
    Ok(chosen
        .map(|one| one.slug)
        .ok_or("Choose one of your organizations."))
}

async fn confirm(visit: &Visit, answer: &Answer) -> Result<Response, Response> {
    let account = visit
        .signed_in()
        .ok_or_else(|| visit.go_to(Page::Account))?;
    let mut target = Url::parse(&visit.claim.redirect_uri).map_err(|_| over(500))?;
    match answer.action.as_str() {
        "cancel" => {
            visit
                .registry()
                .refuse_claim(&visit.claim)
                .await
                .map_err(failed)?;
            target
                .query_pairs_mut()
                .append_pair("error", "access_denied");
        }
        "confirm" => {
            let code = new_secret("", "claim code");
            crate::redact::keep_secret(&code);
            let confirmed = visit
                .registry()
                .confirm_claim(&visit.claim, account, &code)
                .await
                .map_err(failed)?;
            if confirmed == Confirmed::TooLate {
                return Err(over(409));
            }
            target.query_pairs_mut().append_pair("code", &code);
        }
        _ => return Ok(visit.go_to(Page::Confirm)),
    }
    if let Some(state) = &visit.claim.state {
        target.query_pairs_mut().append_pair("state", state);
    }
    Ok(visit.leave_to(target.as_str()))
}

fn failed(error: StoreError) -> Response {
    Fault::from(error).into_response()
}
