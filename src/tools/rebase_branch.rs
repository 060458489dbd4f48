//! `rebase_branch`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::guard::{Dev, MadePoint, Refusal, Target, Tool};

/// Rebases a branch onto production.
pub(super) struct RebaseBranch;

/// Which branch.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// Project or branch ref.
    project_id: String,
    #[serde(default)]
    #[schemars(with = "String")]
    branch: Option<String>,
}

/// What the rebase brought.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    migrations: Vec<String>,
    kept_functions: Vec<String>,
    restore_point_before: MadePoint,
    restore_point: MadePoint,
}

impl Tool for RebaseBranch {
    const NAME: &'static str = "rebase_branch";
    type Input = Input;
    type Output = Output;
    type Grant = Dev;
    const SLOW: bool = true;

    fn target(input: &Input) -> Result<Target, Refusal> {
        Ok(Target::project(&input.project_id).branch(input.branch.as_deref()))
    }

    async fn call(grant: Dev, _: Input) -> Result<Output, Refusal> {
        let rebased = grant.rebase().await?;
        Ok(Output {
            migrations: rebased.migrations,
            kept_functions: rebased.kept_functions,
            restore_point_before: rebased.before,
            restore_point: rebased.after,
        })
    }

    fn say(output: &Output) -> String {
        format!(
            "Rebased: {} migration(s) came from production.",
            output.migrations.len()
        )
    }
}
