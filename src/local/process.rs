//! The local platform as a process: one per data directory, found by its lock and `ready.json`.
//!
//! ```text
//! lock ─► engine and registry ─► port ─► ready.json ─► serve ─► stop asked for, or idle
//!                                                        └─► ready.json removed, servers stopped
//! ```
//!
//! Killed at any moment, the next start takes over: servers that still run are adopted, what is
//! half-made is removed, and runs that were answered for are begun again.

use std::fs::{self, File};
use std::io;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::serve::ListenerExt;
use rustix::fs::{FlockOperation, flock};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::Instant;

use super::engine::{Engine, EngineError, Settings};
use super::faults::Faults;
use super::functions::{FunctionError, FunctionSettings, Functions};
use super::logs::Logs;
use super::pooler::Pooler;
use super::ready::{Ready, is_locked, new_token, read_ready, take_lock, write_ready};
use super::registry::Registry;
use super::routes::{Front, router};
use super::{API_VERSION, GrantsProfile, Platform, bootstrap};
use crate::redact;
use crate::sqlite::StoreError;

/// How often one looks whether a connection to a database is still open, at most.
const STILL_USED: Duration = Duration::from_secs(1);
/// Copies of the template that a platform for people keeps ready.
pub const TEMPLATE_SPARES: usize = 2;
/// How often one looks whether another process has become ready.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// How the platform is started.
#[derive(Debug, Clone)]
pub struct PlatformSettings {
    /// The data directory.
    pub data_dir: PathBuf,
    /// The port on 127.0.0.1; the last one if it is free, else any.
    pub port: Option<u16>,
    /// Whether everything is removed at the end.
    pub ephemeral: bool,
    /// After how long without a request it ends by itself; never without.
    pub idle: Option<Duration>,
    /// The directory of PostgreSQL's programs; looked for without.
    pub postgres: Option<PathBuf>,
    /// Where templates are kept; in the data directory without.
    pub templates: Option<PathBuf>,
    /// Deno's program; looked for without.
    pub deno: Option<PathBuf>,
    /// Where programs are kept that npm has fetched; in the data directory without.
    pub tools: Option<PathBuf>,
    /// How long a function may take to answer.
    pub function_patience: Duration,
    /// After how long without use a database's server is stopped; never without.
    pub database_idle: Option<Duration>,
    /// How far back every database can be returned.
    pub history: Duration,
    /// What the API's roles may do with what is new in public, in projects that are created from here on.
    pub grants: GrantsProfile,
    /// How many copies of the database template are kept ready, each about 10 MB of disk.
    pub template_spares: usize,
    /// What it is to do wrong, for trials; nothing can go wrong on purpose without.
    pub faults: Option<Faults>,
}

/// Why the platform does not serve.
#[derive(Debug, thiserror::Error)]
pub enum PlatformError {
    /// Another process serves this data directory.
    #[error("a local platform is serving this data directory already, at {}; `drydock platform --stop` ends it", .0.api_url)]
    Serving(Box<Ready>),
    /// Another process holds the lock and has not said that it is ready.
    #[error("another process is starting a local platform on {}", .0.display())]
    Starting(PathBuf),
    /// The port is taken.
    #[error("port {port} on 127.0.0.1 cannot be used: {source}; choose another, or none for any")]
    Port {
        /// The port.
        port: u16,
        /// What the system says.
        source: io::Error,
    },
    /// PostgreSQL could not be found or started.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The functions' directory could not be used.
    #[error("{0}")]
    Functions(String),
    /// The registry could not be opened.
    #[error(transparent)]
    Registry(#[from] StoreError),
    /// A file or directory could not be used.
    #[error("cannot use {}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl From<FunctionError> for PlatformError {
    fn from(error: FunctionError) -> Self {
        Self::Functions(error.to_string())
    }
}

impl PlatformError {
    pub(super) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path, source }
    }
}

/// Serves, or, where another process of this machine is faster, announces that one and ends.
pub async fn run_or_join(
    settings: PlatformSettings,
    announce: impl FnOnce(&Ready) + Clone,
) -> Result<(), PlatformError> {
    loop {
        let served = run_platform(settings.clone(), announce.clone()).await;
        match served {
            Err(PlatformError::Serving(ready)) => {
                announce(&ready);
                return Ok(());
            }
            // There is no signal between processes for "ready" or "gave up": look again.
            Err(PlatformError::Starting(_)) => tokio::time::sleep(LOOK_AGAIN).await,
            other => return other,
        }
    }
}

/// The platform's corner of a data directory.
pub(super) fn home(data_dir: &Path) -> PathBuf {
    data_dir.join("platform")
}

/// Serves until a signal tells the process to end; `announce` is called once, when it does.
pub async fn run_platform(
    settings: PlatformSettings,
    announce: impl FnOnce(&Ready),
) -> Result<(), PlatformError> {
    // Before anything else: a signal that comes during the start is not lost.
    let mut stop = StopSignals::listen().map_err(PlatformError::file(&home(&settings.data_dir)))?;
    run_platform_until(settings, async move { stop.wait().await }, announce).await
}

/// Serves until `stop` answers; `announce` is called once, when it does.
pub async fn run_platform_until(
    settings: PlatformSettings,
    stop: impl Future<Output = ()>,
    announce: impl FnOnce(&Ready),
) -> Result<(), PlatformError> {
    let home = home(&settings.data_dir);
    make_directory(&settings.data_dir)?;
    make_directory(&home)?;
    let lock = take_lock(&home)?;
    let served = serve(&settings, &home, stop, announce).await;
    if settings.ephemeral {
        fs::remove_dir_all(&home).map_err(PlatformError::file(&home))?;
        // The directory itself goes if nothing else is in it.
        let _ = fs::remove_dir(&settings.data_dir);
    }
    drop(lock);
    served
}

async fn serve(
    settings: &PlatformSettings,
    home: &Path,
    stop: impl Future<Output = ()>,
    announce: impl FnOnce(&Ready),
) -> Result<(), PlatformError> {
    let earlier = read_ready(home);
    let registry = Registry::open(&home.join("platform.sqlite"))?;
    let mut engine_settings = Settings::new(home.join("postgres"), bootstrap::SCRIPTS);
    engine_settings.postgres = settings.postgres.clone();
    engine_settings.templates = settings.templates.clone();
    engine_settings.retention = settings.history;
    engine_settings.spares = settings.template_spares;
    let engine = Engine::open(engine_settings).await?;
    tidy(&engine, &registry).await?;
    let before = earlier
        .as_ref()
        .and_then(|ready| ready.api_url.rsplit_once(':'))
        .and_then(|(_, port)| port.parse().ok());
    let listener = listen(settings.port, before).await?;
    let before = earlier.map(|ready| ready.pooler_port);
    let pooler_listener = listen(None, before.filter(|port| *port != 0)).await?;
    let port = |listener: &TcpListener| {
        let address = listener.local_addr().map_err(PlatformError::file(home))?;
        Ok::<_, PlatformError>(address.port())
    };
    let ready = Ready {
        ready: true,
        api_url: format!("http://127.0.0.1:{}", port(&listener)?),
        // A new one each time: whoever has taken the old port may have heard the old one.
        access_token: new_token(),
        api_version: API_VERSION,
        pooler_port: port(&pooler_listener)?,
        pid: std::process::id(),
    };
    redact::keep_secret(&ready.access_token);
    let function_settings = FunctionSettings {
        deno: settings.deno.clone(),
        tools: settings.tools.clone(),
        patience: settings.function_patience,
    };
    let logs = Logs::open(&home.join("logs.sqlite"), registry.refs().await?)?;
    let functions = Functions::open(home, function_settings, engine.run_as(), logs.clone())?;
    functions.tidy(&registry.bundles().await?)?;
    functions.answer_at(&ready.api_url);
    let platform = Platform::new(
        engine.clone(),
        registry.clone(),
        functions,
        logs.clone(),
        ready.pooler_port,
        settings.grants,
        settings.faults.clone(),
    );
    registry.end_reverts().await?;
    for run in registry.open_runs().await? {
        tracing::info!(kind = ?run.kind, reference = %run.reference, "beginning a workflow again");
        platform.begin(run);
    }
    let (last_request, idle_watch) = watch::channel(Instant::now());
    let pooler = Pooler::new(platform.clone(), last_request.clone());
    tokio::spawn(pooler.clone().serve(pooler_listener));
    let front = Front {
        token: ready.access_token.clone(),
        last_request,
    };
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection stays with Nagle's algorithm");
        }
    });
    let serving = axum::serve(listener, router(platform.clone(), front));
    write_ready(home, &ready)?;
    announce(&ready);
    let idle = settings.idle;
    // Connections that are kept alive would hold a graceful shutdown up; what a client has been
    // answered is on disk.
    tokio::select! {
        ended = serving => ended.map_err(PlatformError::file(home))?,
        () = stop => tracing::info!("ending: told to"),
        () = platform.sweep_logs() => {}
        () = platform.functions().sweep() => {}
        () = platform.put_to_sleep(settings.database_idle) => {}
        never = platform.tend() => match never {},
        () = until_idle(idle, idle_watch, || pooler.is_used()) => tracing::info!("ending: nobody has asked for anything"),
    }
    pooler.end();
    platform.functions().end_all().await;
    let stopped = engine.stop_all().await;
    if let Err(error) = logs.settle().await {
        tracing::error!(%error, "the last lines of the logs could not be stored");
    }
    // The port is kept for the next start, in a file that says that nobody serves.
    write_ready(
        home,
        &Ready {
            ready: false,
            ..ready
        },
    )?;
    stopped?;
    Ok(())
}

/// Removes clusters that nobody names: leftovers of a creation or deletion that was cut short.
async fn tidy(engine: &Engine, registry: &Registry) -> Result<(), PlatformError> {
    let named = registry.clusters().await?;
    for cluster in engine.clusters() {
        if !named.contains(&cluster) {
            tracing::info!(%cluster, "removing a cluster that belongs to nobody");
            engine.destroy(cluster).await?;
        }
    }
    Ok(())
}

/// Listens on the port that was asked for; else on the one from before, so that a configuration that
/// names it stays right; else on any.
async fn listen(port: Option<u16>, before: Option<u16>) -> Result<TcpListener, PlatformError> {
    if let Some(port) = port {
        return TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .await
            .map_err(|source| PlatformError::Port { port, source });
    }
    if let Some(port) = before
        && let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await
    {
        return Ok(listener);
    }
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .map_err(|source| PlatformError::Port { port: 0, source })
}

struct StopSignals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl StopSignals {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Ends when no request came for `idle` and nobody is connected to a database; never without.
async fn until_idle(
    idle: Option<Duration>,
    last_request: watch::Receiver<Instant>,
    is_connected: impl Fn() -> bool,
) {
    let Some(idle) = idle else {
        return std::future::pending().await;
    };
    loop {
        let end = *last_request.borrow() + idle;
        if Instant::now() < end {
            tokio::time::sleep_until(end).await;
        } else if is_connected() {
            // The end of a connection counts as use: then the time begins anew.
            tokio::time::sleep(idle.max(STILL_USED)).await;
        } else {
            return;
        }
    }
}

/// Ends the platform of a data directory, and waits until it has. `false` if none was serving.
pub async fn stop_platform(data_dir: &Path) -> Result<bool, PlatformError> {
    let home = home(data_dir);
    if !home.exists() || !is_locked(&home)? {
        return Ok(false);
    }
    let Some(ready) = read_ready(&home) else {
        return Err(PlatformError::Starting(home));
    };
    // The lock is held and this is what its holder wrote, so the process is the platform.
    let pid = i32::try_from(ready.pid)
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    if let Some(pid) = pid {
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)
            .map_err(|error| PlatformError::file(&home)(error.into()))?;
    }
    let path = home.join("lock");
    let waited = tokio::task::spawn_blocking(move || {
        let lock = match File::open(&path) {
            Ok(lock) => lock,
            // An ephemeral platform takes its directory along.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        flock(&lock, FlockOperation::LockShared).map_err(io::Error::from)
    })
    .await
    .map_err(io::Error::other)
    .and_then(|waited| waited);
    waited.map_err(PlatformError::file(&home))?;
    Ok(true)
}

/// The unprivileged user that PostgreSQL may run as has to pass through, and see nothing.
pub(super) fn make_directory(path: &Path) -> Result<(), PlatformError> {
    if path.exists() {
        return Ok(());
    }
    fs::create_dir_all(path).map_err(PlatformError::file(path))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o711)).map_err(PlatformError::file(path))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_platform_does_not_end_while_somebody_is_connected_to_a_database() {
        let (_last_request, watch) = watch::channel(Instant::now());
        let looks = AtomicUsize::new(0);
        let is_connected = || looks.fetch_add(1, Ordering::Relaxed) < 2;
        until_idle(Some(Duration::from_millis(1)), watch, is_connected).await;
        assert_eq!(looks.load(Ordering::Relaxed), 3);
    }
}
