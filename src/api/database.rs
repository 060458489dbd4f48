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

/// A new password for the role `postgres`.
#[derive(Clone, Serialize, Deserialize)]
pub struct PasswordBody {
    /// At least 4 characters.
    pub password: String,
}

impl std::fmt::Debug for PasswordBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PasswordBody").finish_non_exhaustive()
    }
}

/// What a change of the password answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PasswordChanged {
    /// In words.
    pub message: String,
}

/// What a project's server holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DatabaseContext {
    /// Its databases.
    pub databases: Vec<DatabaseEntry>,
}

/// A database.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DatabaseEntry {
    /// Its name.
    pub name: String,
    /// Its schemas.
    pub schemas: Vec<SchemaEntry>,
}

/// A schema.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SchemaEntry {
    /// Its name.
    pub name: String,
}

endpoints! {
    /// Runs SQL; answers the rows of the last statement that gave any.
    RunQuery: WritesBranch POST "/v1/projects/{ref}/database/query" (Ref) { QueryBody } => 201 Vec<Row>, needs "database_write";
    /// Runs one statement that cannot write.
    RunReadOnlyQuery: Looks POST "/v1/projects/{ref}/database/query/read-only" (Ref) { QueryBody } => 201 Vec<Row>, needs "database_read";
    /// The databases of a project's server, with their schemas.
    GetDatabaseContext: Looks GET "/v1/projects/{ref}/database/context" (Ref) => 200 DatabaseContext, needs "database_read";
    /// Changes the database password of the role `postgres`.
    UpdatePassword: Releases PATCH "/v1/projects/{ref}/database/password" (Ref) { PasswordBody } => 200 PasswordChanged, needs "database_config_write";
}
