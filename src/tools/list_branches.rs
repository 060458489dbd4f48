//! `list_branches`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::branches::Branch;
use crate::guard::{Read, Refusal, Target, Tool};

/// Lists the development branches.
pub(super) struct ListBranches;

/// Of which project.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// Project or branch ref.
    project_id: String,
}

/// The branches.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    branches: Vec<BranchLine>,
}

/// A branch as agents see it.
#[derive(Serialize, JsonSchema)]
pub(super) struct BranchLine {
    id: String,
    name: String,
    #[serde(rename = "ref")]
    reference: String,
    status: String,
    created_at: String,
}

impl From<Branch> for BranchLine {
    fn from(branch: Branch) -> Self {
        Self {
            id: branch.id,
            name: branch.name,
            reference: branch.project_ref.to_string(),
            status: branch.status.as_str().to_owned(),
            created_at: branch.created_at,
        }
    }
}

impl Tool for ListBranches {
    const NAME: &'static str = "list_branches";
    type Input = Input;
    type Output = Output;
    type Grant = Read;
    const DATA: bool = false;

    fn target(input: &Input) -> Result<Target, Refusal> {
        Ok(Target::project(&input.project_id).whole_project())
    }

    async fn call(grant: Read, _: Input) -> Result<Output, Refusal> {
        let branches = grant.branches().await?;
        Ok(Output {
            branches: branches.into_iter().map(BranchLine::from).collect(),
        })
    }

    fn say(output: &Output) -> String {
        match output.branches.len() {
            0 => "No branches yet: the first write makes DEV.".to_owned(),
            count => format!("{count} branch(es)."),
        }
    }
}
