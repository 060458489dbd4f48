//! Directories as a whole: copy, make durable, remove; and files that are replaced atomically.
//!
//! What counts as *durable* here survives a power cut, not only `kill -9`: contents are synced before the rename
//! that makes them reachable, and the directory after it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::error::{EngineError, IoContext};
use super::user::RunAs;

/// Files that are synced at once when they are synced one by one: the disk merges what arrives together.
const SYNC_THREADS: usize = 16;
/// How long the sync of the whole file system is alone.
const SYNC_HEAD_START: Duration = Duration::from_millis(20);

/// Makes a directory with its parents; an existing one is fine.
pub(super) fn make_dir(path: &Path) -> Result<(), EngineError> {
    fs::create_dir_all(path).doing("make the directory", path)
}

/// Replaces `path` with `contents`: after a crash either the old or the new file is there, whole. Mode 0600.
pub(super) fn replace(path: &Path, contents: &[u8]) -> Result<(), EngineError> {
    let draft = path.with_extension("draft");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)
        .doing("open", &draft)?;
    file.write_all(contents).doing("write", &draft)?;
    file.sync_all().doing("sync", &draft)?;
    fs::rename(&draft, path).doing("replace", path)?;
    sync_parent(path)
}

/// Makes a directory's entries durable.
pub(super) fn sync_dir(path: &Path) -> Result<(), EngineError> {
    File::open(path)
        .and_then(|dir| dir.sync_all())
        .doing("sync", path)
}

/// Makes durable that `path` itself exists, or no longer does.
pub(super) fn sync_parent(path: &Path) -> Result<(), EngineError> {
    path.parent().map_or(Ok(()), sync_dir)
}

/// Removes a file; one that is not there is fine.
pub(super) fn remove_file(path: &Path) -> Result<(), EngineError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error).doing("remove", path),
        _ => Ok(()),
    }
}

/// Removes a directory with everything in it; one that is not there is fine.
pub(super) fn remove_tree(path: &Path) -> Result<(), EngineError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error).doing("remove", path),
        _ => Ok(()),
    }
}

/// Links `from` as `to`; a link that exists already is fine.
pub(super) fn link(from: &Path, to: &Path) -> Result<(), EngineError> {
    match fs::hard_link(from, to) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error).doing("link", to),
        _ => Ok(()),
    }
}

/// What a tree holds, relative to its top. Read once, because the same template is copied again and again.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// Parents before children; the top itself is not in it.
    pub(super) directories: Vec<PathBuf>,
    /// Regular files.
    pub(super) files: Vec<PathBuf>,
}

impl Listing {
    /// Walks `top`. Whatever is neither a directory nor a regular file (a socket, a link) is left out: a stopped
    /// data directory without tablespaces has neither.
    pub(super) fn read(top: &Path) -> Result<Self, EngineError> {
        Self::walk(top, |_| false)
    }

    /// Walks a tree that others change meanwhile: what is gone when its turn comes is left out.
    pub(super) fn read_in_use(top: &Path) -> Result<Self, EngineError> {
        Self::walk(top, |error| error.kind() == io::ErrorKind::NotFound)
    }

    fn walk(top: &Path, ignore: fn(&io::Error) -> bool) -> Result<Self, EngineError> {
        let mut listing = Self::default();
        let mut open = vec![PathBuf::new()];
        while let Some(dir) = open.pop() {
            let full = top.join(&dir);
            let entries = match fs::read_dir(&full) {
                Err(error) if ignore(&error) => continue,
                other => other.doing("list", &full)?,
            };
            for entry in entries {
                let entry =
                    match entry.and_then(|entry| Ok((entry.file_type()?, entry.file_name()))) {
                        Err(error) if ignore(&error) => continue,
                        other => other.doing("list", &full)?,
                    };
                let (kind, relative) = (entry.0, dir.join(entry.1));
                if kind.is_dir() {
                    listing.directories.push(relative.clone());
                    open.push(relative);
                } else if kind.is_file() {
                    listing.files.push(relative);
                }
            }
        }
        listing.directories.sort();
        Ok(listing)
    }

    /// Copies the tree at `from` to `to`, owned by `owner`, directories with mode 0700. `to` must not exist.
    /// [`fs::copy`] shares blocks where the file system can (reflinks, `clonefile`).
    pub(super) fn copy(&self, from: &Path, to: &Path, owner: RunAs) -> Result<(), EngineError> {
        self.copy_each(to, owner, |file, target| {
            fs::copy(from.join(file), target).doing("copy to", target)?;
            owner.own(target)
        })
    }

    /// Copies a tree that others may be changing: what is gone when its turn comes is left out. An error as soon as
    /// `goes_on` is false.
    pub(super) fn copy_while(
        &self,
        from: &Path,
        to: &Path,
        owner: RunAs,
        goes_on: &AtomicBool,
    ) -> Result<(), EngineError> {
        self.copy_each(to, owner, |file, target| {
            if !goes_on.load(Ordering::Acquire) {
                return Err(io::Error::from(io::ErrorKind::Interrupted))
                    .doing("go on copying to", to);
            }
            match fs::copy(from.join(file), target) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                other => {
                    other.doing("copy to", target)?;
                    owner.own(target)
                }
            }
        })
    }

    fn copy_each(
        &self,
        to: &Path,
        owner: RunAs,
        copy: impl Fn(&Path, &Path) -> Result<(), EngineError>,
    ) -> Result<(), EngineError> {
        use std::os::unix::fs::DirBuilderExt;
        let mut builder = fs::DirBuilder::new();
        builder.mode(0o700);
        for dir in
            std::iter::once(Path::new("")).chain(self.directories.iter().map(PathBuf::as_path))
        {
            let target = to.join(dir);
            builder
                .create(&target)
                .doing("make the directory", &target)?;
            owner.own(&target)?;
        }
        for file in &self.files {
            copy(file, &to.join(file))?;
        }
        Ok(())
    }
}

/// Makes everything below `top` durable, `top`'s own entries included.
///
/// There are two ways, and each is bad where the other is good. Measured with a data directory of 373 files:
///
/// | | quiet machine | somebody else writes gigabytes |
/// |---|---|---|
/// | `syncfs`, one call, but for the whole file system (Linux only) | 8 ms | 300 to 1,100 ms |
/// | `fsync` of each file, by several threads | 32 ms | 34 ms |
///
/// So the first is tried, and if it is not done soon, the second runs beside it; the first to arrive counts.
pub(super) async fn sync_tree(top: &Path) -> Result<(), EngineError> {
    let (whole, each) = (top.to_owned(), top.to_owned());
    let mut whole = spawn_blocking(move || sync_file_system(&whole));
    if let Ok(done) = timeout(SYNC_HEAD_START, &mut whole).await {
        if done?? {
            return Ok(());
        }
        return spawn_blocking(move || sync_each(&each)).await?;
    }
    let each = spawn_blocking(move || sync_each(&each));
    tokio::select! {
        done = whole => done?.map(drop),
        done = each => done?,
    }
}

/// Tells whether this system can do it.
#[cfg(target_os = "linux")]
fn sync_file_system(top: &Path) -> Result<bool, EngineError> {
    let dir = File::open(top).doing("open", top)?;
    rustix::fs::syncfs(&dir).doing("sync", top)?;
    Ok(true)
}

/// Tells whether this system can do it.
#[cfg(not(target_os = "linux"))]
fn sync_file_system(_top: &Path) -> Result<bool, EngineError> {
    Ok(false)
}

fn sync_each(top: &Path) -> Result<(), EngineError> {
    let listing = Listing::read_in_use(top)?;
    let paths: Vec<PathBuf> = std::iter::once(&PathBuf::new())
        .chain(&listing.directories)
        .chain(&listing.files)
        .map(|entry| top.join(entry))
        .collect();
    std::thread::scope(|scope| {
        let share = paths.len().div_ceil(SYNC_THREADS);
        let threads: Vec<_> = paths
            .chunks(share)
            .map(|paths| scope.spawn(|| paths.iter().try_for_each(|path| sync_one(path))))
            .collect();
        threads.into_iter().try_for_each(|thread| {
            let joined = thread.join();
            joined.unwrap_or_else(|_| {
                Err(io::Error::other("a thread of the sync ended early")).doing("sync", top)
            })
        })
    })
}

fn sync_one(path: &Path) -> Result<(), EngineError> {
    match File::open(path).and_then(|file| file.sync_all()) {
        // The server runs meanwhile: what it removed needs no sync.
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error).doing("sync", path),
        _ => Ok(()),
    }
}

/// Bytes that a tree takes on disk, a hard-linked file once.
pub(super) fn disk_usage(top: &Path) -> Result<u64, EngineError> {
    use std::collections::HashSet;
    use std::os::unix::fs::MetadataExt;
    let mut seen = HashSet::new();
    let mut bytes = 0;
    for file in Listing::read_in_use(top)?.files {
        if let Ok(meta) = fs::symlink_metadata(top.join(file))
            && seen.insert(meta.ino())
        {
            bytes += meta.blocks() * 512;
        }
    }
    Ok(bytes)
}
