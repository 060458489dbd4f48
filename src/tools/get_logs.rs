//! `get_logs`

use schemars::JsonSchema;
use serde::Deserialize;

use super::query_logs::Output;
use crate::guard::{AskedWindow, Environment, Read, Refusal, Target, Tool};

/// A service's latest lines.
pub(super) struct GetLogs;

#[derive(Deserialize, JsonSchema, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
enum Service {
    Api,
    BranchAction,
    Postgres,
    EdgeFunction,
    EdgeFunctionRuntime,
    Auth,
    Storage,
    Realtime,
}

#[derive(Deserialize, JsonSchema, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Level {
    Error,
    Warning,
}

/// Which service, of which time.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// Project or branch ref.
    project_id: String,
    /// Whose lines.
    service: Service,
    #[serde(default)]
    #[schemars(with = "String")]
    search: Option<String>,
    #[serde(default)]
    #[schemars(with = "Level")]
    level: Option<Level>,
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

impl Service {
    /// The source, and what is shown of its lines besides time, id and text: names and keys.
    fn shown(self) -> (&'static str, &'static [(&'static str, &'static str)]) {
        match self {
            Self::Api => (
                "edge_logs",
                &[
                    ("method", "request.method"),
                    ("path", "request.path"),
                    ("status_code", "response.status_code"),
                ],
            ),
            Self::BranchAction => (
                "workflow_run_logs",
                &[("workflow_run", "workflow_run"), ("step", "step")],
            ),
            Self::Postgres => (
                "postgres_logs",
                &[
                    ("error_severity", "parsed.error_severity"),
                    ("sql_state_code", "parsed.sql_state_code"),
                    ("user_name", "parsed.user_name"),
                ],
            ),
            Self::EdgeFunction => (
                "function_edge_logs",
                &[
                    ("status_code", "response.status_code"),
                    ("method", "request.method"),
                    ("function_id", "function_id"),
                    ("execution_time_ms", "execution_time_ms"),
                    ("version", "version"),
                ],
            ),
            Self::EdgeFunctionRuntime => (
                "function_logs",
                &[
                    ("level", "level"),
                    ("event_type", "event_type"),
                    ("function_id", "function_id"),
                    ("execution_id", "execution_id"),
                    ("version", "version"),
                ],
            ),
            Self::Auth => (
                "auth_logs",
                &[
                    ("level", "level"),
                    ("status", "status"),
                    ("path", "path"),
                    ("msg", "msg"),
                    ("error", "error"),
                ],
            ),
            Self::Storage => ("storage_logs", &[]),
            Self::Realtime => ("realtime_logs", &[]),
        }
    }

    /// The condition under which a line is as bad as that.
    fn at_least(self, level: Level) -> &'static str {
        match (self, level) {
            (Self::Api | Self::EdgeFunction, Level::Error) => {
                "toInt32OrZero(log_attributes['response.status_code']) >= 500"
            }
            (Self::Api | Self::EdgeFunction, Level::Warning) => {
                "toInt32OrZero(log_attributes['response.status_code']) >= 400"
            }
            (Self::Postgres, Level::Error) => {
                "log_attributes['parsed.error_severity'] in ('ERROR', 'FATAL', 'PANIC')"
            }
            (Self::Postgres, Level::Warning) => {
                "log_attributes['parsed.error_severity'] in ('WARNING', 'ERROR', 'FATAL', 'PANIC')"
            }
            (_, Level::Error) => {
                "(lower(log_attributes['level']) in ('error', 'fatal', 'panic') or upper(severity_text) in ('ERROR', 'FATAL'))"
            }
            (_, Level::Warning) => {
                "(lower(log_attributes['level']) in ('warn', 'warning', 'error', 'fatal', 'panic') or upper(severity_text) in ('WARN', 'WARNING', 'ERROR', 'FATAL'))"
            }
        }
    }
}

/// The query of a service's latest lines. `rows` says whether what quotes rows may be shown.
fn query(input: &Input, rows: bool) -> String {
    let (source, shown) = input.service.shown();
    let mut sql = String::from("select id, timestamp, event_message");
    let quoting: &[(&str, &str)] = match (input.service, rows) {
        (Service::Postgres, true) => &[("detail", "parsed.detail"), ("statement", "parsed.query")],
        _ => &[],
    };
    for (name, key) in shown.iter().chain(quoting) {
        sql.push_str(&format!(", log_attributes['{key}'] as {name}"));
    }
    sql.push_str(&format!(" from logs where source = '{source}'"));
    if let Some(level) = input.level {
        sql.push_str(&format!(" and {}", input.service.at_least(level)));
    }
    if let Some(search) = &input.search {
        sql.push_str(&format!(" and event_message ilike '{}'", pattern(search)));
    }
    sql.push_str(" order by timestamp desc limit 100");
    sql
}

/// A text as the pattern of whatever contains it, as a literal.
fn pattern(search: &str) -> String {
    let mut pattern = String::from("%");
    for one in search.chars() {
        match one {
            // Once for the pattern, once for the literal.
            '%' | '_' => pattern.push_str("\\\\"),
            '\\' => pattern.push_str("\\\\\\"),
            '\'' => pattern.push('\\'),
            _ => {}
        }
        pattern.push(one);
    }
    pattern.push('%');
    pattern
}

impl Tool for GetLogs {
    const NAME: &'static str = "get_logs";
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
        let longest = 200;
        if let Some(search) = &input.search
            && (search.chars().count() > longest || search.contains('\0'))
        {
            return Err(Refusal::invalid(format!(
                "search is at most {longest} characters; query_logs takes conditions of any kind"
            )));
        }
        let window = AskedWindow {
            start: input.iso_timestamp_start.as_deref(),
            end: input.iso_timestamp_end.as_deref(),
        };
        let sql = query(&input, grant.may_show_rows());
        Ok(grant.service_logs(&sql, window).await?.into())
    }

    fn say(output: &Output) -> String {
        output.said()
    }
}
