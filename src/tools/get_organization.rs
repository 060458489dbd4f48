//! `get_organization`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::fence::quote;
use crate::guard::{Read, Refusal, Tool};

/// Shows one organization.
pub(super) struct GetOrganization;

/// Which organization.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// Its id, from list_organizations.
    #[serde(alias = "id")]
    organization_id: String,
}

/// The organization.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    id: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    plan: Option<String>,
}

impl Tool for GetOrganization {
    const NAME: &'static str = "get_organization";
    type Input = Input;
    type Output = Output;
    type Grant = Read;
    const DATA: bool = false;

    async fn call(grant: Read, input: Input) -> Result<Output, Refusal> {
        let organization = grant.organization(input.organization_id.clone()).await?;
        Ok(Output {
            id: input.organization_id,
            name: organization.name,
            plan: organization.plan,
        })
    }

    fn say(output: &Output) -> String {
        format!("Organization {}.", quote(&output.name))
    }
}
