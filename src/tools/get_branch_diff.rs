//! `get_branch_diff`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::guard::{ObjectChange, Read, Refusal, Target, Tool};

/// Compares a branch with production.
pub(super) struct GetBranchDiff;

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

/// The difference.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    migrations: Vec<UnmergedMigration>,
    objects: Vec<ObjectChange>,
    /// Versions that production has and the branch lacks.
    behind: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
struct UnmergedMigration {
    version: String,
    name: String,
    query: String,
}

impl Tool for GetBranchDiff {
    const NAME: &'static str = "get_branch_diff";
    type Input = Input;
    type Output = Output;
    type Grant = Read;

    fn target(input: &Input) -> Result<Target, Refusal> {
        Ok(Target::project(&input.project_id)
            .branch(input.branch.as_deref())
            .to_read())
    }

    async fn call(grant: Read, _: Input) -> Result<Output, Refusal> {
        let diff = grant.diff().await?;
        Ok(Output {
            migrations: diff
                .migrations
                .into_iter()
                .map(|(version, name, query)| UnmergedMigration {
                    version,
                    name,
                    query,
                })
                .collect(),
            objects: diff.objects,
            behind: diff.behind,
        })
    }

    fn say(output: &Output) -> String {
        format!(
            "{} unmerged migration(s), {} object(s) differ.",
            output.migrations.len(),
            output.objects.len()
        )
    }
}
