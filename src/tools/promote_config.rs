//! `promote_config`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::update_config::said;
use crate::api::config::Service;
use crate::guard::{ChangedConfig, Refusal, Release, Target, Tool};

/// Carries fields of a configuration to production.
pub(super) struct PromoteConfig;

/// Which fields, from which branch.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// Project or branch ref.
    project_id: String,
    /// Which one.
    service: Service,
    /// Fields to copy, no others.
    fields: Vec<String>,
    #[serde(default)]
    #[schemars(with = "String")]
    branch: Option<String>,
}

/// What production has now.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    #[serde(flatten)]
    changes: ChangedConfig,
    weaker: Vec<String>,
}

impl Tool for PromoteConfig {
    const NAME: &'static str = "promote_config";
    type Input = Input;
    type Output = Output;
    type Grant = Release;
    const SLOW: bool = true;

    fn target(input: &Input) -> Result<Target, Refusal> {
        Ok(Target::project(&input.project_id).branch(input.branch.as_deref()))
    }

    async fn call(grant: Release, input: Input) -> Result<Output, Refusal> {
        let (changes, weaker) = grant.promote_config(input.service, &input.fields).await?;
        Ok(Output { changes, weaker })
    }

    fn say(output: &Output) -> String {
        let weaker = match output.weaker.as_slice() {
            [] => String::new(),
            ways => format!(" Weaker than before: {}.", ways.join(", ")),
        };
        format!("{}{weaker}", said(&output.changes, "on production"))
    }
}
