//! Handing a project over: what must be removed first, and the link by which a user claims it.
//!
//! ```text
//! prepare ── nothing must be removed ── claim_link ── the user agrees ── complete (claimed)
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
use super::quote::quoted;
use super::{Code, Dev, Guard, Next, Operation, Production, Refusal};
use crate::api::Ref;
use crate::api::branches::Branch;
use crate::api::keys::{KeyKind, ListApiKeys, RevealQuery};
use crate::api::oauth::{ClaimQuery, S256};
use crate::api::secrets::{DeleteSecrets, ListSecrets, RESERVED_PREFIX};
use crate::clock;
use crate::fence::quote;
use crate::hex;
use crate::store::OAUTH_TOKENS;

/// For how long an answer to a link is taken, in milliseconds: a day.
const LINK_LASTS: i64 = 24 * 3600 * 1000;
/// What moves, whatever a project holds.
const MOVES: [&str; 5] = [
    "the database with every row, its users and its migrations",
    "storage",
    "Edge Functions, as they are deployed",
    "configuration as it is, providers' credentials included: get_config shows what to change first",
    "API keys, the secret ones included: whoever knows them keeps access until the user replaces them",
];
/// What stays here.
const STAYS: [&str; 2] = [
    "the database password in Drydock's vault, which holds until the user changes it",
    "Drydock's journal and its names of restore points",
];

/// Something of a project that is its builder's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Leftover {
    /// secret or branch.
    pub kind: &'static str,
    /// What it is called.
    pub name: String,
}

/// How a project stands before it is handed over.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Prepared {
    /// What has to go.
    pub must_be_removed: Vec<Leftover>,
    /// What this call removed.
    pub removed: Vec<Leftover>,
    /// What the user gets.
    pub moves: Vec<String>,
    /// What the user does not get.
    pub stays: Vec<String>,
}

/// A link by which a user claims a project.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ClaimLink {
    /// Where the user goes. Whoever has it can claim the project.
    pub url: String,
    /// Until when an answer is taken; RFC 3339.
    pub expires_at: String,
}

/// What was found, with what it takes to remove it.
struct Found {
    leftovers: Vec<Leftover>,
    secrets: Vec<String>,
    branches: Vec<Branch>,
}

impl Guard {
    /// Everything that must not go along: one source a paragraph.
    async fn leftovers(&self, project: &Ref) -> Result<Found, Refusal> {
        let client = self.client();
        let listed = client.look::<ListSecrets>(project.clone(), &()).await?;
        let secrets: Vec<String> = listed
            .into_iter()
            .map(|secret| secret.name)
            .filter(|name| !name.starts_with(RESERVED_PREFIX))
            .collect();

        let branches = self.branches_of(project).await?;

        let secret = |name: &String| Leftover {
            kind: "secret",
            name: name.clone(),
        };
        let branch = |branch: &Branch| Leftover {
            kind: "branch",
            name: branch.name.clone(),
        };
        Ok(Found {
            leftovers: secrets
                .iter()
                .map(secret)
                .chain(branches.iter().map(branch))
                .collect(),
            secrets,
            branches,
        })
    }
}

impl Production {
    /// Says what must be removed before the project is handed over; removes it if that is asked for.
    pub async fn prepare_claim(self, remove: bool) -> Result<Prepared, Refusal> {
        let guard = self.call.guard.clone();
        let _turn = guard.project_turn(&self.project).await?;
        let found = guard.leftovers(&self.project).await?;
        let mut removed = Vec::new();
        if remove && !found.leftovers.is_empty() {
            let name = self.look().await?.project.name;
            let ask = Ask {
                what: format!(
                    "remove {} secret(s) of production and {} branch(es) of the project {} ({})",
                    found.secrets.len(),
                    found.branches.len(),
                    quoted(&name),
                    self.project
                ),
                subject: Some((self.project.clone(), None)),
                state: self.state_of(&found.leftovers),
                facts: json!({ "name": name, "remove": found.leftovers }),
                for_a_while: false,
            };
            // Branches first: one with work that exists nowhere else stops everything.
            for branch in &found.branches {
                let unmerged = guard.unmerged(&self.project, &branch.project_ref).await?;
                if !unmerged.is_empty() {
                    return Err(self.unmerged(&branch.name));
                }
            }
            let leave = self
                .call
                .leave(&[Operation::PrepareClaim], ready(Ok(ask)))
                .await?;
            for branch in &found.branches {
                self.call.step(format!("deleting {}", quote(&branch.name)));
                let proven = guard.prove_ref(&self.project, &branch.project_ref).await?;
                Dev::of(self.call.clone(), proven).delete(false).await?;
            }
            if !found.secrets.is_empty() {
                self.call.step("deleting secrets");
                guard
                    .client()
                    .release::<DeleteSecrets>(
                        &leave.permit(),
                        self.project.clone(),
                        &(),
                        &found.secrets,
                    )
                    .await?;
            }
            removed.clone_from(&found.leftovers);
        }
        let left = if remove {
            guard.leftovers(&self.project).await?.leftovers
        } else {
            found.leftovers
        };
        removed.retain(|one| !left.contains(one));
        Ok(Prepared {
            must_be_removed: left,
            removed,
            moves: self.moves().await?,
            stays: STAYS.map(str::to_owned).to_vec(),
        })
    }

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
        let records = guard.store().vault_records().await?;
        if records
            .iter()
            .any(|one| one.project == self.project.as_str() && one.name == OAUTH_TOKENS)
        {
            return Err(Refusal::new(
                Code::AlreadyExists,
                format!(
                    "a user has claimed {} already; Drydock keeps access to it",
                    self.project
                ),
            )
            .next(Next::new(
                "get_project",
                json!({ "project_id": self.project }),
                "shows whose it is now",
            )));
        }
        let project = self.look().await?.project;
        let left = guard.leftovers(&self.project).await?.leftovers;
        if !left.is_empty() && !leave {
            return Err(self.not_prepared(&left));
        }
        let mut state = self.state_of(&left);
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
                "redirect_uri": redirect_uri,
            }),
            for_a_while: false,
        };
        let given = self
            .call
            .leave(&[Operation::CreateClaimLink], ready(Ok(ask)))
            .await?;
        let [state, verifier] = [(); 2].map(|()| hex::encode(&rand::random::<[u8; 32]>()));
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

    async fn moves(&self) -> Result<Vec<String>, Refusal> {
        let client = self.call.guard.client();
        let keys = client
            .look::<ListApiKeys>(self.project.clone(), &RevealQuery::default())
            .await?;
        let secret = keys.iter().filter(|key| key.kind == Some(KeyKind::Secret));
        let mut moves = MOVES.map(str::to_owned).to_vec();
        moves.extend(secret.map(|key| format!("the secret API key {}", quote(&key.name))));
        Ok(moves)
    }

    /// What an approval is bound to.
    fn state_of(&self, leftovers: &[Leftover]) -> Vec<String> {
        let mut state = vec![self.project.to_string()];
        for one in leftovers {
            state.extend([one.kind.to_owned(), one.name.clone()]);
        }
        state
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

    fn unmerged(&self, branch: &str) -> Refusal {
        Refusal::new(
            Code::UnmergedMigrations,
            format!(
                "the branch {} holds migrations that exist nowhere else, and nothing was removed: merge or delete it first",
                quote(branch)
            ),
        )
        .next(Next::new(
            "check_merge",
            json!({ "project_id": self.project, "branch": branch }),
            "shows whether they can be merged; delete_branch with discard_unmerged: true drops them instead",
        ))
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
