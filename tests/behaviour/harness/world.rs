//! A world: a data directory of its own, and everything that runs on it.
//!
//! Its end stops the platform and every database server, killed platforms' orphans included, and
//! removes the directory.

use clap::ValueEnum;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use rustix::process::Signal;
use serde_json::Value;

use super::api::Api;
use super::mcp::{Mcp, User};
use super::postgres;
use super::processes::{is_alive, kill, until_blocking};

/// The program under test.
pub(crate) const DRYDOCK: &str = env!("CARGO_BIN_EXE_drydock");

/// A data directory and what runs on it.
pub(crate) struct World {
    dir: PathBuf,
    variables: Vec<(String, String)>,
}

impl World {
    /// An empty data directory.
    pub(crate) fn new() -> Self {
        Self::with(&[])
    }

    /// The same, with variables for every program that is started on it.
    pub(crate) fn with(variables: &[(&str, &str)]) -> Self {
        let name = format!("drydock-test-{:016x}", rand::random::<u64>());
        let dir = temporary().join(name);
        fs::create_dir(&dir).unwrap();
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o711)).unwrap();
        Self {
            dir,
            variables: variables
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        }
    }

    /// The same, with these variables as well for every program that is started from here on.
    pub(crate) fn and(mut self, variables: &[(&str, String)]) -> Self {
        let more = variables.iter();
        self.variables
            .extend(more.map(|(name, value)| ((*name).to_owned(), value.clone())));
        self
    }

    /// The data directory.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The program, on this data directory, deaf to the shell's own settings.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(DRYDOCK);
        for (name, _) in std::env::vars() {
            if name.starts_with("DRYDOCK_") || name == "SUPABASE_ACCESS_TOKEN" {
                command.env_remove(name);
            }
        }
        command
            .args(arguments)
            .env("DRYDOCK_DATA_DIR", &self.dir)
            .env("DRYDOCK_TEMPLATES", templates())
            .env("DRYDOCK_TOOLS", shared("tools"))
            .envs(postgres::chosen().map(|bin| ("DRYDOCK_POSTGRES_BIN", bin)))
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// A file that servers log to; shown when the test fails.
    pub(crate) fn log(&self) -> Stdio {
        let file = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.dir.join("servers.log"))
            .unwrap();
        file.into()
    }

    /// A server over stdio, and a client that has initialised.
    pub(crate) async fn serve(&self) -> Mcp {
        self.serve_with(&[]).await
    }

    /// The same with flags.
    pub(crate) async fn serve_with(&self, flags: &[&str]) -> Mcp {
        Mcp::start(self, flags, None).await
    }

    /// A server that lists every tool there is.
    pub(crate) async fn serve_everything(&self) -> Mcp {
        let groups: Vec<String> = drydock::guard::Group::value_variants()
            .iter()
            .filter_map(|group| Some(group.to_possible_value()?.get_name().to_owned()))
            .collect();
        self.serve_with(&["--features", &groups.join(",")]).await
    }

    /// The same with a client whose user can be asked.
    pub(crate) async fn serve_for(&self, user: User, flags: &[&str]) -> Mcp {
        Mcp::start(self, flags, Some(user)).await
    }

    /// What a command that prints JSON prints; it must succeed.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// What the platform of this world wrote about itself.
    pub(crate) fn ready(&self) -> Option<Value> {
        let text = fs::read_to_string(self.dir.join("platform/ready.json")).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// The platform's process.
    pub(crate) fn platform_pid(&self) -> u32 {
        let ready = self.ready().expect("a platform");
        u32::try_from(ready["pid"].as_u64().unwrap()).unwrap()
    }

    /// The platform's own API, past every guardrail. A platform must serve.
    pub(crate) fn api(&self) -> Api {
        Api::new(&self.ready().expect("a platform"))
    }

    /// The postmasters of this world that are alive.
    pub(crate) fn postmasters(&self) -> Vec<u32> {
        let mut found = Vec::new();
        let clusters = self.dir.join("platform/postgres/c");
        for cluster in entries(&clusters) {
            for generation in entries(&cluster) {
                let Ok(text) = fs::read_to_string(generation.join("postmaster.pid")) else {
                    continue;
                };
                let pid = text
                    .lines()
                    .next()
                    .and_then(|line| line.trim().parse().ok());
                found.extend(pid.filter(|pid| is_alive(*pid)));
            }
        }
        found
    }

    /// Every entry of the journal, oldest first, from the file itself.
    pub(crate) fn journal(&self) -> Vec<Value> {
        let output = self.run(&["journal", "tail", "--count", "100000"]);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.show_logs();
        }
        // What the test itself set may be what it is about.
        self.variables.clear();
        // A platform that is just starting says so; one that was killed leaves its servers.
        let stopped = until_blocking(|| self.run(&["platform", "--stop"]).status.success());
        if !stopped {
            eprintln!("the platform of {} could not be ended", self.dir.display());
        }
        for postmaster in self.postmasters() {
            // SIGQUIT is PostgreSQL's immediate shutdown: it takes its shared memory along.
            kill(postmaster, Signal::QUIT);
            until_blocking(|| !is_alive(postmaster));
        }
        // A server process that is ending may still remove a file of its own.
        let dir = &self.dir;
        until_blocking(|| fs::remove_dir_all(dir).is_ok() || !dir.exists());
    }
}

impl World {
    fn show_logs(&self) {
        for log in ["servers.log", "platform/platform.log"] {
            let Ok(text) = fs::read_to_string(self.dir.join(log)) else {
                continue;
            };
            let lines: Vec<&str> = text.lines().collect();
            let from = lines.len().saturating_sub(20);
            eprintln!("--- {log}\n{}", lines[from..].join("\n"));
        }
    }
}

fn entries(dir: &Path) -> Vec<PathBuf> {
    fs::read_dir(dir)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect()
}

/// Where templates of databases are shared by every test, and between runs: they are made once for
/// each PostgreSQL and each bootstrap.
pub(crate) fn templates() -> PathBuf {
    shared("templates")
}

/// A directory of this name that every test and every run shares.
fn shared(name: &str) -> PathBuf {
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if is_searchable(&kept) {
        return kept;
    }
    let user = rustix::process::geteuid().as_raw();
    temporary().join(format!("drydock-test-{name}-{user}"))
}

/// The system's temporary directory, unless the database's user cannot pass through it.
fn temporary() -> PathBuf {
    let chosen = std::env::temp_dir();
    if is_searchable(&chosen) {
        chosen
    } else {
        PathBuf::from("/tmp")
    }
}

/// Whether PostgreSQL, which is another user if this one is root, can pass through to `path`.
fn is_searchable(path: &Path) -> bool {
    !rustix::process::geteuid().is_root()
        || path.ancestors().all(|folder| {
            fs::metadata(folder).map_or(true, |data| data.permissions().mode() & 0o001 != 0)
        })
}
