//! The operator's own backend: it is told of what waits for approval, and answers for its users.

use serde::Deserialize;
use serde_json::json;

use super::Guard;
use super::quote::quoted;
use crate::store::{Answer, Answered, Approval, Decision, Road};
use crate::webhook::{Headers, Unbelieved};

/// The most characters of a name or a reason that are kept.
const MAX_TEXT: usize = 500;

/// A message that says it comes from the backend.
#[derive(Debug, Clone, Copy)]
pub struct Letter<'a> {
    /// `webhook-id`
    pub id: &'a str,
    /// `webhook-timestamp`
    pub timestamp: &'a str,
    /// `webhook-signature`
    pub signature: &'a str,
    /// The approval that its address names.
    pub approval: &'a str,
    /// Its body, to the byte.
    pub body: &'a [u8],
}

/// Why a letter has no effect.
#[derive(Debug, thiserror::Error)]
pub enum Unheard {
    /// There is no secret, so nobody can be believed.
    #[error("this server has no webhook secret")]
    NobodyExpected,
    /// It is not believed.
    #[error(transparent)]
    Unbelieved(#[from] Unbelieved),
    /// It does not say what is needed.
    #[error(
        "the body is {{\"approval\", \"decision\": \"grant\" or \"deny\", \"by\", \"reason\"?}}: {0}"
    )]
    Malformed(String),
    /// There is no such approval.
    #[error("there is no such approval")]
    Unknown,
    /// It is no longer pending.
    #[error("the approval is {0} and cannot be answered any more")]
    TooLate(String),
    /// The message was heard before.
    #[error("a message with this webhook-id was heard before")]
    Replayed,
    /// The answer cannot be stored.
    #[error("the answer cannot be stored: {0}")]
    Store(#[from] crate::store::StoreError),
}

/// What the backend says. The signature does not cover the address, so the approval is named here.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    approval: String,
    decision: Decision,
    by: String,
    #[serde(default)]
    reason: Option<String>,
}

impl Guard {
    /// Whether a backend can answer.
    pub fn hears_backend(&self) -> bool {
        self.webhook().is_some()
    }

    /// Tells the backend of an approval that waits, if it has not been told; nobody waits for that.
    pub(super) fn tell_backend(&self, pending: &Approval) {
        let Some(webhook) = self.webhook().filter(|webhook| webhook.tells()) else {
            return;
        };
        let (webhook, store, pending) = (webhook.clone(), self.store().clone(), pending.clone());
        tokio::spawn(async move {
            let told = async {
                if !store.claim_telling(&pending.id).await? {
                    return Ok(());
                }
                // The same id whenever it is sent again, so that it can be recognised.
                let message = format!("approval_{}", pending.id);
                let told = webhook.deliver(&message, &event(&pending)).await;
                store.end_telling(&pending.id, told).await
            };
            if let Err::<(), crate::store::StoreError>(error) = told.await {
                tracing::error!(%error, "the backend could not be told of an approval");
            }
        });
    }

    /// Takes the backend's answer for its user.
    ///
    /// # Errors
    ///
    /// Why it has no effect.
    pub async fn hear_backend(&self, letter: Letter<'_>) -> Result<Approval, Unheard> {
        let webhook = self.webhook().ok_or(Unheard::NobodyExpected)?;
        let headers = Headers {
            id: letter.id,
            timestamp: letter.timestamp,
            signature: letter.signature,
        };
        webhook.secret().verify(headers, letter.body)?;
        let body: Body = serde_json::from_slice(letter.body)
            .map_err(|error| Unheard::Malformed(error.to_string()))?;
        if body.approval != letter.approval {
            return Err(Unheard::Malformed("it names another approval".to_owned()));
        }
        let by = body.by.trim();
        let reason = body.reason.filter(|reason| !reason.trim().is_empty());
        let too_long = |text: &str| text.chars().count() > MAX_TEXT;
        if by.is_empty() || too_long(by) || reason.as_deref().is_some_and(too_long) {
            return Err(Unheard::Malformed(format!(
                "by is 1 to {MAX_TEXT} characters, reason no more"
            )));
        }
        let answer = Answer {
            decision: body.decision,
            road: Road::Operator,
            by: format!("{} through the backend", quoted(by)),
            reason,
        };
        let answered = self
            .store()
            .answer_by_message(letter.id, letter.approval, answer)
            .await?;
        match answered {
            Answered::Counts(approval) => Ok(approval),
            Answered::Unknown => Err(Unheard::Unknown),
            Answered::TooLate(approval) => Err(Unheard::TooLate(approval.status)),
            Answered::Replayed => Err(Unheard::Replayed),
        }
    }
}

/// What the backend is told.
fn event(pending: &Approval) -> String {
    json!({
        "type": "approval.requested",
        "timestamp": pending.created_at,
        "data": {
            "approval": pending.id,
            "summary": pending.summary,
            "principal": pending.principal,
            "tool": pending.tool,
            "operation": pending.operation,
            "subject": pending.subject,
            "facts": pending.facts,
            "expires_at": pending.expires_at,
            "answer": {
                "post": format!("/approvals/{}", pending.id),
                "command": format!("drydock approve grant {}", pending.id),
            },
        },
    })
    .to_string()
}
