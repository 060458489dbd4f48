//! `get_edge_function`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::fence::quote;
use crate::guard::{Environment, Read, Refusal, ShownFile, ShownFunction, Target, Tool};

/// Shows a function with its sources.
pub(super) struct GetEdgeFunction;

/// Which one.
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
    #[serde(default)]
    #[schemars(with = "Environment")]
    environment: Option<Environment>,
}

/// The function.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    function: ShownFunction,
    files: Vec<ShownFile>,
    /// Files that are no text, or that do not fit.
    left_out: Vec<String>,
}

impl Tool for GetEdgeFunction {
    const NAME: &'static str = "get_edge_function";
    type Input = Input;
    type Output = Output;
    type Grant = Read;

    fn target(input: &Input) -> Result<Target, Refusal> {
        Ok(Target::project(&input.project_id)
            .branch(input.branch.as_deref())
            .environment(input.environment)
            .to_read())
    }

    async fn call(grant: Read, input: Input) -> Result<Output, Refusal> {
        let (function, files, left_out) = grant.function(&input.function_slug).await?;
        Ok(Output {
            function,
            files,
            left_out,
        })
    }

    fn say(output: &Output) -> String {
        format!(
            "{}, version {}: {} file(s), {} left out.",
            quote(&output.function.slug),
            output.function.version,
            output.files.len(),
            output.left_out.len()
        )
    }
}
