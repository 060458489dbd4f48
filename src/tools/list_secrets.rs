//! `list_secrets`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::guard::{Environment, Read, Refusal, SecretDigest, Target, Tool};

/// Lists secrets.
pub(super) struct ListSecrets;

/// Where.
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

/// The secrets.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    secrets: Vec<SecretDigest>,
}

impl Tool for ListSecrets {
    const NAME: &'static str = "list_secrets";
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
            secrets: grant.secrets().await?,
        })
    }

    fn say(output: &Output) -> String {
        format!("{} secret(s).", output.secrets.len())
    }
}
