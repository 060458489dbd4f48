//! `restore_project`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::fence::quote;
use crate::guard::{LaunchedProject, Production, Refusal, Target, Tool};

/// Brings a paused project back.
pub(super) struct RestoreProject;

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

impl Tool for RestoreProject {
    const NAME: &'static str = "restore_project";
    type Input = Input;
    type Output = Output;
    type Grant = Production;
    const SLOW: bool = true;
    const ADDITIVE: bool = true;
    const DATA: bool = false;

    fn target(input: &Input) -> Result<Target, Refusal> {
        Ok(Target::project(&input.project_id))
    }

    async fn call(grant: Production, _: Input) -> Result<Output, Refusal> {
        Ok(Output {
            project: grant.restore().await?,
        })
    }

    fn say(output: &Output) -> String {
        let project = &output.project;
        let name = quote(&project.name);
        match project.status.as_str() {
            "ACTIVE_HEALTHY" => format!("{name} is back, and healthy."),
            status => {
                format!("{name} is {status} and not healthy yet: get_project shows when it is.")
            }
        }
    }
}
