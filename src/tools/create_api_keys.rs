//! `create_api_keys`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::guard::{MadeKey, Production, Refusal, Target, Tool};

/// Makes the API keys that are missing.
pub(super) struct CreateApiKeys;

/// Of which project.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// Production's ref.
    project_id: String,
}

/// What was made.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    created: Vec<MadeKey>,
}

impl Tool for CreateApiKeys {
    const NAME: &'static str = "create_api_keys";
    type Input = Input;
    type Output = Output;
    type Grant = Production;
    const ADDITIVE: bool = true;
    const DATA: bool = false;

    fn target(input: &Input) -> Result<Target, Refusal> {
        Ok(Target::project(&input.project_id))
    }

    async fn call(grant: Production, _: Input) -> Result<Output, Refusal> {
        Ok(Output {
            created: grant.create_api_keys().await?,
        })
    }

    fn say(output: &Output) -> String {
        match output.created.len() {
            0 => "Every environment has its keys already.".to_owned(),
            count => format!(
                "{count} key(s) are made. get_api_keys shows the publishable ones; secret ones are the operator's."
            ),
        }
    }
}
