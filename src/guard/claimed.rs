//! Projects that users have claimed: the answer that comes back, and the tokens that keep access.
//!
//! The code is sealed before it is exchanged and the tokens before anything is said. Cut short in
//! between, the same answer, opened again, finds out what the platform has done.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::tool::new_id;
use super::{Code, Guard, PATIENCE, Refusal};
use crate::api::oauth::{ClaimedTokens, TokenBody, Tokens};
use crate::api::projects::{CreatedProject, GetProject};
use crate::api::{ApiError, Client, Ref};
use crate::clock;
use crate::fence::quote;
use crate::hex;
use crate::redact;
use crate::store::{ClaimStatus, Entry, Kind, OAUTH_TOKENS, Store, StoreError};

/// What PKCE's verifier is called in the vault.
pub(super) const VERIFIER: &str = "code_verifier";
/// What a code is called in the vault.
const CODE: &str = "code";
/// How long before its end a token is replaced, in milliseconds.
const EARLY: i64 = 60_000;

/// The builder's OAuth app. Has no `Debug`, so that no log shows its secret by accident.
#[derive(Clone)]
pub struct OauthApp {
    /// Its id, a UUID.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// Where codes may go; the first is taken where none is named.
    pub redirect_uris: Vec<String>,
}

/// Why an answer to a claim was not taken.
#[derive(Debug, thiserror::Error)]
pub enum Unclaimed {
    /// Drydock has asked nobody that.
    #[error("Drydock has asked for no claim with this state")]
    Unknown,
    /// It was taken before.
    #[error("this answer was taken before")]
    Used,
    /// It came too late.
    #[error("this answer came too late; ask for another link")]
    Expired,
    /// There is no OAuth app to exchange the code for.
    #[error("DRYDOCK_OAUTH_CLIENT_ID and DRYDOCK_OAUTH_CLIENT_SECRET are not set")]
    NotConfigured,
    /// The code was exchanged once, and its tokens have reached nobody.
    #[error(
        "the project has moved, and the tokens for it were lost on their way: its user must authorize the app again"
    )]
    Lost,
    /// The platform does not take the code.
    #[error("the platform does not take the code: {0}")]
    Refused(ApiError),
    /// Whether the platform has taken the code is not known.
    #[error("the platform cannot be asked now; open the same address again: {0}")]
    Later(ApiError),
    /// The tokens are for something else.
    #[error("the platform's tokens are for another project")]
    ForAnother,
    /// The store or the vault cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Tokens as they are sealed.
#[derive(Serialize, Deserialize)]
struct Kept {
    access_token: String,
    refresh_token: Option<String>,
    /// Milliseconds since the Unix epoch.
    expires_at: i64,
}

impl Kept {
    fn new(tokens: Tokens, before: Option<String>) -> Self {
        let lasts = i64::try_from(tokens.expires_in).unwrap_or(i64::MAX);
        Self {
            access_token: tokens.access_token,
            // A platform that gives no other means the one that there is.
            refresh_token: tokens.refresh_token.or(before),
            expires_at: clock::unix_millis().saturating_add(lasts.saturating_mul(1000)),
        }
    }

    fn keep_secret(&self) {
        redact::keep_secret(&self.access_token);
        if let Some(token) = &self.refresh_token {
            redact::keep_secret(token);
        }
    }

    fn holds(&self) -> bool {
        self.expires_at - EARLY > clock::unix_millis()
    }
}

async fn kept(store: &Store, project: &Ref) -> Result<Option<Kept>, StoreError> {
    let Some(text) = store.open_sealed(project.as_str(), OAUTH_TOKENS).await? else {
        return Ok(None);
    };
    let kept: Kept = serde_json::from_str(&text)?;
    kept.keep_secret();
    Ok(Some(kept))
}

async fn keep(store: &Store, project: &Ref, kept: &Kept) -> Result<(), StoreError> {
    kept.keep_secret();
    let text = serde_json::to_string(kept)?;
    store
        .seal(project.as_str(), OAUTH_TOKENS, &text, None)
        .await
}

/// Under what the secrets of a claim are sealed.
pub(super) fn sealed_as(digest: &str) -> String {
    format!("claim:{digest}")
}

impl Guard {
    /// The builder's OAuth app.
    pub(super) fn oauth(&self) -> Result<&OauthApp, Refusal> {
        self.inner.oauth.as_ref().ok_or_else(|| {
            Refusal::new(
                Code::NotConfigured,
                "projects are handed over through an OAuth app of the operator's, and Drydock was given none",
            )
            .operator("register an OAuth app (on the local platform: drydock claim app) and set DRYDOCK_OAUTH_CLIENT_ID, DRYDOCK_OAUTH_CLIENT_SECRET and DRYDOCK_OAUTH_REDIRECT_URI")
        })
    }

    /// Projects that users have claimed, which the builder's own token does not list. One that cannot
    /// be looked at is left out: its user may have ended the access.
    pub(super) async fn claimed_beside(
        &self,
        known: &[CreatedProject],
    ) -> Result<Vec<CreatedProject>, StoreError> {
        let mut found = Vec::new();
        if self.inner.oauth.is_none() {
            return Ok(found);
        }
        for record in self.store().vault_records().await? {
            let Ok(reference) = record.project.parse::<Ref>() else {
                continue;
            };
            if record.name != OAUTH_TOKENS || known.iter().any(|one| one.reference == reference) {
                continue;
            }
            match self.client().look::<GetProject>(reference, &()).await {
                Ok(project) => found.push(project.project),
                Err(error) => tracing::warn!(%error, "a claimed project cannot be looked at"),
            }
        }
        Ok(found)
    }

    /// Takes a user's answer to a claim: exchanges the code, and seals the tokens. Answers the
    /// project.
    ///
    /// # Errors
    ///
    /// See [`Unclaimed`]. After [`Unclaimed::Later`] the same answer may be given again.
    pub async fn complete_claim(&self, state: &str, code: &str) -> Result<Ref, Unclaimed> {
        redact::keep_secret(code);
        redact::keep_secret(state);
        let digest = hex::sha256_text(state);
        let store = self.store();
        if store.asked_claim(&digest).await?.is_none() {
            return Err(Unclaimed::Unknown);
        }
        let id = new_id("claim");
        self.note_claim(&id, Kind::Intent, None, None).await?;
        let result = self.take_answer(&digest, code).await;
        let (project, code) = match &result {
            Ok(project) => (Some(project), None),
            Err(error) => (None, Some(error.to_string())),
        };
        self.note_claim(&id, Kind::Outcome, project, code).await?;
        result
    }

    async fn take_answer(&self, digest: &str, code: &str) -> Result<Ref, Unclaimed> {
        let app = self.oauth().map_err(|_| Unclaimed::NotConfigured)?;
        let store = self.store();
        let owner = sealed_as(digest);
        let lease = store.lease(&owner, PATIENCE).await?;
        let _lease = lease.ok_or(Unclaimed::Used)?;
        let asked = store.asked_claim(digest).await?.ok_or(Unclaimed::Unknown)?;
        let again = match asked.status {
            ClaimStatus::Done => return Err(Unclaimed::Used),
            ClaimStatus::Lost => return Err(Unclaimed::Lost),
            ClaimStatus::Waiting if asked.expired => return Err(Unclaimed::Expired),
            ClaimStatus::Waiting => false,
            ClaimStatus::Exchanging => true,
        };
        if again {
            let before = store.open_sealed(&owner, CODE).await?;
            if before.is_some_and(|before| before.as_str() != code) {
                return Err(Unclaimed::Used);
            }
        }
        let verifier = store.open_sealed(&owner, VERIFIER).await?;
        let verifier = verifier.ok_or(Unclaimed::Unknown)?;
        store.seal(&owner, CODE, code, None).await?;
        store.set_claim(digest, ClaimStatus::Exchanging).await?;
        let body = TokenBody {
            grant_type: Some("authorization_code".to_owned()),
            client_id: Some(app.client_id.clone()),
            client_secret: Some(app.client_secret.clone()),
            code: Some(code.to_owned()),
            code_verifier: Some(verifier.to_string()),
            redirect_uri: Some(asked.redirect_uri),
            refresh_token: None,
        };
        let tokens = match self.client().exchange(&body).await {
            Ok(tokens) => tokens,
            Err(
                error @ ApiError::Status {
                    status: 400..=499, ..
                },
            ) if !again => {
                // Not the code that was waited for, which may still come.
                store.set_claim(digest, ClaimStatus::Waiting).await?;
                store.drop_sealed(&owner, CODE).await?;
                return Err(Unclaimed::Refused(error));
            }
            Err(ApiError::Status {
                status: 400..=499, ..
            }) => {
                store.set_claim(digest, ClaimStatus::Lost).await?;
                self.forget_secrets(&owner).await?;
                return Err(Unclaimed::Lost);
            }
            Err(error) => return Err(Unclaimed::Later(error)),
        };
        let for_it = tokens
            .project_refs
            .as_ref()
            .is_none_or(|refs| refs.iter().any(|one| one == asked.project.as_str()));
        if !for_it {
            store.set_claim(digest, ClaimStatus::Lost).await?;
            self.forget_secrets(&owner).await?;
            return Err(Unclaimed::ForAnother);
        }
        keep(store, &asked.project, &Kept::new(tokens, None)).await?;
        store.set_claim(digest, ClaimStatus::Done).await?;
        self.forget_secrets(&owner).await?;
        Ok(asked.project)
    }

    async fn forget_secrets(&self, owner: &str) -> Result<(), StoreError> {
        for name in [CODE, VERIFIER] {
            self.store().drop_sealed(owner, name).await?;
        }
        Ok(())
    }

    async fn note_claim(
        &self,
        id: &str,
        kind: Kind,
        project: Option<&Ref>,
        error: Option<String>,
    ) -> Result<(), StoreError> {
        let error = error.map(|error| redact::clean(quote(error).to_string()));
        let entry = Entry {
            call_id: id.to_owned(),
            kind,
            tool: "claim complete",
            body: json!({ "by": "user", "project_id": project, "error": error }),
        };
        self.store().journal(entry).await
    }
}

/// The tokens of claimed projects, for the client.
pub(super) struct Keeper {
    client: Client,
    store: Store,
    app: OauthApp,
    /// By project's and branch's ref: the token, and when it ends.
    known: Mutex<HashMap<String, (String, i64)>>,
}

impl Keeper {
    pub(super) fn new(client: Client, store: Store, app: OauthApp) -> Self {
        Self {
            client,
            store,
            app,
            known: Mutex::default(),
        }
    }

    async fn look(&self, scope: &str, refused: Option<&str>) -> Result<Option<String>, Refusal> {
        let Ok(reference) = scope.parse::<Ref>() else {
            return Ok(None);
        };
        let parent = self.store.branch_by_ref(&reference).await?;
        let project = parent.map_or(reference, |(project, _)| project);
        let fits = |kept: &Kept| kept.holds() && Some(kept.access_token.as_str()) != refused;
        let Some(found) = kept(&self.store, &project).await? else {
            return Ok(None);
        };
        let good = if fits(&found) {
            found
        } else {
            // One refresh at a time: the platform may end the token that is used.
            let lease = self
                .store
                .lease(&format!("oauth:{project}"), PATIENCE)
                .await?;
            let Some(_lease) = lease else { return Ok(None) };
            match kept(&self.store, &project).await? {
                Some(found) if fits(&found) => found,
                Some(found) => self.refresh(&project, found).await?,
                None => return Ok(None),
            }
        };
        let token = good.access_token.clone();
        self.known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(scope.to_owned(), (token.clone(), good.expires_at));
        Ok(Some(token))
    }

    async fn refresh(&self, project: &Ref, before: Kept) -> Result<Kept, Refusal> {
        let body = TokenBody {
            grant_type: Some("refresh_token".to_owned()),
            client_id: Some(self.app.client_id.clone()),
            client_secret: Some(self.app.client_secret.clone()),
            refresh_token: before.refresh_token.clone(),
            ..TokenBody::default()
        };
        let tokens = self.client.exchange(&body).await?;
        let fresh = Kept::new(tokens, before.refresh_token);
        keep(&self.store, project, &fresh).await?;
        Ok(fresh)
    }
}

impl ClaimedTokens for Keeper {
    fn known(&self, scope: &str) -> Option<String> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.is_empty() {
            return None;
        }
        let now = clock::unix_millis();
        known.retain(|_, (_, expires_at)| *expires_at - EARLY > now);
        known.get(scope).map(|(token, _)| token.clone())
    }

    fn find<'a>(
        &'a self,
        scope: &'a str,
        refused: Option<&'a str>,
    ) -> BoxFuture<'a, Option<String>> {
        Box::pin(async move {
            match self.look(scope, refused).await {
                Ok(found) => found,
                Err(refusal) => {
                    tracing::warn!(reason = %refusal.message, "the token of a claimed project cannot be had");
                    None
                }
            }
        })
    }
}
