//! `list_storage_buckets`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::fence::quote;
use crate::guard::{Environment, FoundBucket, Read, Refusal, Target, Tool};

/// Lists storage buckets.
pub(super) struct ListStorageBuckets;

/// Of which project.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// Project or branch ref.
    project_id: String,
    #[serde(default)]
    #[schemars(with = "String")]
    branch: Option<String>,
    #[serde(default)]
    #[schemars(with = "Environment")]
    environment: Option<Environment>,
}

/// The buckets.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    buckets: Vec<FoundBucket>,
}

impl Tool for ListStorageBuckets {
    const NAME: &'static str = "list_storage_buckets";
    type Input = Input;
    type Output = Output;
    type Grant = Read;

    fn target(input: &Input) -> Result<Target, Refusal> {
        Ok(Target::project(&input.project_id)
            .branch(input.branch.as_deref())
            .environment(input.environment)
            .to_read())
    }

    async fn call(grant: Read, _: Input) -> Result<Output, Refusal> {
        let buckets = grant.buckets().await?;
        Ok(Output { buckets })
    }

    fn say(output: &Output) -> String {
        let open: Vec<&str> = output
            .buckets
            .iter()
            .filter(|bucket| bucket.public)
            .map(|bucket| bucket.name.as_str())
            .collect();
        let mut text = format!("{} bucket(s).", output.buckets.len());
        if !open.is_empty() {
            text.push_str(&format!(" Anyone may read: {}.", quote(open.join(", "))));
        }
        text
    }
}
