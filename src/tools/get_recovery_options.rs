//! `get_recovery_options`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::guard::{Read, RecoveryOption, Refusal, Target, Tool};

/// Shows every way back.
pub(super) struct GetRecoveryOptions;

/// Of which project.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// Project ref.
    project_id: String,
}

/// The ways, the one that loses least first.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    options: Vec<RecoveryOption>,
}

impl Tool for GetRecoveryOptions {
    const NAME: &'static str = "get_recovery_options";
    type Input = Input;
    type Output = Output;
    type Grant = Read;
    const DATA: bool = false;

    fn target(input: &Input) -> Result<Target, Refusal> {
        Ok(Target::project(&input.project_id).whole_project())
    }

    async fn call(grant: Read, _: Input) -> Result<Output, Refusal> {
        Ok(Output {
            options: grant.recovery_options().await?,
        })
    }

    fn say(output: &Output) -> String {
        let available = output.options.iter().filter(|option| option.available);
        let said: Vec<String> = available
            .map(|option| {
                let kind = option.kind.replace('_', " ");
                format!("{kind} on {}: loses {}", option.environment, option.loses)
            })
            .collect();
        match said.as_slice() {
            [] => "Nothing can be returned to; what the operator can enable is in the result."
                .to_owned(),
            said => format!("{}.", said.join("; ")),
        }
    }
}
