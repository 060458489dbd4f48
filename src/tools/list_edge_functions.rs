//! `list_edge_functions`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::guard::{Environment, Read, Refusal, ShownFunction, Target, Tool};

/// Lists functions.
pub(super) struct ListEdgeFunctions;

/// Whose.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// Project or branch ref.
    project_id: String,
    #[serde(default)]
    #[schemars(with = "String")]
    branch: Option<String>,
    #[serde(default)]
    #[schemars(with = "Environment")]
    environment: Option<Environment>,
}

/// The functions.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    functions: Vec<ShownFunction>,
}

impl Tool for ListEdgeFunctions {
    const NAME: &'static str = "list_edge_functions";
    type Input = Input;
    type Output = Output;
    type Grant = Read;
    const DATA: bool = false;

    fn target(input: &Input) -> Result<Target, Refusal> {
        Ok(Target::project(&input.project_id)
            .branch(input.branch.as_deref())
            .environment(input.environment)
            .to_read())
    }

    async fn call(grant: Read, _: Input) -> Result<Output, Refusal> {
        Ok(Output {
            functions: grant.functions().await?,
        })
    }

    fn say(output: &Output) -> String {
        match output.functions.len() {
            0 => "No function is deployed.".to_owned(),
            count => format!("{count} function(s) are deployed."),
        }
    }
}
