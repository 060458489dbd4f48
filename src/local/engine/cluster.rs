//! One cluster: its life.
//!
//! ```text
//!            create                  connect, ensure_started
//!   (none) ──────────► running ◄──────────────────────────────── stopped
//!                       │  │ ▲ └──────────── stop ─────────────────▲
//!                       │  │ └── revert: a new generation runs ──┐ │ kill -9: noticed by the next call,
//!                       │  └────────────────────────────────────►┘ │ which starts it again
//!                       └──── destroy ──► (none) ◄──── destroy ────┘
//! ```
//!
//! Everything that changes the state holds the cluster's lock, and closes its gate ([`Traffic`]) while statements
//! would be in the way. Statements themselves hold neither: a server that ends under them ends them.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{Mutex, MutexGuard};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, sleep};

use super::backup::Tending;
use super::birth;
use super::conf::{Conf, Durability};
use super::error::EngineError;
use super::files;
use super::house::House;
use super::layout::ClusterDir;
use super::overrides::Overrides;
use super::postmaster::{Postmaster, Stop};
use super::record::Record;
use super::secrets::Secret;
use super::session::{Access, Connection, Login};
use super::traffic::{Closed, Traffic};
use super::wire::{DEFAULT_RESULT_BYTES, ResultSet, Wire, WireError};
use super::{ClusterId, SUPERUSER};

/// SQLSTATE of a password that is not the role's.
const INVALID_PASSWORD: &str = "28P01";
/// SQLSTATE of a server that is starting, recovering or ending.
const CANNOT_CONNECT_NOW: &str = "57P03";
/// How long to wait before connecting again.
const TICK: Duration = Duration::from_millis(2);
const CANCEL_CLIENTS: &str = include_str!("cancel_clients.sql");

/// A cluster that exists.
#[derive(Debug)]
pub(super) struct Cluster {
    pub(super) id: ClusterId,
    pub(super) house: Arc<House>,
    pub(super) dir: ClusterDir,
    pub(super) traffic: Traffic,
    pub(super) tending: Tending,
    state: Mutex<State>,
}

/// What the cluster's lock guards.
#[derive(Debug)]
pub(super) struct State {
    pub(super) record: Record,
    /// `None`: stopped, or never looked at since the engine opened.
    pub(super) server: Option<Postmaster>,
    /// A session of the engine's own, kept for the next restore point.
    pub(super) admin: Option<Wire>,
    /// The removal of a generation that was left.
    pub(super) leaving: Option<JoinHandle<()>>,
    destroyed: bool,
}

impl Cluster {
    pub(super) fn new(
        house: Arc<House>,
        id: ClusterId,
        record: Record,
        server: Option<Postmaster>,
        admin: Option<Wire>,
    ) -> Self {
        Self {
            id,
            dir: house.layout.cluster(id),
            house,
            traffic: Traffic::new(),
            tending: Tending::new(),
            state: Mutex::new(State {
                record,
                server,
                admin,
                leaving: None,
                destroyed: false,
            }),
        }
    }

    /// Takes the cluster's lock, unless the cluster is no more.
    pub(super) async fn lock(&self) -> Result<MutexGuard<'_, State>, EngineError> {
        let state = self.state.lock().await;
        if state.destroyed {
            return Err(EngineError::NoSuchCluster(self.id));
        }
        Ok(state)
    }

    /// Sees to it that the server runs and accepts sessions.
    pub(super) async fn ensure_started(&self, state: &mut State) -> Result<(), EngineError> {
        let patience = self.house.settings.patience;
        if let Some(server) = &mut state.server {
            // It may be one that is just ending, told to by an engine that then ended itself.
            if server.is_alive() {
                let ready = server.wait_ready("starting", patience).await;
                if ready.is_ok() || server.is_alive() {
                    return ready;
                }
            }
            tracing::warn!(cluster = %self.id, "the server is gone; starting it again");
            state.server = None;
        }
        state.admin = None;
        self.check_major(&state.record)?;
        let record = state.record.clone();
        match self.start(state, &record.overrides).await {
            Err(error @ EngineError::StartFailed { .. }) if record.proven != record.overrides => {
                tracing::warn!(%error, cluster = %self.id, "the server does not start with the settings that it was given; starting it with those from before");
                state.server = None;
                self.start(state, &record.proven).await
            }
            Ok(()) if record.proven != record.overrides => {
                let proven = record.overrides.clone();
                self.put_record(state, Record { proven, ..record }).await
            }
            outcome => outcome,
        }
    }

    /// Starts the server with these overrides.
    async fn start(&self, state: &mut State, overrides: &Overrides) -> Result<(), EngineError> {
        let patience = self.house.settings.patience;
        let generation = state.record.generation;
        let data = self.dir.generation(generation);
        self.conf(&state.record, overrides)
            .write(&data, Durability::Synced)?;
        // Kept before it is waited for: a caller that gives up must not leave a server that nobody knows.
        let server = state.server.insert(
            self.house
                .program
                .spawn(
                    &data,
                    &self.house.layout.socket(self.id, generation),
                    &self.dir.log(),
                    &[],
                )
                .await?,
        );
        server.wait_ready("starting", patience).await
    }

    /// Another major version could not read the files.
    pub(super) fn check_major(&self, record: &Record) -> Result<(), EngineError> {
        let has = self.house.installation.major;
        if record.major == has {
            return Ok(());
        }
        Err(EngineError::OtherMajor {
            cluster: self.id,
            needs: record.major,
            has,
        })
    }

    pub(super) fn conf<'a>(&'a self, record: &Record, overrides: &'a Overrides) -> Conf<'a> {
        birth::conf(&self.house, self.id, record.generation, overrides)
    }

    /// Opens a session, starting the server if it has to. What passes by itself (a server that is just ending or just
    /// recovering from a backend's crash) is waited for.
    pub(super) async fn connect(self: &Arc<Self>, login: Login) -> Result<Connection, EngineError> {
        let patient_until = Instant::now() + self.house.settings.patience;
        let mut healed = false;
        loop {
            let mut state = self.lock().await?;
            self.ensure_started(&mut state).await?;
            let generation = state.record.generation;
            let secret = state.record.secret(login).clone();
            // Whoever closes the gate holds the lock, so it is open now; and whoever waits for the lock must not count
            // as running, or a revert would wait for it in turn.
            let _running = self.traffic.enter().await;
            drop(state);
            let socket = self.house.layout.socket(self.id, generation);
            let error = match Wire::open(&socket, login.role(), secret.expose(), login.parameters())
                .await
            {
                Ok(wire) => return Ok(Connection::new(wire, generation, Arc::clone(self))),
                Err(error) => error,
            };
            let code = error.sql().map(|error| error.code.as_str());
            if code == Some(INVALID_PASSWORD) && login != Login::Admin && !healed {
                // The role's own user may change its password; the engine's way in must not depend on that.
                healed = true;
                let mut state = self.lock().await?;
                let statement = state.record.set_password(login);
                self.admin(&mut state, &statement, &[]).await?;
            } else if passes(&error) && Instant::now() < patient_until {
                sleep(TICK).await;
            } else {
                return Err(error.into());
            }
        }
    }

    /// What another client needs to connect by itself; starts the server.
    pub(super) async fn access(&self, login: Login) -> Result<Access, EngineError> {
        let mut state = self.lock().await?;
        self.ensure_started(&mut state).await?;
        Ok(Access {
            socket_dir: self.house.layout.socket_dir(state.record.generation),
            port: self.id.0,
            role: login.role(),
            parameters: login.parameters(),
            secret: state.record.secret(login).clone(),
            connected: self.traffic.connected(),
        })
    }

    /// Runs one statement on the engine's own session; again if the server ended under it, so it must be one that may
    /// run twice.
    pub(super) async fn admin(
        &self,
        state: &mut State,
        sql: &str,
        parameters: &[Value],
    ) -> Result<ResultSet, EngineError> {
        let patient_until = Instant::now() + self.house.settings.patience;
        loop {
            match self.try_admin(state, sql, parameters).await {
                Err(EngineError::Wire(error))
                    if passes(&error) && Instant::now() < patient_until =>
                {
                    tracing::debug!(%error, cluster = %self.id, "the engine's own session ended; trying again");
                    state.admin = None;
                    sleep(TICK).await;
                }
                outcome => return outcome,
            }
        }
    }

    async fn try_admin(
        &self,
        state: &mut State,
        sql: &str,
        parameters: &[Value],
    ) -> Result<ResultSet, EngineError> {
        let session = self.admin_session(state).await?;
        Ok(session
            .run_with(sql, parameters, DEFAULT_RESULT_BYTES)
            .await?)
    }

    async fn admin_session<'a>(&self, state: &'a mut State) -> Result<&'a mut Wire, EngineError> {
        self.ensure_started(state).await?;
        if state.admin.as_mut().is_none_or(Wire::is_closed) {
            let socket = self.house.layout.socket(self.id, state.record.generation);
            let secret = &state.record.secrets.admin;
            let fresh = Wire::open(
                &socket,
                SUPERUSER,
                secret.expose(),
                Login::Admin.parameters(),
            )
            .await?;
            state.admin = Some(fresh);
        }
        state
            .admin
            .as_mut()
            .ok_or_else(|| WireError::Unusable.into())
    }

    /// Ends a session whose statement did not react to being cancelled, unless it ended with its server.
    pub(super) async fn terminate(
        &self,
        generation: u64,
        process_id: i32,
    ) -> Result<(), EngineError> {
        let mut state = self.lock().await?;
        let alive = state.server.as_mut().is_some_and(Postmaster::is_alive);
        if alive && state.record.generation == generation {
            let sql = "select pg_catalog.pg_terminate_backend($1)";
            self.admin(&mut state, sql, &[process_id.into()]).await?;
        }
        Ok(())
    }

    /// Lets running statements finish for the grace, then cancels them. What still runs afterwards ends with its
    /// server.
    pub(super) async fn drain(&self, closed: &Closed, admin: Option<Wire>) {
        let grace = self.house.settings.grace;
        if closed.quiet(grace).await {
            return;
        }
        if let Some(mut admin) = admin
            && let Err(error) = admin.run(CANCEL_CLIENTS, DEFAULT_RESULT_BYTES).await
        {
            tracing::debug!(%error, cluster = %self.id, "statements could not be cancelled");
        }
        if !closed.quiet(grace.min(Duration::from_secs(1))).await {
            tracing::warn!(cluster = %self.id, "ending statements with their server");
        }
    }

    /// Stops the server cleanly. `only_if` is asked once nothing else can begin.
    pub(super) async fn stop(
        &self,
        only_if: impl FnOnce(&Traffic) -> bool,
    ) -> Result<bool, EngineError> {
        let mut state = self.lock().await?;
        if !only_if(&self.traffic) {
            return Ok(false);
        }
        self.tending.halt();
        let closed = self.traffic.close();
        let admin = state.admin.take();
        if let Some(server) = &mut state.server {
            self.drain(&closed, admin).await;
            server
                .stop(Stop::Fast, self.house.settings.patience)
                .await?;
        }
        state.server = None;
        Ok(true)
    }

    /// Gives the user's role a password. The record first: what it says is what the role is given again where the two
    /// differ.
    pub(super) async fn set_password(
        self: &Arc<Self>,
        password: Secret,
    ) -> Result<(), EngineError> {
        let mut state = self.lock().await?;
        self.ensure_started(&mut state).await?;
        let mut record = state.record.clone();
        record.secrets.user = password;
        let (written, path) = (record.clone(), self.dir.record());
        spawn_blocking(move || written.write(&path)).await??;
        state.record = record;
        let statement = state.record.set_password(Login::User);
        self.admin(&mut state, &statement, &[]).await?;
        Ok(())
    }

    /// Removes the cluster. The record goes first: from then on the rest is a leftover.
    pub(super) async fn destroy(&self) -> Result<(), EngineError> {
        let mut state = self.lock().await?;
        let _closed = self.traffic.close();
        files::remove_file(&self.dir.record())?;
        files::sync_dir(self.dir.path())?;
        state.destroyed = true;
        state.admin = None;
        if let Some(leaving) = state.leaving.take() {
            leaving.await?;
        }
        if let Some(mut server) = state.server.take() {
            server
                .stop(Stop::Immediate, self.house.settings.patience)
                .await?;
        }
        // Whoever tends the cluster may be waiting for its lock.
        drop(state);
        self.tending.halt();
        let _turn = self.tending.turn.lock().await;
        let path = self.dir.path().to_owned();
        spawn_blocking(move || {
            files::remove_tree(&path)?;
            files::sync_parent(&path)
        })
        .await?
    }
}

/// Whether another attempt may succeed a moment later: the server is not (or no longer) listening, its queue is full, it
/// ended the session, or it says that it is busy starting, recovering or ending.
fn passes(error: &WireError) -> bool {
    match error {
        WireError::Connect { .. } | WireError::AnswerLost { .. } | WireError::Closed => true,
        WireError::Sql(error) => error.code == CANNOT_CONNECT_NOW,
        _ => false,
    }
}
