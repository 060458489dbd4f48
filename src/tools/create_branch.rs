//! `create_branch`

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::set_secrets::texts;
use crate::guard::{Dev, DevSecrets, Refusal, Target, Tool};

/// Makes a development branch.
pub(super) struct CreateBranch;

/// Of which project.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// Project or branch ref.
    project_id: String,
    /// Default DEV.
    #[serde(default)]
    #[schemars(with = "String")]
    name: Option<String>,
    /// For its functions, by name.
    #[serde(default, deserialize_with = "texts")]
    secrets: BTreeMap<String, String>,
}

/// The branch.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    #[schemars(with = "std::collections::BTreeMap<String, String>")]
    branch: Value,
    created: bool,
}

impl Tool for CreateBranch {
    const NAME: &'static str = "create_branch";
    type Input = Input;
    type Output = Output;
    type Grant = Dev;
    const SLOW: bool = true;
    const ADDITIVE: bool = true;
    const DATA: bool = false;

    fn target(input: &Input) -> Result<Target, Refusal> {
        if let Some(name) = &input.name {
            let fits = (1..=64).contains(&name.chars().count())
                && !name
                    .chars()
                    .any(|one| one.is_control() || one.is_whitespace());
            if !fits || name.starts_with("drydock-") {
                return Err(Refusal::invalid(
                    "a branch's name is 1 to 64 characters without white space, and does not begin with drydock-",
                ));
            }
        }
        Ok(Target::project(&input.project_id)
            .branch(input.name.as_deref())
            .or_create()
            .with_secrets(DevSecrets::checked(input.secrets.clone(), &[])?))
    }

    async fn call(grant: Dev, input: Input) -> Result<Output, Refusal> {
        let (branch, created) = grant.describe();
        let secrets = DevSecrets::checked(input.secrets, &[])?;
        // A branch that was there already, or that an earlier call made, has not got them yet.
        if !created && !secrets.is_empty() {
            grant.set_secrets(&secrets).await?;
        }
        Ok(Output { branch, created })
    }

    fn say(output: &Output) -> String {
        if output.created {
            "The branch is made, with its baseline restore point.".to_owned()
        } else {
            "The branch was there already.".to_owned()
        }
    }
}
