//! `delete_edge_function`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::guard::{Dev, Refusal, Target, Tool};

/// Deletes a function of a branch.
pub(super) struct DeleteEdgeFunction;

/// Which.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// Project or branch ref.
    project_id: String,
    /// Its slug.
    function_slug: String,
    #[serde(default)]
    #[schemars(with = "String")]
    branch: Option<String>,
}

/// What is left.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    deleted: bool,
    stays_on_production: bool,
}

impl Tool for DeleteEdgeFunction {
    const NAME: &'static str = "delete_edge_function";
    type Input = Input;
    type Output = Output;
    type Grant = Dev;
    const DATA: bool = false;

    fn target(input: &Input) -> Result<Target, Refusal> {
        Ok(Target::project(&input.project_id).branch(input.branch.as_deref()))
    }

    async fn call(grant: Dev, input: Input) -> Result<Output, Refusal> {
        Ok(Output {
            deleted: true,
            stays_on_production: grant.delete_function(&input.function_slug).await?,
        })
    }

    fn say(output: &Output) -> String {
        if output.stays_on_production {
            "The function is deleted on the branch. Production's stays, until merge_branch names it in delete_functions.".to_owned()
        } else {
            "The function is deleted on the branch; production has none of that name.".to_owned()
        }
    }
}
