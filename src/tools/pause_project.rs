//! `pause_project`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::fence::quote;
use crate::guard::{LaunchedProject, Production, Refusal, Target, Tool};

/// Takes a project offline.
pub(super) struct PauseProject;

/// Which project.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// Production's ref.
    project_id: String,
}

/// The project, as it stands now.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    project: LaunchedProject,
}

impl Tool for PauseProject {
    const NAME: &'static str = "pause_project";
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
            project: grant.pause().await?,
        })
    }

    fn say(output: &Output) -> String {
        let project = &output.project;
        let name = quote(&project.name);
        match project.status.as_str() {
            "INACTIVE" => format!("{name} is offline; restore_project brings it back."),
            status => format!(
                "{name} is {status} and on its way to INACTIVE: get_project shows when it is."
            ),
        }
    }
}
