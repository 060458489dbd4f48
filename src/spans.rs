//! The spans that a trace of a call is made of, by OpenTelemetry's conventions for MCP, tools and HTTP:
//!
//! ```text
//! tools/call {tool}                          what its client waits for
//! └ execute_tool {tool}                      the work, to its end: also when the client has gone
//!   └ POST /v1/projects/{ref}/database/query   each request to the platform
//! ```
//!
//! A span says of a call what the journal says, and nothing of arguments and rows. The log leaves them out, so
//! that they cost nothing where nobody exports them.

use std::borrow::Cow;

use http::Method;
use serde_json::Value;
use tracing::field::Empty;
use tracing::{Level, Span, debug_span};

use crate::redact;

/// What these spans are told apart by from those of libraries.
pub(crate) const TARGET: &str = "drydock::spans";

/// What a client sends along with a request.
pub(crate) struct Wire {
    /// The request's own id.
    pub(crate) id: String,
    /// The protocol's version, where it is known.
    pub(crate) protocol: Option<String>,
    /// Whether it came over HTTP, or else over standard input.
    pub(crate) over_http: bool,
}

/// Whether anybody wants spans: what goes into one need not be gathered else.
pub(crate) fn wanted() -> bool {
    tracing::enabled!(target: TARGET, Level::DEBUG)
}

/// A span with room for what the journal says of a call.
macro_rules! call_span {
    ($name:literal, $tool:expr, $($field:tt)*) => {
        debug_span!(
            target: TARGET,
            $name,
            otel.name = format_args!(concat!($name, " {}"), $tool),
            otel.status_code = Empty,
            "gen_ai.operation.name" = "execute_tool",
            "gen_ai.tool.name" = $tool,
            "error.type" = Empty,
            drydock.call_id = Empty,
            drydock.decision = Empty,
            drydock.code = Empty,
            drydock.rule = Empty,
            drydock.principal = Empty,
            drydock.approvals = Empty,
            drydock.attached_to = Empty,
            drydock.target.project_id = Empty,
            drydock.target.branch = Empty,
            drydock.target.ref = Empty,
            drydock.target.environment = Empty,
            drydock.target.redirected = Empty,
            drydock.sql_class = Empty,
            drydock.arguments_bytes = Empty,
            drydock.result_bytes = Empty,
            drydock.tokens = Empty,
            drydock.platform_calls = Empty,
            $($field)*
        )
    };
}

/// A call as its client sees it, until it is answered.
pub(crate) fn asked(tool: &'static str, wire: &Wire) -> Span {
    call_span!(
        "tools/call",
        tool,
        otel.kind = "server",
        "mcp.method.name" = "tools/call",
        "mcp.protocol.version" = wire.protocol,
        "jsonrpc.request.id" = clean(&wire.id).as_ref(),
        "network.transport" = if wire.over_http { "tcp" } else { "pipe" },
    )
}

/// The work of a call, to its end.
pub(crate) fn executed(tool: &'static str) -> Span {
    call_span!("execute_tool", tool, otel.kind = "internal")
}

/// Ends a call's span with whether it was answered by an error.
pub(crate) fn answered(span: &Span, is_error: bool) {
    if is_error {
        failed(span, "tool_error");
    }
}

/// Says of the span that is under way what the journal says of its call.
pub(crate) fn journalled(call_id: &str, body: &Value) {
    let span = Span::current();
    if span.is_disabled() {
        return;
    }
    span.record("drydock.call_id", call_id);
    record(&span, "drydock", body);
    if let Some(code) = body["code"].as_str() {
        failed(&span, code);
    }
}

fn record(span: &Span, name: &str, value: &Value) {
    match value {
        Value::Null => {}
        Value::Bool(value) => drop(span.record(name, value)),
        Value::String(value) => drop(span.record(name, clean(value).as_ref())),
        Value::Number(value) => drop(span.record(name, value.as_i64())),
        Value::Array(items) if items.is_empty() => {}
        Value::Array(_) => drop(span.record(name, clean(&value.to_string()).as_ref())),
        Value::Object(members) => {
            for (member, value) in members {
                record(span, &format!("{name}.{member}"), value);
            }
        }
    }
}

/// A name is a name, also of a branch, and clients number their requests as they like: a secret is taken out as it is
/// of the journal.
fn clean(text: &str) -> Cow<'_, str> {
    redact::text(text).map_or(Cow::Borrowed(text), Cow::Owned)
}

/// A request to the platform.
pub(crate) fn sent(operation: &'static str, method: &Method, template: &str) -> Span {
    debug_span!(
        target: TARGET,
        "platform",
        otel.name = format_args!("{method} {template}"),
        otel.kind = "client",
        otel.status_code = Empty,
        "http.request.method" = method.as_str(),
        "http.response.status_code" = Empty,
        "url.template" = template,
        "error.type" = Empty,
        drydock.operation = operation,
    )
}

/// Says of a request's span how it was answered.
pub(crate) fn status(span: &Span, status: u16) {
    // As OpenTelemetry has only signed numbers; others would arrive as text.
    span.record("http.response.status_code", i64::from(status));
    if status >= 400 {
        failed(span, &status.to_string());
    }
}

/// Says of a span that what it stands for failed, and of what kind the failure is.
pub(crate) fn failed(span: &Span, kind: &str) {
    span.record("error.type", kind);
    span.record("otel.status_code", "ERROR");
}
