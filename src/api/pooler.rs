//! How to connect to a project's database.

use serde::{Deserialize, Serialize};

use super::endpoint::{endpoints, present};
use super::reference::Ref;

/// Which of a project's databases one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DatabaseType {
    /// The one that is written to.
    Primary,
    /// A copy to read from.
    ReadReplica,
}

/// What a connection of a pool is handed out for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PoolMode {
    /// One transaction.
    Transaction,
    /// As long as the client stays.
    Session,
    /// One statement.
    Statement,
}

impl PoolMode {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Transaction => "transaction",
            Self::Session => "session",
            Self::Statement => "statement",
        }
    }
}

/// How to connect through the pooler.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PoolerConfig {
    /// The project's ref.
    pub identifier: String,
    /// Which of its databases.
    pub database_type: DatabaseType,
    /// Whether passwords are proven and not sent.
    pub is_using_scram_auth: bool,
    /// The user: `postgres.<ref>`.
    pub db_user: String,
    /// The host.
    pub db_host: String,
    /// The port.
    pub db_port: u16,
    /// The database.
    pub db_name: String,
    /// All of it as a URL, with a word in the place of the password.
    pub connection_string: String,
    /// The same, under its older name.
    #[serde(rename = "connectionString")]
    pub older_connection_string: String,
    /// Connections to the database that clients share; null where each has its own.
    pub default_pool_size: Option<u32>,
    /// Clients at a time.
    pub max_client_conn: Option<u32>,
    /// What a connection is handed out for.
    pub pool_mode: PoolMode,
}

/// How to connect through the older pooler.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PgbouncerConfig {
    /// What a connection is handed out for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool_mode: Option<PoolMode>,
    /// Clients at a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_client_conn: Option<u32>,
    /// All of it as a URL, with a word in the place of the password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_string: Option<String>,
}

/// What is changed of the pooler.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct UpdatePoolerBody {
    /// Connections to the database that clients share, up to 3000; the platform's choice for null.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub default_pool_size: Option<Option<u32>>,
    /// What a connection is handed out for; never one statement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool_mode: Option<PoolMode>,
}

/// How the pooler is set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolerSettings {
    /// Connections to the database that clients share; the platform's choice for null.
    pub default_pool_size: Option<u32>,
    /// What a connection is handed out for: the word of a [`PoolMode`], or one that is new.
    pub pool_mode: String,
}

endpoints! {
    /// How to connect through the pooler: an entry for each of the project's databases.
    GetPoolerConfig: Looks GET "/v1/projects/{ref}/config/database/pooler" (Ref) => 200 Vec<PoolerConfig>, needs "database_pooling_config_read";
    /// Changes how the pooler is set.
    UpdatePoolerConfig: WritesBranch PATCH "/v1/projects/{ref}/config/database/pooler" (Ref) { UpdatePoolerBody } => 200 PoolerSettings, needs "database_pooling_config_write";
    /// How to connect through the older pooler.
    GetPgbouncerConfig: Looks GET "/v1/projects/{ref}/config/database/pgbouncer" (Ref) => 200 PgbouncerConfig, needs "database_read";
}
