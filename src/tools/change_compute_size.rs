//! `change_compute_size`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::fence::quote;
use crate::guard::{LaunchedProject, Production, Refusal, Target, Tool};

/// Changes a project's compute size.
pub(super) struct ChangeComputeSize;

/// To which.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// Production's ref.
    project_id: String,
    /// As list_compute_sizes names it.
    instance_size: String,
}

/// The project, as it stands now.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    project: LaunchedProject,
    instance_size: String,
}

impl Tool for ChangeComputeSize {
    const NAME: &'static str = "change_compute_size";
    type Input = Input;
    type Output = Output;
    type Grant = Production;
    const SLOW: bool = true;
    const DATA: bool = false;

    fn target(input: &Input) -> Result<Target, Refusal> {
        Ok(Target::project(&input.project_id))
    }

    async fn call(grant: Production, input: Input) -> Result<Output, Refusal> {
        Ok(Output {
            project: grant.change_compute_size(&input.instance_size).await?,
            instance_size: input.instance_size,
        })
    }

    fn say(output: &Output) -> String {
        format!(
            "The compute size is {} now; the project is {}.",
            quote(&output.instance_size),
            output.project.status
        )
    }
}
