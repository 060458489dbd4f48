//! `update_config`

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::api::config::Service;
use crate::guard::{ChangedConfig, CheckedSettings, Dev, Refusal, Target, Tool};

/// Changes what a service is set to.
pub(super) struct UpdateConfig;

/// What is changed, and on which branch.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// Project or branch ref.
    project_id: String,
    /// Which one.
    service: Service,
    /// Values by field.
    #[schemars(with = "std::collections::BTreeMap<String, Value>")]
    settings: Map<String, Value>,
    #[serde(default)]
    #[schemars(with = "String")]
    branch: Option<String>,
}

impl Tool for UpdateConfig {
    const NAME: &'static str = "update_config";
    type Input = Input;
    type Output = ChangedConfig;
    type Grant = Dev;
    const SLOW: bool = true;

    fn target(input: &Input) -> Result<Target, Refusal> {
        // Before a branch is made for it.
        CheckedSettings::for_dev(input.service, &input.settings)?;
        Ok(Target::project(&input.project_id)
            .branch(input.branch.as_deref())
            .or_create())
    }

    async fn call(grant: Dev, input: Input) -> Result<ChangedConfig, Refusal> {
        let checked = CheckedSettings::for_dev(input.service, &input.settings)?;
        grant.update_config(&checked).await
    }

    fn say(output: &ChangedConfig) -> String {
        said(output, "on the branch; production is as it was")
    }
}

/// What has changed, in words.
pub(super) fn said(output: &ChangedConfig, place: &str) -> String {
    if !output.not_taken.is_empty() {
        return format!(
            "The platform took {} without a change, and {} field(s) have changed.",
            output.not_taken.join(", "),
            output.changed.len()
        );
    }
    if output.changed.is_empty() {
        return "Everything is set like that already.".to_owned();
    }
    let fields: Vec<&str> = output
        .changed
        .iter()
        .map(|change| change.field.as_str())
        .collect();
    let pending = match output.pending_restart.as_slice() {
        [] => String::new(),
        names => format!(
            " {} takes a restart: restart_database: true.",
            names.join(", ")
        ),
    };
    format!("Changed {place}: {}.{pending}", fields.join(", "))
}
