//! Restore points, and returning to one.
//!
//! A restore point is a record in the write-ahead log: a few hundred bytes, whatever the database's size. Returning
//! builds a *new generation* beside the running one and then moves the pointer:
//!
//! ```text
//!    g1 (valid, running)            wal/  every segment, by hard link
//!        │                           │
//!        │   1 link g1's log ───────►│
//!        │                           │  2 copy of the template + links to the road to the point = g2
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
//! What a revert does not bring back: contents of unlogged tables and statistics, which recovery empties. A sequence
//! may be up to 32 numbers ahead, since PostgreSQL logs them in advance.
//!
//! Deliberately not handled yet: bases younger than the template. The replay begins at the cluster's birth and takes
//! about two seconds per gigabyte of log; [`Cluster::base`] is the one place that chooses.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::Rng;
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

use super::birth::{copy_template, discard};
use super::cluster::{Cluster, State};
use super::conf::Durability;
use super::error::{EngineError, IoContext};
use super::files::{self, Listing};
use super::postmaster::{Postmaster, Stop};
use super::record::Record;
use super::session::Login;
use super::template::Template;
use super::timeline::{self, Lsn};
use super::wire::{DEFAULT_RESULT_BYTES, Wire, WireError};
use super::{ClusterId, SUPERUSER};

const RESTORE_POINT: &str = include_str!("restore_point.sql");
const POSITION: &str = include_str!("position.sql");
/// How often a new setting is asked for until the server has taken it.
const TICK: Duration = Duration::from_millis(1);

/// A point in a cluster's history that can be returned to. Keep all of it: the engine remembers no points.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Point {
    /// The cluster whose history it belongs to.
    pub cluster: ClusterId,
    /// The name in the write-ahead log; never used twice.
    pub wal_name: String,
    /// The position after the point's record.
    pub lsn: Lsn,
    /// The timeline that the record is on.
    pub timeline: u32,
    /// When it was made: milliseconds since 1970, by the server's clock.
    pub at: i64,
}

/// What a revert did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Reverted {
    /// The timeline that the cluster writes now.
    pub timeline: u32,
    /// Bytes of log that were replayed.
    pub replayed_bytes: u64,
    /// Milliseconds from the new server's start until it accepted sessions.
    pub replay_ms: u64,
    /// Milliseconds of the whole revert.
    pub total_ms: u64,
}

/// A generation that is ready to become the valid one.
struct Built {
    server: Postmaster,
    admin: Wire,
    timeline: u32,
    replay: Duration,
    replayed_bytes: u64,
}

impl Cluster {
    /// Makes a restore point after everything that was acknowledged so far. It is on disk when this answers.
    pub(super) async fn create_restore_point(&self) -> Result<Point, EngineError> {
        let mut state = self.lock().await?;
        let prefix = new_name(self.id);
        let row = self
            .admin(&mut state, RESTORE_POINT, &[prefix.into()])
            .await?;
        let cell = |column| row.text(0, column).unwrap_or_default();
        let (lsn, file, at) = (
            cell(0).parse(),
            timeline::timeline_of(&cell(1)),
            cell(2).parse(),
        );
        match (lsn, file, at) {
            (Ok(lsn), Some(timeline), Ok(at)) => Ok(Point {
                cluster: self.id,
                wal_name: cell(3),
                lsn,
                timeline,
                at,
            }),
            _ => Err(WireError::Protocol("a restore point without a position".into()).into()),
        }
    }

    /// Returns to `point`. On failure the cluster is as it was, but may have been stopped.
    pub(super) async fn revert(&self, point: &Point) -> Result<Reverted, EngineError> {
        let start = Instant::now();
        let mut state = self.lock().await?;
        if point.cluster != self.id {
            return Err(unreachable(
                point,
                format!("it belongs to cluster {}", point.cluster),
            ));
        }
        self.check_major(&state.record)?;
        let closed = self.traffic.close();
        let old = state.record.clone();
        let next = old.generation + 1;
        discard(&self.house, &self.dir, next).await?;
        let (drained, built) = tokio::join!(
            async {
                let admin = state.admin.take();
                match &mut state.server {
                    Some(server) => {
                        self.drain(&closed, admin).await;
                        // No checkpoint: the directory will go, and what was acknowledged is in its log.
                        server
                            .stop(Stop::Immediate, self.house.settings.patience)
                            .await
                    }
                    None => Ok(()),
                }
            },
            self.build(&old, next, point),
        );
        let committed = match (built, drained) {
            (Ok(built), Ok(())) => self.switch(&mut state, &old, next, built).await,
            (Ok(mut built), Err(error)) => {
                built
                    .server
                    .stop(Stop::Immediate, self.house.settings.patience)
                    .await?;
                Err(error)
            }
            (Err(error), _) => Err(error),
        };
        match committed {
            Ok((replay, replayed_bytes)) => Ok(Reverted {
                timeline: state.record.timeline,
                replayed_bytes,
                replay_ms: milliseconds(replay),
                total_ms: milliseconds(start.elapsed()),
            }),
            Err(error) => {
                discard(&self.house, &self.dir, next).await?;
                Err(error)
            }
        }
    }

    /// The data directory that a replay starts from.
    fn base(&self, record: &Record, point: &Point) -> Result<Arc<Template>, EngineError> {
        let current = &self.house.template;
        let base = if record.template == current.name {
            Some(Arc::clone(current))
        } else {
            Template::open(self.house.layout.templates(), &record.template)?.map(Arc::new)
        };
        base.filter(|base| base.control.system_identifier == record.system_identifier)
            .ok_or_else(|| {
                unreachable(
                    point,
                    format!("its base, the template {}, is gone", record.template),
                )
            })
    }

    /// Steps 1 to 4: a generation that stands at `point`, runs, and is on disk.
    async fn build(&self, old: &Record, next: u64, point: &Point) -> Result<Built, EngineError> {
        let base = self.base(old, point)?;
        let replayed_bytes = point.lsn.0.saturating_sub(base.control.redo.0);
        let (house, dir, id, left, target) = (
            Arc::clone(&self.house),
            self.dir.clone(),
            self.id,
            old.generation,
            point.clone(),
        );
        spawn_blocking(move || {
            archive(&dir.generation(left), &dir.archive())?;
            let data = dir.generation(next);
            copy_template(&house, &base, id, next, &data, Durability::Unsynced)?;
            let road = timeline::road(
                &dir.archive(),
                base.control.redo_segment(),
                target.timeline,
                target.lsn,
            )?;
            lay_road(&dir.archive(), &data.join("pg_wal"), &road, &target)?;
            let signal = data.join("standby.signal");
            std::fs::write(&signal, "").doing("write", &signal)?;
            house.program.run_as.own(&signal)
        })
        .await??;

        let begun = Instant::now();
        let timeline = point.timeline.to_string();
        let mut server = self
            .house
            .program
            .spawn(
                &self.dir.generation(next),
                &self.house.layout.socket(self.id, next),
                &self.dir.log(),
                &[
                    ("recovery_target_name", point.wal_name.as_str()),
                    ("recovery_target_timeline", timeline.as_str()),
                    ("recovery_target_action", "promote"),
                    ("hot_standby", "off"),
                ],
            )
            .await?;
        match self.replay_and_seal(&mut server, old, next).await {
            Ok((admin, timeline, sealed)) => Ok(Built {
                server,
                admin,
                timeline,
                replay: sealed.duration_since(begun),
                replayed_bytes,
            }),
            Err(error) => {
                server
                    .stop(Stop::Immediate, self.house.settings.patience)
                    .await?;
                Err(error)
            }
        }
    }

    /// Steps 3 and 4. Gives a session, the new timeline, and when the replay was done.
    async fn replay_and_seal(
        &self,
        server: &mut Postmaster,
        old: &Record,
        next: u64,
    ) -> Result<(Wire, u32, Instant), EngineError> {
        let data = self.dir.generation(next);
        server
            .wait_ready("replaying", self.house.settings.replay_limit)
            .await?;
        let replayed = Instant::now();
        let socket = self.house.layout.socket(self.id, next);
        let secret = old.secrets.admin.expose();
        let mut admin = Wire::open(&socket, SUPERUSER, secret, Login::Admin.parameters()).await?;

        // From here on the server syncs what it writes; what it wrote before is synced as a whole. The order matters:
        // the other way round, a page written in between would be synced by nobody.
        self.conf(next).write(&data, Durability::Synced)?;
        admin
            .run("select pg_catalog.pg_reload_conf()", DEFAULT_RESULT_BYTES)
            .await?;
        while first_cell(&mut admin, "show fsync").await? != "on" {
            sleep(TICK).await;
        }
        admin.run("checkpoint", DEFAULT_RESULT_BYTES).await?;
        files::sync_tree(&data).await?;

        let file = first_cell(&mut admin, POSITION).await?;
        let timeline = timeline::timeline_of(&file)
            .ok_or_else(|| WireError::Protocol(format!("a log file named {file:?}")))?;
        Ok((admin, timeline, replayed))
    }

    /// Steps 6 to 8. On an error the old generation is still the valid one.
    async fn switch(
        &self,
        state: &mut State,
        old: &Record,
        next: u64,
        built: Built,
    ) -> Result<(Duration, u64), EngineError> {
        let record = Record {
            generation: next,
            timeline: built.timeline,
            ..old.clone()
        };
        let (dir, left, written) = (self.dir.clone(), old.generation, record.clone());
        spawn_blocking(move || {
            archive(&dir.generation(left), &dir.archive())?;
            files::sync_dir(&dir.archive())?;
            match written.write(&dir.record()) {
                // The rename may have happened although its sync failed: the file itself says which is valid.
                Err(error) => match Record::read(&dir.record())? {
                    Some(found) if found.generation == next => Ok(()),
                    _ => Err(error),
                },
                Ok(()) => Ok(()),
            }
        })
        .await??;
        state.record = record;
        state.server = Some(built.server);
        state.admin = Some(built.admin);
        let (house, dir, id) = (Arc::clone(&self.house), self.dir.clone(), self.id);
        let before = state.leaving.take();
        state.leaving = Some(tokio::spawn(async move {
            if let Some(before) = before
                && let Err(error) = before.await
            {
                tracing::debug!(%error, "an earlier removal ended early");
            }
            if let Err(error) = discard(&house, &dir, left).await {
                tracing::warn!(%error, cluster = %id, "a generation that was left could not be removed yet");
            }
        }));
        Ok((built.replay, built.replayed_bytes))
    }
}

/// Links every segment and history file of a data directory into the archive.
fn archive(data: &Path, archive: &Path) -> Result<(), EngineError> {
    let wal = data.join("pg_wal");
    for entry in std::fs::read_dir(&wal).doing("list", &wal)? {
        let entry = entry.doing("list", &wal)?;
        if entry.file_name().to_str().is_some_and(timeline::is_kept) {
            files::link(&entry.path(), &archive.join(entry.file_name()))?;
        }
    }
    Ok(())
}

/// Puts exactly the segments of `road`, and every history file, into `wal`.
fn lay_road(archive: &Path, wal: &Path, road: &[String], point: &Point) -> Result<(), EngineError> {
    // The template's own segment is the cluster's first one before anything was appended to it.
    for name in Listing::read(wal)?.files {
        files::remove_file(&wal.join(name))?;
    }
    for name in road {
        let segment = archive.join(name);
        if !segment.exists() {
            return Err(unreachable(
                point,
                format!("the log segment {name} is gone"),
            ));
        }
        files::link(&segment, &wal.join(name))?;
    }
    for entry in std::fs::read_dir(archive).doing("list", archive)? {
        let name = entry.doing("list", archive)?.file_name();
        if name.to_str().is_some_and(|name| name.ends_with(".history")) {
            files::link(&archive.join(&name), &wal.join(&name))?;
        }
    }
    Ok(())
}

async fn first_cell(session: &mut Wire, sql: &str) -> Result<String, WireError> {
    let results = session.run(sql, DEFAULT_RESULT_BYTES).await?;
    Ok(results
        .first()
        .and_then(|result| result.text(0, 0))
        .unwrap_or_default())
}

fn new_name(id: ClusterId) -> String {
    let mut random = [0_u8; 15];
    rand::rng().fill_bytes(&mut random);
    format!("{id}-{}", URL_SAFE_NO_PAD.encode(random))
}

fn unreachable(point: &Point, reason: String) -> EngineError {
    EngineError::Unreachable {
        wal_name: point.wal_name.clone(),
        reason,
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
