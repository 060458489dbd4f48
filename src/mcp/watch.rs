//! Watching calls from outside of the tools: an eval harness counts them, bounds them and ends them.

use std::time::Duration;

use futures_util::future::BoxFuture;
use rmcp::model::{CallToolResult, ContentBlock};
use serde_json::{Map, Value, json};

/// One call as it came.
#[derive(Debug, Clone)]
pub struct WatchedCall {
    /// The name that the client called.
    pub tool: String,
    /// The arguments, as they came.
    pub arguments: Map<String, Value>,
}

/// What a watched call was answered; a question to the user is no answer.
#[derive(Debug, Clone)]
pub struct WatchedAnswer {
    /// The structured content.
    pub structured: Value,
    /// The text that a model reads.
    pub text: String,
    /// Whether it is a refusal or a failure.
    pub is_error: bool,
    /// How long it took.
    pub took: Duration,
}

/// Why a call is not served.
#[derive(Debug, Clone)]
pub struct Stopped {
    /// A stable code.
    pub code: &'static str,
    /// A sentence for the agent.
    pub message: String,
}

impl Stopped {
    pub(super) fn result(self) -> CallToolResult {
        let mut result = CallToolResult::error(vec![ContentBlock::text(self.message.clone())]);
        result.structured_content = Some(json!({
            "error": {
                "code": self.code,
                "message": self.message,
                "next": null,
                "details": {},
            }
        }));
        result
    }
}

/// Held while a call is served.
pub type Serving = Box<dyn Send + Sync>;

/// What stands around every call of a server.
pub trait Watch: Send + Sync + 'static {
    /// Lets a call begin, or says why not. What it gives is dropped when the call has been answered, or
    /// its client has gone away.
    fn begin(&self, call: &WatchedCall) -> Result<Serving, Stopped>;
    /// Is told what a call was answered, before its caller is.
    fn answered(&self, call: WatchedCall, answer: Option<WatchedAnswer>) -> BoxFuture<'_, ()>;
    /// Answers once the calls that are being served are to end, with what to tell their callers.
    fn ended(&self) -> BoxFuture<'_, Stopped>;
}

/// What a model is given of a result.
pub(super) fn text_of(result: &CallToolResult) -> String {
    let texts = result.content.iter().filter_map(|block| block.as_text());
    texts
        .map(|block| block.text.as_str())
        .collect::<Vec<_>>()
        .join("\n")
}
