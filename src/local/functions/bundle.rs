//! A bundle: the files of one deployment, checked, and on disk under the digest of all of it.
//!
//! ```text
//! bundles/
//!   .new-<random>/           one that is being written or compiled; a leftover at the next start
//!   <digest>/
//!     manifest.json          the entrypoint, the import map, the static patterns, the files
//!     source/                the files, and .drydock.json: what Deno is configured with
//! ```
//!
//! A bundle is renamed into its place when it has compiled, and never changed afterwards. Which one a
//! function serves stands in the registry.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::error::{Doing, FunctionError};
use crate::api::functions::{Deployment, SourceFile};
use crate::hex;

/// The platform's own limit on a function, in bytes.
pub(in crate::local) const MOST_BYTES: usize = 20 * 1024 * 1024;
/// The most files.
const MOST_FILES: usize = 1000;
/// The most bytes of a path.
const MOST_PATH: usize = 512;
/// What Deno is configured with; no file of a function is called so.
pub(super) const CONFIG: &str = ".drydock.json";

/// What a bundle is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::local) struct Manifest {
    /// The file that it begins with.
    pub(in crate::local) entrypoint: String,
    /// The import map.
    pub(in crate::local) import_map: Option<String>,
    /// Files that are read when it runs.
    pub(in crate::local) static_patterns: Vec<String>,
    /// Every file, in order.
    pub(in crate::local) files: Vec<String>,
}

/// A deployment whose shape is right.
pub(in crate::local) struct Checked {
    pub(super) manifest: Manifest,
    pub(super) contents: Vec<Bytes>,
    pub(in crate::local) digest: String,
}

fn refused<T>(reason: impl Into<String>) -> Result<T, FunctionError> {
    Err(FunctionError::Refused(reason.into()))
}

/// A path inside a bundle: relative, forward, and not out of it. Clients also send `file:` URLs of
/// the directory that the platform says it unpacks to.
pub(in crate::local) fn inner_path(path: &str) -> Result<String, FunctionError> {
    let path = match path.strip_prefix("file:///tmp/user_fn_") {
        Some(rest) => rest.split_once('/').map_or("", |(_, rest)| rest),
        None => path,
    };
    let path = path.strip_prefix("source/").unwrap_or(path);
    let path = path.strip_prefix("./").unwrap_or(path);
    let is_plain = path
        .split('/')
        .all(|part| !matches!(part, "" | "." | "..") && part.len() <= 255);
    let is_text = !path.contains(['\\', '\0', ':']) && !path.chars().any(char::is_control);
    if !is_plain || !is_text || path.len() > MOST_PATH {
        return refused(format!(
            "{path:?} is no path of a file of a function: it is relative, without .. and at most {MOST_PATH} bytes long"
        ));
    }
    Ok(path.to_owned())
}

impl Checked {
    /// Checks a deployment's shape.
    pub(in crate::local) fn new(deployment: Deployment) -> Result<Self, FunctionError> {
        let Deployment { metadata, file } = deployment;
        if file.len() > MOST_FILES {
            return Err(FunctionError::TooLarge(format!(
                "a function has at most {MOST_FILES} files"
            )));
        }
        let bytes: usize = file.iter().map(|file| file.content.len()).sum();
        if bytes > MOST_BYTES {
            return Err(FunctionError::TooLarge(format!(
                "the function has {bytes} bytes, and at most {MOST_BYTES} are deployed"
            )));
        }
        let mut files = Vec::new();
        for SourceFile { path, content } in file {
            let path = inner_path(&path)?;
            let name = path.rsplit('/').next().unwrap_or_default();
            if matches!(name, CONFIG | ".npmrc") {
                return refused(format!("a file of a function cannot be called {name}"));
            }
            files.push((path, content));
        }
        files.sort_by(|one, other| one.0.cmp(&other.0));
        let names: BTreeSet<&str> = files.iter().map(|(path, _)| path.as_str()).collect();
        if names.len() != files.len() {
            return refused("two files have the same path");
        }
        let entrypoint = inner_path(&metadata.entrypoint_path)?;
        if !names.contains(entrypoint.as_str()) {
            return refused(format!(
                "the entrypoint {entrypoint} is not among the files"
            ));
        }
        let import_map = metadata
            .import_map_path
            .as_deref()
            .filter(|path| !path.is_empty());
        let import_map = import_map.map(inner_path).transpose()?;
        if let Some(path) = &import_map
            && !names.contains(path.as_str())
        {
            return refused(format!("the import map {path} is not among the files"));
        }
        let static_patterns = metadata.static_patterns.unwrap_or_default();
        for pattern in &static_patterns {
            inner_path(pattern)?;
        }
        let (files, contents): (Vec<String>, Vec<Bytes>) = files.into_iter().unzip();
        let manifest = Manifest {
            entrypoint,
            import_map,
            static_patterns,
            files,
        };
        let digest = digest(&manifest, &contents);
        Ok(Self {
            manifest,
            contents,
            digest,
        })
    }

    /// The content of one of its files.
    pub(super) fn content(&self, path: &str) -> Option<&Bytes> {
        let place = self.manifest.files.iter().position(|file| file == path)?;
        self.contents.get(place)
    }

    /// Writes it into `dir`, which must not be there.
    pub(super) fn write(&self, dir: &Path) -> Result<(), FunctionError> {
        make_dir(dir)?;
        let source = dir.join("source");
        make_dir(&source)?;
        for (path, content) in self.manifest.files.iter().zip(&self.contents) {
            let path = source.join(path);
            if let Some(parent) = path.parent() {
                make_dir(parent)?;
            }
            write(&path, content)?;
        }
        let manifest = serde_json::to_vec(&self.manifest)
            .map_err(|error| FunctionError::Refused(error.to_string()))?;
        write(&dir.join("manifest.json"), &manifest)?;
        open_up(dir)
    }
}

/// Whatever the umask: Deno runs as another user if this process is root.
fn open_up(path: &Path) -> Result<(), FunctionError> {
    let is_dir = fs::symlink_metadata(path).doing("look at", path)?.is_dir();
    let mode = if is_dir { 0o755 } else { 0o644 };
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).doing("open", path)?;
    if is_dir {
        for entry in fs::read_dir(path).doing("list", path)? {
            open_up(&entry.doing("list", path)?.path())?;
        }
    }
    Ok(())
}

/// What a bundle on disk is made of.
pub(super) fn read_manifest(dir: &Path) -> Result<Manifest, FunctionError> {
    let path = dir.join("manifest.json");
    let text = fs::read(&path).doing("read", &path)?;
    serde_json::from_slice(&text)
        .map_err(std::io::Error::from)
        .doing("understand", &path)
}

/// The files of a bundle on disk.
pub(super) fn read_files(dir: &Path) -> Result<Vec<SourceFile>, FunctionError> {
    let source = dir.join("source");
    let manifest = read_manifest(dir)?;
    let read = |path: String| {
        let place = source.join(&path);
        let content = fs::read(&place).doing("read", &place)?;
        Ok(SourceFile {
            path,
            content: content.into(),
        })
    };
    manifest.files.into_iter().map(read).collect()
}

/// SHA-256 over everything, each part preceded by its length.
fn digest(manifest: &Manifest, contents: &[Bytes]) -> String {
    let mut hasher = Sha256::new();
    let mut add = |bytes: &[u8]| {
        hasher.update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
        hasher.update(bytes);
    };
    add(manifest.entrypoint.as_bytes());
    add(manifest
        .import_map
        .as_deref()
        .unwrap_or_default()
        .as_bytes());
    for pattern in &manifest.static_patterns {
        add(pattern.as_bytes());
    }
    // Ends the patterns: no file is called nothing.
    add(b"");
    for (path, content) in manifest.files.iter().zip(contents) {
        add(path.as_bytes());
        add(content);
    }
    hex::encode(&hasher.finalize())
}

fn make_dir(path: &Path) -> Result<(), FunctionError> {
    match fs::create_dir_all(path) {
        // A file stands where a directory should: `a` and `a/b` in one deployment.
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::AlreadyExists | ErrorKind::NotADirectory
            ) =>
        {
            refused(format!(
                "{} is both a file and a directory",
                path.file_name().unwrap_or_default().display()
            ))
        }
        made => made.doing("make the directory", path),
    }
}

fn write(path: &Path, content: &[u8]) -> Result<(), FunctionError> {
    fs::write(path, content).doing("write", path)
}

/// Where a bundle lies.
pub(super) fn place(bundles: &Path, digest: &str) -> PathBuf {
    bundles.join(digest)
}
