//! `revert_to_restore_point`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::fence::quote;
use crate::guard::{Dev, DroppedMigration, Refusal, Reverted, Target, Tool};

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
    /// Returns to the moment before this revert; not there where the platform offers no restore points.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    undo_point: Option<String>,
    /// Migrations that only this result has any more.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dropped: Vec<DroppedMigration>,
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
        let revert = grant.revert(&input.name).await?;
        Ok(Output {
            reverted: revert.reverted,
            not_reverted: NOT_REVERTED.map(str::to_owned).to_vec(),
            undo_point: revert.undo_point.map(|point| point.name),
            dropped: revert.dropped,
        })
    }

    fn say(output: &Output) -> String {
        let way_back = match &output.undo_point {
            Some(point) => format!("{point} is the way back."),
            None => "The branch was emptied and its migrations replayed: all rows are gone, and there is no way back but to apply `dropped` again.".to_owned(),
        };
        format!(
            "Back at {}: {} migration(s) undone, rows of {} table(s) changed. {way_back}",
            quote(&output.reverted.to),
            output.reverted.migrations.len(),
            output.reverted.rows.len(),
        )
    }
}
