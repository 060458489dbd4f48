//! `get_cost`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::guard::{Cost, Read, Refusal, Target, Tool};

/// Shows what something new costs.
pub(super) struct GetCost;

/// Of what.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    #[serde(rename = "type")]
    kind: Kind,
    /// For a project; needed if there are several.
    #[serde(default)]
    #[schemars(with = "String")]
    organization_id: Option<String>,
    /// For a branch.
    #[serde(default)]
    #[schemars(with = "String")]
    project_id: Option<String>,
    /// For a project, e.g. small.
    #[serde(default)]
    #[schemars(with = "String")]
    instance_size: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum Kind {
    Project,
    Branch,
}

/// The cost.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    #[serde(flatten)]
    cost: Cost,
}

impl Tool for GetCost {
    const NAME: &'static str = "get_cost";
    type Input = Input;
    type Output = Output;
    type Grant = Read;
    const DATA: bool = false;

    fn target(input: &Input) -> Result<Target, Refusal> {
        match (&input.kind, &input.project_id) {
            (Kind::Branch, Some(project)) => Ok(Target::project(project).whole_project()),
            (Kind::Branch, None) => Err(Refusal::invalid(
                "project_id is needed: a branch belongs to a project",
            )),
            (Kind::Project, None) => Ok(Target::none()),
            (Kind::Project, Some(_)) => Err(Refusal::invalid(
                "a new project belongs to an organization: give organization_id, not project_id",
            )),
        }
    }

    async fn call(grant: Read, input: Input) -> Result<Output, Refusal> {
        let cost = match input.kind {
            Kind::Branch => grant.cost_of_branch().await?,
            Kind::Project => {
                grant
                    .cost_of_project(input.organization_id, input.instance_size.as_deref())
                    .await?
            }
        };
        Ok(Output { cost })
    }

    fn say(output: &Output) -> String {
        let cost = &output.cost;
        let cap = match cost.cap_usd_per_month {
            Some(cap) => format!("; the operator's cap is {cap}"),
            None => String::new(),
        };
        format!(
            "It costs {} US dollars an hour, {} a month; what runs already costs {} a month{cap}.",
            cost.amount, cost.usd_per_month, cost.running_usd_per_month
        )
    }
}
