//! A line of a log, and where it comes from.

use std::borrow::Cow;

use crate::api::Ref;
use crate::clock;
use crate::local::registry::new_uuid;

/// Bytes of a message that are kept.
const MESSAGE_BYTES: usize = 16 * 1024;
/// Bytes of one attribute that are kept.
const ATTRIBUTE_BYTES: usize = 4 * 1024;
/// How many attributes a line keeps.
const ATTRIBUTES: usize = 64;
/// What a line counts besides its texts: its row and its place in the index.
const ROW_BYTES: usize = 120;

/// Where a line comes from: the values of the column `source`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::local) enum Source {
    /// Requests to a project's own API.
    Edge,
    /// PostgreSQL.
    Postgres,
    /// What a function's code prints, and how its worker fares.
    Function,
    /// Requests to functions.
    FunctionEdge,
    /// Branch actions: launches, pushes, resets, merges.
    WorkflowRun,
}

impl Source {
    const ALL: [(Self, &'static str); 5] = [
        (Self::Edge, "edge_logs"),
        (Self::Postgres, "postgres_logs"),
        (Self::Function, "function_logs"),
        (Self::FunctionEdge, "function_edge_logs"),
        (Self::WorkflowRun, "workflow_run_logs"),
    ];

    /// The platform's own name.
    pub(in crate::local) fn as_str(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(source, _)| *source == self)
            .map_or("", |(_, name)| name)
    }

    /// The source of that name.
    pub(super) fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(_, known)| *known == name)
            .map(|(source, _)| *source)
    }
}

/// What happened, for [`Logs::write`](super::Logs::write).
#[derive(Debug, Clone)]
pub(in crate::local) struct Event {
    at: i64,
    severity: Cow<'static, str>,
    message: String,
    attributes: Vec<(Cow<'static, str>, String)>,
}

impl Event {
    /// Something that happens now.
    pub(in crate::local) fn now(message: impl Into<String>) -> Self {
        Self {
            at: clock::unix_micros(),
            severity: Cow::Borrowed("INFO"),
            message: message.into(),
            attributes: Vec::new(),
        }
    }

    /// When it happened, in microseconds since the Unix epoch.
    #[must_use]
    pub(in crate::local) fn at(mut self, micros: i64) -> Self {
        self.at = micros;
        self
    }

    /// How bad it is: `INFO` without; in capitals by custom.
    #[must_use]
    pub(in crate::local) fn severity(mut self, severity: impl Into<Cow<'static, str>>) -> Self {
        self.severity = severity.into();
        self
    }

    /// A key of `log_attributes`, such as `function_id` or `response.status_code`.
    #[must_use]
    pub(in crate::local) fn with(
        mut self,
        key: impl Into<Cow<'static, str>>,
        value: impl ToString,
    ) -> Self {
        if self.attributes.len() < ATTRIBUTES {
            self.attributes.push((key.into(), value.to_string()));
        }
        self
    }

    /// With an id of its own, cut to what is kept.
    pub(super) fn into_line(self, reference: &Ref, source: Source) -> Line {
        let kept = |(key, value): (Cow<'static, str>, String)| {
            (key.into_owned(), shortened(value, ATTRIBUTE_BYTES))
        };
        // PostgreSQL says some of its own accord: its lines are told apart by their words, so that
        // one more takes no id from another.
        let words = match source {
            Source::Postgres => self.message.as_str(),
            _ => "",
        };
        let id = new_uuid(
            "log line",
            &format!("{reference}/{}/{words}", source.as_str()),
        );
        Line {
            at: self.at,
            source,
            id,
            severity: self.severity.into_owned(),
            message: shortened(self.message, MESSAGE_BYTES),
            attributes: self.attributes.into_iter().map(kept).collect(),
        }
    }
}

/// A line as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::local) struct Line {
    /// Microseconds since the Unix epoch.
    pub(in crate::local) at: i64,
    pub(in crate::local) source: Source,
    pub(in crate::local) id: String,
    pub(in crate::local) severity: String,
    pub(in crate::local) message: String,
    pub(in crate::local) attributes: Vec<(String, String)>,
}

impl Line {
    /// What it counts for the buffer and for retention.
    pub(super) fn bytes(&self) -> usize {
        let texts = self.message.len() + self.severity.len() + self.source.as_str().len();
        let attributes: usize = self
            .attributes
            .iter()
            .map(|(key, value)| key.len() + value.len() + 6)
            .sum();
        ROW_BYTES + texts + attributes
    }
}

fn shortened(mut text: String, bytes: usize) -> String {
    if text.len() > bytes {
        let lost = text.len() - bytes;
        text.truncate(text.floor_char_boundary(bytes));
        text.push_str(&format!("… ({lost} more bytes)"));
    }
    text
}
