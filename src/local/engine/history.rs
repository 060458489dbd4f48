//! A cluster's history by the clock: which timeline was written when, and so what lies at a moment.
//!
//! ```text
//!   since             until              until
//!     │  timeline 1     │  timeline 2      │  timeline 3, written now
//!     ●─────────────────●──────────────────●───────────────────────► now
//!                       └ end: a point     └ end: a point
//! ```
//!
//! Every revert and every recovery leaves a timeline and keeps it, with a point at its very end. What the database
//! held at a moment is therefore what the timeline of that moment held then, also where a later recovery went past
//! it: that is the redo.
//!
//! The spans follow each other even where the clock does not: a clock that was set back gives a moment twice, and the
//! older span has it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::points::Point;
use super::timeline::Lsn;
use crate::clock;

/// What a cluster remembers of when it wrote which timeline. Moments are milliseconds since 1970, as real
/// time passes: it is PostgreSQL that stamps commits.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct History {
    /// The first moment that can be returned to; none in a record from before histories were kept.
    since: Option<i64>,
    /// The timelines that were left, oldest first, as far as they are kept.
    left: Vec<Span>,
    /// How many were left before those.
    #[serde(default)]
    forgotten: u64,
}

/// A timeline that was left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Span {
    timeline: u32,
    /// The point after all that was acknowledged on it; none if its server could not be started any more.
    end: Option<Point>,
    /// The last moment that is this timeline's.
    until: i64,
}

/// How far back a cluster can be returned, and what is kept on the way; in real time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    /// The first moment that can be returned to: milliseconds since 1970.
    pub earliest: i64,
    /// For every state that was left, oldest first, the moment at which it is found whole.
    pub left: Vec<i64>,
    /// How many states were left before those, and are not kept any more.
    pub forgotten: u64,
}

impl Reach {
    /// How many states were ever left.
    pub fn times_left(&self) -> u64 {
        self.forgotten + self.left.len() as u64
    }
}

/// Where a replay ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Destination {
    /// The timeline to follow.
    pub(super) timeline: u32,
    /// The end of the log that is laid out; the replay ends there or before.
    pub(super) lsn: Lsn,
    /// What ends it.
    pub(super) stop: Stop,
}

/// What ends a replay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stop {
    /// The point of this name.
    At(String),
    /// The first commit after this moment, which is not replayed.
    After(i64),
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.stop {
            Stop::At(name) => write!(f, "the restore point {name}"),
            Stop::After(moment) => f.write_str(&clock::at(clock::to_shown(*moment))),
        }
    }
}

impl Destination {
    /// A point.
    pub(super) fn point(point: &Point) -> Self {
        Self {
            timeline: point.timeline,
            lsn: point.lsn,
            stop: Stop::At(point.wal_name.clone()),
        }
    }

    /// A moment of the timeline that ends with `end`. The point's own commit is later than what it marks, so a replay
    /// that looks for something later than an earlier moment finds it there at the latest.
    fn moment(end: &Point, moment: i64) -> Self {
        let stop = if moment < end.at {
            Stop::After(moment)
        } else {
            Stop::At(end.wal_name.clone())
        };
        Self {
            stop,
            ..Self::point(end)
        }
    }
}

impl History {
    /// That of a cluster whose first moment is this one.
    pub(super) fn since(moment: i64) -> Self {
        Self {
            since: Some(moment),
            ..Self::default()
        }
    }

    /// A history from before histories were kept begins now.
    pub(super) fn or_since(self, moment: i64) -> Self {
        Self {
            since: self.since.or(Some(moment)),
            ..self
        }
    }

    /// The present timeline is left: what it held is found at the answer, which is `until` unless an earlier
    /// timeline has that moment already.
    pub(super) fn leave(&mut self, timeline: u32, end: Option<Point>, until: i64) -> i64 {
        let until = self.free_from(until);
        self.left.push(Span {
            timeline,
            end,
            until,
        });
        until
    }

    /// The first whole second after `moment`, in milliseconds, that no timeline has yet.
    pub(super) fn whole_second_after(&self, moment: i64) -> i64 {
        (self.free_from(moment) / 1000 + 1) * 1000
    }

    /// The first moment from this one on that no timeline has yet.
    fn free_from(&self, moment: i64) -> i64 {
        let taken = self.left.last().map(|span| span.until);
        taken.map_or(moment, |taken| moment.max(taken + 1))
    }

    /// Forgets timelines that were left before `horizon`.
    pub(super) fn forget_before(&mut self, horizon: i64) {
        let kept = self.left.iter().position(|span| span.until >= horizon);
        let old = self.left.drain(..kept.unwrap_or(self.left.len()));
        for span in old {
            self.forgotten += 1;
            self.since = self.since.max(Some(span.until + 1));
        }
    }

    /// Nothing up to this moment can be returned to any more.
    pub(super) fn begins_after(&mut self, moment: i64) {
        self.since = self.since.max(Some(moment + 1));
    }

    /// Every timeline that is kept with the first moment that is its own, oldest first; `present` is the last.
    pub(super) fn spans(&self, present: u32) -> Vec<(u32, i64)> {
        let mut from = self.since.unwrap_or(i64::MIN);
        let mut spans = Vec::new();
        for span in &self.left {
            spans.push((span.timeline, from));
            from = span.until + 1;
        }
        spans.push((present, from));
        spans
    }

    pub(super) fn reach(&self) -> Reach {
        Reach {
            earliest: self.since.unwrap_or(i64::MAX),
            left: self.left.iter().map(|span| span.until).collect(),
            forgotten: self.forgotten,
        }
    }

    /// Where `moment` lies, or why nowhere; `end` is that of the present timeline.
    pub(super) fn find(&self, moment: i64, end: Option<&Point>) -> Result<Destination, String> {
        if self.since.is_none_or(|since| moment < since) {
            return Err("it lies before everything that is kept".to_owned());
        }
        let span = self.left.iter().find(|span| moment <= span.until);
        let end = span.map_or(end, |span| span.end.as_ref());
        let end = end.ok_or("the server of that time could not be started any more, so nothing says where its log ends")?;
        Ok(Destination::moment(end, moment))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::engine::ClusterId;

    fn end(timeline: u32, at: i64) -> Point {
        Point {
            cluster: ClusterId(1),
            wal_name: format!("end of {timeline}"),
            lsn: Lsn(u64::from(timeline) << 20),
            timeline,
            at,
        }
    }

    fn found(history: &History, moment: i64) -> (u32, Stop) {
        let found = history.find(moment, Some(&end(3, 9_500))).unwrap();
        (found.timeline, found.stop)
    }

    #[test]
    fn a_moment_belongs_to_the_timeline_that_was_written_then() {
        let mut history = History::since(1_000);
        assert_eq!(history.leave(1, Some(end(1, 4_300)), 5_000), 5_000);
        assert_eq!(history.leave(2, Some(end(2, 7_100)), 8_000), 8_000);
        assert_eq!(history.whole_second_after(7_999), 9_000);
        assert_eq!(history.whole_second_after(9_000), 10_000);
        assert!(history.find(999, None).is_err());
        assert_eq!(found(&history, 1_000), (1, Stop::After(1_000)));
        assert_eq!(found(&history, 4_299), (1, Stop::After(4_299)));
        assert_eq!(found(&history, 5_000), (1, Stop::At("end of 1".into())));
        assert_eq!(found(&history, 5_001), (2, Stop::After(5_001)));
        assert_eq!(found(&history, 8_000), (2, Stop::At("end of 2".into())));
        assert_eq!(found(&history, 9_000), (3, Stop::After(9_000)));
        assert_eq!(found(&history, 10_000), (3, Stop::At("end of 3".into())));
        assert_eq!(history.reach().left, [5_000, 8_000]);
    }

    #[test]
    fn what_was_left_keeps_a_moment_of_its_own_where_the_clock_was_set_back() {
        let mut history = History::since(1_000);
        history.leave(1, Some(end(1, 9_000)), 10_000);
        assert_eq!(history.whole_second_after(3_100), 11_000);
        assert_eq!(history.leave(2, Some(end(2, 3_000)), 11_000), 11_000);
        assert_eq!(history.leave(3, Some(end(3, 3_300)), 3_400), 11_001);
        assert_eq!(found(&history, 3_500), (1, Stop::After(3_500)));
        assert_eq!(found(&history, 11_000), (2, Stop::At("end of 2".into())));
    }

    #[test]
    fn a_timeline_without_a_known_end_is_refused_and_its_neighbours_are_not() {
        let mut history = History::since(0);
        history.leave(1, None, 5_000);
        assert!(history.find(4_000, Some(&end(2, 7_000))).is_err());
        assert!(history.find(6_000, Some(&end(2, 7_000))).is_ok());
        assert!(history.find(6_000, None).is_err());
    }
}
