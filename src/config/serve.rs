//! What serving takes, and the policy that follows from it.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use super::DataDir;
use crate::api::Ref;
use crate::guard::{
    BranchCreation, Group, Key, Narrowing, Policy, PolicyFile, ProductionRows, Switch,
};

/// What serving takes.
#[derive(Debug, Clone, Args)]
pub struct ServeArgs {
    /// Where things lie.
    #[command(flatten)]
    pub data_dir: DataDir,
    /// The platform's access token; with it the server works on Supabase's cloud, without it on
    /// the local platform. Better given as the variable: arguments are visible to others.
    #[arg(
        long,
        env = "SUPABASE_ACCESS_TOKEN",
        value_name = "TOKEN",
        hide_env_values = true
    )]
    pub access_token: Option<String>,
    /// The base URL of the Management API that the token is for.
    #[arg(
        long,
        env = "DRYDOCK_API_URL",
        value_name = "URL",
        default_value = "https://api.supabase.com"
    )]
    pub api_url: String,
    /// Serve streamable HTTP on this loopback address instead of stdio; the endpoint is /mcp.
    #[arg(long, env = "DRYDOCK_HTTP", value_name = "ADDRESS:PORT")]
    pub http: Option<SocketAddr>,
    /// A Host value to answer besides loopback's own; may be repeated.
    #[arg(long, value_name = "HOST", requires = "http")]
    pub allowed_host: Vec<String>,
    /// An Origin value to answer besides loopback's own; may be repeated.
    #[arg(long, value_name = "ORIGIN", requires = "http")]
    pub allowed_origin: Vec<String>,
    /// How many sessions over HTTP are kept; of more the one that is unused longest ends, and its
    /// client begins another.
    #[arg(
        long,
        env = "DRYDOCK_HTTP_SESSIONS",
        value_name = "N",
        default_value_t = 10_000,
        value_parser = at_least_one,
        requires = "http"
    )]
    pub http_sessions: usize,
    /// The secret that Drydock and the operator's backend sign messages with, after Standard
    /// Webhooks: whsec_ and base64. Better given as the variable: arguments are visible to others.
    #[arg(
        long,
        env = "DRYDOCK_WEBHOOK_SECRET",
        value_name = "SECRET",
        hide_env_values = true
    )]
    pub webhook_secret: Option<String>,
    /// The OAuth app through which projects are handed over to users: its id, a UUID.
    #[arg(long, env = "DRYDOCK_OAUTH_CLIENT_ID", value_name = "UUID")]
    pub oauth_client_id: Option<String>,
    /// The OAuth app's secret. Better given as the variable: arguments are visible to others.
    #[arg(
        long,
        env = "DRYDOCK_OAUTH_CLIENT_SECRET",
        value_name = "SECRET",
        hide_env_values = true
    )]
    pub oauth_client_secret: Option<String>,
    /// Where users come back to who have claimed a project: registered with the OAuth app, and
    /// leading to /claim/callback of a server on HTTP. Several with commas between; the first is taken
    /// where none is named.
    #[arg(
        long,
        env = "DRYDOCK_OAUTH_REDIRECT_URI",
        value_name = "URIS",
        value_delimiter = ','
    )]
    pub oauth_redirect_uri: Vec<String>,
    /// The policy file; without, policy.toml in the data directory where there is one. What it
    /// says, its defaults included, the settings below may tighten and not loosen.
    #[arg(long, env = "DRYDOCK_POLICY", value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// Touch this project alone.
    #[arg(long, env = "DRYDOCK_PROJECT_REF", value_name = "REF")]
    pub project_ref: Option<Ref>,
    /// Offer reading, and nothing else.
    #[arg(long, env = "DRYDOCK_READ_ONLY")]
    pub read_only: bool,
    /// Offer these groups of tools, and no others.
    #[arg(
        long,
        env = "DRYDOCK_FEATURES",
        value_name = "GROUPS",
        value_delimiter = ','
    )]
    pub features: Option<Vec<Group>>,
    /// The name of the branch where writes land; DEV without.
    #[arg(long, env = "DRYDOCK_DEV_BRANCH", value_name = "NAME")]
    pub dev_branch: Option<String>,
    /// When a missing DEV branch is made; with the first write without.
    #[arg(long, env = "DRYDOCK_CREATE_DEV_BRANCH", value_name = "WHEN")]
    pub create_dev_branch: Option<BranchCreation>,
    /// What agents may do with production's rows by SQL.
    #[arg(long, env = "DRYDOCK_PRODUCTION_ROWS", value_name = "WHAT")]
    pub production_rows: Option<ProductionRows>,
    /// Whether the gate replays the migrations on a temporary branch, which a cloud bills; on
    /// without.
    #[arg(long, env = "DRYDOCK_REPLAY", value_name = "ON|OFF")]
    pub replay: Option<Switch>,
    /// How many rows a query's result holds at most; 1000 without.
    #[arg(long, env = "DRYDOCK_MAX_ROWS", value_name = "N")]
    pub max_rows: Option<usize>,
    /// For how many seconds a call waits for something slow before it answers in_progress; 45
    /// without.
    #[arg(long, env = "DRYDOCK_WAIT_S", value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=600))]
    pub wait_s: Option<u64>,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|number| *number > 0)
        .ok_or_else(|| "expected a number of sessions, 1 or more".to_owned())
}

/// The settings that are keys of the policy as well.
const KEYS: [(&str, &str, &str); 9] = [
    ("read_only", "--read-only", "DRYDOCK_READ_ONLY"),
    ("projects", "--project-ref", "DRYDOCK_PROJECT_REF"),
    ("features", "--features", "DRYDOCK_FEATURES"),
    ("dev_branch.name", "--dev-branch", "DRYDOCK_DEV_BRANCH"),
    (
        "dev_branch.create",
        "--create-dev-branch",
        "DRYDOCK_CREATE_DEV_BRANCH",
    ),
    (
        "production.rows",
        "--production-rows",
        "DRYDOCK_PRODUCTION_ROWS",
    ),
    ("gate.replay", "--replay", "DRYDOCK_REPLAY"),
    ("limits.rows", "--max-rows", "DRYDOCK_MAX_ROWS"),
    ("limits.wait_s", "--wait-s", "DRYDOCK_WAIT_S"),
];

/// The policy that a server runs under, and where it comes from.
#[derive(Debug, Clone)]
pub struct EffectivePolicy {
    /// The policy.
    pub policy: Policy,
    /// The file, and the keys that it sets.
    file: Option<(PathBuf, Vec<String>)>,
    /// The keys that flags and variables set.
    given: Vec<&'static str>,
}

impl EffectivePolicy {
    /// Where a key's value comes from, in words.
    pub fn origin(&self, key: &Key) -> String {
        if let Some((name, flag, variable)) = KEYS.iter().find(|(name, ..)| *name == key.name)
            && self.given.contains(name)
        {
            return if is_flag_given(flag) {
                format!("flag {flag}")
            } else {
                format!("variable {variable}")
            };
        }
        match &self.file {
            Some((file, keys)) if keys.contains(&key.name) => format!("file {}", file.display()),
            _ => "default".to_owned(),
        }
    }
}

/// Whether the command line names the flag; otherwise its value came from the variable.
fn is_flag_given(flag: &str) -> bool {
    std::env::args_os()
        .filter_map(|argument| OsString::into_string(argument).ok())
        .any(|argument| {
            argument
                .strip_prefix(flag)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
        })
}

impl ServeArgs {
    /// The policy: the file's, tightened by flags and variables; where there is no file, theirs.
    pub fn policy(&self) -> Result<EffectivePolicy, String> {
        let narrowing = self.narrowing();
        let given = narrowing.keys();
        let Some(path) = self.policy_path()? else {
            return Ok(EffectivePolicy {
                policy: Policy::default().with(&narrowing),
                file: None,
                given,
            });
        };
        let file = read_policy(&path)?;
        let policy = file.policy.narrowed(&narrowing).map_err(|looser| {
            let flag = KEYS.iter().find(|(name, ..)| *name == looser.key);
            let flag = flag.map_or("", |(_, flag, _)| flag);
            format!(
                "{flag}: {looser}; {} is the upper bound: change it there",
                path.display()
            )
        })?;
        Ok(EffectivePolicy {
            policy,
            file: Some((path, file.keys)),
            given,
        })
    }

    fn policy_path(&self) -> Result<Option<PathBuf>, String> {
        if let Some(path) = &self.policy {
            return Ok(Some(path.clone()));
        }
        let path = self.data_dir.path()?.join("policy.toml");
        let there = path
            .try_exists()
            .map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(there.then_some(path))
    }

    fn narrowing(&self) -> Narrowing {
        Narrowing {
            read_only: self.read_only.then_some(true),
            projects: self.project_ref.clone().map(|project| vec![project]),
            features: self.features.clone(),
            dev_branch: self.dev_branch.clone(),
            create: self.create_dev_branch,
            production_rows: self.production_rows,
            replay: self.replay,
            rows: self.max_rows,
            wait_s: self.wait_s,
        }
    }
}

/// Reads a policy file; everything that is wrong with it is the error.
pub fn read_policy(path: &std::path::Path) -> Result<PolicyFile, String> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("the policy {}: {error}", path.display()))?;
    PolicyFile::parse(&text)
        .map_err(|error| format!("the policy {} is refused:\n{error}", path.display()))
}
