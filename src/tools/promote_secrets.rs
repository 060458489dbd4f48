//! `promote_secrets`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::fence::quote;
use crate::guard::{Production, Refusal, Target, Tool};

/// Sets production's secrets.
pub(super) struct PromoteSecrets;

/// Which, and of which project.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// Production's ref.
    project_id: String,
    /// Secrets to set.
    names: Vec<String>,
}

/// What was set.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    promoted: Vec<String>,
}

impl Tool for PromoteSecrets {
    const NAME: &'static str = "promote_secrets";
    type Input = Input;
    type Output = Output;
    type Grant = Production;
    const DATA: bool = false;

    fn target(input: &Input) -> Result<Target, Refusal> {
        Ok(Target::project(&input.project_id))
    }

    async fn call(grant: Production, input: Input) -> Result<Output, Refusal> {
        Ok(Output {
            promoted: grant.promote_secrets(&input.names).await?,
        })
    }

    fn say(output: &Output) -> String {
        format!("Set on production: {}.", quote(output.promoted.join(", ")))
    }
}
