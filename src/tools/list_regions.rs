//! `list_regions`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::fence::quote;
use crate::guard::{Read, Refusal, Tool};

/// Lists the regions.
pub(super) struct ListRegions;

/// Whose regions.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// Default: the first organization.
    #[serde(default)]
    #[schemars(with = "String")]
    organization_id: Option<String>,
}

/// The regions.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    recommended: String,
    smart_groups: Vec<String>,
    regions: Vec<RegionLine>,
}

#[derive(Serialize, JsonSchema)]
struct RegionLine {
    code: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<String>,
}

impl Tool for ListRegions {
    const NAME: &'static str = "list_regions";
    type Input = Input;
    type Output = Output;
    type Grant = Read;
    const DATA: bool = false;

    async fn call(grant: Read, input: Input) -> Result<Output, Refusal> {
        let regions = grant.regions(input.organization_id).await?;
        Ok(Output {
            recommended: regions.recommendations.smart_group.code,
            smart_groups: regions
                .all
                .smart_group
                .into_iter()
                .map(|group| group.code)
                .collect(),
            regions: regions
                .all
                .specific
                .into_iter()
                .map(|region| RegionLine {
                    code: region.code,
                    name: region.name,
                    status: region.status,
                })
                .collect(),
        })
    }

    fn say(output: &Output) -> String {
        format!(
            "{} regions; recommended: the smart group {}.",
            output.regions.len(),
            quote(&output.recommended)
        )
    }
}
