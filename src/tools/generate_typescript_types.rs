//! `generate_typescript_types`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::guard::{Environment, Read, Refusal, Target, Tool};

/// Generates TypeScript types.
pub(super) struct GenerateTypescriptTypes;

/// Of what.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// Project or branch ref.
    project_id: String,
    /// Default: those that the API exposes.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    schemas: Option<Vec<String>>,
    /// Only these tables and views; no functions.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    tables: Option<Vec<String>>,
    #[serde(default)]
    #[schemars(with = "String")]
    branch: Option<String>,
    #[serde(default)]
    #[schemars(with = "Environment")]
    environment: Option<Environment>,
}

/// The types.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    types: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    left_out: Vec<String>,
}

impl Tool for GenerateTypescriptTypes {
    const NAME: &'static str = "generate_typescript_types";
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
        let made = grant
            .typescript_types(input.schemas, input.tables.as_deref())
            .await?;
        Ok(Output {
            types: made.types,
            left_out: made.left_out,
        })
    }

    fn say(output: &Output) -> String {
        let mut text =
            "Generated: write types to a file, and generate it again after each migration."
                .to_owned();
        if !output.left_out.is_empty() {
            text.push_str(
                " It would be larger than a result may be, so what left_out names is not in it: name tables, or fewer schemas, to get those.",
            );
        }
        text
    }
}
