//! The engine: real PostgreSQL clusters, one per project and per branch, with restore points that cost two
//! milliseconds and a revert that costs a replay.
//!
//! ```text
//!   Engine ──► Cluster ──► Postmaster (a process)           discover   finds PostgreSQL
//!     │           │  └───► Wire (the engine's own session)   template   what new clusters are copied from
//!     │           ├─ birth     create, take over, remove     spares     copies of it, made ahead
//!     │           ├─ overrides settings of its own
//!     │           ├─ points    restore points                house      what clusters share
//!     │           ├─ revert    to a point or a moment        layout     the directory, drawn
//!     │           │  └ generation, history, timeline         files      copy, sync, replace
//!     │           ├─ bases     where replays start
//!     │           │  └ backup, retention
//!     │           ├─ traffic   who is using it
//!     │           └─ record    cluster.json, the pointer
//!     └──► Connection (a caller's session, with limits) ───► wire       the protocol, JSON, errors
//! ```
//!
//! **What is promised.** What a cluster acknowledged survives `kill -9` of this process and of every server process,
//! at any moment, also in the middle of a create, a revert or a destroy: the record of each cluster decides, and
//! [`Engine::open`] removes what it does not name. Servers outlive the engine's process, and the next engine adopts
//! them.
//!
//! **What is not handled here.** Who may do what (the callers' business), when to scale to zero (see
//! [`Engine::stop_if_idle`]) and when to tend what is kept (see [`Engine::tend`]), names of restore points (a [`Point`]
//! is the caller's to keep), major upgrades. Linux and macOS only.

mod backup;
mod bases;
mod birth;
mod cluster;
mod conf;
mod control;
pub mod discover;
mod error;
mod files;
mod generation;
mod history;
mod house;
mod layout;
mod numbers;
mod open;
mod overrides;
mod points;
mod postmaster;
mod record;
mod retention;
mod revert;
mod secrets;
mod session;
mod settings;
mod shared_memory;
mod spares;
mod template;
mod timeline;
mod traffic;
pub(in crate::local) mod user;
pub mod wire;

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::sleep;

use cluster::Cluster;
use house::House;
use numbers::Numbers;
use secrets::Secret;
use wire::ResultSet;

pub use conf::LOG_LINE_PREFIX;
pub use error::EngineError;
pub use history::Reach;
pub(in crate::local) use layout::private_directory;
pub(crate) use overrides::Overrides;
pub use points::Point;
pub use revert::Reverted;
pub use session::{Access, Connection, Limits, Login};
pub use settings::{Script, Settings};
pub use timeline::{Lsn, NoLsn};
pub use traffic::Activity;

/// The superuser that owns the platform's objects.
const SUPERUSER: &str = "supabase_admin";
/// How often an engine that is being closed is looked at.
const CLOSING_TICK: Duration = Duration::from_millis(1);
/// Servers that [`Engine::stop_all`] stops at once.
const STOPS_AT_ONCE: usize = 16;

/// A cluster's number. Also its servers' port number, which is only a part of their sockets' names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClusterId(u16);

impl fmt::Display for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The clusters of one directory. Clones share everything. Dropping the last one leaves servers running for the next
/// engine; [`Engine::stop_all`] ends them. The directory is free for the next engine once what goes on in the
/// background has ended as well; [`Engine::close`] waits for that.
///
/// Calls that change something run to their end even if the caller stops waiting for them.
#[derive(Debug, Clone)]
pub struct Engine(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    house: Arc<House>,
    clusters: Mutex<HashMap<ClusterId, Arc<Cluster>>>,
    numbers: Mutex<Numbers>,
}

impl Engine {
    /// PostgreSQL as it was found.
    pub fn installation(&self) -> &discover::Installation {
        &self.0.house.installation
    }

    /// The user that whatever is not trusted with more runs as.
    pub(in crate::local) fn run_as(&self) -> user::RunAs {
        self.0.house.program.run_as
    }

    /// PostgreSQL's version, such as `15.18`.
    pub fn version(&self) -> &str {
        &self.0.house.installation.version
    }

    /// PostgreSQL's major version.
    pub fn major(&self) -> u32 {
        self.0.house.installation.major
    }

    /// Every cluster, in the order of their numbers.
    pub fn clusters(&self) -> Vec<ClusterId> {
        let mut ids: Vec<_> = self.map().keys().copied().collect();
        ids.sort_unstable();
        ids
    }

    /// Makes a cluster and starts it. It is durable when this answers.
    pub async fn create(&self) -> Result<ClusterId, EngineError> {
        self.create_with(None, "").await
    }

    /// The same; the user's role gets this password, a random one without. The superuser runs `sql` before there is
    /// anything to return to.
    pub async fn create_with(
        &self,
        password: Option<String>,
        sql: &'static str,
    ) -> Result<ClusterId, EngineError> {
        let engine = self.clone();
        let password = password.as_deref().map(Secret::given);
        let work = async move {
            let drawer = engine.clone();
            let id = spawn_blocking(move || drawer.draw_number()).await??;
            let created = Cluster::create(Arc::clone(&engine.0.house), id, password, sql).await;
            spares::refill(&engine.0.house);
            match created {
                Ok(cluster) => {
                    engine.map().insert(id, Arc::new(cluster));
                    Ok(id)
                }
                Err(error) => {
                    if let Err(leftover) = birth::remove_leftover(&engine.0.house, id).await {
                        tracing::warn!(%leftover, cluster = %id, "a half-made cluster could not be removed yet");
                    }
                    Err(error)
                }
            }
        };
        tokio::spawn(work).await?
    }

    /// Starts a cluster's server unless it runs.
    pub async fn ensure_started(&self, id: ClusterId) -> Result<(), EngineError> {
        let cluster = self.find(id)?;
        let mut state = cluster.lock().await?;
        cluster.ensure_started(&mut state).await
    }

    /// Stops a cluster's server cleanly; the next use starts it again.
    pub async fn stop(&self, id: ClusterId) -> Result<(), EngineError> {
        let cluster = self.find(id)?;
        tokio::spawn(async move { cluster.stop(|_| true).await }).await??;
        Ok(())
    }

    /// Stops a cluster's server if nobody holds a connection and nothing happened for `idle`. Tells whether it did.
    pub async fn stop_if_idle(&self, id: ClusterId, idle: Duration) -> Result<bool, EngineError> {
        let cluster = self.find(id)?;
        let quiet = move |traffic: &traffic::Traffic| {
            let activity = traffic.activity();
            activity.connections == 0 && activity.running == 0 && activity.idle >= idle
        };
        tokio::spawn(async move { cluster.stop(quiet).await }).await?
    }

    /// Stops every server cleanly. The first error is returned after all were tried.
    pub async fn stop_all(&self) -> Result<(), EngineError> {
        let mut waiting: Vec<_> = self.map().values().cloned().collect();
        let mut stops = JoinSet::new();
        let mut outcome = Ok(());
        loop {
            while stops.len() < STOPS_AT_ONCE
                && let Some(cluster) = waiting.pop()
            {
                stops.spawn(async move { cluster.stop(|_| true).await });
            }
            let Some(stopped) = stops.join_next().await else {
                break;
            };
            match stopped? {
                Ok(_) | Err(EngineError::NoSuchCluster(_)) => {}
                Err(error) => outcome = outcome.and(Err(error)),
            }
        }
        self.0.house.spares.settle().await;
        outcome?;
        self.0.house.layout.forget_sockets()
    }

    /// Does for a cluster what is due beside its service: makes a new base if much was written since the last one,
    /// removes what lies before the retention, and makes ahead what the next revert needs. To be called every few
    /// seconds; nothing else of the cluster waits for it.
    pub async fn tend(&self, id: ClusterId) -> Result<(), EngineError> {
        let cluster = self.find(id)?;
        tokio::spawn(async move { cluster.tend().await }).await?
    }

    /// Gives up the directory, with its servers running. Call it on the last clone: it waits for the others.
    pub async fn close(self) {
        for cluster in self.map().values() {
            cluster.tending.halt();
        }
        let house = Arc::downgrade(&self.0.house);
        drop(self);
        while house.strong_count() > 0 {
            sleep(CLOSING_TICK).await;
        }
    }

    /// Removes a cluster with all its history. Running statements are ended.
    pub async fn destroy(&self, id: ClusterId) -> Result<(), EngineError> {
        let cluster = self.find(id)?;
        let engine = self.clone();
        let work = async move {
            cluster.destroy().await?;
            engine.map().remove(&id);
            Ok(())
        };
        tokio::spawn(work).await?
    }

    /// Opens a session, starting the server if it has to.
    pub async fn connect(&self, id: ClusterId, login: Login) -> Result<Connection, EngineError> {
        self.find(id)?.connect(login).await
    }

    /// What a client of another kind needs to open sessions of its own; starts the server.
    pub async fn access(&self, id: ClusterId, login: Login) -> Result<Access, EngineError> {
        self.find(id)?.access(login).await
    }

    /// The password of the user's role. Not to be logged or stored.
    pub async fn password(&self, id: ClusterId) -> Result<String, EngineError> {
        let cluster = self.find(id)?;
        let state = cluster.lock().await?;
        Ok(state.record.secret(Login::User).expose().to_owned())
    }

    /// Gives the user's role this password; from then on the engine logs in with it as well. It is on disk when this
    /// answers.
    pub async fn set_password(&self, id: ClusterId, password: &str) -> Result<(), EngineError> {
        let cluster = self.find(id)?;
        let password = Secret::given(password);
        tokio::spawn(async move { cluster.set_password(password).await }).await?
    }

    /// Gives a cluster's server these settings of PostgreSQL instead of any that it was given before. What takes a
    /// restart is in force after the next one; with `restart` at once, and sessions end. On an error everything is as
    /// it was.
    pub(crate) async fn set_overrides(
        &self,
        id: ClusterId,
        overrides: Overrides,
        restart: bool,
    ) -> Result<(), EngineError> {
        let cluster = self.find(id)?;
        tokio::spawn(async move { cluster.set_overrides(overrides, restart).await }).await?
    }

    /// Runs exactly one statement that cannot write anything, on a session of its own (the module `session` tells the recipe).
    pub async fn read_only(
        &self,
        id: ClusterId,
        sql: &str,
        parameters: &[Value],
        limits: Limits,
    ) -> Result<ResultSet, EngineError> {
        let connection = self.connect(id, Login::ReadOnly).await?;
        session::read_only(connection, sql, parameters, limits).await
    }

    /// Makes a restore point after everything that was acknowledged so far. It is on disk when this answers.
    pub async fn create_restore_point(&self, id: ClusterId) -> Result<Point, EngineError> {
        let cluster = self.find(id)?;
        tokio::spawn(async move { cluster.create_restore_point().await }).await?
    }

    /// Returns to a point, also to one of a history that an earlier revert left. Sessions end; statements that come
    /// meanwhile wait. On failure the database is as it was.
    pub async fn revert(&self, id: ClusterId, point: &Point) -> Result<Reverted, EngineError> {
        let cluster = self.find(id)?;
        let point = point.clone();
        let work = async move {
            let reverted = cluster.revert(&point).await;
            cluster.refill();
            reverted
        };
        tokio::spawn(work).await?
    }

    /// Returns to a moment, milliseconds since 1970 in real time: to all that was committed then or before, and nothing that was
    /// committed later, whatever was reverted since. What is left is kept. Sessions end; statements that come meanwhile
    /// wait. On failure the database is as it was.
    pub async fn recover(&self, id: ClusterId, moment: i64) -> Result<Reverted, EngineError> {
        let cluster = self.find(id)?;
        let work = async move {
            let recovered = cluster.recover(moment).await;
            cluster.refill();
            recovered
        };
        tokio::spawn(work).await?
    }

    /// How far back a cluster can be returned, and what is kept on the way.
    pub async fn reach(&self, id: ClusterId) -> Result<Reach, EngineError> {
        let cluster = self.find(id)?;
        let state = cluster.lock().await?;
        Ok(state.record.history.reach())
    }

    /// How busy a cluster is.
    pub fn activity(&self, id: ClusterId) -> Result<Activity, EngineError> {
        Ok(self.find(id)?.traffic.activity())
    }

    /// The process number of a cluster's server, if it runs.
    pub async fn server_pid(&self, id: ClusterId) -> Result<Option<i32>, EngineError> {
        let cluster = self.find(id)?;
        let mut state = cluster.lock().await?;
        let pid = |server: &mut postmaster::Postmaster| server.is_alive().then(|| server.pid());
        Ok(state.server.as_mut().and_then(pid))
    }

    /// Bytes that a cluster takes on disk, with its history.
    pub async fn disk_usage(&self, id: ClusterId) -> Result<u64, EngineError> {
        let path = self.find(id)?.dir.path().to_owned();
        spawn_blocking(move || files::disk_usage(&path)).await?
    }

    /// The file that a cluster's servers print to.
    pub fn log_file(&self, id: ClusterId) -> Result<PathBuf, EngineError> {
        Ok(self.find(id)?.dir.log())
    }

    fn map(&self) -> MutexGuard<'_, HashMap<ClusterId, Arc<Cluster>>> {
        self.0
            .clusters
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, id: ClusterId) -> Result<Arc<Cluster>, EngineError> {
        self.map()
            .get(&id)
            .cloned()
            .ok_or(EngineError::NoSuchCluster(id))
    }

    fn draw_number(&self) -> Result<ClusterId, EngineError> {
        let layout = &self.0.house.layout;
        let mut numbers = self
            .0
            .numbers
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        numbers.draw(|id| layout.cluster(id).path().exists())
    }
}
