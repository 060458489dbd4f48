//! Returning to a restore point, or to a moment.
//!
//! A restore point is a record in the write-ahead log: a few hundred bytes, whatever the database's size. Returning
//! builds a *new generation* beside the running one and then moves the pointer:
//!
//! ```text
//!    g1 (valid, running)            wal/  every segment, by hard link
//!        │                           │
//!        │   1 link g1's log ───────►│
//!        │                           │  2 copy of a base + links to the road to the point = g2
//!        │                           ▼
//!        │                          g2  3 replay with fsync off, promote: a new timeline
//!        │                           │  4 fsync on, checkpoint, sync
//!   5 drained and stopped            │     (runs beside 2 to 4)
//!        │   6 link the rest ───────►│
//!        └── 7 cluster.json: g2 ────►│  the one step that counts
//!                                    │
//!            8 remove g1             ▼
//! ```
//!
//! A crash before step 7 leaves g1 valid, and the next engine removes g2; a crash after it leaves g2 valid, and the
//! next engine removes g1, whose log is in `wal/` since step 6. Numbers of timelines that were given to a discarded
//! generation are given again, and nothing can tell: its log never entered `wal/`.
//!
//! Sharing segments by hard link is safe because nobody writes into a segment of a timeline that was left (promotion
//! copies the last one before it continues), and `wal_recycle = off` keeps servers from renaming old ones into new.
//!
//! A recovery to a moment differs in its order and in what ends the replay. The old server is drained and stopped
//! first, with a point at the end of its log, so that the replay meets something that is later than the moment,
//! wherever the moment lies; then come steps 1 to 4, with the moment as the target: commits of that very moment are
//! kept, what was committed later is not. Moments are compared with the clock that PostgreSQL wrote into each commit. The
//! new generation does not serve before the next whole second, so that the last whole second of what was left is
//! found whole by its number (see the module `history`), and a recovery to it undoes the recovery.
//!
//! What a revert does not bring back: contents of unlogged tables and statistics, which recovery empties. A sequence
//! may be up to 32 numbers ahead, since PostgreSQL logs them in advance.
//!
//! The copy in step 2 is of the template, or of a younger base (see the module `bases`): a replay takes about two
//! seconds per gigabyte of log.

use std::time::Duration;

use serde::Serialize;
use tokio::time::{Instant, sleep_until};

use super::birth::discard;
use super::cluster::{Cluster, State};
use super::error::EngineError;
use super::generation::{Built, Replay};
use super::history::{Destination, History};
use super::points::Point;
use super::postmaster::Stop;
use super::record::Record;
use super::traffic::Closed;
use crate::clock;

/// What a revert or a recovery did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Reverted {
    /// The timeline that the cluster writes now.
    pub timeline: u32,
    /// The moment at which what was left is found whole: milliseconds since 1970, in real time.
    pub left_at: i64,
    /// Bytes of log that were laid out for the replay.
    pub replayed_bytes: u64,
    /// Milliseconds from the new server's start until it accepted sessions.
    pub replay_ms: u64,
    /// Milliseconds of the whole.
    pub total_ms: u64,
}

impl Cluster {
    /// Returns to `point`. On failure the cluster is as it was, but may have been stopped.
    pub(super) async fn revert(&self, point: &Point) -> Result<Reverted, EngineError> {
        let start = Instant::now();
        let mut state = self.lock().await?;
        if point.cluster != self.id {
            return Err(EngineError::Unreachable {
                what: Destination::point(point).to_string(),
                reason: format!("it belongs to cluster {}", point.cluster),
            });
        }
        self.check_major(&state.record)?;
        let closed = self.traffic.close();
        let old = state.record.clone();
        let next = old.generation + 1;
        discard(&self.house, &self.dir, next).await?;
        let destination = Destination::point(point);
        let (left, built) = tokio::join!(
            self.leave(&mut state, &closed),
            self.build(&old, next, &destination),
        );
        let committed = match (built, left) {
            (Ok(built), Ok(end)) => {
                let mut history = old.history.clone();
                let left_at = history.leave(old.timeline, end, clock::real_millis());
                self.commit(&mut state, &old, (history, left_at), built)
                    .await
            }
            (Ok(mut built), Err(error)) => {
                built
                    .server
                    .stop(Stop::Immediate, self.house.settings.patience)
                    .await?;
                Err(error)
            }
            (Err(error), _) => Err(error),
        };
        self.finish(start, &state, committed).await
    }

    /// Returns to `moment`, milliseconds since 1970 in real time. On failure the cluster is as it was, but may have been stopped.
    pub(super) async fn recover(&self, moment: i64) -> Result<Reverted, EngineError> {
        let start = Instant::now();
        let mut state = self.lock().await?;
        self.check_major(&state.record)?;
        let closed = self.traffic.close();
        let old = state.record.clone();
        let next = old.generation + 1;
        discard(&self.house, &self.dir, next).await?;
        let end = self.leave(&mut state, &closed).await?;
        let (now, left) = (clock::real_millis(), Instant::now());
        let destination =
            old.history
                .find(moment, end.as_ref())
                .map_err(|reason| EngineError::Unreachable {
                    what: clock::at(clock::to_shown(moment)),
                    reason,
                })?;
        // At least as late as the end's commit, and a whole second, which is how callers name it.
        let stands = end.as_ref().map_or(now, |end| end.at.max(now));
        let second = old.history.whole_second_after(stands);
        // A clock that was set back is not waited for: the second is free of any other timeline all the same.
        let pause = u64::try_from(second - stands).unwrap_or(0).min(1000);
        let committed = match self.build(&old, next, &destination).await {
            Ok(built) => {
                let mut history = old.history.clone();
                let left_at = history.leave(old.timeline, end, second);
                sleep_until(left + Duration::from_millis(pause)).await;
                self.commit(&mut state, &old, (history, left_at), built)
                    .await
            }
            Err(error) => Err(error),
        };
        self.finish(start, &state, committed).await
    }

    /// Drains and stops the server, and gives the point after all that was acknowledged.
    async fn leave(
        &self,
        state: &mut State,
        closed: &Closed,
    ) -> Result<Option<Point>, EngineError> {
        let end = self.last_point(state, closed).await;
        state.admin = None;
        if let Some(server) = &mut state.server {
            // No checkpoint: the directory will go, and what was acknowledged is in its log.
            server
                .stop(Stop::Immediate, self.house.settings.patience)
                .await?;
        }
        Ok(end)
    }

    async fn commit(
        &self,
        state: &mut State,
        old: &Record,
        (history, left_at): (History, i64),
        built: Built,
    ) -> Result<(Replay, i64), EngineError> {
        let replay = self.switch(state, old, history, built).await?;
        Ok((replay, left_at))
    }

    /// Says what was done, or removes what was half done.
    async fn finish(
        &self,
        start: Instant,
        state: &State,
        committed: Result<(Replay, i64), EngineError>,
    ) -> Result<Reverted, EngineError> {
        match committed {
            Ok((replay, left_at)) => Ok(Reverted {
                timeline: state.record.timeline,
                left_at,
                replayed_bytes: replay.bytes,
                replay_ms: milliseconds(replay.took),
                total_ms: milliseconds(start.elapsed()),
            }),
            Err(error) => {
                discard(&self.house, &self.dir, state.record.generation + 1).await?;
                Err(error)
            }
        }
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
