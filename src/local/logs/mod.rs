//! Logs of the local platform: what projects and branches did, kept for a while, in one file.
//!
//! ```text
//!   functions, gateway, workflows ── Logs::write ──► pending ──► lines (SQLite) ──► Logs::window
//!   PostgreSQL's own file ── postgres::read, when somebody asks and now and then ──────┘
//! ```
//!
//! Writing never waits and never fails: a line goes into a buffer, and the buffer is written down soon,
//! in any case before the next look. What a flood brings beyond the buffer is dropped and counted, and the
//! count is a line of its own. Each ref keeps its newest lines up to a size, all together up to another,
//! and none beyond an age. Secrets go out before a line is stored, so that they cannot be searched for.
//!
//! ```text
//! event    a line and its source     keep      the file: inserting, retention, reading
//! postgres PostgreSQL's file          edge      requests to projects' own APIs
//! ```

mod edge;
mod event;
mod keep;
mod postgres;
mod prefix;

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::api::Ref;
use crate::sqlite::{Sqlite, StoreError};

pub(super) use edge::record_requests;
pub(super) use event::{Event, Line, Source};
use keep::{Keeper, Pending};

/// Bytes that wait to be written down, all refs together.
const PENDING_BYTES: usize = 8 * 1024 * 1024;
/// The part of them that one ref can take: a flood of one takes no other's lines along.
const PENDING_BYTES_OF_ONE: usize = 2 * 1024 * 1024;

/// The logs. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Logs {
    file: Sqlite,
    buffer: Arc<Mutex<Buffer>>,
    keeper: Arc<Mutex<Keeper>>,
}

/// What waits to be written down.
#[derive(Debug, Default)]
struct Buffer {
    pending: Pending,
    bytes: usize,
    bytes_of: HashMap<Ref, usize>,
    /// Whether somebody is on the way to write it down.
    fetched: bool,
    /// Refs that are no more; a line that comes late is dropped.
    gone: HashSet<Ref>,
}

impl Logs {
    /// Opens or makes the file, and removes lines of refs that are not in `known`.
    pub(super) fn open(path: &Path, known: Vec<Ref>) -> Result<Self, StoreError> {
        let logs = Self {
            file: Sqlite::open_relaxed(path, &[include_str!("schema.sql")])?,
            buffer: Arc::default(),
            keeper: Arc::default(),
        };
        let keeper = Arc::clone(&logs.keeper);
        logs.file.run_later("the logs' state", move |connection| {
            locked(&keeper).begin(connection, &known)
        });
        Ok(logs)
    }

    /// Hands a line over. Never waits; a line that finds no room is counted and dropped.
    pub(super) fn write(&self, reference: &Ref, source: Source, event: Event) {
        let line = event.into_line(reference, source);
        let mut buffer = locked(&self.buffer);
        if buffer.gone.contains(reference) {
            return;
        }
        let of_one = buffer.bytes_of.get(reference).copied().unwrap_or_default();
        if buffer.bytes + line.bytes() > PENDING_BYTES
            || of_one + line.bytes() > PENDING_BYTES_OF_ONE
        {
            *buffer
                .pending
                .dropped
                .entry((reference.clone(), source))
                .or_default() += 1;
        } else {
            buffer.bytes += line.bytes();
            *buffer.bytes_of.entry(reference.clone()).or_default() += line.bytes();
            buffer.pending.lines.push((reference.clone(), line));
        }
        if buffer.fetched {
            return;
        }
        buffer.fetched = true;
        drop(buffer);
        let (pending, keeper) = (Arc::clone(&self.buffer), Arc::clone(&self.keeper));
        self.file.gather("log lines", move |connection| {
            locked(&keeper).store(connection, take(&pending))
        });
    }

    /// The lines of a ref from one moment to before another, in microseconds since the Unix epoch, oldest
    /// first; of these sources, or of all. Everything that was written before this was called is among them.
    pub(super) async fn window(
        &self,
        reference: &Ref,
        from: i64,
        to: i64,
        sources: Option<Vec<String>>,
    ) -> Result<Vec<Line>, StoreError> {
        self.settle().await?;
        let reference = reference.clone();
        self.file
            .look(move |connection| {
                keep::window(connection, &reference, from, to, sources.as_deref())
            })
            .await
    }

    /// Answers once every line that was handed over is in the file.
    pub(super) async fn settle(&self) -> Result<(), StoreError> {
        let (pending, keeper) = (Arc::clone(&self.buffer), Arc::clone(&self.keeper));
        self.file
            .run(move |connection| locked(&keeper).store(connection, take(&pending)))
            .await
    }

    /// Removes everything of a ref that is no more.
    pub(super) async fn forget(&self, reference: &Ref) -> Result<(), StoreError> {
        locked(&self.buffer).gone.insert(reference.clone());
        let (reference, keeper) = (reference.clone(), Arc::clone(&self.keeper));
        self.file
            .run(move |connection| locked(&keeper).forget(connection, &reference))
            .await
    }
}

fn take(buffer: &Mutex<Buffer>) -> Pending {
    let mut buffer = locked(buffer);
    buffer.fetched = false;
    buffer.bytes = 0;
    buffer.bytes_of.clear();
    let gone = std::mem::take(&mut buffer.gone);
    let mut pending = std::mem::take(&mut buffer.pending);
    pending
        .lines
        .retain(|(reference, _)| !gone.contains(reference));
    pending
        .dropped
        .retain(|(reference, _), _| !gone.contains(reference));
    buffer.gone = gone;
    pending
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
