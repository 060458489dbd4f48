//! What things cost, by the platform's own prices, and the policy's cap on it.
//!
//! ```text
//! price   of a compute size      a project's add-ons list them
//! bill    of an organization     the price of every machine that runs: projects and branches
//! cap     bill + what is asked for, over a month ≤ cost.usd_per_month, else an approval
//! ```

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::prices::{Prices, by_the_hour, cents, current_size};
use super::projects::only_organization;
use super::{Call, Guard, Operation, PATIENCE, Read, Refusal, Turn};
use crate::api::billing::GetAddons;
use crate::api::organizations::{
    GetOrganization, ListOrganizationProjects, OrganizationProject, PageQuery,
};
use crate::api::projects::{GetProject, ProjectStatus};
use crate::api::{ApiError, Ref};

/// What is to be made or changed, whose cost counts.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Extra {
    /// The size of the machine; the platform's smallest without.
    pub(super) size: Option<String>,
    /// The size of the machine that it takes the place of.
    pub(super) instead_of: Option<String>,
}

impl Extra {
    /// One more machine.
    pub(super) fn machine(size: Option<&str>) -> Self {
        Self {
            size: size.map(str::to_owned),
            instead_of: None,
        }
    }
}

/// What runs in an organization, in US dollars a month.
struct Bill {
    running: f64,
    /// Sizes that run and that the platform names no price for.
    unpriced: Vec<String>,
    prices: Prices,
}

/// What a new project or branch costs.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Cost {
    /// US dollars.
    pub amount: f64,
    /// hourly
    pub recurrence: String,
    /// US dollars a month, if it runs all the time.
    pub usd_per_month: f64,
    /// What all that runs in the organization costs a month without it.
    pub running_usd_per_month: f64,
    /// The operator's cap.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "f64")]
    pub cap_usd_per_month: Option<f64>,
}

impl Guard {
    /// What runs in an organization.
    async fn bill(&self, organization: &str) -> Result<Bill, ApiError> {
        let plan = self
            .client()
            .look::<GetOrganization>(organization.to_owned(), &())
            .await?
            .plan;
        if plan.as_deref() == Some("free") {
            return Ok(Bill {
                running: 0.0,
                unpriced: Vec::new(),
                prices: Prices {
                    by_size: BTreeMap::from([("micro".to_owned(), 0.0)]),
                },
            });
        }
        let projects = self.organization_projects(organization).await?;
        let asked = projects
            .iter()
            .filter(|project| is_running(project.status))
            .find_map(|project| project.reference.parse::<Ref>().ok());
        let prices = match asked {
            Some(reference) => self.prices(&reference).await?,
            None => Prices::unasked(),
        };
        let (mut running, mut unpriced) = (0.0, Vec::new());
        for database in projects
            .iter()
            .filter(|project| is_running(project.status))
            .flat_map(|project| &project.databases)
        {
            let size = database.infra_compute_size.as_deref();
            match prices.of_size(size) {
                Some(price) => running += price,
                None => unpriced.push(size.unwrap_or_default().to_owned()),
            }
        }
        Ok(Bill {
            running,
            unpriced,
            prices,
        })
    }

    async fn organization_projects(
        &self,
        organization: &str,
    ) -> Result<Vec<OrganizationProject>, ApiError> {
        let mut projects = Vec::new();
        loop {
            let query = PageQuery {
                offset: u32::try_from(projects.len()).unwrap_or(u32::MAX),
                limit: PageQuery::LONGEST,
            };
            let page = self
                .client()
                .look::<ListOrganizationProjects>(organization.to_owned(), &query)
                .await?;
            let none = page.projects.is_empty();
            projects.extend(page.projects);
            // A list that grew meanwhile has another page; an empty page ends it in any case.
            if none || projects.len() >= page.pagination.count as usize {
                return Ok(projects);
            }
        }
    }

    async fn prices(&self, reference: &Ref) -> Result<Prices, ApiError> {
        let addons = self
            .client()
            .look::<GetAddons>(reference.clone(), &())
            .await?;
        Ok(Prices::of(&addons))
    }

    /// What the machine of a branch costs an hour, for a result; `None` where it costs nothing or
    /// cannot be told.
    pub(super) async fn hourly_price(&self, branch: &Ref) -> Option<f64> {
        let addons = self
            .client()
            .look::<GetAddons>(branch.clone(), &())
            .await
            .ok()?;
        let size = current_size(&addons);
        let monthly = Prices::of(&addons).of_size(size.as_deref())?;
        Some(by_the_hour(monthly)).filter(|usd| *usd > 0.0)
    }

    /// The slug of a project's owner.
    pub(super) async fn owner_of(&self, project: &Ref) -> Result<String, ApiError> {
        let project = self
            .client()
            .look::<GetProject>(project.clone(), &())
            .await?;
        Ok(project.project.organization_slug)
    }
}

/// Whether a project or branch is paid for.
fn is_running(status: ProjectStatus) -> bool {
    !matches!(
        status,
        ProjectStatus::Inactive
            | ProjectStatus::GoingDown
            | ProjectStatus::Removed
            | ProjectStatus::InitFailed
    )
}

/// Whether what is asked for is more than the cap allows. While it lives nothing else is made that
/// counts against the same cap.
pub(super) struct CostCheck {
    /// The figures for whoever decides.
    beyond: Option<Value>,
    _turn: Option<Turn>,
}

impl CostCheck {
    /// What leave is asked for: what is done, and perhaps more cost than the cap allows.
    pub(super) fn operations(&self, operation: Operation) -> Vec<Operation> {
        let beyond = self.beyond.as_ref().map(|_| Operation::BeyondCostCap);
        [operation].into_iter().chain(beyond).collect()
    }

    /// The same for what needs no leave otherwise.
    pub(super) fn beyond(&self) -> &[Operation] {
        match self.beyond {
            Some(_) => &[Operation::BeyondCostCap],
            None => &[],
        }
    }

    /// The figures, for whoever decides; null within the cap.
    pub(super) fn facts(&self) -> Value {
        self.beyond.clone().unwrap_or_default()
    }

    /// The same in words, at the end of what is asked.
    pub(super) fn words(&self) -> &'static str {
        match self.beyond {
            Some(_) => ", which costs more than the cap allows",
            None => "",
        }
    }
}

impl Call {
    /// Holds what is asked for against the cap; without a cap nothing is asked of the platform. A
    /// cost that cannot be told counts as beyond the cap.
    pub(super) async fn check_cost(
        &self,
        organization: &str,
        extra: &Extra,
    ) -> Result<CostCheck, Refusal> {
        let guard = &self.guard;
        let Some(cap) = guard.policy().cost.usd_per_month else {
            return Ok(CostCheck {
                beyond: None,
                _turn: None,
            });
        };
        let turn = guard.turn(format!("cost:{organization}"), PATIENCE).await?;
        let beyond = match guard.bill(organization).await {
            Ok(bill) => match bill.prices.of_extra(extra) {
                Some(more) if more <= 0.0 => None,
                Some(more) if bill.unpriced.is_empty() && bill.running + more <= cap => None,
                more => Some(json!({
                    "running_without_a_price": bill.unpriced,
                    "usd_per_month": more.map(cents),
                    "running_usd_per_month": cents(bill.running),
                    "cap_usd_per_month": cap,
                })),
            },
            Err(error) => Some(json!({
                "cap_usd_per_month": cap,
                "unknown": error.to_string(),
            })),
        };
        Ok(CostCheck {
            beyond,
            _turn: Some(turn),
        })
    }

    /// The same for a project's owner.
    pub(super) async fn check_cost_of(
        &self,
        project: &Ref,
        extra: &Extra,
    ) -> Result<CostCheck, Refusal> {
        if self.guard.policy().cost.usd_per_month.is_none() {
            return self.check_cost("", extra).await;
        }
        let owner = self.guard.owner_of(project).await?;
        self.check_cost(&owner, extra).await
    }
}

impl Read {
    /// What one more project costs in an organization: the only one there is without a slug.
    pub async fn cost_of_project(
        &self,
        organization: Option<String>,
        size: Option<&str>,
    ) -> Result<Cost, Refusal> {
        let organization = match organization {
            Some(slug) => slug,
            None => only_organization(&self.call).await?,
        };
        let bill = self.call.guard.bill(&organization).await?;
        self.cost(&bill, size)
    }

    /// What one more branch of the project costs.
    pub async fn cost_of_branch(&self) -> Result<Cost, Refusal> {
        let guard = &self.call.guard;
        let owner = guard.owner_of(self.project()?).await?;
        let bill = guard.bill(&owner).await?;
        self.cost(&bill, None)
    }

    fn cost(&self, bill: &Bill, size: Option<&str>) -> Result<Cost, Refusal> {
        let monthly = bill.prices.of_size(size).ok_or_else(|| {
            let known: Vec<&str> = bill.prices.by_size.keys().map(String::as_str).collect();
            Refusal::invalid(format!(
                "the platform names no price for this size; it names {}",
                known.join(", ")
            ))
        })?;
        Ok(Cost {
            amount: by_the_hour(monthly),
            recurrence: "hourly".to_owned(),
            usd_per_month: cents(monthly),
            running_usd_per_month: cents(bill.running),
            cap_usd_per_month: self.call.guard.policy().cost.usd_per_month,
        })
    }
}
