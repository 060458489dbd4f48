//! `deploy_edge_function`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::fence::quote;
use crate::guard::{Dev, Refusal, ShownFunction, Target, Tool, WantedFunction};

/// Deploys a function on a branch.
pub(super) struct DeployEdgeFunction;

/// What to deploy.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// Project or branch ref.
    project_id: String,
    name: String,
    /// With deno.json.
    files: Vec<File>,
    /// Default index.ts.
    #[serde(default)]
    #[schemars(with = "String")]
    entrypoint_path: Option<String>,
    #[serde(default)]
    #[schemars(with = "String")]
    import_map_path: Option<String>,
    /// Default true.
    #[serde(default)]
    #[schemars(with = "bool")]
    verify_jwt: Option<bool>,
    /// assets/*
    #[serde(default)]
    static_patterns: Vec<String>,
    #[serde(default)]
    #[schemars(with = "String")]
    branch: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    content: String,
}

/// What serves now.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    function: ShownFunction,
}

impl Tool for DeployEdgeFunction {
    const NAME: &'static str = "deploy_edge_function";
    type Input = Input;
    type Output = Output;
    type Grant = Dev;
    const SLOW: bool = true;
    const DATA: bool = false;

    fn target(input: &Input) -> Result<Target, Refusal> {
        Ok(Target::project(&input.project_id)
            .branch(input.branch.as_deref())
            .or_create())
    }

    async fn call(grant: Dev, input: Input) -> Result<Output, Refusal> {
        let wanted = WantedFunction {
            name: input.name,
            entrypoint_path: input
                .entrypoint_path
                .unwrap_or_else(|| "index.ts".to_owned()),
            import_map_path: input.import_map_path,
            verify_jwt: input.verify_jwt,
            static_patterns: input.static_patterns,
            files: input
                .files
                .into_iter()
                .map(|file| (file.name, file.content))
                .collect(),
        };
        Ok(Output {
            function: grant.deploy_function(wanted).await?,
        })
    }

    fn say(output: &Output) -> String {
        format!(
            "{}, version {}, is deployed on the branch.",
            quote(&output.function.slug),
            output.function.version
        )
    }
}
