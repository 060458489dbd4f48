//! What a tool is, and what it knows of the call that it serves.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::approval::Trail;
use super::{Caller, Grant, Guard, Principal, Refusal, Target};
use crate::api::Meter;
use crate::chance;
use crate::fence::Fence;

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
    /// Whether it can take longer than a client waits: it then takes `wait_s`.
    const SLOW: bool = false;
    /// Whether a call whose server died is simply made again by repeating it: it finds what the
    /// first one did. One that would do it twice is not.
    const RESUMES: bool = true;
    /// Whether it only adds, and takes nothing away; for annotations.
    const ADDITIVE: bool = false;

    /// Whether its answer may hold whatever somebody wrote into a database: then all of it is
    /// fenced. Where not, it is fenced only if it holds more than names.
    const DATA: bool = true;

    /// The SQL that it carries, if it does: the journal says of what class that is.
    fn sql(input: &Self::Input) -> Option<&str> {
        let _ = input;
        None
    }

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

/// One call: who serves it, whose it is, and how its client is reached.
#[derive(Clone)]
pub struct Call {
    pub(super) guard: Guard,
    pub(super) id: String,
    /// The work that it does: its own id, or that of a call whose process died and whose work it
    /// takes up. What must happen once is keyed by it.
    pub(super) operation: String,
    pub(super) tool: &'static str,
    /// As they came, without the wait: an approval is bound to them.
    pub(super) arguments: Arc<Map<String, Value>>,
    pub(super) caller: Caller,
    /// Until when its caller waits.
    pub(super) deadline: Instant,
    /// What the call leaves on its way.
    pub(super) trail: Arc<Trail>,
    /// What it sends to the platform.
    pub(super) meter: Arc<Meter>,
}

/// Where progress goes; nowhere if the client asked for none. Shared by its clones.
#[derive(Clone, Default)]
pub struct Progress(Arc<Mutex<Steps>>);

#[derive(Default)]
struct Steps {
    last: Option<String>,
    to: Vec<mpsc::UnboundedSender<String>>,
}

impl Progress {
    /// Progress into a channel, one sentence a step.
    pub fn to(steps: mpsc::UnboundedSender<String>) -> Self {
        Self(Arc::new(Mutex::new(Steps {
            last: None,
            to: vec![steps],
        })))
    }

    fn steps(&self) -> MutexGuard<'_, Steps> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn step(&self, what: String) {
        let mut steps = self.steps();
        // A client that has gone away hears nothing; the call goes on.
        let told = Fence::default().words(&what);
        steps.to.retain(|to| to.send(told.clone()).is_ok());
        steps.last = Some(what);
    }

    /// The latest step.
    pub(super) fn last(&self) -> Option<String> {
        self.steps().last.clone()
    }

    /// Tells another caller as well.
    pub(super) fn also_to(&self, other: &Self) {
        let more = other.steps().to.clone();
        self.steps().to.extend(more);
    }

    /// No longer tells the other caller.
    pub(super) fn no_longer_to(&self, other: &Self) {
        let gone = other.steps().to.clone();
        self.steps()
            .to
            .retain(|to| !gone.iter().any(|gone| gone.same_channel(to)));
    }

    /// Tells nobody any more, so that whoever listens knows that the last step was told.
    pub(super) fn close(&self) {
        self.steps().to.clear();
    }
}

impl Call {
    /// A call of `tool`, with an id of its own.
    pub(super) fn new(
        guard: Guard,
        tool: &'static str,
        arguments: Map<String, Value>,
        caller: Caller,
        deadline: Instant,
    ) -> Self {
        let id = new_id(tool);
        let meter = Arc::new(Meter::new(&id));
        Self {
            guard: guard.metered(&meter),
            operation: id.clone(),
            id,
            tool,
            arguments: Arc::new(arguments),
            caller,
            deadline,
            trail: Arc::default(),
            meter,
        }
    }

    /// Drydock's own work, which nobody called for.
    pub(super) fn own(guard: Guard, what: &'static str) -> Self {
        let nobody = Caller::new(Principal::drydock());
        Self::new(guard, what, Map::new(), nobody, Instant::now())
    }

    /// Tells the client how far the call has come.
    pub(super) fn step(&self, what: impl Into<String>) {
        self.caller.progress.step(what.into());
    }
}

/// The id of a call of a tool. Each tool draws its own, so that work that nobody called for takes none
/// of another's.
pub(super) fn new_id(tool: &str) -> String {
    chance::hex::<8>("call id", tool)
}
