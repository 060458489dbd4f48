//! What compute sizes cost, by the platform's own prices.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::costs::Extra;
use super::{Code, Next, Read, Refusal};
use crate::api::Ref;
use crate::api::billing::{Addons, COMPUTE, GetAddons, Interval, Price};

/// Hours of a month, as prices by the hour are shown by the month.
const HOURS: f64 = 730.0;
/// What the smallest compute size costs an hour, in US dollars, where no project can be asked. The
/// official Supabase MCP server 0.13.0 states the same.
const SMALLEST: f64 = 0.01344;
/// What a compute size's variant begins with.
pub(super) const VARIANT: &str = "ci_";

/// Prices of compute sizes, in US dollars a month.
#[derive(Debug, Clone)]
pub(super) struct Prices {
    pub(super) by_size: BTreeMap<String, f64>,
}

/// A compute size that a project can have.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ComputeSize {
    /// As change_compute_size takes it.
    pub instance_size: String,
    /// US dollars a month, if it runs all the time.
    pub usd_per_month: f64,
    /// Whether the project has it now.
    pub current: bool,
    /// Whether the policy allows it.
    pub allowed: bool,
}

impl Prices {
    pub(super) fn of(addons: &Addons) -> Self {
        let by_size = addons
            .available_addons
            .iter()
            .filter(|addon| addon.kind == COMPUTE)
            .flat_map(|addon| &addon.variants)
            .filter_map(|variant| {
                let size = variant.id.strip_prefix(VARIANT)?;
                Some((size.to_owned(), by_month(&variant.price)))
            })
            .collect();
        Self { by_size }
    }

    /// Where no project can be asked: the smallest size alone is known.
    pub(super) fn unasked() -> Self {
        let smallest = ("micro".to_owned(), SMALLEST * HOURS);
        Self {
            by_size: BTreeMap::from([smallest]),
        }
    }

    /// A size that the platform does not list (pico, nano, or none at all) costs no more than the
    /// smallest that it lists; one that is larger and not listed is not known.
    pub(super) fn of_size(&self, size: Option<&str>) -> Option<f64> {
        match size {
            None | Some("pico" | "nano") => self.by_size.values().copied().reduce(f64::min),
            Some(size) => self.by_size.get(size).copied(),
        }
    }

    pub(super) fn of_extra(&self, extra: &Extra) -> Option<f64> {
        let new = self.of_size(extra.size.as_deref())?;
        let old = match &extra.instead_of {
            Some(size) => self.of_size(Some(size))?,
            None => 0.0,
        };
        Some(new - old)
    }
}

/// A price in US dollars a month.
pub(super) fn by_month(price: &Price) -> f64 {
    match price.interval {
        Interval::Hourly => price.amount * HOURS,
        Interval::Monthly => price.amount,
    }
}

/// To a thousandth of a cent: as prices by the hour are listed.
pub(super) fn by_the_hour(monthly: f64) -> f64 {
    (monthly / HOURS * 1e5).round() / 1e5
}

/// To the cent: what a person reads, and no more than what a price list says.
pub(super) fn cents(usd: f64) -> f64 {
    (usd * 100.0).round() / 100.0
}

impl Read {
    /// The compute sizes that the project can have, smallest first.
    pub async fn compute_sizes(&self) -> Result<Vec<ComputeSize>, Refusal> {
        let guard = &self.call.guard;
        let reference = self.reference()?;
        let addons = guard
            .client()
            .look::<GetAddons>(reference.clone(), &())
            .await?;
        let current = current_size(&addons);
        let allowed = &guard.policy().launch.instance_sizes;
        let mut sizes: Vec<ComputeSize> = Prices::of(&addons)
            .by_size
            .into_iter()
            .map(|(size, usd)| ComputeSize {
                usd_per_month: cents(usd),
                current: current.as_deref() == Some(&size),
                allowed: allowed.is_empty() || allowed.contains(&size),
                instance_size: size,
            })
            .collect();
        let order = |size: &ComputeSize| {
            let listed = addons
                .available_addons
                .iter()
                .flat_map(|addon| &addon.variants);
            listed
                .map(|variant| variant.id.strip_prefix(VARIANT))
                .position(|id| id == Some(&size.instance_size))
        };
        sizes.sort_by_key(order);
        Ok(sizes)
    }
}

/// The compute size that a project has, where it is one that is paid for.
pub(super) fn current_size(addons: &Addons) -> Option<String> {
    addons
        .selected_addons
        .iter()
        .find(|addon| addon.kind == COMPUTE)
        .and_then(|addon| addon.variant.id.strip_prefix(VARIANT))
        .map(str::to_owned)
}

/// A size that no project can be changed to.
pub(super) fn unlisted_size(size: &str, project: &Ref, addons: &Addons) -> Option<Refusal> {
    let prices = Prices::of(addons);
    if prices.by_size.contains_key(size) {
        return None;
    }
    let why = match size {
        "nano" => "no project is changed to nano: on paid plans the smallest size is micro",
        "pico" => {
            "no project is changed to pico: create_project without instance_size gives the platform's smallest"
        }
        _ => "the platform has no compute size of that name",
    };
    Some(Refusal::new(Code::InvalidArguments, why).next(Next::new(
        "list_compute_sizes",
        json!({ "project_id": project }),
        "lists the sizes with their prices",
    )))
}
