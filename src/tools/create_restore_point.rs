//! `create_restore_point`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::fence::quote;
use crate::guard::{Dev, MadePoint, Refusal, Target, Tool};

/// Makes a restore point.
pub(super) struct CreateRestorePoint;

/// On which branch.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// Project or branch ref.
    project_id: String,
    #[serde(default)]
    #[schemars(with = "String")]
    branch: Option<String>,
    /// At most 20 characters; default point-1, point-2, …
    #[serde(default)]
    #[schemars(with = "String")]
    name: Option<String>,
}

/// The point.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    restore_point: MadePoint,
}

impl Tool for CreateRestorePoint {
    const NAME: &'static str = "create_restore_point";
    type Input = Input;
    type Output = Output;
    type Grant = Dev;
    const ADDITIVE: bool = true;
    const DATA: bool = false;

    fn target(input: &Input) -> Result<Target, Refusal> {
        Ok(Target::project(&input.project_id).branch(input.branch.as_deref()))
    }

    async fn call(grant: Dev, input: Input) -> Result<Output, Refusal> {
        Ok(Output {
            restore_point: grant.create_restore_point(input.name).await?,
        })
    }

    fn say(output: &Output) -> String {
        format!(
            "{} returns to this moment.",
            quote(&output.restore_point.name)
        )
    }
}
