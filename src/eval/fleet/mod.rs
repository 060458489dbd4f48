//! The fleet: snapshots, worlds made from them ahead of time, and the workspaces that agents reach.

mod child;
mod copy;
mod front;
mod pool;
mod workspace;

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::{FlockOperation, flock};

use crate::eval::world::WorldFile;
use child::{Program, World};
use pool::Pool;

pub use workspace::Workspace;

/// The snapshot that every fleet has: a platform without a project.
pub(in crate::eval) const EMPTY: &str = "empty";

/// How a fleet is made.
#[derive(Debug, Clone)]
pub struct FleetSettings {
    /// Where worlds and snapshots lie; made if it is not there.
    pub dir: PathBuf,
    /// Where templates of databases are kept; in the directory without. May be shared.
    pub templates: Option<PathBuf>,
    /// Drydock's program, which worlds run.
    pub program: PathBuf,
    /// What every world is given besides its directory and its templates.
    pub arguments: Vec<OsString>,
    /// How many worlds are kept started ahead of each snapshot that is in use.
    pub spares: usize,
    /// What all chance in worlds is drawn from; the operating system's without.
    pub seed: Option<u64>,
    /// When worlds' clocks begin, RFC 3339.
    pub clock: String,
}

/// Why a fleet does not do what it is asked.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// A file or directory could not be used.
    #[error("cannot use {}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A world failed.
    #[error("a world failed: {0}")]
    World(String),
    /// A world says no.
    #[error("{0}")]
    Asked(String),
    /// There is no such snapshot.
    #[error("there is no snapshot {0}")]
    NoSnapshot(String),
    /// There is no such workspace.
    #[error("there is no workspace {0}")]
    NoWorkspace(String),
    /// A name is taken, or is none.
    #[error("{0}")]
    Name(String),
    /// Another process uses the directory.
    #[error("{} is in use by another process", .0.display())]
    InUse(PathBuf),
}

impl FleetError {
    pub(super) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path, source }
    }
}

/// A fleet. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Fleet(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: FleetSettings,
    program: Program,
    pool: Pool,
    workspaces: Mutex<HashMap<String, Arc<Workspace>>>,
    next_world: AtomicU64,
    next_workspace: AtomicU64,
    http: reqwest::Client,
    _lock: File,
}

impl Fleet {
    /// Opens a directory, removes what an earlier fleet left running or half made, and makes the empty
    /// snapshot.
    pub async fn open(settings: FleetSettings) -> Result<Self, FleetError> {
        let dir = settings.dir.clone();
        make_directory(&dir)?;
        let lock_path = dir.join("fleet.lock");
        let lock = File::create(&lock_path).map_err(FleetError::file(&lock_path))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)
            .map_err(|_| FleetError::InUse(dir.clone()))?;
        for name in ["worlds", "snapshots"] {
            make_directory(&dir.join(name))?;
        }
        // Worlds end with their parent and take their directories along; these are from a machine that died.
        remove_below(&dir.join("worlds"))?;
        remove_tree(&dir.join("snapshots").join(EMPTY))?;
        let mut arguments = settings.arguments.clone();
        let templates = settings.templates.clone();
        let templates = templates.unwrap_or_else(|| dir.join("templates"));
        arguments.extend(["--templates".into(), templates.into_os_string()]);
        let fleet = Self(Arc::new(Inner {
            program: Program {
                path: settings.program.clone(),
                arguments,
            },
            pool: Pool::new(settings.spares),
            workspaces: Mutex::default(),
            next_world: AtomicU64::new(1),
            next_workspace: AtomicU64::new(1),
            http: http_client()?,
            settings,
            _lock: lock,
        }));
        fleet.make_empty().await?;
        Ok(fleet)
    }

    fn settings(&self) -> &FleetSettings {
        &self.0.settings
    }

    fn workspaces(&self) -> MutexGuard<'_, HashMap<String, Arc<Workspace>>> {
        self.0
            .workspaces
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn snapshot_dir(&self, name: &str) -> PathBuf {
        self.settings().dir.join("snapshots").join(name)
    }

    /// Where the next world goes.
    fn next_world(&self) -> PathBuf {
        let number = self.0.next_world.fetch_add(1, Ordering::Relaxed);
        self.settings().dir.join("worlds").join(number.to_string())
    }

    async fn make_empty(&self) -> Result<(), FleetError> {
        let dir = self.next_world();
        make_directory(&dir)?;
        let file = WorldFile {
            seed: self.settings().seed,
            label: String::new(),
            clock: self.settings().clock.clone(),
            ..WorldFile::default()
        };
        file.write(&dir).map_err(FleetError::World)?;
        let world = World::start(&self.0.program, dir).await?;
        world.end("").await?;
        self.freeze(&world.dir, EMPTY, None)
    }

    /// Makes the directory of a world that has ended a snapshot.
    fn freeze(&self, dir: &Path, name: &str, policy: Option<String>) -> Result<(), FleetError> {
        let mut file = WorldFile::read(dir).map_err(FleetError::World)?;
        file.label = format!("{}/{name}", file.label);
        file.starts = 0;
        if let Some(policy) = policy {
            file.policy = policy;
        }
        file.write(dir).map_err(FleetError::World)?;
        let place = self.snapshot_dir(name);
        fs::rename(dir, &place).map_err(FleetError::file(&place))
    }

    /// Starts a world on a copy of a snapshot.
    async fn fork(&self, snapshot: &str) -> Result<World, FleetError> {
        let from = self.snapshot_dir(snapshot);
        if !from.exists() {
            return Err(FleetError::NoSnapshot(snapshot.to_owned()));
        }
        let dir = self.next_world();
        let to = dir.clone();
        let copied = tokio::task::spawn_blocking(move || copy::copy_tree(&from, &to)).await;
        copied
            .map_err(|error| FleetError::World(error.to_string()))?
            .map_err(FleetError::file(&dir))?;
        let world = World::start(&self.0.program, dir).await?;
        Ok(world)
    }

    /// A world of a snapshot: one that was started ahead, if there is one.
    async fn take(&self, snapshot: &str) -> Result<World, FleetError> {
        let world = match self.0.pool.take(snapshot).await {
            Some(world) => world,
            None => self.fork(snapshot).await?,
        };
        self.refill(snapshot);
        Ok(world)
    }

    /// Ends a world that nobody needs any more, and removes it.
    async fn discard(&self, world: &World, reason: &str) {
        if let Err(error) = world.end(reason).await {
            tracing::warn!(%error, "a world did not end in order");
        }
        let dir = world.dir.clone();
        let removed = tokio::task::spawn_blocking(move || remove_tree(&dir)).await;
        if let Ok(Err(error)) = removed {
            tracing::warn!(%error, "a world could not be removed");
        }
    }

    /// The names of the snapshots, sorted.
    pub fn snapshots(&self) -> Result<Vec<String>, FleetError> {
        let dir = self.settings().dir.join("snapshots");
        let mut names = Vec::new();
        for entry in fs::read_dir(&dir).map_err(FleetError::file(&dir))? {
            let entry = entry.map_err(FleetError::file(&dir))?;
            names.extend(entry.file_name().into_string().ok());
        }
        names.sort();
        Ok(names)
    }

    /// Whether there is a snapshot of that name.
    pub fn has_snapshot(&self, name: &str) -> bool {
        is_name(name) && self.snapshot_dir(name).exists()
    }

    /// Ends every workspace and every world. What was not a snapshot is gone.
    pub async fn close(&self) {
        self.0.pool.close();
        let workspaces: Vec<_> = self.workspaces().drain().map(|(_, one)| one).collect();
        for workspace in workspaces {
            workspace.end(self, "the fleet is ending").await;
        }
        for world in self.0.pool.drain().await {
            self.discard(&world, "").await;
        }
    }
}

/// Whether a text can be the name of a snapshot or a workspace.
fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

/// A client for loopback alone.
fn http_client() -> Result<reqwest::Client, FleetError> {
    // Fails only when another provider is installed already, which serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .no_proxy()
        .tcp_nodelay(true)
        .build()
        .map_err(|error| FleetError::World(error.to_string()))
}

/// The databases' user passes through; it sees nothing.
fn make_directory(path: &Path) -> Result<(), FleetError> {
    if path.exists() {
        return Ok(());
    }
    let made = fs::create_dir_all(path)
        .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(0o711)));
    made.map_err(FleetError::file(path))
}

fn remove_tree(path: &Path) -> Result<(), FleetError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(FleetError::file(path)(error)),
        _ => Ok(()),
    }
}

fn remove_below(path: &Path) -> Result<(), FleetError> {
    for entry in fs::read_dir(path).map_err(FleetError::file(path))? {
        remove_tree(&entry.map_err(FleetError::file(path))?.path())?;
    }
    Ok(())
}
