//! Asking the user behind the client: while the call waits, or by ending it with the question.

use serde_json::{Map, Value, json};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::approval::{denied, expired};
use super::asked::{Asked, arguments_hash};
use super::caller::{Asking, Question, Reply, Said};
use super::quote::visible;
use super::{Call, Code, Guard, Refusal};
use crate::chance;
use crate::hex;
use crate::store::{Answer, Answered, Approval, Decision, Road};

/// The part of a call's remaining time in which its user may answer: the rest is for the answer.
const SHARE: f64 = 0.9;

impl Call {
    /// Asks about what waits, by the way that the client has. A no is a refusal.
    pub(super) async fn ask_user(&self, pending: &Approval) -> Result<Said, Refusal> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        let question = Question {
            message: message(pending),
            patience: left.mul_f64(SHARE),
            handle: chance::hex::<32>("question's handle", &pending.id),
        };
        match &self.caller.asking {
            Asking::Never => Ok(Said::Nothing),
            Asking::Meanwhile(questions) => {
                let (answer, answered) = oneshot::channel();
                self.step("waiting for your answer");
                if questions.send((question, answer)).is_err() {
                    return Ok(Said::Nothing);
                }
                // A client that goes away, or takes too long, has said nothing.
                let said = answered.await.unwrap_or(Said::Nothing);
                self.guard
                    .heard(&pending.id, said, self.tool, &self.arguments)
                    .await?;
                Ok(said)
            }
            Asking::ByCallingAgain => {
                // It was asked with this very call, and the answer was neither yes nor no.
                let reply = self.caller.reply.as_ref();
                if reply.is_none_or(|reply| reply.said != Said::Nothing) {
                    self.end_with(pending, question).await?;
                }
                Ok(Said::Nothing)
            }
        }
    }

    async fn end_with(&self, pending: &Approval, question: Question) -> Result<(), Refusal> {
        self.guard
            .store()
            .put_question(
                &pending.id,
                &hex::sha256_text(&question.handle),
                self.caller.principal.as_str(),
                self.tool,
                &arguments_hash(&self.arguments),
            )
            .await?;
        self.trail.ask(question);
        Ok(())
    }
}

impl Guard {
    /// Takes the answer that came with a call, to the question that an earlier one ended with. A
    /// handle that this very call was not given is refused, whatever the answer says.
    pub(super) async fn take_reply(
        &self,
        asked: &Asked,
        reply: Option<&Reply>,
    ) -> Result<(), Refusal> {
        let Some(reply) = reply else {
            return Ok(());
        };
        let taken = self
            .store()
            .take_question(
                &hex::sha256_text(&reply.handle),
                asked.principal.as_str(),
                asked.tool,
                &arguments_hash(&asked.arguments),
            )
            .await?;
        let Some(id) = taken else {
            return Err(Refusal::new(
                Code::InvalidRequestState,
                "requestState is not the one that this very call was given, or it was used before; call again without it",
            )
            .next(asked.again("the same call, without requestState")));
        };
        self.heard(&id, reply.said, asked.tool, &asked.arguments)
            .await
    }

    /// Stores what the user said. A no ends the call, whatever others have said; a yes leaves it to
    /// the store whether it still counts.
    async fn heard(
        &self,
        id: &str,
        said: Said,
        tool: &'static str,
        arguments: &Map<String, Value>,
    ) -> Result<(), Refusal> {
        let decision = match said {
            Said::Nothing => return Ok(()),
            Said::Yes => Decision::Grant,
            Said::No => Decision::Deny,
        };
        let answer = Answer {
            decision,
            road: Road::Client,
            by: "the user behind the client".to_owned(),
            reason: None,
        };
        match self.store().answer_approval(id, answer).await? {
            Answered::Counts(approval) if decision == Decision::Deny => Err(denied(&approval)),
            Answered::TooLate(approval) if approval.status == "expired" => {
                Err(expired(&approval, tool, arguments))
            }
            _ if decision == Decision::Deny => Err(Refusal::new(
                Code::ApprovalDenied,
                "the user behind the client has said no",
            )
            .operator("a no holds until it expires; the agent may ask again then")
            .details(json!({ "approval": id }))),
            _ => Ok(()),
        }
    }
}

/// What the user reads: what is asked, the facts, and what a yes is for.
fn message(pending: &Approval) -> String {
    let lasts = if pending.reusable {
        "A yes counts for an hour."
    } else {
        "A yes counts for this one call."
    };
    let facts: String = match pending.facts.as_object() {
        Some(facts) => facts
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| format!("\n{name}: {}", visible(&value.to_string())))
            .collect(),
        None => String::new(),
    };
    format!("{}.{facts}\n{lasts}", pending.summary)
}
