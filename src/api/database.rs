//! Queries against a project's database.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::endpoint::endpoints;
use super::reference::Ref;

/// A row: column names to JSON values, in the query's order.
pub type Row = Map<String, Value>;

/// A query.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct QueryBody {
    /// The SQL; several statements without parameters run as one implicit transaction.
    pub query: String,
    /// Values for `$1`, `$2`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Vec<Value>>,
    /// Runs it as a role that cannot write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_only: Option<bool>,
}

endpoints! {
    /// Runs SQL; answers the rows of the last statement that gave any.
    RunQuery: WritesBranch POST "/v1/projects/{ref}/database/query" (Ref) { QueryBody } => 201 Vec<Row>;
    /// Runs one statement that cannot write.
    RunReadOnlyQuery: Looks POST "/v1/projects/{ref}/database/query/read-only" (Ref) { QueryBody } => 201 Vec<Row>;
}
