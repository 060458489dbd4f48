//! `list_projects`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::guard::{LaunchedProject, Read, Refusal, Tool};

/// Lists the projects that the token can see.
pub(super) struct ListProjects;

/// Nothing to say.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {}

/// The projects.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    projects: Vec<LaunchedProject>,
}

impl Tool for ListProjects {
    const NAME: &'static str = "list_projects";
    type Input = Input;
    type Output = Output;
    type Grant = Read;
    const DATA: bool = false;

    async fn call(grant: Read, _: Input) -> Result<Output, Refusal> {
        Ok(Output {
            projects: grant.projects().await?,
        })
    }

    fn say(output: &Output) -> String {
        match output.projects.len() {
            0 => "No projects yet: create_project makes one.".to_owned(),
            count => format!("{count} project(s)."),
        }
    }
}
