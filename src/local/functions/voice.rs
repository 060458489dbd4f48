//! What a function and its process say: to the project's logs.

use std::time::Duration;

use crate::api::Ref;
use crate::local::registry::StoredFunction;

/// Who says it.
#[derive(Debug, Clone)]
pub(in crate::local) struct Voice {
    /// The project or branch.
    pub(in crate::local) reference: Ref,
    /// The function.
    pub(in crate::local) slug: String,
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
            slug: function.slug.clone(),
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
        tracing::debug!(
            deployment = self.deployment_id(),
            slug = self.slug,
            ?utterance,
            "function"
        );
    }
}
