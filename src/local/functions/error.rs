//! What can go wrong with a function, and how it is answered.

use std::io;
use std::path::{Path, PathBuf};

use crate::local::engine::EngineError;
use crate::local::fault::Fault;
use crate::sqlite::StoreError;

/// Why a function is not deployed or cannot be run.
#[derive(Debug, thiserror::Error)]
pub(in crate::local) enum FunctionError {
    /// There is no Deno here.
    #[error("Edge Functions run in Deno, and there is none: {0}")]
    NoDeno(String),
    /// What was sent is no function: its shape, or the compiler, says why.
    #[error("{0}")]
    Refused(String),
    /// It is larger than the platform takes.
    #[error("{0}")]
    TooLarge(String),
    /// A file, a directory or a process could not be used.
    #[error("could not {doing} {}: {source}", path.display())]
    Io {
        /// An infinitive.
        doing: &'static str,
        /// What.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The engine's own say on directories and users.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The registry could not be used.
    #[error(transparent)]
    Registry(#[from] StoreError),
}

impl From<FunctionError> for Fault {
    fn from(error: FunctionError) -> Self {
        let status = match &error {
            FunctionError::Refused(_) => 400,
            FunctionError::TooLarge(_) => 413,
            FunctionError::NoDeno(_) => 503,
            FunctionError::Io { .. } | FunctionError::Engine(_) | FunctionError::Registry(_) => {
                tracing::error!(%error, "a function could not be served");
                500
            }
        };
        Self::new(status, error.to_string())
    }
}

/// Adds what was being done, and to what, to an [`io::Error`].
pub(super) trait Doing<T> {
    /// `doing` is an infinitive that reads well after "could not".
    fn doing(self, doing: &'static str, path: &Path) -> Result<T, FunctionError>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, doing: &'static str, path: &Path) -> Result<T, FunctionError> {
        self.map_err(|source| FunctionError::Io {
            doing,
            path: path.to_owned(),
            source,
        })
    }
}
