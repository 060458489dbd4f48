//! `prepare_claim`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::guard::{Prepared, Production, Refusal, Target, Tool};

/// Says what must be removed before a project is handed over.
pub(super) struct PrepareClaim;

/// Of which project.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// Production's ref.
    project_id: String,
    #[serde(default)]
    remove: bool,
    /// Custom settings to remove too.
    #[serde(default)]
    reset: Vec<String>,
}

/// How it stands.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    #[serde(flatten)]
    prepared: Prepared,
}

impl Tool for PrepareClaim {
    const NAME: &'static str = "prepare_claim";
    type Input = Input;
    type Output = Output;
    type Grant = Production;
    const SLOW: bool = true;

    fn target(input: &Input) -> Result<Target, Refusal> {
        Ok(Target::project(&input.project_id))
    }

    async fn call(grant: Production, input: Input) -> Result<Output, Refusal> {
        Ok(Output {
            prepared: grant.prepare_claim(input.remove, &input.reset).await?,
        })
    }

    fn say(output: &Output) -> String {
        let Prepared {
            must_be_removed,
            custom_settings,
            removed,
            ..
        } = &output.prepared;
        format!(
            "{} thing(s) were removed, {} must be removed before the project is handed over; {} custom setting(s) go along.",
            removed.len(),
            must_be_removed.len(),
            custom_settings.len()
        )
    }
}
