//! The pipeline: every call of every tool goes through [`run`], in this order:
//! take the user's answer, if one came along → admit → journal the intent → resolve the grant →
//! call → redact and fence → journal the outcome. Where the policy wants an approval the guard takes
//! it at the moment of the effect, and no tool has a part in it.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Instant;

use serde_json::{Map, Value, json};

use super::approval::Trail;
use super::asked::Asked;
use super::operations::{Work, operate};
use super::tool::new_id;
use super::ways::{Request, misread};
use super::{
    Call, Caller, Class, Code, Freeze, Frozen, Grant, Guard, Principal, Question, Refusal,
    TargetView, Tool, present,
};
use crate::api::Meter;
use crate::clock;
use crate::fence::quote;
use crate::redact;
use crate::spans;
use crate::sql;
use crate::store::{Entry, Kind};

/// What came of a call, ready for a client.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The result, or `{"error": …}`.
    pub structured: Value,
    /// The same for a person.
    pub text: String,
    /// Whether it is a refusal or a failure.
    pub is_error: bool,
    /// What the user behind the client is to be asked, for the call to be repeated with the answer.
    pub question: Option<Question>,
}

impl Outcome {
    /// For the store; [`Outcome::from_json`] reads it. A question is not kept: whoever is given the
    /// rest calls again, and is asked then.
    pub(super) fn to_json(&self) -> String {
        json!([self.structured, self.text, self.is_error]).to_string()
    }

    /// What [`Outcome::to_json`] wrote.
    pub(super) fn from_json(text: &str) -> Option<Self> {
        let (structured, text, is_error) = serde_json::from_str(text).ok()?;
        Some(Self {
            structured,
            text,
            is_error,
            question: None,
        })
    }
}

/// Serves one call of `T`.
pub async fn run<T: Tool>(guard: &Guard, arguments: Map<String, Value>, caller: Caller) -> Outcome {
    let asked = match Asked::read::<T>(guard, &caller.principal, arguments) {
        Ok(asked) => asked,
        Err(refusal) => return guard.refuse(T::NAME, &caller.principal, refusal).await,
    };
    // Boxed here, so that what follows is compiled once and not once a tool.
    let work: Work = Box::new(|call| Box::pin(serve::<T>(call)));
    operate(guard, asked, caller, work).await
}

/// What is known of a call whatever comes of it.
pub(super) struct About {
    pub(super) tool: &'static str,
    pub(super) id: String,
    principal: Principal,
    trail: Arc<Trail>,
    /// What was sent to the platform; nothing where no tool was reached.
    meter: Option<Arc<Meter>>,
    /// As JSON, without the wait; unknown where nobody could read them.
    arguments_bytes: Option<usize>,
    started: Instant,
}

impl About {
    pub(super) fn of(call: &Call) -> Self {
        Self {
            tool: call.tool,
            id: call.id.clone(),
            principal: call.caller.principal.clone(),
            trail: Arc::clone(&call.trail),
            meter: Some(Arc::clone(&call.meter)),
            arguments_bytes: Some(bytes_of(&call.arguments)),
            started: Instant::now(),
        }
    }
}

/// A call's result, before it is redacted and journalled.
pub(super) struct Served {
    result: Result<(Value, String), Refusal>,
    target: Option<TargetView>,
    /// Whether the call could write: its outcome is then on disk before it is answered.
    writes: bool,
    /// Whether anything may stand in the answer.
    data: bool,
}

impl Served {
    pub(super) fn refused(refusal: Refusal, writes: bool) -> Self {
        Self {
            result: Err(refusal),
            target: None,
            writes,
            data: true,
        }
    }
}

async fn serve<T: Tool>(call: Call) -> Served {
    let request = Request {
        tool: T::NAME,
        arguments: Arc::clone(&call.arguments),
    };
    let mut served = carry_out::<T>(call, &request).await;
    served.result = served.result.map_err(|refusal| request.way_on(refusal));
    served
}

async fn carry_out<T: Tool>(call: Call, request: &Request) -> Served {
    let admitted = admit::<T>(&call, request);
    let (input, aim) = match admitted {
        Ok(admitted) => admitted,
        Err(refusal) => return Served::refused(refusal, false),
    };
    let (guard, id) = (call.guard.clone(), call.id.clone());
    let writes = writes::<T>(&aim);
    if writes {
        // Before the grant: resolving one may make a DEV branch.
        let intent = Entry {
            call_id: id,
            kind: Kind::Intent,
            tool: T::NAME,
            body: json!({
                "principal": call.caller.principal.as_str(),
                "project_id": aim.project.as_deref().map(shorten),
                "branch": aim.branch.as_deref().map(shorten),
            }),
        };
        if let Err(error) = guard.store().journal(intent).await {
            let mut refusal = Refusal::from(error);
            refusal.message = "nothing was done, because the journal cannot be written".to_owned();
            return Served::refused(refusal, false);
        }
    }
    let grant = match T::Grant::resolve(call, aim).await {
        Ok(grant) => grant,
        Err(refusal) => return Served::refused(refusal, writes),
    };
    let target = grant.target();
    let result = T::call(grant, input).await.and_then(|output| {
        let text = T::say(&output);
        let value = serde_json::to_value(&output).map_err(|error| {
            Refusal::new(
                Code::InternalError,
                format!("the result cannot be shown: {}", quote(error)),
            )
        })?;
        Ok((value, text))
    });
    Served {
        result,
        target,
        writes,
        data: T::DATA,
    }
}

/// What was given as a name, as far as a name goes: the journal is not for essays. A secret goes
/// out before half of one is cut off.
fn shorten(name: &str) -> String {
    let clean = redact::text(name);
    clean.as_deref().unwrap_or(name).chars().take(64).collect()
}

fn admit<T: Tool>(call: &Call, request: &Request) -> Result<(T::Input, super::Target), Refusal> {
    let policy = call.guard.policy();
    if policy.read_only && !T::Grant::READS {
        return Err(only_reads::<T>());
    }
    let arguments = Value::Object(Map::clone(&request.arguments));
    let input = serde_json::from_value(arguments).map_err(|error| misread::<T>(request, &error))?;
    if let Some(sql) = T::sql(&input) {
        call.trail.carries(class_of(sql));
    }
    let aim = T::target(&input)?;
    if policy.read_only && writes::<T>(&aim) {
        return Err(only_reads::<T>());
    }
    let stopped = match policy.freeze.on(clock::today()) {
        Frozen::Nothing => false,
        Frozen::Production => T::Grant::CLASS == Class::Release,
        Frozen::Writes => writes::<T>(&aim),
    };
    if stopped {
        return Err(frozen(&policy.freeze));
    }
    Ok((input, aim))
}

/// The gravest class of a text's statements; a word of its own for what the judge cannot read.
fn class_of(sql: &str) -> &'static str {
    sql::judge(sql).map_or("unread", |batch| batch.gravest().as_str())
}

/// Whether a call can change anything.
fn writes<T: Tool>(aim: &super::Target) -> bool {
    T::Grant::CLASS != Class::Read && (aim.writes || aim.project.is_none())
}

fn only_reads<T: Tool>() -> Refusal {
    Refusal::new(
        Code::ReadOnly,
        format!(
            "this server only reads, and this call of {} would write",
            T::NAME
        ),
    )
    .operator("start the server without --read-only, and without `read_only` in its policy")
}

fn frozen(freeze: &Freeze) -> Refusal {
    let until = match &freeze.until {
        Some(day) => format!(" until the end of {day}"),
        None => String::new(),
    };
    Refusal::new(
        Code::Frozen,
        format!("the operator has frozen this{until}: {}", freeze.reason),
    )
    .operator("take `freeze` out of the policy to let it through")
}

pub(super) async fn finish(guard: &Guard, about: About, served: Served) -> Outcome {
    let About {
        tool,
        id: call_id,
        principal,
        trail,
        meter,
        arguments_bytes,
        started,
    } = about;
    let Served {
        result,
        target,
        writes,
        data,
    } = served;
    let code = result.as_ref().err().map(|refusal| refusal.code);
    let approvals = trail.approvals();
    let rule = match code {
        Some(code) => Some(code.rule()),
        None => (!approvals.is_empty()).then_some("approval"),
    };
    let aimed_at = json!(target);
    let outcome = match result {
        Ok((value, text)) => present::success(value, &text, target, data),
        Err(refusal) => Outcome {
            question: trail.question(),
            ..Outcome::of_refusal(&refusal)
        },
    };
    let result_bytes = outcome.text.len();
    let body = json!({
        "decision": if code.is_some() { "refused" } else { "allowed" },
        "code": code.map(Code::as_str),
        "rule": rule,
        "principal": principal.as_str(),
        "approvals": approvals,
        "target": aimed_at,
        "sql_class": trail.sql_class(),
        "arguments_bytes": arguments_bytes,
        "result_bytes": result_bytes,
        "tokens": tokens(arguments_bytes.unwrap_or_default() + result_bytes),
        "platform_calls": meter.map_or(0, |meter| meter.requests()),
        "micros": u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
    });
    spans::journalled(&call_id, &body);
    let entry = Entry {
        call_id,
        kind: Kind::Outcome,
        tool,
        body,
    };
    if !writes {
        guard.store().journal_later(entry);
    } else if let Err(error) = guard.store().journal(entry).await {
        // The effect is done and its intent is on disk; the call's own answer matters more.
        tracing::error!(%error, tool, "an outcome could not be journalled");
    }
    outcome
}

/// About how many tokens a model makes of so many bytes.
fn tokens(bytes: usize) -> usize {
    bytes / 4
}

/// How long arguments are as JSON.
fn bytes_of(arguments: &Map<String, Value>) -> usize {
    let mut length = Length(0);
    // Counting fails at nothing.
    let _ = serde_json::to_writer(&mut length, arguments);
    length.0
}

/// Counts what is written, and keeps nothing.
struct Length(usize);

impl Write for Length {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Guard {
    /// Journals a call that was given what came of an earlier one.
    pub(super) fn journal_attachment(&self, asked: &Asked, operation: &str, outcome: &Outcome) {
        let (arguments_bytes, result_bytes) = (bytes_of(&asked.arguments), outcome.text.len());
        let call_id = new_id(asked.tool);
        let body = json!({
            "decision": if outcome.is_error { "refused" } else { "allowed" },
            "principal": asked.principal.as_str(),
            "attached_to": operation,
            "arguments_bytes": arguments_bytes,
            "result_bytes": result_bytes,
            "tokens": tokens(arguments_bytes + result_bytes),
        });
        spans::journalled(&call_id, &body);
        self.store().journal_later(Entry {
            call_id,
            kind: Kind::Outcome,
            tool: asked.tool,
            body,
        });
    }

    /// A call that reaches no tool: journalled and redacted like any other.
    pub async fn refuse(
        &self,
        tool: &'static str,
        principal: &Principal,
        refusal: Refusal,
    ) -> Outcome {
        let about = About {
            tool,
            id: new_id(tool),
            principal: principal.clone(),
            trail: Arc::default(),
            meter: None,
            arguments_bytes: None,
            started: Instant::now(),
        };
        finish(self, about, Served::refused(refusal, false)).await
    }
}
