//! PostgreSQL's own file, read into the logs.
//!
//! A server prints to a file, and nothing follows it: a line is in the file before the client hears of
//! the error, so reading the file when somebody asks misses nothing and costs nothing while nobody does.
//! Files that grow quickly are also read now and then, and the blocks that were read are given back.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};

use super::event::{Event, Source};
use super::keep::Pending;
use super::{Logs, locked, prefix};
use crate::api::Ref;
use crate::local::Platform;
use crate::local::engine::ClusterId;
use crate::sqlite::StoreError;

/// Bytes of a file that are read at most: what a server printed before that, nobody will read.
const BACKLOG: u64 = 8 * 1024 * 1024;
/// A file with more unread bytes than this is read without being asked.
const LARGE: u64 = 1024 * 1024;
/// Bytes before the place that was read up to which stay: an error at a start quotes them.
const KEPT: u64 = 64 * 1024;
/// How often files are looked at.
const SWEEP: Duration = Duration::from_secs(10);

impl Platform {
    /// Brings everything that a ref's server has printed into the logs.
    pub(in crate::local) async fn read_postgres_log(
        &self,
        reference: &Ref,
        cluster: ClusterId,
    ) -> Result<(), StoreError> {
        // A cluster that was destroyed meanwhile has no file.
        let Ok(path) = self.engine().log_file(cluster) else {
            return Ok(());
        };
        self.logs()
            .read_file(reference, &cluster.to_string(), &path)
            .await
    }

    /// Keeps servers that print much from filling the disk, for as long as the platform serves.
    pub(in crate::local) async fn sweep_logs(&self) {
        loop {
            tokio::time::sleep(SWEEP).await;
            if let Err(error) = self.sweep_once().await {
                tracing::error!(%error, "the servers' own logs could not be looked at");
            }
        }
    }

    async fn sweep_once(&self) -> Result<(), StoreError> {
        for (reference, cluster) in self.registry().clusters_by_ref().await? {
            let Ok(path) = self.engine().log_file(cluster) else {
                continue;
            };
            let size = path.metadata().map(|file| file.len()).unwrap_or_default();
            if size > LARGE {
                let (logs, name) = (self.logs(), cluster.to_string());
                if logs.unread(&reference, &name, size).await? > LARGE {
                    logs.read_file(&reference, &name, &path).await?;
                }
            }
        }
        Ok(())
    }
}

impl Logs {
    /// Brings what is new in a server's file into the logs, once.
    pub(super) async fn read_file(
        &self,
        reference: &Ref,
        cluster: &str,
        path: &Path,
    ) -> Result<(), StoreError> {
        let keeper = Arc::clone(&self.keeper);
        let (reference, cluster, path) = (reference.clone(), cluster.to_owned(), path.to_owned());
        // Read where it is stored, so that no line is stored twice and none is lost in between.
        self.file
            .run(move |connection| {
                let before = tail(connection, &reference, &cluster)?;
                let mut chunks = Vec::new();
                let after = match read_on(&path, before, &mut chunks) {
                    Ok(after) => after,
                    Err(error) => {
                        tracing::warn!(%error, path = %path.display(), "a server's log cannot be read");
                        return Ok(());
                    }
                };
                if after == before {
                    return Ok(());
                }
                let mut pending = Pending::default();
                for chunk in chunks {
                    for event in chunk.events(&reference) {
                        let line = event.into_line(&reference, Source::Postgres);
                        pending.lines.push((reference.clone(), line));
                    }
                }
                locked(&keeper).store(connection, pending)?;
                if let Some(Tail { inode, offset }) = after {
                    connection.execute(
                        "insert or replace into tails (ref, cluster, inode, offset) values (?1, ?2, ?3, ?4)",
                        params![reference.as_str(), cluster, inode, offset],
                    )?;
                }
                Ok(())
            })
            .await
    }

    async fn unread(&self, reference: &Ref, cluster: &str, size: u64) -> Result<u64, StoreError> {
        let (reference, cluster) = (reference.clone(), cluster.to_owned());
        self.file
            .look(move |connection| {
                let read = tail(connection, &reference, &cluster)?.map_or(0, |tail| tail.offset);
                Ok(size.saturating_sub(u64::try_from(read).unwrap_or_default()))
            })
            .await
    }
}

/// How far which file has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Tail {
    inode: i64,
    offset: i64,
}

fn tail(
    connection: &Connection,
    reference: &Ref,
    cluster: &str,
) -> Result<Option<Tail>, StoreError> {
    let found = connection.query_row(
        "select inode, offset from tails where ref = ?1 and cluster = ?2",
        params![reference.as_str(), cluster],
        |row| {
            Ok(Tail {
                inode: row.get(0)?,
                offset: row.get(1)?,
            })
        },
    );
    Ok(found.optional()?)
}

/// Whole lines of a file, and what was passed over before them.
#[derive(Debug, Default)]
struct Chunk {
    passed_over: u64,
    text: String,
}

impl Chunk {
    fn events(&self, reference: &Ref) -> Vec<Event> {
        let mut events = Vec::new();
        if self.passed_over > 0 {
            let text = format!(
                "{} bytes of the server's log were dropped here: they came faster than they can be kept",
                self.passed_over
            );
            let lost = Event::now(text)
                .severity("WARNING")
                .with("identifier", reference)
                .with("parsed.error_severity", "WARNING");
            events.push(lost.with("dropped_bytes", self.passed_over));
        }
        events.extend(prefix::events(&self.text, reference.as_str()));
        events
    }
}

/// Reads what is new in the file, and first what was not read of the one that was set aside since.
fn read_on(
    path: &Path,
    before: Option<Tail>,
    chunks: &mut Vec<Chunk>,
) -> std::io::Result<Option<Tail>> {
    let mut file = match OpenOptions::new().read(true).write(true).open(path) {
        Ok(file) => file,
        // The server has never been started.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(before),
        Err(error) => return Err(error),
    };
    let meta = file.metadata()?;
    let inode = meta.ino().cast_signed();
    let mut from = 0;
    if let Some(tail) = before {
        let offset = u64::try_from(tail.offset).unwrap_or_default();
        if tail.inode == inode {
            // A file that is shorter than it was has been emptied.
            from = if offset <= meta.len() { offset } else { 0 };
        } else if let Ok(mut old) = File::open(path.with_extension("old"))
            && old.metadata()?.ino().cast_signed() == tail.inode
        {
            read_lines(&mut old, offset, chunks)?;
        }
    }
    let offset = read_lines(&mut file, from, chunks)?;
    give_back(&file, offset)?;
    Ok(Some(Tail {
        inode,
        offset: offset.cast_signed(),
    }))
}

/// Reads whole lines from `from` on; gives the place after the last of them.
fn read_lines(file: &mut File, from: u64, chunks: &mut Vec<Chunk>) -> std::io::Result<u64> {
    let size = file.metadata()?.len();
    let begin = from.max(size.saturating_sub(BACKLOG));
    if begin >= size {
        return Ok(from);
    }
    file.seek(SeekFrom::Start(begin))?;
    let mut bytes = Vec::new();
    file.take(BACKLOG).read_to_end(&mut bytes)?;
    let Some(last) = bytes.iter().rposition(|byte| *byte == b'\n') else {
        return Ok(from);
    };
    bytes.truncate(last + 1);
    let end = begin + bytes.len() as u64;
    let mut chunk = Chunk::default();
    let mut whole = bytes.as_slice();
    if begin > from {
        // The middle of a line.
        let first = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(last);
        whole = bytes.get(first + 1..).unwrap_or_default();
        chunk.passed_over = begin - from + first as u64 + 1;
    }
    chunk.text = String::from_utf8_lossy(whole).into_owned();
    chunks.push(chunk);
    Ok(end)
}

/// Gives the blocks of what was read back to the disk; the server goes on appending.
#[cfg(target_os = "linux")]
fn give_back(file: &File, read: u64) -> std::io::Result<()> {
    use rustix::fs::{FallocateFlags, fallocate};
    let unused = read.saturating_sub(KEPT);
    if unused < LARGE {
        return Ok(());
    }
    let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    match fallocate(file, hole, 0, unused) {
        // Not every file system can: there the next start sets the file aside.
        Ok(()) | Err(rustix::io::Errno::OPNOTSUPP) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Without holes in files the next start sets the file aside.
#[cfg(not(target_os = "linux"))]
fn give_back(_: &File, _: u64) -> std::io::Result<()> {
    let _ = KEPT;
    Ok(())
}
