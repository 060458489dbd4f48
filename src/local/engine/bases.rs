//! Bases: the data directories that replays start from.
//!
//! ```text
//!   birth             base 1               base 2
//!     ●─────────────────●────────────────────●─────────────► now
//!   the template   a copy of the cluster's own directory, made while it serves
//! ```
//!
//! A replay takes about two seconds per gigabyte of log, so a new base is made once much was written since the last
//! one. The template is a base as well, as long as the log since the birth is kept.
//!
//! Which base serves: one that lies on the way to the destination, and as late on it as possible. A copy of a
//! directory that changes is whole only once the log of the time of copying is replayed, so a base serves from the
//! position on at which its copying ended.

use serde::{Deserialize, Serialize};

use super::history::{Destination, Stop};
use super::timeline::{Line, Lsn};

/// A base of the cluster's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Base {
    /// The name of its directory.
    pub(super) number: u64,
    /// The timeline that was written when it was made.
    pub(super) timeline: u32,
    /// Where a replay that starts from it begins to read.
    pub(super) redo: Lsn,
    /// Where its copying ended; it serves what lies there or later.
    pub(super) consistent: Lsn,
    /// When its copying ended, by the server's clock: milliseconds since 1970.
    pub(super) at: i64,
}

/// The bases of one cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Bases {
    /// Whether the log since the birth is kept.
    pub(super) birth: bool,
    /// In the order in which they were made.
    pub(super) own: Vec<Base>,
}

/// What a replay starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// The template.
    Birth,
    /// A base of the cluster's own.
    Base(Base),
}

impl Default for Bases {
    fn default() -> Self {
        Self {
            birth: true,
            own: Vec::new(),
        }
    }
}

impl Bases {
    /// The base from which the road to `destination` is the shortest; `line` is that of its timeline. `None`: its log
    /// is not kept any more.
    pub(super) fn start(&self, line: &Line, destination: &Destination) -> Option<Start> {
        self.latest(line, |base| {
            base.consistent <= destination.lsn
                && match destination.stop {
                    Stop::At(_) => true,
                    Stop::After(moment) => base.at < moment,
                }
        })
    }

    /// The base from which any moment from this one on can be reached on `line`.
    pub(super) fn start_before(&self, line: &Line, moment: i64) -> Option<Start> {
        self.latest(line, |base| base.at < moment)
    }

    /// The latest one that lies on `line`.
    pub(super) fn latest_on(&self, line: &Line) -> Option<Start> {
        self.latest(line, |_| true)
    }

    fn latest(&self, line: &Line, serves: impl Fn(&Base) -> bool) -> Option<Start> {
        let own = self.own.iter();
        own.filter(|base| line.holds(base.timeline, base.consistent) && serves(base))
            .max_by_key(|base| base.redo)
            .map(|base| Start::Base(*base))
            .or(self.birth.then_some(Start::Birth))
    }

    /// The one that was made last.
    pub(super) fn newest(&self) -> Option<Base> {
        self.own.last().copied()
    }

    /// The number of the next one.
    pub(super) fn next_number(&self) -> u64 {
        self.newest().map_or(1, |base| base.number + 1)
    }
}
