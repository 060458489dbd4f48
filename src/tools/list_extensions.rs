//! `list_extensions`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::guard::{Environment, Read, Refusal, Target, Tool};

/// Lists extensions.
pub(super) struct ListExtensions;

/// Which extensions.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// Project or branch ref.
    project_id: String,
    /// With those that are not installed.
    #[serde(default)]
    all: bool,
    #[serde(default)]
    #[schemars(with = "Environment")]
    environment: Option<Environment>,
}

/// The extensions.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    #[schemars(with = "Vec<std::collections::BTreeMap<String, String>>")]
    extensions: Vec<Map<String, Value>>,
}

impl Tool for ListExtensions {
    const NAME: &'static str = "list_extensions";
    type Input = Input;
    type Output = Output;
    type Grant = Read;

    fn target(input: &Input) -> Result<Target, Refusal> {
        Ok(Target::project(&input.project_id)
            .environment(input.environment)
            .to_read())
    }

    async fn call(grant: Read, input: Input) -> Result<Output, Refusal> {
        let mut extensions = grant
            .catalogue_rows(include_str!("list_extensions.sql"), Vec::new())
            .await?;
        if !input.all {
            extensions.retain(|extension| {
                extension
                    .get("installed_version")
                    .is_some_and(|version| !version.is_null())
            });
        }
        Ok(Output { extensions })
    }

    fn say(output: &Output) -> String {
        format!("{} extension(s).", output.extensions.len())
    }
}
