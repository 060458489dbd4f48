//! Where things lie below the engine's directory.
//!
//! ```text
//! <root>/
//!   engine.lock             flock: one engine per directory
//!   next                    the next cluster number that was never given out (replaced atomically)
//!   npm/                    PostgreSQL as npm delivered it, if it was not installed
//!   run/0/  run/1/          sockets `.s.PGSQL.<n>`; a generation uses the directory of its parity, because during a
//!                           revert the old and the new server of a cluster run side by side
//!   template/<major>-<hash>/
//!     template.json         written last: without it the directory is a leftover
//!     data/                 a cleanly stopped data directory, copied for every new cluster and every revert
//!   spare/                  copies of the template, made ahead
//!   c/<n>/                  one cluster; n is its number and its servers' port number
//!     cluster.json          the pointer (0600): which generation is valid, and the secrets. Without it the directory
//!                           is a leftover of a create or a destroy
//!     g<k>/                 data directories; only the generation in cluster.json counts
//!     base/<k>/             copies of a data directory that replays start from, and <k>.spare/, one for the next
//!                           revert; only those in cluster.json count
//!     wal/                  hard links to the segments and history files of generations that were left, as far as
//!                           something that is kept needs them
//!     log                   what the servers printed
//! ```
//!
//! As root, data directories belong to the unprivileged user; everything else stays root's and is searchable.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::ClusterId;
use super::error::{EngineError, IoContext};
use super::files;
use super::user::RunAs;

/// Bytes of a socket's path that the kernel accepts, without the closing zero: 107 on Linux, 103 on macOS.
const SOCKET_PATH_BYTES: usize = if cfg!(target_os = "linux") { 107 } else { 103 };
/// The longest file name that a socket directory must have room for.
const LONGEST_SOCKET: &str = "0/.s.PGSQL.65535";

/// The paths of one engine.
#[derive(Debug)]
pub(super) struct Layout {
    root: PathBuf,
    templates: PathBuf,
    sockets: PathBuf,
    run_as: RunAs,
}

impl Layout {
    /// Makes the directories that every engine needs.
    pub(super) fn prepare(
        root: &Path,
        templates: Option<&Path>,
        run_as: RunAs,
    ) -> Result<Self, EngineError> {
        files::make_dir(root)?;
        let root = fs::canonicalize(root).doing("find", root)?;
        let templates = templates.map_or_else(|| root.join("template"), Path::to_owned);
        files::make_dir(&templates)?;
        let templates = fs::canonicalize(&templates).doing("find", &templates)?;
        files::make_dir(&root.join("c"))?;
        let layout = Self {
            sockets: socket_directory(&root),
            root,
            templates,
            run_as,
        };
        layout.make_sockets()?;
        Ok(layout)
    }

    pub(super) fn lock_file(&self) -> PathBuf {
        self.root.join("engine.lock")
    }

    pub(super) fn next_file(&self) -> PathBuf {
        self.root.join("next")
    }

    pub(super) fn npm(&self) -> PathBuf {
        self.root.join("npm")
    }

    pub(super) fn spares(&self) -> PathBuf {
        self.root.join("spare")
    }

    pub(super) fn templates(&self) -> &Path {
        &self.templates
    }

    pub(super) fn clusters(&self) -> PathBuf {
        self.root.join("c")
    }

    pub(super) fn cluster(&self, id: ClusterId) -> ClusterDir {
        ClusterDir {
            path: self.clusters().join(id.to_string()),
        }
    }

    /// The directory that a generation's server puts its socket in.
    pub(super) fn socket_dir(&self, generation: u64) -> PathBuf {
        self.sockets.join(if generation.is_multiple_of(2) {
            "0"
        } else {
            "1"
        })
    }

    /// The socket of a generation's server.
    pub(super) fn socket(&self, id: ClusterId, generation: u64) -> PathBuf {
        self.socket_dir(generation).join(format!(".s.PGSQL.{id}"))
    }

    /// Makes the socket directories. Repeated before every start, because [`Self::forget_sockets`] may have been
    /// called, and the system's temporary directory is cleaned now and then.
    pub(super) fn make_sockets(&self) -> Result<(), EngineError> {
        for dir in [self.sockets.clone(), self.socket_dir(0), self.socket_dir(1)] {
            private_directory(&dir, self.run_as)?;
        }
        Ok(())
    }

    /// Removes the socket directory if it had to be made outside the root. Call when no server runs.
    pub(super) fn forget_sockets(&self) -> Result<(), EngineError> {
        if self.sockets.starts_with(&self.root) {
            return Ok(());
        }
        files::remove_tree(&self.sockets)
    }
}

/// `<root>/run`, or a directory under the system's temporary one if the root's path is too long for a socket. Its
/// name follows from the root, so that a later engine finds the servers of an earlier one.
fn socket_directory(root: &Path) -> PathBuf {
    let dir = root.join("run");
    if dir.join(LONGEST_SOCKET).as_os_str().len() <= SOCKET_PATH_BYTES {
        return dir;
    }
    let digest = Sha256::digest(root.as_os_str().as_encoded_bytes());
    let short: String = digest
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    std::env::temp_dir().join(format!("drydock-{short}"))
}

/// Makes a directory that only PostgreSQL's user may enter, and refuses one that somebody else put there.
pub(in crate::local) fn private_directory(path: &Path, run_as: RunAs) -> Result<(), EngineError> {
    match fs::DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => return run_as.own(path),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error).doing("make the directory", path),
    }
    let meta = fs::symlink_metadata(path).doing("look at", path)?;
    // A crash between making the directory and giving it away leaves it with root.
    let ours = meta.uid() == run_as.uid() || meta.uid() == rustix::process::geteuid().as_raw();
    if !meta.is_dir() || !ours {
        return Err(std::io::Error::other("it belongs to somebody else")).doing("use", path);
    }
    fs::set_permissions(path, fs::Permissions::from_mode(0o700)).doing("close", path)?;
    run_as.own(path)
}

/// The paths of one cluster.
#[derive(Debug, Clone)]
pub(super) struct ClusterDir {
    path: PathBuf,
}

impl ClusterDir {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn record(&self) -> PathBuf {
        self.path.join("cluster.json")
    }

    pub(super) fn generation(&self, generation: u64) -> PathBuf {
        self.path.join(format!("g{generation}"))
    }

    pub(super) fn archive(&self) -> PathBuf {
        self.path.join("wal")
    }

    pub(super) fn bases(&self) -> PathBuf {
        self.path.join("base")
    }

    pub(super) fn base(&self, number: u64) -> PathBuf {
        self.bases().join(number.to_string())
    }

    /// A copy of a base, made ahead.
    pub(super) fn spare(&self, number: u64) -> PathBuf {
        self.base(number).with_added_extension("spare")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.path.join("log")
    }

    /// Every generation on disk, valid or not.
    pub(super) fn generations(&self) -> Result<Vec<u64>, EngineError> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.path).doing("list", &self.path)? {
            let name = entry.doing("list", &self.path)?.file_name();
            let number: Option<u64> = name
                .to_str()
                .and_then(|name| name.strip_prefix('g'))
                .and_then(|k| k.parse().ok());
            found.extend(number);
        }
        Ok(found)
    }
}
