//! The few fields of `global/pg_control` that the engine needs. Their places have not moved since PostgreSQL 11.

use std::fs;
use std::io;
use std::path::Path;

use super::error::{EngineError, IoContext};
use super::timeline::Lsn;

/// `DB_SHUTDOWNED` of PostgreSQL's `pg_control.h`.
const SHUT_DOWN: u32 = 1;

/// The control file, in a data directory.
pub(super) const CONTROL_FILE: &str = "global/pg_control";

/// What a data directory's control file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Control {
    /// Drawn once by initdb; copies of a directory share it.
    pub(super) system_identifier: u64,
    /// Whether the server ended cleanly.
    pub(super) shut_down: bool,
    /// Where a replay that starts from this directory begins to read.
    pub(super) redo: Lsn,
    /// The timeline of that position.
    pub(super) timeline: u32,
}

impl Control {
    /// Reads the control file of the data directory `data`, which its server may be writing.
    pub(super) fn read(data: &Path) -> Result<Self, EngineError> {
        let path = data.join(CONTROL_FILE);
        Self::parse(&bytes(data)?)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the file is too short"))
            .doing("understand", &path)
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let long = |at: usize| Some(u64::from_ne_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
        let short = |at: usize| Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
        Some(Self {
            system_identifier: long(0)?,
            shut_down: short(16)? == SHUT_DOWN,
            redo: Lsn(long(40)?),
            timeline: short(48)?,
        })
    }
}

/// The whole control file. A server writes it in one go, but a reader may meet half of that; what reads the same
/// twice is whole.
pub(super) fn bytes(data: &Path) -> Result<Vec<u8>, EngineError> {
    let path = data.join(CONTROL_FILE);
    let read = || fs::read(&path).doing("read", &path);
    let mut before = read()?;
    loop {
        let now = read()?;
        if now == before {
            return Ok(now);
        }
        before = now;
    }
}
