//! The operator's limits. Nothing that an agent sends can loosen them.
//!
//! ```text
//! defaults ─► policy file ─► flags and variables ─► header or query parameter of one request
//!             file           narrow: with a file they may only tighten; requests always may only tighten
//! ```
//!
//! Every key is declared once, here, with what it means; the file's unknown keys are refused with
//! the nearest known name, and `drydock policy show` prints these very sentences.

mod day;
mod file;
mod narrow;
mod words;

use std::time::Duration;

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Approvals;
use crate::api::Ref;

pub use day::Day;
pub use file::{Key, PolicyError, PolicyFile};
pub use narrow::{Looser, Narrowing};

/// The limits under which a server runs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// Whether only reading is offered.
    pub read_only: bool,
    /// The projects that may be touched, by production's ref; any where the list is empty.
    #[schemars(with = "Vec<String>")]
    pub projects: Vec<Ref>,
    /// The groups of tools that are offered. Where the list is empty all may be called, and those
    /// are listed that building an app takes: not lifecycle, config, storage and claim.
    pub features: Vec<Group>,
    /// The branch where writes land.
    pub dev_branch: DevBranchPolicy,
    /// Production.
    pub production: ProductionPolicy,
    /// What needs an approval, and by which road it may come: none, client (the user behind the
    /// client, or the operator) or operator (nobody but the operator).
    pub approvals: Approvals,
    /// The merge gate.
    pub gate: GatePolicy,
    /// Launching projects.
    pub launch: LaunchPolicy,
    /// What may be spent.
    pub cost: CostPolicy,
    /// A stop to changes, for a time.
    pub freeze: Freeze,
    /// Sizes and times.
    pub limits: Limits,
}

/// The branch where writes land.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DevBranchPolicy {
    /// The name of the branch where writes land.
    pub name: String,
    /// When a missing one is made: with the first write, or explicit, by create_branch only.
    pub create: BranchCreation,
}

/// Production.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ProductionPolicy {
    /// What agents may do with its rows by SQL, and with what PostgreSQL's logs repeat of them: deny,
    /// approval (read them, after an approval that serves for an hour) or read. Its tables, ledger and
    /// advisors are shown by their own tools in any case.
    pub rows: ProductionRows,
}

/// The merge gate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GatePolicy {
    /// Whether it replays the migrations on a temporary branch, which a cloud bills for minutes.
    pub replay: Switch,
    /// Which of the security advisor's findings stop a merge, besides every ERROR: error (none
    /// besides), new_warning (a WARN that production does not have), warning (every WARN).
    pub advisor: AdvisorThreshold,
    /// Tables, as schema.name, that anyone may read without row security, as long as no role of
    /// the API may write them.
    pub public_tables: Vec<String>,
    /// Findings that the gate lets pass.
    pub waivers: Vec<Waiver>,
}

/// A finding that the gate lets pass, for a reason and for a time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Waiver {
    /// The lint's name, as get_advisors gives it.
    pub lint: String,
    /// The object that it concerns, as get_advisors gives it.
    pub object: String,
    /// Why it may pass.
    pub reason: String,
    /// The last day on which it counts, as 2026-12-31, UTC.
    #[schemars(with = "String")]
    pub expires: Day,
}

/// Launching projects.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LaunchPolicy {
    /// The regions that a project may be put in, by code or as americas, emea, apac; any where the
    /// list is empty. With a list, create_project must name one of them.
    pub regions: Vec<String>,
    /// The compute sizes that may be asked for; any where the list is empty.
    pub instance_sizes: Vec<String>,
}

/// What may be spent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CostPolicy {
    /// How many US dollars the compute of all projects and branches of an organization may cost a
    /// month, by the platform's prices and as if they ran all the time; what would cost more needs
    /// the approval that approvals.beyond_cost_cap asks for. No cap without.
    #[schemars(with = "f64")]
    pub usd_per_month: Option<f64>,
}

/// A stop to changes, for a time.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Freeze {
    /// What stops: nothing, production (merges and whatever else reaches it), or writes (anything
    /// that changes anything).
    pub stops: Frozen,
    /// Why; agents are told.
    pub reason: String,
    /// The last day of it, as 2026-12-31, UTC; without, until it is taken out.
    #[schemars(with = "String")]
    pub until: Option<Day>,
}

/// Sizes and times.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// How many rows a query's result holds at most.
    pub rows: usize,
    /// How many bytes of rows a query's result holds at most.
    pub bytes: usize,
    /// For how many seconds a call waits for something slow before it answers in_progress; 1 to 600.
    pub wait_s: u64,
}

/// Tools that are chosen together.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, clap::ValueEnum, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Group {
    /// Launching and looking at projects.
    Projects,
    /// What projects cost; pausing, restoring, resizing and deleting them; backups, and returning
    /// production to a point in time.
    Lifecycle,
    /// Development branches, the gate and the merge.
    Branches,
    /// Tables, migrations, SQL.
    Database,
    /// Restore points and reverts.
    Recovery,
    /// Edge Functions.
    Functions,
    /// Configuration of services, and secrets of functions.
    Config,
    /// URLs and keys.
    Keys,
    /// The advisors.
    Advisors,
    /// Storage.
    Storage,
    /// Logs.
    Debugging,
    /// Handing projects over to users.
    Claim,
}

/// When a missing DEV branch is made.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Default,
    clap::ValueEnum,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum BranchCreation {
    /// By create_branch only.
    Explicit,
    /// With the first write.
    #[default]
    #[value(alias = "first-write")]
    FirstWrite,
}

/// What an agent may do with production's rows; later ones allow more.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Default,
    clap::ValueEnum,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ProductionRows {
    /// Nothing.
    Deny,
    /// Read them, once the approval has come that `approvals.production_rows` asks for.
    #[default]
    Approval,
    /// Read them.
    Read,
}

/// Which warnings stop a merge; later ones let more pass.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Default, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum AdvisorThreshold {
    /// Every WARN.
    Warning,
    /// A WARN that production does not have.
    #[default]
    NewWarning,
    /// None: only an ERROR stops it.
    Error,
}

/// What a freeze stops; later ones stop more.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Default, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Frozen {
    /// Nothing.
    #[default]
    Nothing,
    /// Merges, and whatever else reaches production.
    Production,
    /// Anything that changes anything.
    Writes,
}

/// On or off.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    clap::ValueEnum,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Switch {
    /// On.
    On,
    /// Off.
    Off,
}

impl Default for DevBranchPolicy {
    fn default() -> Self {
        Self {
            name: "DEV".to_owned(),
            create: BranchCreation::default(),
        }
    }
}

impl Default for GatePolicy {
    fn default() -> Self {
        Self {
            replay: Switch::On,
            advisor: AdvisorThreshold::default(),
            public_tables: Vec::new(),
            waivers: Vec::new(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            rows: 1000,
            bytes: 256 * 1024,
            wait_s: 45,
        }
    }
}

impl Limits {
    /// How long a call waits for something slow.
    pub fn wait(&self) -> Duration {
        Duration::from_secs(self.wait_s)
    }
}

impl Policy {
    /// Whether the project, by production's ref, may be touched.
    pub fn covers(&self, project: &Ref) -> bool {
        self.projects.is_empty() || self.projects.contains(project)
    }

    /// Whether tools of the group are listed: where the policy names no groups, those that building
    /// an app takes, because every tool in a list costs a model tokens.
    pub fn lists(&self, group: Group) -> bool {
        if !self.features.is_empty() {
            return self.offers(group);
        }
        !matches!(
            group,
            Group::Lifecycle | Group::Config | Group::Storage | Group::Claim
        )
    }

    /// Whether tools of the group may be called: those that the policy names, or all.
    pub fn offers(&self, group: Group) -> bool {
        self.features.is_empty() || self.features.contains(&group)
    }
}

impl Freeze {
    /// What is stopped on a day.
    pub fn on(&self, today: NaiveDate) -> Frozen {
        match &self.until {
            Some(until) if until.is_before(today) => Frozen::Nothing,
            _ => self.stops,
        }
    }
}

impl Waiver {
    /// Whether it counts on a day.
    pub fn counts_on(&self, today: NaiveDate) -> bool {
        !self.expires.is_before(today)
    }

    /// Whether it is about this finding.
    pub fn covers(&self, lint: &str, object: &str) -> bool {
        self.lint == lint && self.object == object
    }
}
