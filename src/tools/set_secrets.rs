//! `set_secrets`

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::fence::quote;
use crate::guard::{Dev, DevSecrets, Refusal, Target, Tool};

/// Sets secrets.
pub(super) struct SetSecrets;

/// Which, and on which branch.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// Project or branch ref.
    project_id: String,
    /// Values by name.
    #[serde(default, deserialize_with = "texts")]
    secrets: BTreeMap<String, String>,
    /// Names the operator has set.
    #[serde(default)]
    from_environment: Vec<String>,
    #[serde(default)]
    #[schemars(with = "String")]
    branch: Option<String>,
}

/// Texts by name. What is none is not repeated in the error: it may be a secret all the same.
pub(super) fn texts<'de, D: Deserializer<'de>>(
    given: D,
) -> Result<BTreeMap<String, String>, D::Error> {
    let Value::Object(members) = Value::deserialize(given)? else {
        return Err(D::Error::custom("secrets are an object of texts by name"));
    };
    members
        .into_iter()
        .map(|(name, value)| match value {
            Value::String(text) => Ok((name, text)),
            _ => Err(D::Error::custom("a secret's value is a text")),
        })
        .collect()
}

/// What was set.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    set: Vec<String>,
}

impl Tool for SetSecrets {
    const NAME: &'static str = "set_secrets";
    type Input = Input;
    type Output = Output;
    type Grant = Dev;
    const SLOW: bool = true;
    const DATA: bool = false;

    fn target(input: &Input) -> Result<Target, Refusal> {
        // Before a branch is made for it, which then begins with them.
        let secrets = DevSecrets::checked(input.secrets.clone(), &input.from_environment)?;
        if secrets.is_empty() {
            return Err(Refusal::invalid(
                "give secrets, or names in from_environment",
            ));
        }
        Ok(Target::project(&input.project_id)
            .branch(input.branch.as_deref())
            .or_create()
            .with_secrets(secrets))
    }

    async fn call(grant: Dev, input: Input) -> Result<Output, Refusal> {
        let secrets = DevSecrets::checked(input.secrets, &input.from_environment)?;
        Ok(Output {
            set: grant.set_secrets(&secrets).await?,
        })
    }

    fn say(output: &Output) -> String {
        format!(
            "Set on the branch: {}. Production is as it was.",
            quote(output.set.join(", "))
        )
    }
}
