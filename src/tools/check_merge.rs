//! `check_merge`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::guard::{Check, CheckStatus, Dev, FixMigration, Refusal, Target, Tool};

/// Runs the gate without merging.
pub(super) struct CheckMerge;

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

/// The verdict.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    passes: bool,
    checks: Vec<Check>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "FixMigration")]
    fix_migration: Option<FixMigration>,
    unmerged: Vec<String>,
    functions: Vec<String>,
    only_on_production: Vec<String>,
    state_hash: String,
}

impl Tool for CheckMerge {
    const NAME: &'static str = "check_merge";
    type Input = Input;
    type Output = Output;
    type Grant = Dev;
    const SLOW: bool = true;
    const ADDITIVE: bool = true;

    fn target(input: &Input) -> Result<Target, Refusal> {
        Ok(Target::project(&input.project_id).branch(input.branch.as_deref()))
    }

    async fn call(grant: Dev, _: Input) -> Result<Output, Refusal> {
        let verdict = grant.check_merge().await?;
        Ok(Output {
            functions: verdict.functions().to_vec(),
            only_on_production: verdict.only_on_production().to_vec(),
            passes: verdict.passes,
            checks: verdict.checks,
            fix_migration: verdict.fix_migration,
            unmerged: verdict.unmerged,
            state_hash: verdict.state_hash,
        })
    }

    fn say(output: &Output) -> String {
        if output.passes {
            return match (output.unmerged.len(), output.functions.len()) {
                (0, 0) => "There is nothing to merge.".to_owned(),
                (count, 0) => {
                    format!("The gate passes: merge_branch would carry {count} migration(s).")
                }
                (count, functions) => format!(
                    "The gate passes: merge_branch would carry {count} migration(s) and {functions} function(s)."
                ),
            };
        }
        let that = |status| -> Vec<&str> {
            let checks = output.checks.iter();
            checks
                .filter(|check| check.status == status)
                .map(|check| check.message.as_str())
                .collect()
        };
        let (failed, waits) = (that(CheckStatus::Failed), that(CheckStatus::NeedsApproval));
        if failed.is_empty() {
            return format!(
                "The gate passes but for an approval, which merge_branch asks for: {}.",
                waits.join("; ")
            );
        }
        format!(
            "The gate does not pass: {}.",
            [failed, waits].concat().join("; ")
        )
    }
}
