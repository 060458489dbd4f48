//! `list_restore_points`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::guard::{ListedPoint, Read, Refusal, Target, Tool};

/// Lists restore points.
pub(super) struct ListRestorePoints;

/// Of which branch.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// Project or branch ref.
    project_id: String,
    #[serde(default)]
    #[schemars(with = "String")]
    branch: Option<String>,
}

/// The points.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    restore_points: Vec<ListedPoint>,
}

impl Tool for ListRestorePoints {
    const NAME: &'static str = "list_restore_points";
    type Input = Input;
    type Output = Output;
    type Grant = Read;
    const DATA: bool = false;

    fn target(input: &Input) -> Result<Target, Refusal> {
        Ok(Target::project(&input.project_id)
            .branch(input.branch.as_deref())
            .from_memory())
    }

    async fn call(grant: Read, _: Input) -> Result<Output, Refusal> {
        Ok(Output {
            restore_points: grant.restore_points().await?,
        })
    }

    fn say(output: &Output) -> String {
        format!("{} restore point(s).", output.restore_points.len())
    }
}
