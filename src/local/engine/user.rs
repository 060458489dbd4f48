//! The operating-system user that PostgreSQL runs as.
//!
//! PostgreSQL refuses to run as root. An ordinary user runs it as itself and nothing here matters; root runs it as
//! an existing unprivileged user, which then owns the data directories.

use std::os::unix::fs::chown;
use std::path::Path;

use tokio::process::Command;

use super::error::{EngineError, IoContext};

/// Candidates when the operator names nobody. `_postgres` is what macOS calls it.
const CANDIDATES: &[&str] = &["postgres", "_postgres", "nobody"];

/// Who PostgreSQL runs as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::local) enum RunAs {
    /// As this process; nothing is changed.
    Ourselves,
    /// As another user, because this process is root.
    Other {
        /// Numeric user.
        uid: u32,
        /// The user's primary group.
        gid: u32,
    },
}

impl RunAs {
    /// Decides once per engine. `wanted` is the operator's choice and counts only for root.
    pub(in crate::local) async fn choose(wanted: Option<&str>) -> Result<Self, EngineError> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Self::Ourselves);
        }
        if let Some(name) = wanted {
            return match look_up(name).await {
                Some(user) => Ok(user),
                None => Err(EngineError::NoUnprivilegedUser {
                    reason: format!("the user {name} does not exist or is root"),
                }),
            };
        }
        for name in CANDIDATES {
            if let Some(user) = look_up(name).await {
                return Ok(user);
            }
        }
        Err(EngineError::NoUnprivilegedUser {
            reason: format!("none of the users {} exists", CANDIDATES.join(", ")),
        })
    }

    /// Makes `command` run as this user. The standard library also clears the supplementary groups.
    pub(in crate::local) fn apply(self, command: &mut Command) {
        if let Self::Other { uid, gid } = self {
            command.uid(uid).gid(gid);
        }
    }

    /// Gives one file or directory to this user.
    pub(in crate::local) fn own(self, path: &Path) -> Result<(), EngineError> {
        match self {
            Self::Ourselves => Ok(()),
            Self::Other { uid, gid } => {
                chown(path, Some(uid), Some(gid)).doing("change the owner of", path)
            }
        }
    }

    /// The numeric user that owns what PostgreSQL writes.
    pub(in crate::local) fn uid(self) -> u32 {
        match self {
            Self::Ourselves => rustix::process::geteuid().as_raw(),
            Self::Other { uid, .. } => uid,
        }
    }
}

/// Asks `id`, which knows every source of users that the machine has (files, directories, macOS's own).
async fn look_up(name: &str) -> Option<RunAs> {
    let uid = id("-u", name).await?;
    let gid = id("-g", name).await?;
    (uid != 0).then_some(RunAs::Other { uid, gid })
}

async fn id(option: &str, name: &str) -> Option<u32> {
    let output = Command::new("id")
        .args([option, "--", name])
        .output()
        .await
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.trim().parse().ok()
}
