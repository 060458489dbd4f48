//! `world.json`: what a world is, apart from what is in its databases.

use std::fs;
use std::path::Path;

use chrono::DateTime;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::path_of;
use crate::chance;
use crate::clock;
use crate::guard::{Group, Policy, PolicyFile};

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
    /// Where its clock stands, RFC 3339.
    pub(in crate::eval) clock: String,
    /// How its clock has moved, beside the wall's.
    #[serde(default)]
    pub(in crate::eval) moves: Vec<clock::Move>,
    /// The operator's policy as TOML; the default one where it is empty.
    #[serde(default)]
    pub(in crate::eval) policy: String,
}

impl WorldFile {
    /// Reads the file of a world's directory.
    pub(in crate::eval) fn read(data_dir: &Path) -> Result<Self, String> {
        let path = path_of(data_dir);
        fs::read(&path)
            .and_then(|text| serde_json::from_slice(&text).map_err(std::io::Error::from))
            .map_err(|error| format!("cannot read {}: {error}", path.display()))
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
        if let Some(number) = self.seed {
            let label = format!("{}#{}", self.label, self.starts);
            chance::seed(chance::Seed::of(number, &label))
                .map_err(|_| "this process has a seed already".to_owned())?;
        }
        let now = DateTime::parse_from_rfc3339(&self.clock)
            .map_err(|error| format!("the clock {:?}: {error}", self.clock))?;
        clock::start_at(now.to_utc(), self.moves.clone()).map_err(|error| error.to_string())?;
        Ok(self)
    }

    /// Writes down where the clock stands.
    pub(super) fn end(mut self, data_dir: &Path) -> Result<(), String> {
        self.clock = clock::now();
        self.moves = clock::moves();
        self.write(data_dir)
    }

    /// The policy. Where it names no groups of tools, all of them are listed: an agent that is evaluated is to
    /// find what its task takes.
    pub(super) fn policy(&self) -> Result<Policy, String> {
        let mut policy = match self.policy.trim() {
            "" => Policy::default(),
            text => {
                let file = PolicyFile::parse(text).map_err(|error| error.to_string())?;
                file.policy
            }
        };
        if policy.features.is_empty() {
            policy.features = Group::value_variants().to_vec();
        }
        Ok(policy)
    }
}
