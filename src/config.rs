//! Every setting once: its flag, its variable, its default and what it means.
//!
//! Where a flag and a variable both speak, the flag wins. An unknown flag stops the start. The
//! keys of the policy file are declared in the guard's policy, which these settings tighten.

mod approve;
mod claim;
mod eval;
mod serve;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::api::Ref;
use crate::guard::Group;
use crate::local::GrantsProfile;

pub use approve::{ApproveAction, ApproveArgs, ApproveCommon};
pub use claim::{ClaimAction, ClaimArgs};
pub use eval::{EvalAction, EvalRunArgs, EvalServeArgs, EvalWorldArgs, FleetArgs};
pub use serve::{EffectivePolicy, ServeArgs, read_policy};

/// An MCP server for AI app builders: Supabase projects as tools, with guardrails that no agent
/// can talk its way past.
#[derive(Debug, Parser)]
#[command(name = "drydock", version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// What to do; without: serve.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// What serving takes.
    #[command(flatten)]
    pub serve: ServeArgs,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve MCP over stdio, or over HTTP on loopback (the default command).
    Serve(Box<ServeArgs>),
    /// Launch a project, build on DEV, get refused, mend, merge: the whole job on a real local platform.
    Demo(DemoArgs),
    /// Run the local platform in the foreground, or end it.
    Platform(PlatformArgs),
    /// Say what works here, what is weaker, what is missing, and what to do about it.
    Doctor(Box<DoctorArgs>),
    /// Write an MCP client's configuration.
    Init(InitArgs),
    /// Show, verify or export the journal.
    #[command(subcommand)]
    Journal(JournalAction),
    /// Explain a policy file, or show the policy that a server would run under.
    Policy(Box<PolicyArgs>),
    /// List the tools, and what a model reads of them.
    Tools(ToolsArgs),
    /// List, grant or deny what waits for approval.
    Approve(ApproveArgs),
    /// Accept production as it is, after a change outside its migrations: the gate measures drift
    /// from then on.
    Accept(Box<AcceptArgs>),
    /// The passwords that Drydock has made: list them, show one, change one, change their key.
    Vault(Box<VaultArgs>),
    /// Hand projects over to users: register an OAuth app, take a user's answer in.
    Claim(Box<ClaimArgs>),
    /// Workspaces for agent eval harnesses: reset in milliseconds, the same every time, judged on state.
    #[command(subcommand)]
    Eval(Box<EvalAction>),
}

/// What `drydock tools` takes.
#[derive(Debug, Args)]
pub struct ToolsArgs {
    /// Say which tools are listed where these groups are offered, and no others.
    #[arg(long, value_name = "GROUPS", value_delimiter = ',')]
    pub features: Option<Vec<Group>>,
    /// Say what a model reads of each and of all, in tokens of four bytes.
    #[arg(long)]
    pub tokens: bool,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

/// The variable that holds the vault's key, 32 bytes in base64 or hexadecimal; without it a file in
/// the data directory does. A variable alone: flags are visible to others.
pub const VAULT_KEY: &str = "DRYDOCK_VAULT_KEY";
/// The variable that holds the vault's key from before, while `drydock vault rotate` seals under
/// the new one.
pub const VAULT_KEY_OLD: &str = "DRYDOCK_VAULT_KEY_OLD";

/// Where things lie.
#[derive(Debug, Clone, Args)]
pub struct DataDir {
    /// The data directory: state, and the local platform. Two directories are two worlds.
    /// Default: /var/lib/drydock as root, else $XDG_DATA_HOME/drydock or ~/.local/share/drydock.
    #[arg(long, env = "DRYDOCK_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

impl DataDir {
    /// The directory, made absolute.
    pub fn path(&self) -> Result<PathBuf, String> {
        let chosen = match &self.data_dir {
            Some(path) => path.clone(),
            None => default_data_dir()?,
        };
        std::path::absolute(&chosen)
            .map_err(|error| format!("--data-dir {}: {error}", chosen.display()))
    }
}

/// Where things lie if nobody says where.
pub(crate) fn default_data_dir() -> Result<PathBuf, String> {
    // PostgreSQL refuses root and runs as another user, who cannot pass through root's home.
    if rustix::process::geteuid().is_root() {
        return Ok(PathBuf::from("/var/lib/drydock"));
    }
    if let Some(data) = std::env::var_os("XDG_DATA_HOME").filter(|value| !value.is_empty()) {
        return Ok(PathBuf::from(data).join("drydock"));
    }
    match std::env::home_dir() {
        Some(home) => Ok(home.join(".local/share/drydock")),
        None => Err("no home directory: give --data-dir".to_owned()),
    }
}

/// What the local platform's database engine takes.
#[derive(Debug, Clone, Args)]
pub struct EngineArgs {
    /// The directory that holds postgres and initdb; looked for without, and fetched with npm if
    /// the machine has none.
    #[arg(long, env = "DRYDOCK_POSTGRES_BIN", value_name = "DIR")]
    pub postgres_bin: Option<PathBuf>,
    /// Where templates of databases are kept; in the data directory without. May be shared.
    #[arg(long, env = "DRYDOCK_TEMPLATES", value_name = "DIR")]
    pub templates: Option<PathBuf>,
}

/// What the local platform runs Edge Functions with.
#[derive(Debug, Clone, Args)]
pub struct FunctionArgs {
    /// Deno's program; looked for without, and fetched with npm if the machine has none.
    #[arg(long, env = "DRYDOCK_DENO", value_name = "FILE")]
    pub deno: Option<PathBuf>,
    /// Where Deno is kept that npm has fetched; in the data directory without. May be shared.
    #[arg(long, env = "DRYDOCK_TOOLS", value_name = "DIR")]
    pub tools: Option<PathBuf>,
    /// How many seconds an Edge Function may take to answer.
    #[arg(
        long,
        env = "DRYDOCK_FUNCTION_SECONDS",
        value_name = "N",
        default_value_t = 150
    )]
    pub function_seconds: u64,
}

/// What the local platform takes.
#[derive(Debug, Clone, Args)]
pub struct PlatformArgs {
    /// Where things lie.
    #[command(flatten)]
    pub data_dir: DataDir,
    /// What the engine takes.
    #[command(flatten)]
    pub engine: EngineArgs,
    /// What functions are run with.
    #[command(flatten)]
    pub functions: FunctionArgs,
    /// The port on 127.0.0.1; the one from before, or any, without.
    #[arg(long, env = "DRYDOCK_PLATFORM_PORT", value_name = "PORT")]
    pub port: Option<u16>,
    /// Remove everything at the end.
    #[arg(long)]
    pub ephemeral: bool,
    /// End the platform that is running, with every database server, and wait until it has.
    #[arg(long, conflicts_with_all = ["port", "ephemeral", "background"])]
    pub stop: bool,
    /// Started by a server: leave its terminal, log to a file, end when idle.
    #[arg(long, hide = true)]
    pub background: bool,
    /// After how many minutes without a request one in the background ends by itself.
    #[arg(
        long,
        env = "DRYDOCK_IDLE_MINUTES",
        value_name = "N",
        default_value_t = 30
    )]
    pub idle_minutes: u64,
    /// After how many seconds without use a database's server is stopped; the next use starts it. 0
    /// for never.
    #[arg(
        long,
        env = "DRYDOCK_DATABASE_IDLE_SECONDS",
        value_name = "N",
        default_value_t = 300
    )]
    pub database_idle_seconds: u64,
    /// For how many days a database can be returned to any moment and to any restore point; older history is removed.
    #[arg(
        long,
        env = "DRYDOCK_HISTORY_DAYS",
        value_name = "N",
        default_value_t = 7,
        value_parser = clap::value_parser!(u64).range(1..=3650)
    )]
    pub history_days: u64,
    /// What anon, authenticated and service_role may do with what migrations make in public: for
    /// projects that are created from here on; one that exists keeps what it has.
    #[arg(
        long,
        env = "DRYDOCK_GRANTS",
        value_name = "PROFILE",
        value_enum,
        default_value_t = GrantsProfile::Explicit
    )]
    pub grants: GrantsProfile,
}

/// What the demo takes.
#[derive(Debug, Clone, Args)]
pub struct DemoArgs {
    /// What the engine takes.
    #[command(flatten)]
    pub engine: EngineArgs,
    /// The data directory to make and, without --keep, to remove; one that exists is refused.
    /// A temporary one without. The variable of the other commands does not count here.
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Print the steps as one JSON document.
    #[arg(long)]
    pub json: bool,
    /// Leave the platform running, and print a client's configuration for it.
    #[arg(long)]
    pub keep: bool,
}

/// MCP clients that a configuration can be written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ClientName {
    /// Claude Code: .mcp.json
    Claude,
    /// Cursor: .cursor/mcp.json
    Cursor,
    /// Visual Studio Code: .vscode/mcp.json
    Vscode,
}

/// What init takes.
#[derive(Debug, Clone, Args)]
pub struct InitArgs {
    /// The client.
    pub client: ClientName,
    /// Where things lie.
    #[command(flatten)]
    pub data_dir: DataDir,
    /// Show the configuration and write nothing.
    #[arg(long)]
    pub print: bool,
}

/// What accepting production takes.
#[derive(Debug, Clone, Args)]
pub struct AcceptArgs {
    /// Production's ref.
    pub project: Ref,
    /// The platform, as for serving.
    #[command(flatten)]
    pub serve: ServeArgs,
}

/// What to look at.
#[derive(Debug, Clone, Args)]
pub struct DoctorArgs {
    /// One JSON object a line.
    #[arg(long)]
    pub json: bool,
    /// The platform, as for serving.
    #[command(flatten)]
    pub serve: ServeArgs,
    /// What the local platform's engine takes.
    #[command(flatten)]
    pub engine: EngineArgs,
    /// What the local platform runs functions with.
    #[command(flatten)]
    pub functions: FunctionArgs,
}

/// What to do with the vault.
#[derive(Debug, Clone, Args)]
pub struct VaultArgs {
    /// The action.
    #[command(subcommand)]
    pub action: VaultAction,
}

/// What can be done with the vault.
#[derive(Debug, Clone, Subcommand)]
pub enum VaultAction {
    /// Show what it holds, one JSON object a line; never a secret.
    List {
        /// Where things lie.
        #[command(flatten)]
        data_dir: DataDir,
    },
    /// Print a secret; the journal says so.
    Show {
        /// A project's ref, or what `list` shows in its place.
        project: String,
        /// What the secret is called; database_password without.
        name: Option<String>,
        /// Where things lie.
        #[command(flatten)]
        data_dir: DataDir,
    },
    /// Change a project's database password; without a project, seal everything under a new key.
    Rotate {
        /// Production's ref.
        project: Option<Ref>,
        /// The platform, as for serving.
        #[command(flatten)]
        serve: Box<ServeArgs>,
    },
}

/// What to do with the policy.
#[derive(Debug, Clone, Args)]
pub struct PolicyArgs {
    /// check or show.
    #[command(subcommand)]
    pub action: PolicyAction,
}

/// What can be done with the policy.
#[derive(Debug, Clone, Subcommand)]
pub enum PolicyAction {
    /// Say in sentences what a policy file means, or everything that is wrong with it.
    Check {
        /// The file.
        file: PathBuf,
    },
    /// Show every key of the effective policy with its value, where that comes from and what it
    /// means.
    Show {
        /// The settings, as for serving.
        #[command(flatten)]
        serve: Box<ServeArgs>,
        /// Print it as JSON.
        #[arg(long)]
        json: bool,
    },
}

/// What can be done with the journal.
#[derive(Debug, Clone, Subcommand)]
pub enum JournalAction {
    /// Show the latest entries, one JSON object a line.
    Tail {
        /// Where things lie.
        #[command(flatten)]
        data_dir: DataDir,
        /// How many.
        #[arg(long, value_name = "N", default_value_t = 20)]
        count: u32,
    },
    /// Show the entries of one call.
    Show {
        /// Where things lie.
        #[command(flatten)]
        data_dir: DataDir,
        /// The call's id, as the entries have it.
        call_id: String,
    },
    /// Walk the whole chain; fails at the first entry that does not fit, and if its end was cut off.
    Verify {
        /// Where things lie.
        #[command(flatten)]
        data_dir: DataDir,
        /// An exported journal, instead of the one in the data directory.
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
        /// What the chain must end with: what an earlier verification printed, kept elsewhere.
        #[arg(long, value_name = "SEQ:HASH")]
        head: Option<String>,
    },
    /// Print the whole journal, one JSON object a line, oldest first.
    Export {
        /// Where things lie.
        #[command(flatten)]
        data_dir: DataDir,
    },
}
