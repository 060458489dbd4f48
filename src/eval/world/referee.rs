//! The referee of a world: counts calls and what models read of them, stops what goes beyond the limits,
//! answers approvals as the operator of a scenario would, and keeps the trace.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::sync::watch;

use crate::clock;
use crate::mcp::{Serving, Stopped, Watch, WatchedAnswer, WatchedCall};
use crate::redact;
use crate::store::{Answer, Decision, Road, Store};

/// The most characters of an answer's text that a trace keeps.
const EXCERPT: usize = 4_000;
/// Bytes of text that a model reads as one token, by rule of thumb.
const TOKEN_BYTES: usize = 4;

/// What an episode may take; what is not named is not bounded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::eval) struct Limits {
    /// MCP calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls: Option<u64>,
    /// Tokens that models read of arguments and answers (bytes / 4).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// Seconds, by the wall's clock; whoever runs the agent ends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u64>,
}

/// How the operator answers approvals of one tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::eval) struct ApprovalRule {
    /// The tool; every tool where none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// The answer.
    pub decision: Decision,
    /// Why, for the agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// One call of an episode.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::eval) struct TracedCall {
    /// Its place, from 1.
    pub call: u64,
    /// When it was answered, by the world's clock.
    pub at: String,
    /// The tool that was called.
    pub tool: String,
    /// The arguments, without secrets.
    pub arguments: Map<String, Value>,
    /// Whether it was refused or failed.
    pub is_error: bool,
    /// The refusal's code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The beginning of what the model read.
    pub text: String,
    /// Bytes of the arguments.
    pub arguments_bytes: usize,
    /// Bytes of the text.
    pub result_bytes: usize,
    /// An estimate: bytes / 4 of both.
    pub tokens: u64,
    /// How long it took, in microseconds.
    pub micros: u64,
    /// Its outcome in the journal: decision, rule, target, class of SQL, bytes, calls of the platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<Value>,
}

impl TracedCall {
    /// How many requests it has sent to the platform, by its record.
    pub(in crate::eval) fn platform_calls(&self) -> u64 {
        let record = self.record.as_ref();
        record
            .and_then(|record| record["platform_calls"].as_u64())
            .unwrap_or_default()
    }
}

/// Watches the calls of one world.
#[derive(Debug)]
pub(super) struct Referee {
    store: Store,
    state: Mutex<State>,
    end: watch::Sender<Option<String>>,
    in_flight: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct State {
    limits: Limits,
    approvals: Vec<ApprovalRule>,
    begun: u64,
    tokens: u64,
    calls: Vec<TracedCall>,
}

impl Referee {
    pub(super) fn new(store: Store) -> Arc<Self> {
        Arc::new(Self {
            store,
            state: Mutex::default(),
            end: watch::Sender::new(None),
            in_flight: watch::Sender::new(0),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins an episode.
    pub(super) fn begin(&self, limits: Limits, approvals: Vec<ApprovalRule>) {
        *self.state() = State {
            limits,
            approvals,
            ..State::default()
        };
    }

    /// The calls since it began, in the order of their answers.
    pub(super) fn trace(&self) -> Vec<TracedCall> {
        self.state().calls.clone()
    }

    /// Ends the calls that are being served, and waits until their answers are on their way.
    pub(super) async fn end(&self, reason: String) {
        self.end.send_replace(Some(reason));
        let mut in_flight = self.in_flight.subscribe();
        // The sender is this referee's own.
        let _ = in_flight.wait_for(|count| *count == 0).await;
    }

    fn rule(&self, tool: &str) -> Option<ApprovalRule> {
        let state = self.state();
        let mut rules = state.approvals.iter();
        rules
            .find(|rule| rule.tool.as_deref().is_none_or(|named| named == tool))
            .cloned()
    }

    /// Answers the approval that a call was refused for, as the scenario's operator does.
    async fn answer_approval(&self, tool: &str, structured: &Value) {
        let details = &structured["error"]["details"];
        let pending = details["approval"]["id"]
            .as_str()
            .or_else(|| details["approval"].as_str());
        let (Some(id), Some(rule)) = (pending, self.rule(tool)) else {
            return;
        };
        let answer = Answer {
            decision: rule.decision,
            road: Road::Operator,
            by: "the scenario's operator".to_owned(),
            reason: rule.reason,
        };
        if let Err(error) = self.store.answer_approval(id, answer).await {
            tracing::error!(%error, "an approval could not be answered");
        }
    }
}

/// Counts a call for as long as it is served.
struct InFlight(watch::Sender<usize>);

impl InFlight {
    fn new(count: &watch::Sender<usize>) -> Self {
        count.send_modify(|count| *count += 1);
        Self(count.clone())
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

fn stopped(code: &'static str, message: String) -> Stopped {
    Stopped { code, message }
}

impl Watch for Referee {
    fn begin(&self, call: &WatchedCall) -> Result<Serving, Stopped> {
        if let Some(reason) = self.end.borrow().clone() {
            return Err(stopped("workspace_reset", reason));
        }
        let mut state = self.state();
        let limit = state.limits;
        if limit.calls.is_some_and(|most| state.begun >= most) {
            let message = format!(
                "{} was not served: the episode's limit of {} calls is reached",
                call.tool,
                limit.calls.unwrap_or_default()
            );
            return Err(stopped("limit_reached", message));
        }
        if limit.tokens.is_some_and(|most| state.tokens >= most) {
            let message = format!(
                "{} was not served: the episode's limit of {} tokens is reached",
                call.tool,
                limit.tokens.unwrap_or_default()
            );
            return Err(stopped("limit_reached", message));
        }
        state.begun += 1;
        Ok(Box::new(InFlight::new(&self.in_flight)))
    }

    fn answered(&self, call: WatchedCall, answer: Option<WatchedAnswer>) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            if let Some(answer) = answer {
                if answer.is_error {
                    self.answer_approval(&call.tool, &answer.structured).await;
                }
                self.write_down(call, &answer);
            }
        })
    }

    fn ended(&self) -> BoxFuture<'_, Stopped> {
        let mut end = self.end.subscribe();
        Box::pin(async move {
            let reason = end
                .wait_for(Option::is_some)
                .await
                .ok()
                .and_then(|end| end.clone());
            match reason {
                Some(reason) => stopped("workspace_reset", reason),
                None => std::future::pending().await,
            }
        })
    }
}

impl Referee {
    fn write_down(&self, call: WatchedCall, answer: &WatchedAnswer) {
        let mut arguments = Value::Object(call.arguments);
        let arguments_bytes = arguments.to_string().len();
        redact::value(&mut arguments);
        let result_bytes = answer.text.len();
        let tokens = (arguments_bytes + result_bytes).div_ceil(TOKEN_BYTES) as u64;
        let mut state = self.state();
        state.tokens += tokens;
        let place = state.calls.len() as u64 + 1;
        state.calls.push(TracedCall {
            call: place,
            at: clock::now(),
            tool: call.tool,
            arguments: match arguments {
                Value::Object(arguments) => arguments,
                _ => Map::new(),
            },
            is_error: answer.is_error,
            code: answer.structured["error"]["code"]
                .as_str()
                .map(str::to_owned),
            text: answer.text.chars().take(EXCERPT).collect(),
            arguments_bytes,
            result_bytes,
            tokens,
            micros: u64::try_from(answer.took.as_micros()).unwrap_or(u64::MAX),
            record: None,
        });
    }
}
