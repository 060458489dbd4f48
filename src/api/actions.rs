//! Runs of branch actions: what a launch of a branch, a push, a reset or a merge did, step by step.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::endpoint::endpoints;
use super::reference::Ref;

/// A run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ActionRun {
    /// Its id: the `workflow_run_id` that the action answered with.
    pub id: String,
    /// The branch.
    pub branch_id: String,
    /// Its steps, in their order.
    pub run_steps: Vec<RunStep>,
    /// The repository's configuration; nothing without one.
    #[serde(default)]
    pub git_config: Option<Value>,
    /// The directory in the repository.
    pub workdir: Option<String>,
    /// The check at the code host.
    pub check_run_id: Option<f64>,
    /// When it began; RFC 3339.
    pub created_at: String,
    /// When it last went on; RFC 3339.
    pub updated_at: String,
}

/// A step of a run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunStep {
    /// Which.
    pub name: StepName,
    /// How far it is.
    pub status: StepStatus,
    /// When the run began; RFC 3339.
    pub created_at: String,
    /// When it last went on; RFC 3339.
    pub updated_at: String,
}

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StepName {
    /// Makes the database.
    Clone,
    /// Looks up what there is to bring over.
    Pull,
    /// Waits for the services.
    Health,
    /// Brings configuration over.
    Configure,
    /// Runs migrations.
    Migrate,
    /// Seeds data.
    Seed,
    /// Deploys functions.
    Deploy,
}

impl StepName {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Clone => "clone",
            Self::Pull => "pull",
            Self::Health => "health",
            Self::Configure => "configure",
            Self::Migrate => "migrate",
            Self::Seed => "seed",
            Self::Deploy => "deploy",
        }
    }
}

/// How far a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum StepStatus {
    /// It has not begun.
    Created,
    /// It failed.
    Dead,
    /// It is done.
    Exited,
    /// It waits.
    Paused,
    /// It is being removed.
    Removing,
    /// It begins again.
    Restarting,
    /// It is under way.
    Running,
}

/// Which runs.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct RunsQuery {
    /// How many are passed over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<u32>,
    /// How many at most; 10 or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// How many runs there are; travels in the header [`Self::HEADER`], with no body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunCount(pub u64);

impl RunCount {
    /// The header that holds it.
    pub const HEADER: &str = "x-total-count";
}

endpoints! {
    /// A project's or branch's runs, newest first.
    ListActionRuns: Looks GET "/v1/projects/{ref}/actions" (Ref) ? RunsQuery => 200 Vec<ActionRun>, needs "action_runs_read";
    /// How many there are.
    CountActionRuns: Looks HEAD "/v1/projects/{ref}/actions" (Ref) => 200 RunCount, needs "action_runs_read";
    /// One run.
    GetActionRun: Looks GET "/v1/projects/{ref}/actions/{run_id}" ((Ref, String)) => 200 ActionRun, needs "action_runs_read";
    /// What a run said, as plain text.
    GetActionRunLogs: Looks GET "/v1/projects/{ref}/actions/{run_id}/logs" ((Ref, String)) => 200 String, needs "action_runs_read";
}
