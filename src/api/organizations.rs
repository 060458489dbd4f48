//! Organizations: who owns projects.

use serde::{Deserialize, Serialize};

use super::endpoint::endpoints;

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

endpoints! {
    /// Lists the organizations that the token can see.
    ListOrganizations: Looks GET "/v1/organizations" (()) => 200 Vec<Organization>;
    /// One organization, by its slug.
    GetOrganization: Looks GET "/v1/organizations/{slug}" (String) => 200 OrganizationDetail;
}
