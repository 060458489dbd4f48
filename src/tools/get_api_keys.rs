//! `get_api_keys`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::guard::{Environment, EnvironmentKeys, Read, Refusal, Target, Tool};

/// Gives the API keys that apps may hold.
pub(super) struct GetApiKeys;

/// Of which project.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// Project or branch ref.
    project_id: String,
}

/// The keys.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    environments: Vec<EnvironmentKeys>,
}

impl Tool for GetApiKeys {
    const NAME: &'static str = "get_api_keys";
    type Input = Input;
    type Output = Output;
    type Grant = Read;
    const DATA: bool = false;

    fn target(input: &Input) -> Result<Target, Refusal> {
        Ok(Target::project(&input.project_id).whole_project())
    }

    async fn call(grant: Read, _: Input) -> Result<Output, Refusal> {
        Ok(Output {
            environments: grant.api_keys().await?,
        })
    }

    fn say(output: &Output) -> String {
        let without = |environment: &&EnvironmentKeys| environment.publishable.is_empty();
        let production = output
            .environments
            .iter()
            .any(|one| one.environment == Environment::Production && without(&one));
        match output.environments.iter().filter(without).count() {
            0 => "Ship production's publishable key; a branch's is disposable.".to_owned(),
            _ if production => {
                "Production has no publishable key yet: create_api_keys makes one.".to_owned()
            }
            missing => {
                format!("{missing} branch(es) have no publishable key: create_api_keys makes one.")
            }
        }
    }
}
