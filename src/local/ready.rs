//! How a platform is found: a lock that the one process holds, and `ready.json`, which says where it
//! answers.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use super::process::{PlatformError, home};
use crate::chance;

/// What a platform says when it serves.
#[derive(Clone, Serialize, Deserialize)]
pub struct Ready {
    /// Always true.
    pub ready: bool,
    /// The base URL of the Management API.
    pub api_url: String,
    /// The bearer token.
    pub access_token: String,
    /// The version of what is spoken between servers and the platform.
    pub api_version: u32,
    /// The port on 127.0.0.1 where psql and drivers connect, as `postgres.<ref>`; 0 for none yet.
    #[serde(default)]
    pub pooler_port: u16,
    /// The process.
    pub pid: u32,
}

impl std::fmt::Debug for Ready {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ready")
            .field("api_url", &self.api_url)
            .field("pid", &self.pid)
            .finish_non_exhaustive()
    }
}

/// What the platform of this data directory says, if one serves.
pub(super) fn serving(data_dir: &Path) -> Result<Option<Ready>, PlatformError> {
    let home = home(data_dir);
    if !home.exists() || !is_locked(&home)? {
        return Ok(None);
    }
    Ok(read_ready(&home).filter(|ready| ready.ready))
}

pub(super) fn take_lock(home: &Path) -> Result<File, PlatformError> {
    let path = home.join("lock");
    let lock = File::create(&path).map_err(PlatformError::file(&path))?;
    match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(lock),
        Err(rustix::io::Errno::WOULDBLOCK) => match read_ready(home).filter(|ready| ready.ready) {
            Some(ready) => Err(PlatformError::Serving(Box::new(ready))),
            None => Err(PlatformError::Starting(home.to_owned())),
        },
        Err(error) => Err(PlatformError::file(&path)(error.into())),
    }
}

pub(super) fn is_locked(home: &Path) -> Result<bool, PlatformError> {
    let path = home.join("lock");
    let lock = match File::open(&path) {
        Ok(lock) => lock,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(PlatformError::file(&path)(error)),
    };
    match flock(&lock, FlockOperation::NonBlockingLockShared) {
        Ok(()) => Ok(false),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(true),
        Err(error) => Err(PlatformError::file(&path)(error.into())),
    }
}

pub(super) fn read_ready(home: &Path) -> Option<Ready> {
    let text = fs::read(home.join("ready.json")).ok()?;
    serde_json::from_slice(&text).ok()
}

/// Replaces the file in one step, so that nobody reads half of it.
pub(super) fn write_ready(home: &Path, ready: &Ready) -> Result<(), PlatformError> {
    let (path, fresh) = (home.join("ready.json"), home.join("ready.json.new"));
    let written = || -> io::Result<()> {
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&fresh)?;
        file.write_all(&serde_json::to_vec(ready)?)?;
        file.sync_all()?;
        fs::rename(&fresh, &path)
    };
    written().map_err(PlatformError::file(&path))
}

/// The platform's own token. Whoever knows a world's seed does not know this: it opens everything that
/// the guardrails stand before, and no result has it.
pub(super) fn new_token() -> String {
    token_of(&chance::unseen_hex::<20>())
}

/// A token of the platform's own form: `sbp_` and 40 hexadecimal digits.
pub(super) fn token_of(digits: &str) -> String {
    format!("sbp_{digits}")
}
