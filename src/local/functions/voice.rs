//! What a function and its process say: to the project's logs.

use std::time::Duration;

use crate::api::Ref;
use crate::local::logs::{Event, Logs, Source};
use crate::local::registry::StoredFunction;

/// Who says it.
#[derive(Debug, Clone)]
pub(in crate::local) struct Voice {
    /// The project or branch.
    pub(in crate::local) reference: Ref,
    /// Its UUID.
    pub(in crate::local) function_id: String,
    /// Its version.
    pub(in crate::local) version: u32,
    /// Where it is kept.
    logs: Logs,
}

/// What is said.
#[derive(Debug, Clone)]
pub(in crate::local) enum Utterance {
    /// The process is ready; how long that took.
    Boot(Duration),
    /// The process has ended; why.
    Shutdown(String),
    /// A line of the function's own.
    Line {
        /// `info`, or `error` for what went to standard error.
        level: &'static str,
        /// At most 10,000 characters.
        text: String,
    },
    /// A request was answered.
    Answered {
        /// The request's method.
        method: String,
        /// Its path, below the function.
        path: String,
        /// The answer's status.
        status: u16,
        /// How long it took.
        took: Duration,
    },
}

impl Voice {
    pub(super) fn of(function: &StoredFunction, logs: &Logs) -> Self {
        Self {
            reference: function.reference.clone(),
            function_id: function.id.clone(),
            version: function.version,
            logs: logs.clone(),
        }
    }

    /// Puts it into the project's logs, under the platform's own keys.
    pub(in crate::local) fn say(&self, utterance: &Utterance) {
        let (source, event) = event(utterance);
        let event = event
            .with("function_id", &self.function_id)
            .with(
                "deployment_id",
                deployment_id(&self.reference, &self.function_id, self.version),
            )
            .with("version", self.version);
        self.logs.write(&self.reference, source, event);
    }
}

/// The platform's name for one version of one function.
pub(super) fn deployment_id(reference: &Ref, function_id: &str, version: u32) -> String {
    format!("{reference}_{function_id}_{version}")
}

fn event(utterance: &Utterance) -> (Source, Event) {
    match utterance {
        Utterance::Boot(took) => (
            Source::Function,
            Event::now(format!("booted (time: {}ms)", took.as_millis()))
                .with("event_type", "Boot")
                .with("level", "log"),
        ),
        Utterance::Shutdown(why) => (
            Source::Function,
            Event::now(format!("shutdown ({why})"))
                .with("event_type", "Shutdown")
                .with("level", "log"),
        ),
        Utterance::Line { level, text } => (
            Source::Function,
            Event::now(text.clone())
                .severity(if *level == "error" { "ERROR" } else { "INFO" })
                .with("event_type", "Log")
                .with("level", *level),
        ),
        Utterance::Answered {
            method,
            path,
            status,
            took,
        } => (
            Source::FunctionEdge,
            Event::now(format!("{method} | {status} | {path}"))
                .severity(if *status < 500 { "INFO" } else { "ERROR" })
                .with("execution_time_ms", took.as_millis())
                .with("request.method", method)
                .with("request.pathname", path)
                .with("response.status_code", status),
        ),
    }
}
