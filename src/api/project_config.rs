//! The whole configuration of a project or branch in one document, as the second version of the
//! Management API gives it.

use serde::{Deserialize, Serialize};

use super::config::Settings;
use super::endpoint::endpoints;
use super::reference::Ref;

/// What is answered: a resource in an envelope.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ProjectConfigDocument {
    /// The resource.
    pub data: ProjectConfig,
}

/// The configuration of a project.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ProjectConfig {
    /// Always `project_config`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The project's ref.
    pub id: String,
    /// Its settings.
    pub attributes: ProjectSettings,
}

/// Settings by service, as they are in effect: what was not set is as the platform has it by default.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ProjectSettings {
    /// The database's.
    pub database: DatabaseSettings,
    /// The pooler's.
    pub pooler: Settings,
    /// Auth's. Secrets in it are digests of themselves.
    pub auth: Settings,
    /// The Data API's.
    pub api: Settings,
    /// Realtime's.
    pub realtime: Settings,
    /// Storage's.
    pub storage: Settings,
}

/// Settings of a database and of its server.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DatabaseSettings {
    /// PostgreSQL's major version.
    pub major_version: u32,
    /// Whether connections must be encrypted.
    pub ssl_enforced: bool,
    /// From where it can be reached.
    pub network_restrictions: Settings,
    /// The settings of PostgreSQL that stand instead of the platform's own, dots in their names
    /// written as underscores.
    pub postgres_settings: Settings,
}

endpoints! {
    /// The whole configuration of a project or branch.
    GetProjectConfig: Looks GET "/v2/projects/{ref}/config" (Ref) => 200 ProjectConfigDocument, needs "database_config_read";
}
