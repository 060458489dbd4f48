//! Database passwords: made here, sealed before the platform hears them, shown to no agent.
//!
//! A creation is cut short in one of these moments; the next call with the same idempotency key
//! finds out which:
//!
//! ```text
//! sealed ── asked ── answered ── adopted
//!    │         └────────┴─ the platform has a project of that name that nobody claims: it is the one
//!    └─ it has none: the platform is asked again, with the same password
//! ```
//!
//! Without a key the operation's id stands for it, and `drydock vault list` shows what was asked for.

use std::time::Duration;

use serde_json::json;

use super::approval::Leave;
use super::{Call, Code, Guard, Next, PATIENCE, Refusal};
use crate::api::Ref;
use crate::api::database::{PasswordBody, UpdatePassword};
use crate::api::projects::{CreatedProject, ListProjects};
use crate::chance;
use crate::clock;
use crate::fence::quote;
use crate::hex;
use crate::store::{AskedFor, Entry, Kind, NEXT_PASSWORD, PASSWORD, StoreError};

/// How far the platform's clock may be ahead of this machine's, or behind.
const CLOCKS_DIFFER: Duration = Duration::from_secs(600);

/// A password that is sealed for a project which the platform has not named yet.
pub(super) struct SealedPassword {
    /// What it is sealed under.
    pub(super) handle: String,
    /// The password, for the one request that sends it.
    pub(super) password: String,
    /// The project, if the platform had made it already for an earlier call.
    pub(super) made: Option<CreatedProject>,
    /// Whether no earlier call has sent it: then a refusal says that it is nobody's.
    pub(super) fresh: bool,
}

impl Guard {
    /// Seals a password for a project that is about to be asked for, or finds the one that an
    /// earlier call with the same key had sealed.
    pub(super) async fn sealed_password(
        &self,
        key: &str,
        asked: AskedFor,
    ) -> Result<SealedPassword, Refusal> {
        let handle = format!("create:{}", hex::sha256_text(key));
        let store = self.store();
        let records = store.vault_records().await?;
        let earlier = records.iter().find(|record| record.project == handle);
        if let Some(record) = earlier
            && let Some(password) = store
                .open_sealed(&handle, PASSWORD)
                .await
                .map_err(not_sealed)?
        {
            let asked = record.asked_for.as_ref().unwrap_or(&asked);
            let rival = records
                .iter()
                .any(|other| other.project != handle && other.asked_for.as_ref() == Some(asked));
            let claimed: Vec<&str> = records.iter().map(|one| one.project.as_str()).collect();
            let since = clock::since(&record.created_at) + CLOCKS_DIFFER;
            let mut unclaimed = self
                .client()
                .look::<ListProjects>((), &())
                .await?
                .into_iter()
                .map(|project| project.project)
                .filter(|project| {
                    project.name == asked.project_name
                        && project.organization_slug == asked.organization
                        && !claimed.contains(&project.reference.as_str())
                        && clock::since(&project.created_at) <= since
                });
            return match (unclaimed.next(), unclaimed.next(), rival) {
                (Some(_), Some(_), _) | (Some(_), None, true) => Err(which_one(asked)),
                (made, ..) => Ok(SealedPassword {
                    handle,
                    password: password.to_string(),
                    made,
                    fresh: false,
                }),
            };
        }
        let password = generate(&handle);
        store
            .seal(&handle, PASSWORD, &password, Some(asked))
            .await
            .map_err(not_sealed)?;
        Ok(SealedPassword {
            handle,
            password,
            made: None,
            fresh: true,
        })
    }

    /// Changes a project's database password, for the operator: the new one is sealed before the
    /// platform is asked. A change that was cut short before is brought to its end.
    pub async fn rotate_password(&self, project: &str) -> Result<(), Refusal> {
        let project = self.parse_ref(project).await?;
        let call = Call::own(self.clone(), "vault rotate");
        self.operator_entry(&call, Kind::Intent, &project, None)
            .await?;
        let changed = self.change_password(&project).await;
        let code = changed.as_ref().err().map(|refusal| refusal.code.as_str());
        self.operator_entry(&call, Kind::Outcome, &project, code)
            .await?;
        changed
    }

    async fn change_password(&self, project: &Ref) -> Result<(), Refusal> {
        let _turn = self.turn(format!("password:{project}"), PATIENCE).await?;
        let (store, owner) = (self.store(), project.as_str());
        let begun = store
            .open_sealed(owner, NEXT_PASSWORD)
            .await
            .map_err(not_sealed)?;
        let fresh = begun.is_none();
        let password = match begun {
            Some(begun) => begun.to_string(),
            None => {
                let password = generate(owner);
                store
                    .seal(owner, NEXT_PASSWORD, &password, None)
                    .await
                    .map_err(not_sealed)?;
                password
            }
        };
        let answer = self
            .client()
            .release::<UpdatePassword>(
                &Leave::of_the_operator().permit(),
                project.clone(),
                &(),
                &PasswordBody { password },
            )
            .await;
        match answer {
            Ok(_) => Ok(store.settle_next_password(project).await?),
            Err(error) if error.may_have_happened() => {
                let refusal = Refusal::from(error);
                Err(Refusal::new(
                    refusal.code,
                    format!(
                        "{}; both passwords are in the vault, and the next rotation settles which one counts",
                        refusal.message
                    ),
                )
                .operator(format!("drydock vault rotate {project}")))
            }
            Err(error) => {
                // One that was sent before may be the project's, whatever is said this time.
                if fresh {
                    store.drop_sealed(owner, NEXT_PASSWORD).await?;
                }
                Err(error.into())
            }
        }
    }

    async fn operator_entry(
        &self,
        call: &Call,
        kind: Kind,
        project: &Ref,
        code: Option<&str>,
    ) -> Result<(), StoreError> {
        let entry = Entry {
            call_id: call.id.clone(),
            kind,
            tool: call.tool,
            body: json!({ "by": "operator", "project_id": project, "code": code }),
        };
        self.store().journal(entry).await
    }
}

/// Nothing was sent yet.
fn not_sealed(error: StoreError) -> Refusal {
    Refusal::new(
        Code::VaultUnavailable,
        format!(
            "nothing was asked of the platform, because the vault cannot be used: {}",
            quote(&error)
        ),
    )
    .operator(error.to_string())
}

fn which_one(asked: &AskedFor) -> Refusal {
    Refusal::new(
        Code::InDoubt,
        format!(
            "an earlier call with this idempotency_key was cut short, and there are several projects called {} that could be its own; use one of them, or create another with a new key",
            quote(&asked.project_name)
        ),
    )
    .next(Next::new(
        "list_projects",
        json!({}),
        "shows the projects with their refs",
    ))
}

/// 256 random bits as letters and digits.
fn generate(of: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD
        .encode(chance::draw::<32>("database password", of))
}
