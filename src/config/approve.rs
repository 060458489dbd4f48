//! What answering approvals takes.

use clap::{Args, Subcommand};

use super::DataDir;

/// What to do with approvals.
#[derive(Debug, Clone, Args)]
pub struct ApproveArgs {
    /// list, show, grant or deny.
    #[command(subcommand)]
    pub action: ApproveAction,
}

/// What can be done with approvals.
#[derive(Debug, Clone, Subcommand)]
pub enum ApproveAction {
    /// List what waits for an answer, and what was granted and is not used yet.
    List {
        /// List what has ended as well: used, denied, expired.
        #[arg(long)]
        all: bool,
        /// Where and how.
        #[command(flatten)]
        common: ApproveCommon,
    },
    /// Show everything about one.
    Show {
        /// Its id.
        id: String,
        /// Where and how.
        #[command(flatten)]
        common: ApproveCommon,
    },
    /// Say yes: the very same call then succeeds, once.
    Grant {
        /// Its id.
        id: String,
        /// Why; kept in the journal.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        /// Where and how.
        #[command(flatten)]
        common: ApproveCommon,
    },
    /// Say no: the very same call is refused until the approval expires.
    Deny {
        /// Its id.
        id: String,
        /// Why; the agent is told, and the journal keeps it.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        /// Where and how.
        #[command(flatten)]
        common: ApproveCommon,
    },
}

/// What every action takes.
#[derive(Debug, Clone, Args)]
pub struct ApproveCommon {
    /// Where things lie.
    #[command(flatten)]
    pub data_dir: DataDir,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}
