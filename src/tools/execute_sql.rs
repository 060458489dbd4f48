//! `execute_sql`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::guard::{
    AppliedMigration, Change, ChangedRows, Environment, LostData, MadePoint, MigrationRequest,
    Refusal, Sql, Target, Tool, Warning, judged_sql, say_consequences,
};
use crate::sql::Decision;

/// Runs SQL: a read, data changes, or a schema change as a migration.
pub(super) struct ExecuteSql;

/// The SQL.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// Project or branch ref.
    project_id: String,
    query: String,
    #[serde(default)]
    #[schemars(with = "String")]
    branch: Option<String>,
    #[serde(default)]
    #[schemars(with = "Environment")]
    environment: Option<Environment>,
}

impl Input {
    fn judged(&self) -> Result<Decision, Refusal> {
        judged_sql(&self.project_id, self.branch.as_deref(), &self.query)
    }
}

/// The rows, and what else happened.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    #[schemars(with = "Vec<std::collections::BTreeMap<String, String>>")]
    rows: Vec<Value>,
    row_count: usize,
    truncated: bool,
    /// Rows touched, where the SQL returns none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "ChangedRows")]
    changed: Option<ChangedRows>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "AppliedMigration")]
    migration: Option<AppliedMigration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "MadePoint")]
    restore_point: Option<MadePoint>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    changes: Vec<Change>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    data_lost: Vec<LostData>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<Warning>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

impl Tool for ExecuteSql {
    const NAME: &'static str = "execute_sql";
    type Input = Input;
    type Output = Output;
    type Grant = Sql;
    const SLOW: bool = true;
    // Rows would be changed a second time.
    const RESUMES: bool = false;

    fn sql(input: &Input) -> Option<&str> {
        Some(&input.query)
    }

    fn target(input: &Input) -> Result<Target, Refusal> {
        let target = Target::project(&input.project_id)
            .branch(input.branch.as_deref())
            .environment(input.environment);
        Ok(match input.judged()? {
            Decision::Read => target.to_read(),
            // There is nothing to try where there is no branch yet.
            Decision::ReadAs(_) => target,
            _ => target.or_create(),
        })
    }

    async fn call(grant: Sql, input: Input) -> Result<Output, Refusal> {
        let mut output = Output {
            rows: Vec::new(),
            row_count: 0,
            truncated: false,
            changed: None,
            migration: None,
            restore_point: None,
            changes: Vec::new(),
            data_lost: Vec::new(),
            warnings: Vec::new(),
            notes: Vec::new(),
        };
        let result = match grant {
            Sql::Read(read) => read.query(&input.query).await?,
            Sql::Dev(dev) => match input.judged()? {
                Decision::RunAsMigration => {
                    let request = MigrationRequest::unnamed(input.query);
                    let done = dev.migrate(request).await?;
                    output.migration = Some(done.migration);
                    output.restore_point = Some(done.restore_point);
                    output.changes = done.changes;
                    output.data_lost = done.data_lost;
                    output.warnings = done.warnings;
                    output.notes = done.notes;
                    return Ok(output);
                }
                Decision::WriteData { mass } => {
                    output.data_lost = dev.rows_to_be_lost(&input.query).await;
                    if mass {
                        output.restore_point =
                            Some(dev.point_before_mass_change(&input.query).await?);
                    }
                    let (result, changed) = dev.change_data(&input.query).await?;
                    output.changed = changed;
                    output.notes.extend(dev.cautions(&input.query));
                    result
                }
                Decision::ReadAs(_) => dev.try_as_user(&input.query).await?,
                Decision::Read | Decision::Migrate | Decision::Refuse(_) => {
                    return Err(Refusal::invalid("this SQL cannot run here"));
                }
            },
        };
        output.rows = result.rows;
        output.row_count = result.row_count;
        output.truncated = result.truncated;
        Ok(output)
    }

    fn say(output: &Output) -> String {
        if let (Some(migration), Some(point)) = (&output.migration, &output.restore_point) {
            let mut text = format!(
                "This changes the schema, so it ran as migration {}; {}.",
                migration.version,
                returns(point, "to this moment")
            );
            say_consequences(&mut text, &output.warnings, &output.data_lost);
            say_notes(&mut text, &output.notes);
            return text;
        }
        let mut text = match &output.changed {
            Some(rows) => format!(
                "{} row(s) inserted, {} updated, {} deleted.",
                rows.inserted, rows.updated, rows.deleted
            ),
            None if output.truncated => format!(
                "{} row(s), of which the first {} follow.",
                output.row_count,
                output.rows.len()
            ),
            None => format!("{} row(s).", output.row_count),
        };
        if let Some(point) = &output.restore_point {
            text.push_str(&format!(" {}.", returns(point, "to the moment before")));
        }
        say_consequences(&mut text, &output.warnings, &output.data_lost);
        say_notes(&mut text, &output.notes);
        text
    }
}

fn say_notes(text: &mut String, notes: &[String]) {
    for note in notes {
        text.push_str("\nNote: ");
        text.push_str(note);
    }
}

/// What a point is good for, in words.
fn returns(point: &MadePoint, moment: &str) -> String {
    match (&point.weaker, point.status.as_str()) {
        (Some(weaker), _) => format!("{} is its point, and {weaker}", point.name),
        (None, "available") => format!("{} returns {moment}", point.name),
        (None, _) => format!(
            "its restore point {} is missing: nothing more migrates or merges until it is made",
            point.name
        ),
    }
}
