//! `query_logs`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::guard::{AskedWindow, Environment, FoundLogs, LogWindow, Read, Refusal, Target, Tool};

/// Runs a query over logs.
pub(super) struct QueryLogs;

/// Which query, of which time.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// Project or branch ref.
    project_id: String,
    /// One select.
    sql: String,
    /// Default: a day ago.
    #[serde(default)]
    #[schemars(with = "String")]
    iso_timestamp_start: Option<String>,
    #[serde(default)]
    #[schemars(with = "String")]
    iso_timestamp_end: Option<String>,
    #[serde(default)]
    #[schemars(with = "String")]
    branch: Option<String>,
    #[serde(default)]
    #[schemars(with = "Environment")]
    environment: Option<Environment>,
}

/// The rows, and what was asked.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    #[schemars(with = "Vec<std::collections::BTreeMap<String, String>>")]
    rows: Vec<Value>,
    row_count: usize,
    truncated: bool,
    window: LogWindow,
    /// The query that was run.
    sql: String,
    notes: Vec<String>,
    #[serde(skip)]
    said: String,
}

impl From<FoundLogs> for Output {
    fn from(found: FoundLogs) -> Self {
        Self {
            said: found.say(),
            row_count: found.rows.len(),
            rows: found.rows,
            truncated: found.truncated,
            window: found.window,
            sql: found.sql,
            notes: found.notes,
        }
    }
}

impl Output {
    pub(super) fn said(&self) -> String {
        self.said.clone()
    }
}

impl Tool for QueryLogs {
    const NAME: &'static str = "query_logs";
    type Input = Input;
    type Output = Output;
    type Grant = Read;

    fn target(input: &Input) -> Result<Target, Refusal> {
        Ok(Target::project(&input.project_id)
            .branch(input.branch.as_deref())
            .environment(input.environment)
            .to_read())
    }

    async fn call(grant: Read, input: Input) -> Result<Output, Refusal> {
        let window = AskedWindow {
            start: input.iso_timestamp_start.as_deref(),
            end: input.iso_timestamp_end.as_deref(),
        };
        Ok(grant.query_logs(&input.sql, window).await?.into())
    }

    fn say(output: &Output) -> String {
        output.said()
    }
}
