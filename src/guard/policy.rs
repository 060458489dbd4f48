//! The operator's limits. Nothing that an agent sends can loosen them.

use crate::api::Ref;

/// When a missing DEV branch is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum BranchCreation {
    /// With the first write.
    #[default]
    FirstWrite,
    /// By create_branch only.
    Explicit,
}

/// What an agent may do with production's rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum ProductionRows {
    /// Nothing.
    #[default]
    Deny,
    /// Read them.
    Read,
}

/// The limits under which a server runs.
#[derive(Debug, Clone)]
pub struct Policy {
    /// The name of the branch where writes land.
    pub dev_branch: String,
    /// When it is made.
    pub branch_creation: BranchCreation,
    /// Whether production's rows may be read.
    pub production_rows: ProductionRows,
    /// Whether the gate replays the migrations on a temporary branch.
    pub replay: bool,
    /// Whether only tools that read are offered.
    pub read_only: bool,
    /// The one project that may be touched; any without.
    pub project: Option<Ref>,
    /// How many rows a query's result may hold.
    pub max_rows: usize,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            dev_branch: "DEV".to_owned(),
            branch_creation: BranchCreation::default(),
            production_rows: ProductionRows::default(),
            replay: true,
            read_only: false,
            project: None,
            max_rows: 1000,
        }
    }
}
