//! `create_project`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::fence::quote;
use crate::guard::{Launch, LaunchedProject, NewProject, Refusal, Tool};

/// Creates a project.
pub(super) struct CreateProject;

/// What to create.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    name: String,
    /// Needed if there are several organizations.
    #[serde(default)]
    #[schemars(with = "String")]
    organization_id: Option<String>,
    /// A smart group (americas, emea, apac) or a region code.
    #[serde(default)]
    #[schemars(with = "String")]
    region: Option<String>,
    /// Compute size, e.g. micro.
    #[serde(default)]
    #[schemars(with = "String")]
    instance_size: Option<String>,
    #[serde(default)]
    #[schemars(with = "String")]
    idempotency_key: Option<String>,
}

/// The project.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    project: LaunchedProject,
}

impl Tool for CreateProject {
    const NAME: &'static str = "create_project";
    type Input = Input;
    type Output = Output;
    type Grant = Launch;
    const SLOW: bool = true;
    const ADDITIVE: bool = true;
    const DATA: bool = false;

    async fn call(grant: Launch, input: Input) -> Result<Output, Refusal> {
        let new = NewProject {
            name: input.name,
            organization_id: input.organization_id,
            region: input.region,
            instance_size: input.instance_size,
            idempotency_key: input.idempotency_key,
        };
        Ok(Output {
            project: grant.create_project(new).await?,
        })
    }

    fn say(output: &Output) -> String {
        let project = &output.project;
        if project.status == "ACTIVE_HEALTHY" {
            return format!(
                "Project {} is ready; use project_id {}. Writes land on its DEV branch.",
                quote(&project.name),
                project.id
            );
        }
        format!(
            "Project {} ({}) is {} and not ready yet: call get_project until it is ACTIVE_HEALTHY.",
            quote(&project.name),
            project.id,
            project.status
        )
    }
}
