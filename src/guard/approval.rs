//! Approvals: what the policy does not allow by itself, somebody else must have allowed.
//!
//! ```text
//! leave ─► policy needs none ───────────────────────────► Leave
//!      └─► a yes that fits this very call is taken ─────► Leave
//!      └─► else it waits, the backend is told, and
//!            the client's user is asked, where the policy lets a client answer (user)
//!            └─ yes ► taken    no ► approval_denied    nothing ► approval_required
//! ```
//!
//! An approval is bound to principal, tool, arguments and state, and is taken at the moment of the
//! effect, under whatever turn protects that. Permits for production are issued here alone.

use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::asked::arguments_hash;
use super::caller::{Question, Said};
use super::quote::{SHOWN, quoted};
use super::{Call, Code, Next, Operation, Refusal, Road};
use crate::api::{Ref, ReleasePermit};
use crate::hex;
use crate::redact;
use crate::store::{Approval, NewApproval, Standing};

/// For how long a yes to reading production's rows serves.
const ROWS_LAST: Duration = Duration::from_secs(3600);
/// The most bytes of arguments that a refusal repeats.
const MAX_REPEATED: usize = 16 * 1024;

/// Leave to do one thing: the policy allows it without asking, or a yes to this very call was taken
/// out of the store. Made here alone.
#[derive(Debug)]
pub(super) struct Leave {
    _given: (),
}

impl Leave {
    const GIVEN: Self = Self { _given: () };

    /// The operator's own, for what they do at their own command line.
    pub(super) fn of_the_operator() -> Self {
        Self::GIVEN
    }

    /// The permit to reach production, or to spend.
    pub(super) fn permit(&self) -> ReleasePermit {
        ReleasePermit::issue()
    }
}

/// What a call asks leave for.
#[derive(Debug)]
pub(super) struct Ask {
    /// What it would do, as a clause: "merge … into production". Names that an agent chose are
    /// [`quoted`].
    pub(super) what: String,
    /// Production's ref and, where one is meant, a branch's name.
    pub(super) subject: Option<(Ref, Option<String>)>,
    /// What must still be so when the approval is used; nothing for what has no state.
    pub(super) state: Vec<String>,
    /// The same for a reader: what changed shows here.
    pub(super) facts: Value,
    /// For any arguments, until it expires.
    pub(super) for_a_while: bool,
}

/// What a call left on its way: for the journal, and for the client.
#[derive(Debug, Default)]
pub(super) struct Trail {
    approvals: Mutex<Vec<String>>,
    question: Mutex<Option<Question>>,
    sql_class: OnceLock<&'static str>,
}

impl Trail {
    pub(super) fn add(&self, id: &str) {
        let mut approvals = self
            .approvals
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if approvals.iter().all(|known| known != id) {
            approvals.push(id.to_owned());
        }
    }

    /// The approvals that the call took or waits for.
    pub(super) fn approvals(&self) -> Vec<String> {
        self.approvals
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The call carries SQL of this class.
    pub(super) fn carries(&self, sql_class: &'static str) {
        let _ = self.sql_class.set(sql_class);
    }

    /// The class of the SQL that the call carries.
    pub(super) fn sql_class(&self) -> Option<&'static str> {
        self.sql_class.get().copied()
    }

    /// The call ends with a question.
    pub(super) fn ask(&self, question: Question) {
        *self.question.lock().unwrap_or_else(PoisonError::into_inner) = Some(question);
    }

    /// The question that the call ends with.
    pub(super) fn question(&self) -> Option<Question> {
        self.question
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

impl Call {
    /// Leave for what is all of `operations`: from the policy, or by one approval, on the strictest
    /// of their roads, that is taken now. `ask` is looked at only where the policy wants one.
    pub(super) async fn leave(
        &self,
        operations: &[Operation],
        ask: impl Future<Output = Result<Ask, Refusal>> + Send,
    ) -> Result<Leave, Refusal> {
        let approvals = &self.guard.policy().approvals;
        let road = operations.iter().map(|one| approvals.road(*one)).max();
        // What has no name in the policy is not allowed by it.
        let road = road.unwrap_or(Road::Operator);
        if road == Road::None {
            return Ok(Leave::GIVEN);
        }
        let new = self.new_approval(operations, &ask.await?);
        let (pending, before) = match self.claim(&new, road).await? {
            Standing::Granted(approval) => return Ok(self.holds(&approval)),
            Standing::Denied(approval) => return Err(denied(&approval)),
            Standing::TooMany(waiting) => return Err(too_many(waiting)),
            Standing::Pending {
                approval,
                for_another_state,
            } => (approval, for_another_state),
        };
        self.trail.add(&pending.id);
        self.guard.tell_backend(&pending);
        if road != Road::Client || self.ask_user(&pending).await? == Said::Nothing {
            return Err(self.required(road, &pending, before.as_deref()));
        }
        match self.claim(&new, road).await? {
            Standing::Granted(approval) => Ok(self.holds(&approval)),
            Standing::Denied(approval) => Err(denied(&approval)),
            Standing::TooMany(waiting) => Err(too_many(waiting)),
            // The yes has served another call that was just the same.
            Standing::Pending { approval, .. } => Err(self.required(road, &approval, None)),
        }
    }

    fn new_approval(&self, operations: &[Operation], ask: &Ask) -> NewApproval {
        let approvals = &self.guard.policy().approvals;
        let subject = match &ask.subject {
            None => String::new(),
            Some((project, None)) => project.to_string(),
            Some((project, Some(branch))) => format!("{project}/{branch}"),
        };
        let summary = format!(
            "{} asks, through {}, to {}",
            self.caller.principal.as_str(),
            self.tool,
            ask.what
        );
        let mut facts = ask.facts.clone();
        shorten(&mut facts);
        redact::value(&mut facts);
        let operations: Vec<&str> = operations.iter().map(|one| one.as_str()).collect();
        NewApproval {
            principal: self.caller.principal.as_str().to_owned(),
            tool: self.tool.to_owned(),
            operation: operations.join("+"),
            subject,
            arguments: if ask.for_a_while {
                String::new()
            } else {
                arguments_hash(&self.arguments)
            },
            state: hex::sha256_of(ask.state.iter().map(String::as_str)),
            summary: redact::text(&summary).unwrap_or(summary),
            facts,
            reusable: ask.for_a_while,
            waits: approvals.expire(),
            lasts: if ask.for_a_while {
                ROWS_LAST
            } else {
                approvals.expire()
            },
        }
    }

    async fn claim(&self, new: &NewApproval, road: Road) -> Result<Standing, Refusal> {
        let most = self.guard.policy().approvals.most_pending;
        Ok(self
            .guard
            .store()
            .claim_approval(new.clone(), road.accepts(), most)
            .await?)
    }

    fn holds(&self, approval: &Approval) -> Leave {
        self.trail.add(&approval.id);
        Leave::GIVEN
    }

    fn required(&self, road: Road, pending: &Approval, before: Option<&Approval>) -> Refusal {
        let who = match road {
            Road::Client => "the operator, or the user where the client asks them",
            Road::None | Road::Operator => "the operator",
        };
        let mut details = json!({
            "approval": pending.id,
            "summary": pending.summary,
            "facts": pending.facts,
            "expires_at": pending.expires_at,
            "road": road,
        });
        let mut message = format!(
            "this needs an approval, which {who} gives; {} waits for it until {}, and after a yes this very call succeeds",
            pending.id, pending.expires_at
        );
        if let Some(before) = before {
            message.push_str("; the earlier yes was for another state and does not fit");
            details["changed"] = json!({
                "approval": before.id,
                "before": before.facts,
                "now": pending.facts,
            });
        }
        let refusal = Refusal::new(Code::ApprovalRequired, message)
            .operator(format!(
                "drydock approve grant {id}, or drydock approve deny {id}",
                id = pending.id
            ))
            .details(details);
        or_again(
            refusal,
            self.tool,
            &self.arguments,
            "succeeds once the approval is granted",
        )
    }
}

pub(super) fn expired(
    approval: &Approval,
    tool: &'static str,
    arguments: &Map<String, Value>,
) -> Refusal {
    let refusal = Refusal::new(
        Code::ApprovalExpired,
        format!(
            "the answer to {} came too late; calling again asks anew",
            approval.id
        ),
    )
    .details(json!({ "approval": approval.id }));
    or_again(refusal, tool, arguments, "asks anew")
}

/// With the very same call as the next one, unless it is too long to repeat.
fn or_again(
    refusal: Refusal,
    tool: &'static str,
    arguments: &Map<String, Value>,
    why: &str,
) -> Refusal {
    let arguments = Value::Object(arguments.clone());
    if arguments.to_string().len() > MAX_REPEATED {
        return refusal;
    }
    refusal.next(Next::new(tool, arguments, why))
}

pub(super) fn denied(approval: &Approval) -> Refusal {
    let reason = match &approval.reason {
        Some(reason) => format!(": {}", quoted(reason)),
        None => String::new(),
    };
    Refusal::new(
        Code::ApprovalDenied,
        format!(
            "{} has said no to {}{reason}; asking again before {} changes nothing",
            approval.answered_by.as_deref().unwrap_or("somebody"),
            approval.id,
            approval.expires_at
        ),
    )
    .operator("a no holds until it expires; the agent may ask again then")
    .details(
        json!({ "approval": approval.id, "reason": approval.reason, "until": approval.expires_at }),
    )
}

fn too_many(waiting: u32) -> Refusal {
    Refusal::new(
        Code::TooManyApprovals,
        format!("{waiting} of your calls wait for approval or were denied a short while ago, and no more may; wait until they are answered or expire"),
    )
    .operator("drydock approve list shows what waits")
}

/// An agent's own words are kept as far as they can be read.
fn shorten(facts: &mut Value) {
    match facts {
        Value::String(text) => {
            if let Some((end, _)) = text.char_indices().nth(SHOWN) {
                text.truncate(end);
                text.push('…');
            }
        }
        Value::Array(items) => items.iter_mut().for_each(shorten),
        Value::Object(members) => members.values_mut().for_each(shorten),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
