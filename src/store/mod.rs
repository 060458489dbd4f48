//! What Drydock itself remembers: journal, restore points, leases, recorded hashes, approvals.
//!
//! One SQLite file in the data directory, `drydock.sqlite`, shared by every server on the machine.
//! Nothing that matters lives only in memory: another server on the same file carries on.

mod answers;
mod approvals;
mod branches;
mod hashes;
mod journal;
mod leases;
mod merges;
mod operations;
mod points;
mod projects;

use std::path::Path;

use rusqlite::Connection;

use crate::sqlite::Sqlite;

pub use crate::sqlite::StoreError;
pub use answers::{Answer, Answered, Decision, Road};
pub use approvals::{Approval, NewApproval, Open, Standing};
pub use hashes::RecordedHashes;
pub use journal::{Entry, Head, Kind, Record};
pub use leases::Lease;
pub use merges::Merging;
pub use operations::LeftOperation;
pub use points::{Point, PointStatus};

/// One script a version of the file.
const MIGRATIONS: [&str; 4] = [
    include_str!("schema.sql"),
    include_str!("operations.sql"),
    include_str!("journal.sql"),
    include_str!("approvals.sql"),
];

/// The store. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    file: Sqlite,
}

impl Store {
    /// Opens or makes the file at `path`.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self {
            file: Sqlite::open(path, &MIGRATIONS)?,
        })
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
