//! `update_edge_function`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::fence::quote;
use crate::guard::{Dev, Refusal, ShownFunction, Target, Tool};

/// Changes a function of a branch without deploying it.
pub(super) struct UpdateEdgeFunction;

/// Which, and what of it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// Project or branch ref.
    project_id: String,
    /// Its slug.
    function_slug: String,
    #[serde(default)]
    #[schemars(with = "String")]
    name: Option<String>,
    #[serde(default)]
    #[schemars(with = "bool")]
    verify_jwt: Option<bool>,
    #[serde(default)]
    #[schemars(with = "String")]
    branch: Option<String>,
}

/// The function as it is now.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    function: ShownFunction,
}

impl Tool for UpdateEdgeFunction {
    const NAME: &'static str = "update_edge_function";
    type Input = Input;
    type Output = Output;
    type Grant = Dev;
    const DATA: bool = false;

    fn target(input: &Input) -> Result<Target, Refusal> {
        Ok(Target::project(&input.project_id).branch(input.branch.as_deref()))
    }

    async fn call(grant: Dev, input: Input) -> Result<Output, Refusal> {
        let function = grant
            .update_function(&input.function_slug, input.name, input.verify_jwt)
            .await?;
        Ok(Output { function })
    }

    fn say(output: &Output) -> String {
        let function = &output.function;
        let tokens = if function.verify_jwt {
            "needs"
        } else {
            "does not need"
        };
        format!(
            "{} is {} now, and {tokens} a token.",
            quote(&function.slug),
            quote(&function.name)
        )
    }
}
