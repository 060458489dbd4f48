//! `get_project_url`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::guard::{Read, Refusal, Target, Tool};

/// Gives the API URLs, labelled by environment.
pub(super) struct GetProjectUrl;

/// Of which project.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// Project or branch ref.
    project_id: String,
}

/// The URLs.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    production: String,
    branches: Vec<BranchUrl>,
}

#[derive(Serialize, JsonSchema)]
struct BranchUrl {
    branch: String,
    url: String,
}

impl Tool for GetProjectUrl {
    const NAME: &'static str = "get_project_url";
    type Input = Input;
    type Output = Output;
    type Grant = Read;
    const DATA: bool = false;

    fn target(input: &Input) -> Result<Target, Refusal> {
        Ok(Target::project(&input.project_id).whole_project())
    }

    async fn call(grant: Read, _: Input) -> Result<Output, Refusal> {
        let (production, branches) = grant.api_urls().await?;
        Ok(Output {
            production,
            branches: branches
                .into_iter()
                .map(|(branch, url)| BranchUrl { branch, url })
                .collect(),
        })
    }

    fn say(output: &Output) -> String {
        format!("Production answers at {}.", output.production)
    }
}
