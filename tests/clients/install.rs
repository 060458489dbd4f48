//! The clients, as npm and pip fetch them: pinned, beside the build, once for each set of pins.

use std::ffi::OsStr;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use super::Failure;

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients");
/// What the clients are pinned in; a change of it installs them anew.
const PINS: [&str; 2] = ["package.json", "requirements.txt"];

/// Whether this process has seen to it already.
static READY: Mutex<bool> = Mutex::new(false);

/// A folder with every client in it.
pub(crate) struct Installed {
    folder: PathBuf,
}

impl Installed {
    /// The clients, installed if they are not there yet; `None` where the tests are left out.
    pub(crate) fn ready() -> Result<Option<Self>, Failure> {
        if std::env::var_os("DRYDOCK_OFFLINE").is_some_and(|value| value == "1") {
            eprintln!("skipped: DRYDOCK_OFFLINE is 1, and these clients come from npm and pip");
            return Ok(None);
        }
        // One test installs, and the others wait for it.
        let mut is_ready = READY
            .lock()
            .map_err(|_| "another test failed while it installed the clients")?;
        let mut hasher = DefaultHasher::new();
        for pins in PINS {
            fs::read(Path::new(SOURCE).join(pins))?.hash(&mut hasher);
        }
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("clients-{:016x}", hasher.finish()));
        let installed = Self { folder };
        if *is_ready {
            return Ok(Some(installed));
        }
        let done = installed.folder.join("done");
        if !done.exists() {
            installed.install()?;
            fs::write(&done, "")?;
        }
        // Copied each time: modules are looked for beside the program that imports them.
        for part in ["drivers", "types"] {
            copy_all(&Path::new(SOURCE).join(part), &installed.folder.join(part))?;
        }
        *is_ready = true;
        Ok(Some(installed))
    }

    fn install(&self) -> Result<(), Failure> {
        fs::create_dir_all(&self.folder)?;
        fs::copy(
            Path::new(SOURCE).join(PINS[0]),
            self.folder.join("package.json"),
        )?;
        let npm = [
            "install",
            "--no-package-lock",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--loglevel=error",
        ];
        self.run("npm", npm.iter())?;
        self.run("python3", ["-m", "venv", "python"].iter())?;
        let pins = Path::new(SOURCE).join(PINS[1]);
        let pip = [
            "install".as_ref(),
            "--quiet".as_ref(),
            "-r".as_ref(),
            pins.as_os_str(),
        ];
        self.run(self.folder.join("python/bin/pip"), pip.iter())
    }

    fn run(
        &self,
        program: impl AsRef<OsStr>,
        arguments: impl Iterator<Item = impl AsRef<OsStr>>,
    ) -> Result<(), Failure> {
        let program = program.as_ref();
        let output = Command::new(program)
            .args(arguments)
            .current_dir(&self.folder)
            .output()
            .map_err(|error| format!("{} cannot be run: {error}", program.display()))?;
        if output.status.success() {
            return Ok(());
        }
        let words = String::from_utf8_lossy(&output.stderr);
        Err(format!("{} cannot install the clients: {words}", program.display()).into())
    }

    /// Where the drivers lie.
    pub(crate) fn drivers(&self) -> PathBuf {
        self.folder.join("drivers")
    }

    /// Where npm has put its packages.
    pub(crate) fn modules(&self) -> PathBuf {
        self.folder.join("node_modules")
    }

    /// What runs a driver of that name.
    pub(crate) fn interpreter(&self, driver: &str) -> PathBuf {
        if driver.ends_with(".py") {
            self.folder.join("python/bin/python")
        } else {
            PathBuf::from("node")
        }
    }
}

fn copy_all(from: &Path, to: &Path) -> Result<(), Failure> {
    fs::create_dir_all(to)?;
    for file in fs::read_dir(from)? {
        let file = file?;
        fs::copy(file.path(), to.join(file.file_name()))?;
    }
    Ok(())
}

/// A client's name with the version that it is pinned to.
pub(crate) fn with_version(client: &str) -> Result<String, Failure> {
    let manifest = fs::read_to_string(Path::new(SOURCE).join(PINS[0]))?;
    let manifest: serde_json::Value = serde_json::from_str(&manifest)?;
    if let Some(version) = manifest["dependencies"][client].as_str() {
        return Ok(format!("{client} {version}"));
    }
    let requirements = fs::read_to_string(Path::new(SOURCE).join(PINS[1]))?;
    requirements
        .lines()
        .find_map(|line| line.strip_prefix(client)?.strip_prefix("=="))
        .map(|version| format!("{client} {version} (Python)"))
        .ok_or_else(|| format!("{client} is not pinned").into())
}
