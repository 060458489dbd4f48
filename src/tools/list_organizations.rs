//! `list_organizations`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::guard::{Read, Refusal, Tool};

/// Lists the organizations that the token can see.
pub(super) struct ListOrganizations;

/// Nothing to say.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {}

/// The organizations.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    organizations: Vec<OrganizationLine>,
}

#[derive(Serialize, JsonSchema)]
struct OrganizationLine {
    id: String,
    name: String,
}

impl Tool for ListOrganizations {
    const NAME: &'static str = "list_organizations";
    type Input = Input;
    type Output = Output;
    type Grant = Read;
    const DATA: bool = false;

    async fn call(grant: Read, _: Input) -> Result<Output, Refusal> {
        let organizations = grant.organizations().await?;
        Ok(Output {
            organizations: organizations
                .into_iter()
                .map(|organization| OrganizationLine {
                    id: organization.slug,
                    name: organization.name,
                })
                .collect(),
        })
    }

    fn say(output: &Output) -> String {
        format!("{} organization(s).", output.organizations.len())
    }
}
