//! What a function and its process say: to the project's logs.

use std::time::Duration;

use crate::api::Ref;
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
    pub(super) fn of(function: &StoredFunction) -> Self {
        Self {
            reference: function.reference.clone(),
            function_id: function.id.clone(),
            version: function.version,
        }
    }

    /// The platform's name for one version of one function.
    pub(in crate::local) fn deployment_id(&self) -> String {
        format!("{}_{}_{}", self.reference, self.function_id, self.version)
    }

    /// Puts it into the project's logs.
    pub(in crate::local) fn say(&self, utterance: &Utterance) {
        let deployment = self.deployment_id();
        let (source, severity, message, attributes) = self.line(utterance);
        tracing::debug!(deployment, source, severity, ?attributes, "{message}");
    }

    /// The utterance as a line of the project's logs: source, severity, message and attributes, under
    /// the platform's own names.
    fn line(
        &self,
        utterance: &Utterance,
    ) -> (
        &'static str,
        &'static str,
        String,
        Vec<(&'static str, String)>,
    ) {
        let (source, severity, message, mut attributes) = match utterance {
            Utterance::Boot(took) => (
                "function_logs",
                "INFO",
                format!("booted (time: {}ms)", took.as_millis()),
                vec![
                    ("event_type", "Boot".to_owned()),
                    ("level", "log".to_owned()),
                ],
            ),
            Utterance::Shutdown(why) => (
                "function_logs",
                "INFO",
                format!("shutdown ({why})"),
                vec![
                    ("event_type", "Shutdown".to_owned()),
                    ("level", "log".to_owned()),
                ],
            ),
            Utterance::Line { level, text } => (
                "function_logs",
                if *level == "error" { "ERROR" } else { "INFO" },
                text.clone(),
                vec![
                    ("event_type", "Log".to_owned()),
                    ("level", (*level).to_owned()),
                ],
            ),
            Utterance::Answered {
                method,
                path,
                status,
                took,
            } => (
                "function_edge_logs",
                if *status < 500 { "INFO" } else { "ERROR" },
                format!("{method} | {status} | {path}"),
                vec![
                    ("execution_time_ms", took.as_millis().to_string()),
                    ("request.method", method.clone()),
                    ("request.pathname", path.clone()),
                    ("response.status_code", status.to_string()),
                ],
            ),
        };
        attributes.push(("function_id", self.function_id.clone()));
        attributes.push(("deployment_id", self.deployment_id()));
        attributes.push(("version", self.version.to_string()));
        (source, severity, message, attributes)
    }
}
