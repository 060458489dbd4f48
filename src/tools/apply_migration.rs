//! `apply_migration`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::guard::{
    AppliedMigration, Change, Dev, LostData, MadePoint, MigrationRequest, Refusal, Target, Tool,
    Warning, say_consequences,
};

/// Applies a migration to a development branch.
pub(super) struct ApplyMigration;

/// The migration.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// Project or branch ref.
    project_id: String,
    /// In snake_case.
    name: String,
    /// SQL; no BEGIN or COMMIT.
    query: String,
    #[serde(default)]
    #[schemars(with = "String")]
    branch: Option<String>,
    /// At most 14 digits, newer than the newest; default: the time.
    #[serde(default)]
    #[schemars(with = "String")]
    version: Option<String>,
    #[serde(default)]
    #[schemars(with = "String")]
    idempotency_key: Option<String>,
}

/// What was applied.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    migration: AppliedMigration,
    restore_point: MadePoint,
    changes: Vec<Change>,
    data_lost: Vec<LostData>,
    /// Locks, rewrites, tables out of reach; and what to do instead.
    warnings: Vec<Warning>,
    notes: Vec<String>,
    /// An earlier call with this key had run it.
    repeated: bool,
}

impl Tool for ApplyMigration {
    const NAME: &'static str = "apply_migration";
    type Input = Input;
    type Output = Output;
    type Grant = Dev;
    const SLOW: bool = true;
    const DATA: bool = false;

    fn sql(input: &Input) -> Option<&str> {
        Some(&input.query)
    }

    fn target(input: &Input) -> Result<Target, Refusal> {
        Ok(Target::project(&input.project_id)
            .branch(input.branch.as_deref())
            .or_create())
    }

    async fn call(grant: Dev, input: Input) -> Result<Output, Refusal> {
        let done = grant
            .migrate(MigrationRequest {
                name: input.name,
                query: input.query,
                version: input.version,
                idempotency_key: input.idempotency_key,
            })
            .await?;
        Ok(Output {
            migration: done.migration,
            restore_point: done.restore_point,
            changes: done.changes,
            data_lost: done.data_lost,
            warnings: done.warnings,
            notes: done.notes,
            repeated: done.repeated,
        })
    }

    fn say(output: &Output) -> String {
        let (version, point) = (&output.migration.version, &output.restore_point);
        let mut text = match (&point.weaker, point.status.as_str()) {
            (Some(weaker), _) => {
                format!(
                    "Migration {version} is applied; {} is its point, and {weaker}.",
                    point.name
                )
            }
            (None, "available") => {
                format!(
                    "Migration {version} is applied; {} returns to this moment.",
                    point.name
                )
            }
            (None, _) => format!(
                "Migration {version} is applied, but its restore point {} is missing: nothing more migrates or merges until it is made.",
                point.name
            ),
        };
        say_consequences(&mut text, &output.warnings, &output.data_lost);
        for note in &output.notes {
            text.push_str("\nNote: ");
            text.push_str(note);
        }
        text
    }
}
