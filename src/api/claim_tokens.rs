//! Claim tokens: another way by which a project changes hands, without pages. Its owner makes a
//! token, and whoever may administer another organization takes the project there with it.

use serde::{Deserialize, Serialize};

use super::endpoint::endpoints;
use super::reference::Ref;

/// A claim token that was made.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ClaimToken {
    /// What it is known by where it must not be shown.
    pub token_alias: String,
    /// When it ends; RFC 3339.
    pub expires_at: String,
    /// When it was made; RFC 3339.
    pub created_at: String,
    /// By whom, a UUID.
    pub created_by: String,
}

/// A claim token, the one time that it is shown. Has no `Debug`, so that no log shows it by accident.
#[derive(Clone, Serialize, Deserialize)]
pub struct NewClaimToken {
    /// The token.
    pub token: String,
    /// The rest.
    #[serde(flatten)]
    pub made: ClaimToken,
}

/// What a claim would do, before it is made.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OfferedProject {
    /// Which project.
    pub project: OfferedName,
    /// What would come of it.
    pub preview: ClaimPreview,
    /// When the token ends; RFC 3339.
    pub expires_at: String,
    /// When it was made; RFC 3339.
    pub created_at: String,
    /// By whom, a UUID.
    pub created_by: String,
}

/// A project by ref and name.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OfferedName {
    /// Production's ref.
    #[serde(rename = "ref")]
    pub reference: String,
    /// Its name.
    pub name: String,
}

/// What would come of a claim.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ClaimPreview {
    /// Whether it could be made.
    pub valid: bool,
    /// What is worth a word.
    pub warnings: Vec<ClaimNote>,
    /// What stops it.
    pub errors: Vec<ClaimNote>,
    /// What is good to know.
    pub info: Vec<ClaimNote>,
    /// Members who would have more free projects than they may.
    pub members_exceeding_free_project_limit: Vec<FullMember>,
    /// The plan of the organization that the project leaves.
    pub source_subscription_plan: String,
    /// The plan of the organization that it comes to.
    pub target_subscription_plan: Option<String>,
}

/// One thing about a claim.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ClaimNote {
    /// What it is about, in one word.
    pub key: String,
    /// In a sentence.
    pub message: String,
}

/// A member who has as many free projects as they may.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FullMember {
    /// Who.
    pub name: String,
    /// How many they may have.
    pub limit: f64,
}

endpoints! {
    /// The claim token of a project, without the token.
    GetClaimToken: Looks GET "/v1/projects/{ref}/claim-token" (Ref) => 200 ClaimToken, needs "project_admin_read";
    /// Makes a claim token: whoever has it can take the project.
    CreateClaimToken: Releases POST "/v1/projects/{ref}/claim-token" (Ref) => 200 NewClaimToken, needs "organization_admin_write";
    /// Ends the claim token of a project.
    DeleteClaimToken: Releases DELETE "/v1/projects/{ref}/claim-token" (Ref) => 204 (), needs "organization_admin_write";
    /// What a claim by an organization would do.
    PreviewClaim: Looks GET "/v1/organizations/{slug}/project-claim/{token}" (SlugAndToken) => 200 OfferedProject, needs "organization_admin_write";
    /// Moves the project to the organization.
    ClaimProject: Releases POST "/v1/organizations/{slug}/project-claim/{token}" (SlugAndToken) => 204 (), needs "organization_admin_write";
}

/// An organization's slug, and a claim token.
type SlugAndToken = (String, String);
