//! Branches: a branch is a whole project of its own, empty at first, onto which production's
//! ledger is replayed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::endpoint::endpoints;
use super::projects::ProjectStatus;
use super::reference::Ref;

/// How far a branch's workflow (create, push, merge, reset) has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum BranchStatus {
    /// Its project is being made.
    CreatingProject,
    /// Migrations are being applied.
    RunningMigrations,
    /// They passed; functions come next.
    MigrationsPassed,
    /// One failed.
    MigrationsFailed,
    /// The successful end of every workflow.
    FunctionsDeployed,
    /// A function could not be deployed.
    FunctionsFailed,
}

impl BranchStatus {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CreatingProject => "CREATING_PROJECT",
            Self::RunningMigrations => "RUNNING_MIGRATIONS",
            Self::MigrationsPassed => "MIGRATIONS_PASSED",
            Self::MigrationsFailed => "MIGRATIONS_FAILED",
            Self::FunctionsDeployed => "FUNCTIONS_DEPLOYED",
            Self::FunctionsFailed => "FUNCTIONS_FAILED",
        }
    }

    /// Whether the workflow is over, well or not.
    pub fn is_settled(self) -> bool {
        matches!(
            self,
            Self::MigrationsFailed | Self::FunctionsDeployed | Self::FunctionsFailed
        )
    }

    /// Whether the workflow is over, and not well.
    pub fn is_failure(self) -> bool {
        matches!(self, Self::MigrationsFailed | Self::FunctionsFailed)
    }
}

/// A branch.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Branch {
    /// The branch's UUID.
    pub id: String,
    /// Its name, `DEV` for instance.
    pub name: String,
    /// The ref of the branch's own project.
    pub project_ref: Ref,
    /// The ref of the project that it branches from: production.
    pub parent_project_ref: Ref,
    /// Whether this is production itself.
    pub is_default: bool,
    /// The Git branch that it follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git_branch: Option<String>,
    /// Whether it is kept until told otherwise, and not paused when idle.
    pub persistent: bool,
    /// How far its workflow has come.
    pub status: BranchStatus,
    /// When it was made; RFC 3339.
    pub created_at: String,
    /// When it was changed last; RFC 3339.
    pub updated_at: String,
    /// Whether it was made with production's rows.
    #[serde(default)]
    pub with_data: bool,
    /// Where the branch's own project stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview_project_status: Option<ProjectStatus>,
}

/// What it takes to create a branch.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct CreateBranchBody {
    /// The branch's name.
    pub branch_name: String,
    /// Whether it is kept until told otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persistent: Option<bool>,
    /// Whether to copy production's rows; Drydock never asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub with_data: Option<bool>,
    /// The branch's compute size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desired_instance_size: Option<String>,
    /// Secrets for the branch's functions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secrets: Option<BTreeMap<String, String>>,
    /// The Git branch to follow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git_branch: Option<String>,
}

/// What can be changed of a branch.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct UpdateBranchBody {
    /// A new name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch_name: Option<String>,
    /// Whether it is kept until told otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persistent: Option<bool>,
    /// The Git branch to follow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git_branch: Option<String>,
}

/// A branch's project and how to connect to it.
#[derive(Clone, Serialize, Deserialize)]
pub struct BranchConfig {
    /// The branch's own ref.
    #[serde(rename = "ref")]
    pub reference: Ref,
    /// The database's version.
    pub postgres_version: String,
    /// `15` for instance.
    pub postgres_engine: String,
    /// `ga` for most.
    pub release_channel: String,
    /// Where the branch's project stands.
    pub status: ProjectStatus,
    /// The database's host.
    pub db_host: String,
    /// The database's port.
    pub db_port: u16,
    /// The user to connect as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub db_user: Option<String>,
    /// Its password. Never for an agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub db_pass: Option<String>,
}

impl std::fmt::Debug for BranchConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BranchConfig")
            .field("reference", &self.reference)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

/// Up to which migration a workflow goes; all without.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct WorkflowBody {
    /// A version of the ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub migration_version: Option<String>,
}

/// A workflow that was started.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WorkflowRun {
    /// The run that carries it out.
    pub workflow_run_id: String,
    /// Always `ok`.
    pub message: String,
}

/// That something was done.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Done {
    /// Always `ok`.
    pub message: String,
}

/// How a branch is deleted.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct DeleteBranchQuery {
    /// `false` schedules the deletion where that is offered; at once without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub force: Option<bool>,
}

/// What a diff shows.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct DiffQuery {
    /// Schemas, joined by commas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub included_schemas: Option<String>,
    /// The differ to use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pgdelta: Option<bool>,
}

endpoints! {
    /// Lists a project's branches, production's own entry included.
    ListBranches: Looks GET "/v1/projects/{ref}/branches" (Ref) => 200 Vec<Branch>, needs "branching_development_read";
    /// Creates a branch; its workflow is under way when this answers.
    CreateBranch: WritesBranch POST "/v1/projects/{ref}/branches" (Ref) { CreateBranchBody } => 201 Branch, needs "branching_development_create";
    /// One branch, by its name.
    GetBranch: Looks GET "/v1/projects/{ref}/branches/{name}" ((Ref, String)) => 200 Branch, needs "branching_development_read";
    /// A branch's project, by the branch's UUID or ref.
    GetBranchConfig: Looks GET "/v1/branches/{branch_id_or_ref}" (String) => 200 BranchConfig, needs "branching_development_read";
    /// Changes a branch.
    UpdateBranch: WritesBranch PATCH "/v1/branches/{branch_id_or_ref}" (String) { UpdateBranchBody } => 200 Branch, needs "branching_development_write";
    /// Deletes a branch; refused (422) while it is persistent.
    DeleteBranch: WritesBranch DELETE "/v1/branches/{branch_id_or_ref}" (String) ? DeleteBranchQuery => 200 Done, needs "branching_development_delete";
    /// Rebases: brings production's newer migrations and its functions onto the branch.
    PushBranch: WritesBranch POST "/v1/branches/{branch_id_or_ref}/push" (String) { WorkflowBody } => 201 WorkflowRun, needs "branching_development_write";
    /// Merges: applies the branch's new migrations to production, then deploys its functions.
    MergeBranch: Releases POST "/v1/branches/{branch_id_or_ref}/merge" (String) { WorkflowBody } => 201 WorkflowRun, needs "branching_development_write";
    /// Resets: an empty database, onto which the branch's own ledger is replayed.
    ResetBranch: WritesBranch POST "/v1/branches/{branch_id_or_ref}/reset" (String) { WorkflowBody } => 201 WorkflowRun, needs "branching_development_write";
    /// The SQL by which a branch differs from production, as plain text.
    DiffBranch: Looks GET "/v1/branches/{branch_id_or_ref}/diff" (String) ? DiffQuery => 200 String, needs "branching_development_write";
}
