//! `cluster.json`: the pointer that decides which data directory of a cluster is valid.
//!
//! It is replaced atomically and synced. Whatever it does not name is a leftover, so one rename commits a create or a
//! revert, and one unlink a destroy.

use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::bases::Bases;
use super::error::{EngineError, IoContext};
use super::files;
use super::history::History;
use super::overrides::Overrides;
use super::secrets::{Secret, Secrets};
use super::session::Login;

/// What the engine remembers of a cluster.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Record {
    /// The valid data directory is `g<generation>`.
    pub(super) generation: u64,
    /// The timeline that this generation writes.
    pub(super) timeline: u32,
    /// PostgreSQL's major version.
    pub(super) major: u32,
    /// The name of the template that the cluster was copied from; it is a base as well.
    pub(super) template: String,
    /// From the template's control file. A template that was made anew under the same name has another one, and the
    /// cluster's log does not fit it.
    pub(super) system_identifier: u64,
    /// What replays start from, beside the template.
    #[serde(default)]
    pub(super) bases: Bases,
    /// When it wrote which timeline.
    #[serde(default)]
    pub(super) history: History,
    /// The passwords of the roles that the engine logs in as.
    pub(super) secrets: Secrets,
    /// Settings of PostgreSQL that the cluster has instead of the engine's.
    #[serde(default)]
    pub(super) overrides: Overrides,
    /// Those of them that its server last started with.
    #[serde(default)]
    pub(super) proven: Overrides,
}

impl Record {
    /// Reads a record; `None` if there is none.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, EngineError> {
        let bytes = match fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other.doing("read", path)?,
        };
        serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|source| EngineError::Record {
                path: path.to_owned(),
                source,
            })
    }

    /// Makes this record the valid one, durably.
    pub(super) fn write(&self, path: &Path) -> Result<(), EngineError> {
        let bytes = serde_json::to_vec(self).map_err(|source| EngineError::Record {
            path: path.to_owned(),
            source,
        })?;
        files::replace(path, &bytes)
    }

    /// The password of a role that the engine logs in as.
    pub(super) fn secret(&self, login: Login) -> &Secret {
        match login {
            Login::Admin => &self.secrets.admin,
            Login::User => &self.secrets.user,
            Login::ReadOnly => &self.secrets.read_only,
        }
    }

    /// The statement that gives the role its password. A verifier has no character that a literal would have to
    /// escape.
    pub(super) fn set_password(&self, login: Login) -> String {
        format!(
            "alter role {} password '{}';\n",
            login.role(),
            self.secret(login).verifier()
        )
    }
}
