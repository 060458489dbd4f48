//! `delete_secrets`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::fence::quote;
use crate::guard::{Dev, Refusal, Target, Tool};

/// Deletes secrets.
pub(super) struct DeleteSecrets;

/// Which, and on which branch.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// Project or branch ref.
    project_id: String,
    /// Secrets to delete.
    names: Vec<String>,
    #[serde(default)]
    #[schemars(with = "String")]
    branch: Option<String>,
}

/// What is gone.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    deleted: Vec<String>,
}

impl Tool for DeleteSecrets {
    const NAME: &'static str = "delete_secrets";
    type Input = Input;
    type Output = Output;
    type Grant = Dev;
    const DATA: bool = false;

    fn target(input: &Input) -> Result<Target, Refusal> {
        Ok(Target::project(&input.project_id).branch(input.branch.as_deref()))
    }

    async fn call(grant: Dev, input: Input) -> Result<Output, Refusal> {
        Ok(Output {
            deleted: grant.delete_secrets(&input.names).await?,
        })
    }

    fn say(output: &Output) -> String {
        format!("Deleted: {}.", quote(output.deleted.join(", ")))
    }
}
