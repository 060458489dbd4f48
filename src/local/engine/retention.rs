//! What of a cluster's history is kept, and removal of the rest.
//!
//! Every moment since the horizon can be returned to, on every timeline that was written since. For that each such
//! timeline keeps one base from before, and the log from that base on. What no kept timeline needs goes: segments in
//! the archive and in the running server's directory (which removes none by itself), and bases.
//!
//! Where the horizon lies between two bases, what lies before it and after the older one can still be returned to,
//! and [`Reach::earliest`](super::Reach) says so.
//!
//! The record is written first: what it does not count on any more is a leftover, and removed now or by a later
//! engine. History files are never removed: they are small, and new timelines get their numbers from them.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use tokio::task::spawn_blocking;

use super::backup;
use super::bases::{Bases, Start};
use super::cluster::Cluster;
use super::control::Control;
use super::error::{EngineError, IoContext};
use super::files::{self, Listing};
use super::history::History;
use super::layout::ClusterDir;
use super::record::Record;
use super::timeline::{self, Line};
use crate::clock;

/// Bases that are kept of one cluster, beside those without which a moment would be lost.
const MOST_BASES: usize = 4;

/// What is kept.
#[derive(Debug)]
struct Kept {
    bases: Bases,
    history: History,
    /// Each timeline that is kept, and the first segment of it or of its ancestors that is needed.
    roads: Vec<(Line, u64)>,
}

impl Kept {
    /// Decides it; `line` reads the ancestry of a timeline.
    fn since(
        horizon: i64,
        record: &Record,
        line: impl Fn(u32) -> Result<Line, EngineError>,
    ) -> Result<Self, EngineError> {
        let mut history = record.history.clone();
        history.forget_before(horizon);
        let mut starts = Vec::new();
        let mut roads = Vec::new();
        for (timeline, from) in history.spans(record.timeline) {
            let line = line(timeline)?;
            let start = record.bases.start_before(&line, from.max(horizon));
            starts.push(start);
            let first = match start {
                Some(Start::Base(base)) => base.redo.segment(),
                Some(Start::Birth) | None => 0,
            };
            roads.push((line, first));
        }
        if let Some(Some(Start::Base(base))) = starts.first() {
            history.begins_after(base.at);
        }
        let needed: HashSet<u64> = starts
            .iter()
            .filter_map(|start| match start {
                Some(Start::Base(base)) => Some(base.number),
                _ => None,
            })
            .collect();
        let mut bases = Bases {
            birth: record.bases.birth && starts.contains(&Some(Start::Birth)),
            own: record.bases.own.clone(),
        };
        bases.own.retain(|base| {
            let lies_on = |(line, first): &(Line, u64)| {
                line.holds(base.timeline, base.consistent) && base.redo.segment() >= *first
            };
            roads.iter().any(lies_on)
        });
        thin(&mut bases, &needed);
        Ok(Self {
            bases,
            history,
            roads,
        })
    }

    fn needs(&self, name: &str) -> bool {
        let Some((timeline, segment)) = timeline::segment_of(name) else {
            return true;
        };
        self.roads
            .iter()
            .any(|(line, first)| segment >= *first && line.timeline_at(segment) == timeline)
    }
}

/// Leaves out bases until few are left: first the one that stands closest after another, for without it a replay
/// becomes the least longer. The last one is never left out.
fn thin(bases: &mut Bases, needed: &HashSet<u64>) {
    while bases.own.len() > MOST_BASES {
        let last = bases.own.len() - 1;
        let closest = (1..last)
            .filter(|at| !needed.contains(&bases.own[*at].number))
            .min_by_key(|at| {
                let (before, this) = (bases.own[at - 1].redo, bases.own[*at].redo);
                this.0.saturating_sub(before.0)
            });
        let Some(closest) = closest else {
            return;
        };
        bases.own.remove(closest);
    }
}

impl Cluster {
    /// Removes what lies before the horizon. Only a cluster with a base of its own has anything to remove.
    pub(super) async fn collect(self: &Arc<Self>) -> Result<(), EngineError> {
        let retention = i64::try_from(self.house.settings.retention.as_millis());
        let horizon = clock::real_millis().saturating_sub(retention.unwrap_or(i64::MAX));
        let mut state = self.lock().await?;
        if state.record.bases.own.is_empty() {
            return Ok(());
        }
        let live = self.dir.generation(state.record.generation);
        let (archive, wal) = (self.dir.archive(), live.join("pg_wal"));
        let kept = Kept::since(horizon, &state.record, |timeline| {
            Line::read(&[&archive, &wal], timeline)
        })?;
        let record = Record {
            bases: kept.bases.clone(),
            history: kept.history.clone(),
            ..state.record.clone()
        };
        if (&record.bases, &record.history) != (&state.record.bases, &state.record.history) {
            self.put_record(&mut state, record).await?;
        }
        // Under the lock: no replay may be laid out meanwhile.
        let dir = self.dir.clone();
        spawn_blocking(move || remove_rest(&dir, &live, &kept)).await?
    }
}

fn remove_rest(dir: &ClusterDir, live: &Path, kept: &Kept) -> Result<(), EngineError> {
    backup::remove_unknown(dir, &kept.bases)?;
    remove_segments(&dir.archive(), |name| kept.needs(name))?;
    // A slot may ask for any of it. There are none but while somebody listens.
    if !is_empty(&live.join("pg_replslot"))? {
        return Ok(());
    }
    // The server itself needs what it would replay after a crash.
    let redo = Control::read(live)?.redo.segment();
    remove_segments(&live.join("pg_wal"), |name| {
        kept.needs(name) || timeline::segment_of(name).is_none_or(|(_, segment)| segment >= redo)
    })
}

fn is_empty(dir: &Path) -> Result<bool, EngineError> {
    let listing = Listing::read(dir)?;
    Ok(listing.directories.is_empty() && listing.files.is_empty())
}

fn remove_segments(dir: &Path, keep: impl Fn(&str) -> bool) -> Result<(), EngineError> {
    for entry in std::fs::read_dir(dir).doing("list", dir)? {
        let entry = entry.doing("list", dir)?;
        if entry.file_name().to_str().is_some_and(|name| !keep(name)) {
            files::remove_file(&entry.path())?;
        }
    }
    Ok(())
}
