//! `reset_branch`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::fence::quote;
use crate::guard::{Dev, DroppedMigration, MadePoint, Refusal, Target, Tool};

/// Resets a branch to its migrations.
pub(super) struct ResetBranch;

/// Which branch.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// Project or branch ref.
    project_id: String,
    #[serde(default)]
    #[schemars(with = "String")]
    branch: Option<String>,
    /// Replay up to this version only; 0 for an empty database.
    #[serde(default)]
    #[schemars(with = "String")]
    migration_version: Option<String>,
    /// Drop unmerged migrations after that version.
    #[serde(default)]
    discard_unmerged: bool,
}

/// What is left.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    restore_point: MadePoint,
    dropped: Vec<DroppedMigration>,
}

impl Tool for ResetBranch {
    const NAME: &'static str = "reset_branch";
    type Input = Input;
    type Output = Output;
    type Grant = Dev;
    const SLOW: bool = true;
    const DATA: bool = false;

    fn target(input: &Input) -> Result<Target, Refusal> {
        Ok(Target::project(&input.project_id)
            .branch(input.branch.as_deref())
            .as_is())
    }

    async fn call(grant: Dev, input: Input) -> Result<Output, Refusal> {
        let (restore_point, dropped) = grant
            .reset(input.migration_version, input.discard_unmerged)
            .await?;
        Ok(Output {
            restore_point,
            dropped,
        })
    }

    fn say(output: &Output) -> String {
        format!(
            "The branch holds its migrations and no rows; its new baseline is {}.",
            quote(&output.restore_point.name)
        )
    }
}
