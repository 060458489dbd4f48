//! Logs: one table of lines, asked in SQL. Its older twin is gone from the platform.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::endpoint::endpoints;
use super::reference::Ref;

/// What is asked, and of which time. The platform takes at most 24 hours and rounds to the minute.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct LogsQuery {
    /// The query, in ClickHouse's dialect, over the table `logs`; requests to the API without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sql: Option<String>,
    /// From when; RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iso_timestamp_start: Option<String>,
    /// Until when; RFC 3339. The last minute where neither is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iso_timestamp_end: Option<String>,
}

/// Rows, or what is wrong with the query: both come with status 200.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct LogsAnswer {
    /// The rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Vec<Value>>,
    /// What is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<LogsError>,
}

/// What is wrong with a query.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub enum LogsError {
    /// In words.
    Words(String),
    /// In words and places.
    Report(LogsErrorReport),
}

/// What is wrong with a query, place by place.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LogsErrorReport {
    /// As an HTTP status.
    pub code: f64,
    /// Each place.
    pub errors: Vec<LogsErrorPlace>,
    /// All of it in words.
    pub message: String,
    /// `INVALID_ARGUMENT`, for instance.
    pub status: String,
}

/// One place.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogsErrorPlace {
    /// `global`, for instance.
    pub domain: String,
    /// Where.
    pub location: String,
    /// What `location` is a place in.
    pub location_type: String,
    /// In words.
    pub message: String,
    /// In a word.
    pub reason: String,
}

impl LogsError {
    /// The words.
    pub fn message(&self) -> &str {
        match self {
            Self::Words(words) => words,
            Self::Report(report) => &report.message,
        }
    }
}

endpoints! {
    /// Asks the logs of a project or branch.
    QueryLogs: Looks GET "/v1/projects/{ref}/analytics/endpoints/logs" (Ref) ? LogsQuery => 200 LogsAnswer, needs "analytics_logs_read";
    /// The older twin, which has been removed and says so.
    QueryLogsAll: Looks GET "/v1/projects/{ref}/analytics/endpoints/logs.all" (Ref) => 410 (), needs "analytics_logs_read";
}
