//! `get_config`

use schemars::JsonSchema;
use serde::Deserialize;

use crate::api::config::Service;
use crate::guard::{Environment, Read, Refusal, ShownConfig, Target, Tool};

/// Shows what a service is set to.
pub(super) struct GetConfig;

/// Of which service, where.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// Project or branch ref.
    project_id: String,
    /// Which one.
    service: Service,
    #[serde(default)]
    fields: Vec<String>,
    #[serde(default)]
    #[schemars(with = "String")]
    branch: Option<String>,
    #[serde(default)]
    #[schemars(with = "Environment")]
    environment: Option<Environment>,
}

impl Tool for GetConfig {
    const NAME: &'static str = "get_config";
    type Input = Input;
    type Output = ShownConfig;
    type Grant = Read;

    fn target(input: &Input) -> Result<Target, Refusal> {
        Ok(Target::project(&input.project_id)
            .branch(input.branch.as_deref())
            .environment(input.environment)
            .to_read())
    }

    async fn call(grant: Read, input: Input) -> Result<ShownConfig, Refusal> {
        grant.config(input.service, &input.fields).await
    }

    fn say(output: &ShownConfig) -> String {
        let mut said = format!("{} setting(s)", output.settings.len());
        if !output.secrets_set.is_empty() {
            said.push_str(&format!(
                ", and secrets in {}, which are not shown",
                output.secrets_set.join(", ")
            ));
        }
        if output.left_out > 0 {
            said.push_str(&format!(
                "; {} more are off, empty or null: name them in fields to see them",
                output.left_out
            ));
        }
        said.push('.');
        said
    }
}
