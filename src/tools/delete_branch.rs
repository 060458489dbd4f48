//! `delete_branch`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::guard::{Dev, DroppedMigration, Refusal, Target, Tool};

/// Deletes a branch.
pub(super) struct DeleteBranch;

/// Which branch.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// Project or branch ref.
    project_id: String,
    #[serde(default)]
    #[schemars(with = "String")]
    branch: Option<String>,
    /// Drop its unmerged migrations.
    #[serde(default)]
    discard_unmerged: bool,
}

/// What was lost.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    deleted: bool,
    dropped: Vec<DroppedMigration>,
}

impl Tool for DeleteBranch {
    const NAME: &'static str = "delete_branch";
    type Input = Input;
    type Output = Output;
    type Grant = Dev;
    const SLOW: bool = true;

    fn target(input: &Input) -> Result<Target, Refusal> {
        Ok(Target::project(&input.project_id)
            .branch(input.branch.as_deref())
            .as_is())
    }

    async fn call(grant: Dev, input: Input) -> Result<Output, Refusal> {
        Ok(Output {
            deleted: true,
            dropped: grant.delete(input.discard_unmerged).await?,
        })
    }

    fn say(output: &Output) -> String {
        match output.dropped.len() {
            0 => "The branch is deleted; nothing unmerged was lost.".to_owned(),
            count => {
                format!("The branch is deleted; the SQL of {count} unmerged migration(s) follows.")
            }
        }
    }
}
