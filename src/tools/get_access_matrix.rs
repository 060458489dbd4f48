//! `get_access_matrix`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::guard::{Environment, Read, Refusal, Target, Tool, Tried};

/// Says who can reach what through the API.
pub(super) struct GetAccessMatrix;

/// Of which environment.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// Project or branch ref.
    project_id: String,
    /// schema.name of one alone.
    #[serde(default)]
    #[schemars(with = "String")]
    object: Option<String>,
    #[serde(default)]
    #[schemars(with = "String")]
    branch: Option<String>,
    #[serde(default)]
    #[schemars(with = "Environment")]
    environment: Option<Environment>,
}

/// The matrix.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    exposed_schemas: String,
    /// What is open to everybody.
    summary: Vec<String>,
    #[schemars(with = "Vec<std::collections::BTreeMap<String, String>>")]
    access: Vec<Value>,
    tried: Tried,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    left_out: Option<String>,
}

impl Tool for GetAccessMatrix {
    const NAME: &'static str = "get_access_matrix";
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
        let matrix = grant.access_matrix(input.object.as_deref()).await?;
        Ok(Output {
            exposed_schemas: matrix.exposed_schemas,
            summary: matrix.summary,
            access: matrix.access,
            tried: matrix.tried,
            left_out: matrix.left_out,
        })
    }

    fn say(output: &Output) -> String {
        let mut said = match output.summary.is_empty() {
            true => "Nothing is open to everybody".to_owned(),
            false => output.summary.join("; "),
        };
        match output.tried {
            Tried::Reads => said.push_str(". Reads were tried as both callers"),
            Tried::NotOnProduction => said.push_str(". By grants and policies alone"),
            Tried::Failed => {
                said.push_str(". By grants and policies alone: reads could not be tried")
            }
        }
        if let Some(left_out) = &output.left_out {
            said.push_str(&format!(". Left out: {left_out}"));
        }
        said.push('.');
        said
    }
}
