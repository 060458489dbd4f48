//! Copying a world's directory: every file with its rights and its owner, blocks shared where the file
//! system can.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;

/// Copies the tree at `from` to `to`, which must not exist. Sockets and the like are left out: nothing
/// serves a directory that is being copied.
pub(super) fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    let is_root = rustix::process::geteuid().is_root();
    copy_directory(from, to, is_root)
}

fn copy_directory(from: &Path, to: &Path, is_root: bool) -> io::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (kind, source, target) = (entry.file_type()?, entry.path(), to.join(entry.file_name()));
        if kind.is_dir() {
            copy_directory(&source, &target, is_root)?;
        } else if kind.is_file() {
            fs::copy(&source, &target)?;
            if is_root {
                give(&source, &target)?;
            }
        }
    }
    fs::set_permissions(to, fs::metadata(from)?.permissions())?;
    if is_root {
        give(from, to)?;
    }
    Ok(())
}

/// Gives `target` to whom `source` belongs: the databases' user owns what it serves.
fn give(source: &Path, target: &Path) -> io::Result<()> {
    let meta = fs::metadata(source)?;
    if meta.uid() == 0 && meta.gid() == 0 {
        return Ok(());
    }
    chown(target, Some(meta.uid()), Some(meta.gid()))
}
