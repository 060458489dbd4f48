//! What Drydock itself remembers: journal, restore points, leases, recorded hashes, approvals, the
//! vault.
//!
//! One SQLite file in the data directory, `drydock.sqlite`, shared by every server on the machine.
//! Nothing that matters lives only in memory: another server on the same file carries on.

mod answers;
mod approvals;
mod branches;
mod claims;
mod functions;
mod hashes;
mod journal;
mod leases;
mod merges;
mod operations;
mod points;
mod projects;
mod public_reading;
mod recoveries;
mod vault;

use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;

use crate::sqlite::Sqlite;

pub use crate::sqlite::StoreError;
pub use answers::{Answer, Answered, Decision, Road};
pub use approvals::{Approval, NewApproval, Open, Standing};
pub use claims::{AskedClaim, ClaimStatus};
pub use hashes::RecordedHashes;
pub use journal::{Entry, Head, Kind, Record};
pub use leases::Lease;
pub use merges::Merging;
pub use operations::LeftOperation;
pub use points::{Point, PointStatus};
pub use recoveries::Recovering;
pub use vault::{
    AskedFor, NEXT_PASSWORD, OAUTH_TOKENS, PASSWORD, Resealed, VaultError, VaultKeys, VaultRecord,
};

/// One script a version of the file.
const MIGRATIONS: &[&str] = &[
    include_str!("schema.sql"),
    include_str!("operations.sql"),
    include_str!("journal.sql"),
    include_str!("approvals.sql"),
    include_str!("vault.sql"),
    include_str!("recoveries.sql"),
    include_str!("functions.sql"),
    include_str!("weaker.sql"),
    include_str!("claims.sql"),
    include_str!("public_reading.sql"),
    include_str!("expired.sql"),
];

/// The store. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    file: Sqlite,
    keys: Arc<VaultKeys>,
}

impl Store {
    /// Opens or makes the file at `path`; its vault opens and seals with `keys`.
    pub fn open(path: &Path, keys: VaultKeys) -> Result<Self, StoreError> {
        Ok(Self {
            file: Sqlite::open(path, MIGRATIONS)?,
            keys: Arc::new(keys),
        })
    }

    fn keys(&self) -> Arc<VaultKeys> {
        Arc::clone(&self.keys)
    }

    /// Answers once everything that was handed over before is on disk.
    pub async fn settle(&self) -> Result<(), StoreError> {
        self.run(|_| Ok(())).await
    }

    async fn look<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        self.file.look(work).await
    }

    async fn run<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        self.file.run(work).await
    }

    fn run_later<F>(&self, what: &'static str, work: F)
    where
        F: FnOnce(&Connection) -> Result<(), StoreError> + Send + 'static,
    {
        self.file.run_later(what, work);
    }

    fn gather<F>(&self, what: &'static str, work: F)
    where
        F: FnOnce(&Connection) -> Result<(), StoreError> + Send + 'static,
    {
        self.file.gather(what, work);
    }
}
