//! `get_project`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::list_branches::BranchLine;
use crate::fence::quote;
use crate::guard::{LaunchedProject, Read, Refusal, Target, Tool};

/// Shows a project and its branches.
pub(super) struct GetProject;

/// Which project.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// Project or branch ref.
    #[serde(alias = "id")]
    project_id: String,
}

/// The project.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    project: LaunchedProject,
    branches: Vec<BranchLine>,
}

impl Tool for GetProject {
    const NAME: &'static str = "get_project";
    type Input = Input;
    type Output = Output;
    type Grant = Read;
    const DATA: bool = false;

    fn target(input: &Input) -> Result<Target, Refusal> {
        Ok(Target::project(&input.project_id).whole_project())
    }

    async fn call(grant: Read, _: Input) -> Result<Output, Refusal> {
        let (project, branches) = grant.project_with_branches().await?;
        Ok(Output {
            project,
            branches: branches.into_iter().map(BranchLine::from).collect(),
        })
    }

    fn say(output: &Output) -> String {
        format!(
            "{} is {}, with {} branch(es).",
            quote(&output.project.name),
            output.project.status,
            output.branches.len()
        )
    }
}
