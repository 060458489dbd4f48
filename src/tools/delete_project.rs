//! `delete_project`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::fence::quote;
use crate::guard::{Production, Refusal, Target, Tool};

/// Deletes a project.
pub(super) struct DeleteProject;

/// Which project.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// Production's ref.
    project_id: String,
}

/// What is gone.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    /// The project's name.
    deleted: String,
}

impl Tool for DeleteProject {
    const NAME: &'static str = "delete_project";
    type Input = Input;
    type Output = Output;
    type Grant = Production;
    const SLOW: bool = true;
    const DATA: bool = false;

    fn target(input: &Input) -> Result<Target, Refusal> {
        Ok(Target::project(&input.project_id))
    }

    async fn call(grant: Production, _: Input) -> Result<Output, Refusal> {
        Ok(Output {
            deleted: grant.delete().await?,
        })
    }

    fn say(output: &Output) -> String {
        format!("{} is deleted, with its branches.", quote(&output.deleted))
    }
}
