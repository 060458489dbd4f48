//! The link by which a user claims a project.
//!
//! ```text
//! prepare (handover) ── nothing must be removed ── claim_link ── the user agrees ── complete (claimed)
//! ```

use std::future::ready;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::approval::Ask;
use super::claimed::{OauthApp, VERIFIER, sealed_as};
use super::handover::Leftover;
use super::quote::quoted;
use super::{Code, Next, Operation, Production, Refusal};
use crate::api::oauth::{ClaimQuery, S256};
use crate::chance;
use crate::clock;
use crate::hex;

/// For how long an answer to a link is taken, in milliseconds: a day.
const LINK_LASTS: i64 = 24 * 3600 * 1000;
/// A link by which a user claims a project.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ClaimLink {
    /// Where the user goes. Whoever has it can claim the project.
    pub url: String,
    /// Until when an answer is taken; RFC 3339.
    pub expires_at: String,
}

impl Production {
    /// A link by which a user claims the project. What must be removed stays only if `leave` says
    /// so, and whoever approves the link then approves that as well.
    pub async fn claim_link(
        self,
        redirect_uri: Option<String>,
        leave: bool,
    ) -> Result<ClaimLink, Refusal> {
        let guard = self.call.guard.clone();
        let app = guard.oauth()?.clone();
        let redirect_uri = redirect_of(&app, redirect_uri)?;
        let _turn = guard.project_turn(&self.project).await?;
        self.must_be_the_builders().await?;
        let project = self.look().await?.project;
        let found = guard.leftovers(&self.project).await?;
        let left = found.leftovers();
        if !left.is_empty() && !leave {
            return Err(self.not_prepared(&left));
        }
        let mut state = found.state_of(&self.project);
        state.push(redirect_uri.clone());
        let ask = Ask {
            what: format!(
                "let whoever has a link take over, for ever, the project {} ({}){}",
                quoted(&project.name),
                self.project,
                match left.len() {
                    0 => String::new(),
                    count => format!(", with {count} thing(s) that should be removed first"),
                }
            ),
            subject: Some((self.project.clone(), None)),
            state,
            facts: json!({
                "name": project.name,
                "organization": project.organization_slug,
                "goes_along": left,
                "custom_settings": found.kept(),
                "redirect_uri": redirect_uri,
            }),
            for_a_while: false,
        };
        let given = self
            .call
            .leave(&[Operation::CreateClaimLink], ready(Ok(ask)))
            .await?;
        let [state, verifier] = ["claim's state", "claim's verifier"]
            .map(|what| chance::hex::<32>(what, self.project.as_str()));
        let digest = hex::sha256_text(&state);
        let expires_at = clock::unix_millis().saturating_add(LINK_LASTS);
        let store = guard.store();
        // Sealed before the platform is asked: an answer that nobody can prove is worth nothing.
        store
            .seal(&sealed_as(&digest), VERIFIER, &verifier, None)
            .await?;
        store
            .ask_claim(&digest, &self.project, &redirect_uri, expires_at)
            .await?;
        let query = ClaimQuery {
            project_ref: self.project.clone(),
            client_id: app.client_id,
            response_type: "code".to_owned(),
            redirect_uri,
            state: Some(state),
            response_mode: None,
            code_challenge: Some(
                BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes())),
            ),
            code_challenge_method: Some(S256.to_owned()),
        };
        let begun = guard.client().begin_claim(&given.permit(), &query).await;
        match begun {
            Ok(url) => Ok(ClaimLink {
                url,
                expires_at: clock::at(expires_at),
            }),
            Err(error) => {
                store.drop_claim(&digest).await?;
                store.drop_sealed(&sealed_as(&digest), VERIFIER).await?;
                Err(error.into())
            }
        }
    }

    fn not_prepared(&self, left: &[Leftover]) -> Refusal {
        Refusal::new(
            Code::NotPrepared,
            format!(
                "{} thing(s) of {} must be removed before it is handed over, or left with leave: true",
                left.len(),
                self.project
            ),
        )
        .next(Next::new(
            "prepare_claim",
            json!({ "project_id": self.project, "remove": true }),
            "removes them",
        ))
        .operator("approve a call with leave: true if the user is to have them")
        .details(json!({ "must_be_removed": left }))
    }
}

/// The operator's own redirect URI that was meant.
fn redirect_of(app: &OauthApp, given: Option<String>) -> Result<String, Refusal> {
    let Some(given) = given else {
        return app.redirect_uris.first().cloned().ok_or_else(|| {
            Refusal::new(
                Code::NotConfigured,
                "Drydock does not know where users come back to",
            )
            .operator("set DRYDOCK_OAUTH_REDIRECT_URI")
        });
    };
    if app.redirect_uris.contains(&given) {
        return Ok(given);
    }
    Err(Refusal::invalid(
        "redirect_uri is none of the operator's; leave it out for the first of them",
    )
    .details(json!({ "redirect_uris": app.redirect_uris })))
}
