//! What can go wrong in the engine.
//!
//! An [`EngineError`] says what was being done to which path or cluster and keeps its cause as `source`.
//! Errors of a statement itself are not here but in [`WireError`](super::wire::WireError), inside
//! [`EngineError::Wire`].

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::ClusterId;
use super::wire::WireError;

/// An operation of the engine failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// No usable PostgreSQL on this machine; `advice` names what to install or set.
    #[error("no usable PostgreSQL was found: {advice}")]
    NoPostgres {
        /// What was tried and what the operator can do, one sentence each.
        advice: String,
    },
    /// This process is root and has no ordinary user to run PostgreSQL as.
    #[error("PostgreSQL refuses to run as root, and {reason}")]
    NoUnprivilegedUser {
        /// Why no user could be chosen.
        reason: String,
    },
    /// Another process already runs an engine on this directory.
    #[error("{} is in use by another process", root.display())]
    InUse {
        /// The engine's directory.
        root: PathBuf,
    },
    /// A file operation failed.
    #[error("could not {doing} {}", path.display())]
    Io {
        /// The operation, as an infinitive: `copy`, `open`.
        doing: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A program that the engine ran ended with a failure.
    #[error("{program} failed: {output}")]
    Program {
        /// The program's name: `initdb`, `npm`.
        program: String,
        /// The end of what it printed.
        output: String,
    },
    /// A file that the engine wrote earlier does not read back.
    #[error("{} is not a record of this engine", path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// What the parser says.
        source: serde_json::Error,
    },
    /// There is no such cluster, or it was destroyed.
    #[error("cluster {0} does not exist")]
    NoSuchCluster(ClusterId),
    /// All cluster numbers are taken.
    #[error("no cluster number is free")]
    NoFreeNumber,
    /// A cluster was made by another major version of PostgreSQL than the one in use.
    #[error(
        "cluster {cluster} was made by PostgreSQL {needs}, whose files PostgreSQL {has} cannot read, and the platform \
         runs {has}: end it with `drydock platform --stop`, and start it with the programs of a PostgreSQL {needs}, \
         named by --postgres-bin or DRYDOCK_POSTGRES_BIN"
    )]
    OtherMajor {
        /// The cluster.
        cluster: ClusterId,
        /// The major version that made it.
        needs: u32,
        /// The major version in use.
        has: u32,
    },
    /// PostgreSQL ended while it was starting.
    #[error("PostgreSQL ended while starting on {}: {log}", data.display())]
    StartFailed {
        /// The data directory.
        data: PathBuf,
        /// The last lines of the server's log.
        log: String,
    },
    /// PostgreSQL did not become ready, or did not end, in time.
    #[error("PostgreSQL on {} was not done with {doing} after {waited:?}", data.display())]
    TooSlow {
        /// `starting`, `stopping` or `replaying`.
        doing: &'static str,
        /// The data directory.
        data: PathBuf,
        /// How long it was given.
        waited: Duration,
    },
    /// A setting is not what the server takes; nothing has changed.
    #[error("{name}: {reason}")]
    Setting {
        /// The setting.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A point or a moment cannot be returned to.
    #[error("{what} cannot be reached: {reason}")]
    Unreachable {
        /// The point's name in the write-ahead log, or the moment.
        what: String,
        /// What is missing.
        reason: String,
    },
    /// A new database could not be prepared.
    #[error("the bootstrap script {script} failed")]
    Bootstrap {
        /// The script's name.
        script: String,
        /// The server's answer.
        source: WireError,
    },
    /// A connection could not be opened or a statement of the engine's own failed.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// The task that did the work ended without an answer (a panic, or the runtime is shutting down).
    #[error("the engine's own task ended early")]
    Task(#[from] tokio::task::JoinError),
}

/// Adds what was being done, and to which path, to an [`io::Error`].
pub(super) trait IoContext<T> {
    /// `doing` is an infinitive that reads well after "could not".
    fn doing(self, doing: &'static str, path: &Path) -> Result<T, EngineError>;
}

impl<T> IoContext<T> for io::Result<T> {
    fn doing(self, doing: &'static str, path: &Path) -> Result<T, EngineError> {
        self.map_err(|source| EngineError::Io {
            doing,
            path: path.to_owned(),
            source,
        })
    }
}

impl IoContext<()> for Result<(), rustix::io::Errno> {
    fn doing(self, doing: &'static str, path: &Path) -> Result<(), EngineError> {
        self.map_err(io::Error::from).doing(doing, path)
    }
}
