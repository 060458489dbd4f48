//! `world.json`: what a world is, apart from what is in its databases.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::path_of;
use crate::guard::{Policy, PolicyFile};

/// What a parent writes before it starts a world, and the world at its end.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::eval) struct WorldFile {
    /// What all chance in it is drawn from; the operating system's where there is none.
    #[serde(default)]
    pub(in crate::eval) seed: Option<u64>,
    /// What its draws are called apart from other worlds' of the same seed: the snapshots that it comes from.
    #[serde(default)]
    pub(in crate::eval) label: String,
    /// How often it has been started; each start draws anew.
    #[serde(default)]
    pub(in crate::eval) starts: u32,
    /// When its clock stands, RFC 3339; the wall's clock where there is none.
    #[serde(default)]
    pub(in crate::eval) clock: Option<String>,
    /// Moments of its clock with the moments of the wall's at which they began, in milliseconds.
    #[serde(default)]
    pub(in crate::eval) moments: Vec<(i64, i64)>,
    /// The operator's policy as TOML; the default one where it is empty.
    #[serde(default)]
    pub(in crate::eval) policy: String,
}

impl WorldFile {
    /// Reads the file of a world's directory; the defaults where there is none.
    pub(in crate::eval) fn read(data_dir: &Path) -> Result<Self, String> {
        let path = path_of(data_dir);
        match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text)
                .map_err(|error| format!("{}: {error}", path.display())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(format!("cannot read {}: {error}", path.display())),
        }
    }

    /// Writes it.
    pub(in crate::eval) fn write(&self, data_dir: &Path) -> Result<(), String> {
        let path = path_of(data_dir);
        serde_json::to_vec(self)
            .map_err(std::io::Error::from)
            .and_then(|text| fs::write(&path, text))
            .map_err(|error| format!("cannot write {}: {error}", path.display()))
    }

    /// Sets this process's seed and clock by it, and counts the start.
    pub(super) fn begin(mut self, data_dir: &Path) -> Result<Self, String> {
        self.starts += 1;
        self.write(data_dir)?;
        Ok(self)
    }

    /// Writes down where the clock stands.
    pub(super) fn end(&self, data_dir: &Path) -> Result<(), String> {
        self.write(data_dir)
    }

    /// The policy.
    pub(super) fn policy(&self) -> Result<Policy, String> {
        if self.policy.trim().is_empty() {
            return Ok(Policy::default());
        }
        let file: PolicyFile = PolicyFile::parse(&self.policy).map_err(|error| error.to_string())?;
        Ok(file.policy)
    }
}
