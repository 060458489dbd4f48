//! `merge_branch`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::guard::{MergedMigrations, NotMerged, Refusal, Release, Target, Tool};

/// Merges a branch into production, through the gate.
pub(super) struct MergeBranch;

/// Which branch.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// Project or branch ref.
    project_id: String,
    #[serde(default)]
    #[schemars(with = "String")]
    branch: Option<String>,
    /// Production's functions to delete there; needs approval.
    #[serde(default)]
    delete_functions: Vec<String>,
}

/// What was merged.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    /// merged, or nothing_to_merge.
    status: String,
    merged: MergedMigrations,
    not_merged: Vec<NotMerged>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    production_restore_point: Option<String>,
    advisor: String,
}

impl Tool for MergeBranch {
    const NAME: &'static str = "merge_branch";
    type Input = Input;
    type Output = Output;
    type Grant = Release;
    const SLOW: bool = true;
    const DATA: bool = false;

    fn target(input: &Input) -> Result<Target, Refusal> {
        Ok(Target::project(&input.project_id).branch(input.branch.as_deref()))
    }

    async fn call(grant: Release, input: Input) -> Result<Output, Refusal> {
        let merged = grant.merge(&input.delete_functions).await?;
        Ok(Output {
            status: merged.status.to_owned(),
            merged: merged.merged,
            not_merged: merged.not_merged,
            production_restore_point: merged.production_restore_point,
            advisor: merged.advisor,
        })
    }

    fn say(output: &Output) -> String {
        let merged = &output.merged;
        let functions = merged.functions.len() + merged.deleted_functions.len();
        match (merged.migrations.len(), functions) {
            (0, 0) => "There was nothing to merge; production is as it was.".to_owned(),
            (count, 0) => format!("{count} migration(s) are on production now."),
            (count, functions) => {
                format!("{count} migration(s) and {functions} function(s) are on production now.")
            }
        }
    }
}
