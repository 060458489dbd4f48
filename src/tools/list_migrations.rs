//! `list_migrations`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::guard::{AppliedMigration, Environment, Read, Refusal, Target, Tool};

/// Lists the ledger.
pub(super) struct ListMigrations;

/// Of which environment.
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

/// The ledger.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    migrations: Vec<AppliedMigration>,
}

impl Tool for ListMigrations {
    const NAME: &'static str = "list_migrations";
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
        Ok(Output {
            migrations: grant.ledger().await?,
        })
    }

    fn say(output: &Output) -> String {
        format!("{} migration(s).", output.migrations.len())
    }
}
