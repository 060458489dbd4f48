//! Add-ons: the compute size and what else is paid for, with the platform's prices.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::endpoint::endpoints;
use super::reference::Ref;

/// The add-on that a compute size is.
pub const COMPUTE: &str = "compute_instance";

/// What a project pays for, and what it could.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Addons {
    /// What it pays for.
    pub selected_addons: Vec<SelectedAddon>,
    /// What it could.
    pub available_addons: Vec<AvailableAddon>,
}

/// An add-on that is paid for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SelectedAddon {
    /// `compute_instance`, `pitr`, `ipv4`, `custom_domain`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// Which of its variants.
    pub variant: AddonVariant,
}

/// An add-on that could be chosen.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AvailableAddon {
    /// `compute_instance`, `pitr`, `ipv4`, `custom_domain`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// The display name.
    pub name: String,
    /// Its variants.
    pub variants: Vec<AddonVariant>,
}

/// One variant of an add-on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AddonVariant {
    /// `ci_micro` or `pitr_7`, for instance.
    pub id: String,
    /// The display name.
    pub name: String,
    /// What it costs.
    pub price: Price,
    /// What else the platform says of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Value>,
}

/// A price, in US dollars.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Price {
    /// The price in words.
    pub description: String,
    /// `fixed` or `usage`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Per what.
    pub interval: Interval,
    /// How many dollars.
    pub amount: f64,
}

/// What a price is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Interval {
    /// An hour.
    Hourly,
    /// A month.
    Monthly,
}

/// An add-on that is asked for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ApplyAddonBody {
    /// `compute_instance`, for instance.
    pub addon_type: String,
    /// `ci_small`, for instance.
    pub addon_variant: String,
}

endpoints! {
    /// What a project or branch pays for, and what it could.
    GetAddons: Looks GET "/v1/projects/{ref}/billing/addons" (Ref) => 200 Addons, needs "infra_add_ons_read";
    /// Chooses a variant of an add-on; a new compute size restarts the database.
    ApplyAddon: Releases PATCH "/v1/projects/{ref}/billing/addons" (Ref) { ApplyAddonBody } => 200 (), needs "infra_add_ons_write";
    /// Does without an add-on.
    RemoveAddon: Releases DELETE "/v1/projects/{ref}/billing/addons/{addon_variant}" ((Ref, String)) => 200 (), needs "infra_add_ons_write";
}
