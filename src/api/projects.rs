//! Projects: launching them, their regions and their health.

use serde::{Deserialize, Serialize};

use super::endpoint::endpoints;
use super::reference::Ref;

/// Where a project stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ProjectStatus {
    /// Paused.
    Inactive,
    /// Up, and healthy.
    ActiveHealthy,
    /// Up, and not healthy.
    ActiveUnhealthy,
    /// Being made or started.
    ComingUp,
    /// The platform does not know.
    Unknown,
    /// Being deleted.
    GoingDown,
    /// Could not be made.
    InitFailed,
    /// Deleted.
    Removed,
    /// Being restored, or reverted.
    Restoring,
    /// On the way to another PostgreSQL version.
    Upgrading,
    /// On the way to `INACTIVE`.
    Pausing,
    /// A restore failed.
    RestoreFailed,
    /// On the way back up.
    Restarting,
    /// A pause failed.
    PauseFailed,
    /// Changing its compute size.
    Resizing,
    /// A read replica on its way to become the primary.
    Promoting,
}

impl ProjectStatus {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inactive => "INACTIVE",
            Self::ActiveHealthy => "ACTIVE_HEALTHY",
            Self::ActiveUnhealthy => "ACTIVE_UNHEALTHY",
            Self::ComingUp => "COMING_UP",
            Self::Unknown => "UNKNOWN",
            Self::GoingDown => "GOING_DOWN",
            Self::InitFailed => "INIT_FAILED",
            Self::Removed => "REMOVED",
            Self::Restoring => "RESTORING",
            Self::Upgrading => "UPGRADING",
            Self::Pausing => "PAUSING",
            Self::RestoreFailed => "RESTORE_FAILED",
            Self::Restarting => "RESTARTING",
            Self::PauseFailed => "PAUSE_FAILED",
            Self::Resizing => "RESIZING",
            Self::Promoting => "PROMOTING",
        }
    }

    /// Whether no amount of waiting leads on from here.
    pub fn is_dead_end(self) -> bool {
        matches!(
            self,
            Self::InitFailed
                | Self::Removed
                | Self::GoingDown
                | Self::RestoreFailed
                | Self::PauseFailed
        )
    }
}

/// A project as creation answers it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CreatedProject {
    /// Equal to the ref.
    pub id: String,
    /// The project's ref.
    #[serde(rename = "ref")]
    pub reference: Ref,
    /// The owner, by its older identifier.
    pub organization_id: String,
    /// The owner's slug.
    pub organization_slug: String,
    /// The display name.
    pub name: String,
    /// The region's code, `us-east-1` for instance.
    pub region: String,
    /// When it was made; RFC 3339.
    pub created_at: String,
    /// Where it stands.
    pub status: ProjectStatus,
}

/// A project with its database.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Project {
    /// What creation answers as well.
    #[serde(flatten)]
    pub project: CreatedProject,
    /// Its database.
    pub database: ProjectDatabase,
}

/// What is known of a project's database from outside.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ProjectDatabase {
    /// The host to connect to.
    pub host: String,
    /// The database's version.
    pub version: String,
    /// `15`, `17` or `17-oriole`.
    pub postgres_engine: String,
    /// `ga` for most.
    pub release_channel: String,
}

/// Where to put a project.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum RegionSelection {
    /// One region, by its code.
    Specific {
        /// `us-east-1` for instance.
        code: String,
    },
    /// Wherever there is capacity within `americas`, `emea` or `apac`.
    SmartGroup {
        /// The group.
        code: String,
    },
}

/// What it takes to create a project.
#[derive(Clone, Serialize, Deserialize)]
pub struct CreateProjectBody {
    /// The database password of the role `postgres`.
    pub db_pass: String,
    /// The display name, at most 256 characters.
    pub name: String,
    /// The owner's slug.
    pub organization_slug: String,
    /// Where to put it; the platform's choice without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region_selection: Option<RegionSelection>,
    /// The older way to name a region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// `micro` for instance; the platform's choice without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desired_instance_size: Option<String>,
}

impl std::fmt::Debug for CreateProjectBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CreateProjectBody")
            .field("name", &self.name)
            .field("organization_slug", &self.organization_slug)
            .finish_non_exhaustive()
    }
}

/// What deletion and renaming answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ProjectStub {
    /// The platform's number for the project.
    pub id: i64,
    /// Its ref.
    #[serde(rename = "ref")]
    pub reference: Ref,
    /// Its display name.
    pub name: String,
}

/// A project's new name.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct UpdateProjectBody {
    /// 1 to 256 characters.
    pub name: String,
}

/// Whose regions, and for what.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RegionsQuery {
    /// The organization that the project would belong to.
    pub organization_slug: String,
    /// `NA`, `EU`, …: what is near.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continent: Option<String>,
    /// The size that the region must have capacity for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desired_instance_size: Option<String>,
}

/// The regions, and what the platform recommends.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Regions {
    /// What the platform would choose.
    pub recommendations: RecommendedRegions,
    /// What there is.
    pub all: AllRegions,
}

/// What the platform would choose.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RecommendedRegions {
    /// The group.
    #[serde(rename = "smartGroup")]
    pub smart_group: SmartGroup,
    /// The regions.
    pub specific: Vec<SpecificRegion>,
}

/// What there is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AllRegions {
    /// The groups.
    #[serde(rename = "smartGroup")]
    pub smart_group: Vec<SmartGroup>,
    /// The regions.
    pub specific: Vec<SpecificRegion>,
}

/// A group of regions in which the platform chooses by capacity.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SmartGroup {
    /// The display name.
    pub name: String,
    /// `americas`, `emea` or `apac`.
    pub code: String,
    /// Always `smartGroup`.
    #[serde(rename = "type")]
    pub kind: String,
}

/// One region.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SpecificRegion {
    /// The display name.
    pub name: String,
    /// `us-east-1` for instance.
    pub code: String,
    /// Always `specific`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `AWS`, `AWS_K8S` or `AWS_NIMBUS`.
    pub provider: String,
    /// `capacity` where capacity is short, `other` for another trouble.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
}

/// The health of one service.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ServiceHealth {
    /// `db`, `auth`, `rest`, `storage`, `realtime`, `pooler`, …
    pub name: String,
    /// The older word for `status == ACTIVE_HEALTHY`.
    pub healthy: bool,
    /// `COMING_UP`, `ACTIVE_HEALTHY` or `UNHEALTHY`.
    pub status: String,
    /// What is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// The versions of PostgreSQL that a paused project can be brought back with.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RestoreVersions {
    /// Each.
    pub available_versions: Vec<RestoreVersion>,
}

/// A version of PostgreSQL.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RestoreVersion {
    /// `17.4`, for instance.
    pub version: String,
    /// `ga`, for instance.
    pub release_channel: String,
    /// The major version: `17`, for instance.
    pub postgres_engine: String,
}

endpoints! {
    /// Lists the projects that the token can see; branches are not among them.
    ListProjects: Looks GET "/v1/projects" (()) => 200 Vec<Project>, needs "projects_read";
    /// Creates a project; it is `COMING_UP` when this answers.
    CreateProject: Releases POST "/v1/projects" (()) { CreateProjectBody } => 201 CreatedProject, needs "organization_projects_create";
    /// One project, or one branch by its own ref.
    GetProject: Looks GET "/v1/projects/{ref}" (Ref) => 200 Project, needs "project_admin_read";
    /// Renames a project.
    UpdateProject: Releases PATCH "/v1/projects/{ref}" (Ref) { UpdateProjectBody } => 200 ProjectStub, needs "project_admin_write";
    /// Deletes a project with its branches.
    DeleteProject: Releases DELETE "/v1/projects/{ref}" (Ref) => 200 ProjectStub, needs "project_admin_write";
    /// Pauses a project.
    PauseProject: Releases POST "/v1/projects/{ref}/pause" (Ref) => 200 (), needs "project_admin_write";
    /// Brings a paused project back.
    RestoreProject: Releases POST "/v1/projects/{ref}/restore" (Ref) => 200 (), needs "project_admin_write";
    /// What it can be brought back with.
    GetRestoreVersions: Looks GET "/v1/projects/{ref}/restore" (Ref) => 200 RestoreVersions, needs "project_admin_read";
    /// The regions that a project can be put in.
    GetRegions: Looks GET "/v1/projects/available-regions" (()) ? RegionsQuery => 200 Regions;
    /// The health of the named services (`services`, repeated or joined by commas).
    GetHealth: Looks GET "/v1/projects/{ref}/health" (Ref) ? Vec<(String, String)> => 200 Vec<ServiceHealth>, needs "project_admin_read";
}

/// Where a project's own API (REST, auth, storage, functions) answers: on the platform's cloud a
/// host of its own, elsewhere a path of the Management API's own base.
pub fn project_url(base: &str, reference: &str) -> String {
    match base.strip_prefix("https://api.") {
        Some("supabase.com") => format!("https://{reference}.supabase.co"),
        _ => format!("{base}/projects/{reference}"),
    }
}
