//! What a tool is, and what it knows of the call that it serves.

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;

use super::{Grant, Guard, Refusal, Target};

/// One tool. It gets a grant and its input, and nothing else.
pub trait Tool: Send + Sync + 'static {
    /// Its name, equal to the stem of its file and of its card.
    const NAME: &'static str;
    /// What it takes; unknown arguments must be denied.
    type Input: DeserializeOwned + JsonSchema + Send + Sync + 'static;
    /// What it answers.
    type Output: Serialize + JsonSchema + Send + 'static;
    /// What it may do. Annotations, filtering and the journal follow from it.
    type Grant: Grant;
    /// Whether it only adds, and takes nothing away; for annotations.
    const ADDITIVE: bool = false;

    /// What the input aims at.
    fn target(input: &Self::Input) -> Result<Target, Refusal> {
        let _ = input;
        Ok(Target::none())
    }

    /// Does the work.
    fn call(
        grant: Self::Grant,
        input: Self::Input,
    ) -> impl Future<Output = Result<Self::Output, Refusal>> + Send;

    /// The result in a sentence or two, for a person.
    fn say(output: &Self::Output) -> String;
}

/// One call: who serves it, and how it reports progress.
#[derive(Clone)]
pub struct Call {
    pub(super) guard: Guard,
    pub(super) id: String,
    pub(super) tool: &'static str,
    progress: Progress,
}

/// Where progress goes; nowhere if the client asked for none.
#[derive(Clone, Default)]
pub struct Progress(Option<mpsc::UnboundedSender<String>>);

impl Progress {
    /// Progress into a channel, one sentence a step.
    pub fn to(steps: mpsc::UnboundedSender<String>) -> Self {
        Self(Some(steps))
    }
}

impl Call {
    /// A call of `tool`, with an id of its own.
    pub fn new(guard: Guard, tool: &'static str, progress: Progress) -> Self {
        Self {
            guard,
            id: format!("{:016x}", rand::random::<u64>()),
            tool,
            progress,
        }
    }

    /// Tells the client how far the call has come.
    pub(super) fn step(&self, what: impl Into<String>) {
        if let Some(steps) = &self.progress.0 {
            // A client that has gone away hears nothing; the call goes on.
            let _ = steps.send(what.into());
        }
    }
}
