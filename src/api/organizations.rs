//! Organizations: who owns projects.

use serde::{Deserialize, Serialize};

use super::endpoint::endpoints;
use super::projects::ProjectStatus;

/// An organization.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Organization {
    /// The older identifier; equal to the slug for most.
    pub id: String,
    /// The identifier that paths and project creation take.
    pub slug: String,
    /// The display name.
    pub name: String,
}

/// An organization with its plan.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OrganizationDetail {
    /// The older identifier.
    pub id: String,
    /// The display name.
    pub name: String,
    /// `free`, `pro`, `team`, `enterprise` or `platform`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// What the organization has opted into.
    #[serde(default)]
    pub opt_in_tags: Vec<String>,
    /// The release channels that its projects may be created in.
    #[serde(default)]
    pub allowed_release_channels: Vec<String>,
}

/// Which part of a long list.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PageQuery {
    /// How many are left out at the beginning.
    #[serde(default)]
    pub offset: u32,
    /// How many at most: 1 to 100.
    #[serde(default = "PageQuery::longest")]
    pub limit: u32,
}

impl PageQuery {
    /// The most that one answer holds.
    pub const LONGEST: u32 = 100;

    fn longest() -> u32 {
        Self::LONGEST
    }
}

/// Projects and branches of an organization.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OrganizationProjects {
    /// Those of this page.
    pub projects: Vec<OrganizationProject>,
    /// Where the page stands.
    pub pagination: Pagination,
}

/// A project or branch, with the machines that it runs on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OrganizationProject {
    /// Its ref.
    #[serde(rename = "ref")]
    pub reference: String,
    /// The display name.
    pub name: String,
    /// `AWS`, for instance.
    pub cloud_provider: String,
    /// The region's code.
    pub region: String,
    /// Whether it is a branch.
    pub is_branch: bool,
    /// Where it stands.
    pub status: ProjectStatus,
    /// When it was made; RFC 3339.
    pub inserted_at: String,
    /// Its databases: the primary, and replicas.
    pub databases: Vec<OrganizationDatabase>,
}

/// A machine that a database runs on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OrganizationDatabase {
    /// `pico`, `nano`, `micro`, …; left out where the platform does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub infra_compute_size: Option<String>,
    /// The region's code.
    pub region: String,
    /// `ACTIVE_HEALTHY`, for instance.
    pub status: String,
    /// `AWS`, for instance.
    pub cloud_provider: String,
    /// The database's own identifier; the ref for a primary.
    pub identifier: String,
    /// `PRIMARY` or `READ_REPLICA`.
    #[serde(rename = "type")]
    pub kind: String,
}

/// Where a page stands.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Pagination {
    /// How many there are in all.
    pub count: u32,
    /// How many a page holds at most.
    pub limit: u32,
    /// How many were left out at the beginning.
    pub offset: u32,
}

endpoints! {
    /// Lists the organizations that the token can see.
    ListOrganizations: Looks GET "/v1/organizations" (()) => 200 Vec<Organization>, needs "organizations_read";
    /// One organization, by its slug.
    GetOrganization: Looks GET "/v1/organizations/{slug}" (String) => 200 OrganizationDetail, needs "organization_admin_read";
    /// An organization's projects, their branches among them.
    ListOrganizationProjects: Looks GET "/v1/organizations/{slug}/projects" (String) ? PageQuery => 200 OrganizationProjects, needs "organization_projects_read";
}
