//! `revert_to_restore_point`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::fence::quote;
use crate::guard::{Dev, Refusal, Reverted, Target, Tool};

/// Returns a branch to a restore point.
pub(super) struct RevertToRestorePoint;

/// Which point of which branch.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// Project or branch ref.
    project_id: String,
    /// From list_restore_points.
    name: String,
    #[serde(default)]
    #[schemars(with = "String")]
    branch: Option<String>,
}

/// What was undone.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    reverted: Reverted,
    not_reverted: Vec<String>,
    /// Returns to the moment before this revert.
    undo_point: String,
}

/// What no revert touches.
const NOT_REVERTED: [&str; 4] = [
    "configuration of auth, API, storage and realtime",
    "secrets",
    "storage objects themselves: files stay, only the rows that point to them went back",
    "deployed edge functions",
];

impl Tool for RevertToRestorePoint {
    const NAME: &'static str = "revert_to_restore_point";
    type Input = Input;
    type Output = Output;
    type Grant = Dev;
    const SLOW: bool = true;
    const DATA: bool = false;

    fn target(input: &Input) -> Result<Target, Refusal> {
        Ok(Target::project(&input.project_id).branch(input.branch.as_deref()))
    }

    async fn call(grant: Dev, input: Input) -> Result<Output, Refusal> {
        let (reverted, undo_point) = grant.revert(&input.name).await?;
        Ok(Output {
            reverted,
            not_reverted: NOT_REVERTED.map(str::to_owned).to_vec(),
            undo_point: undo_point.name,
        })
    }

    fn say(output: &Output) -> String {
        format!(
            "Back at {}: {} migration(s) undone, rows of {} table(s) changed. {} is the way back.",
            quote(&output.reverted.to),
            output.reverted.migrations.len(),
            output.reverted.rows.len(),
            output.undo_point
        )
    }
}
