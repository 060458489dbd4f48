//! What Drydock itself remembers: journal, restore points, leases, recorded hashes.
//!
//! One SQLite file in the data directory, `drydock.sqlite`, shared by every server on the machine.
//! One thread per process owns the connection and commits in groups: it takes every job that
//! waits, runs each in a savepoint of its own, commits once and answers all. An answer therefore
//! means "on disk", and many small writes cost one sync.
//!
//! Nothing that matters lives only in memory: another server on the same file carries on.

mod branches;
mod hashes;
mod journal;
mod leases;
mod merges;
mod points;

use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::oneshot;

pub use hashes::RecordedHashes;
pub use journal::{Entry, Kind, Record};
pub use leases::Lease;
pub use merges::Merging;
pub use points::{Point, PointStatus};

/// The version of the file's schema; a newer one is refused.
const SCHEMA_VERSION: i64 = 1;
/// How long to wait for another process that is writing.
const BUSY: Duration = Duration::from_secs(10);
/// How many jobs share one commit at most.
const GROUP: usize = 128;

/// Why the store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite says no: a full disk, a damaged file, missing rights.
    #[error("the store cannot be used: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The file was written by a newer Drydock.
    #[error("the store has schema {found}; this Drydock knows up to {SCHEMA_VERSION}: use the newer one")]
    Newer {
        /// The file's schema version.
        found: i64,
    },
    /// The store's thread has ended.
    #[error("the store has been closed")]
    Closed,
    /// Something written before cannot be read back.
    #[error("the store holds something unreadable: {0}")]
    Unreadable(#[from] serde_json::Error),
}

/// Runs in the group's transaction, or is told that there is none.
type Job = Box<dyn FnOnce(Option<&Connection>) -> Reply + Send>;
/// What is left to do once the group is committed, told whether it was.
type Reply = Box<dyn FnOnce(Result<(), String>) + Send>;

/// The store. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    jobs: mpsc::Sender<Job>,
}

impl Store {
    /// Opens the file, makes or upgrades its schema and starts the thread.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let mut connection = Connection::open(path)?;
        connection.busy_timeout(BUSY)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "full")?;
        migrate(&mut connection)?;
        let (jobs, waiting) = mpsc::channel::<Job>();
        std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || serve(&connection, &waiting))
            .map_err(|error| {
                rusqlite::Error::SqliteFailure(
                    rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_NOMEM),
                    Some(error.to_string()),
                )
            })?;
        Ok(Self { jobs })
    }

    /// Runs `work` and answers once it is on disk.
    async fn run<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        self.send(work, move |result| {
            // The caller may have gone away meanwhile; what was written stays.
            let _ = answer.send(result);
        })?;
        answered.await.map_err(|_| StoreError::Closed)?
    }

    /// Hands `work` over and does not wait; a failure is logged.
    fn run_later<F>(&self, what: &'static str, work: F)
    where
        F: FnOnce(&Connection) -> Result<(), StoreError> + Send + 'static,
    {
        let handed_over = self.send(work, move |result| {
            if let Err(error) = result {
                tracing::error!(%error, "{what} could not be stored");
            }
        });
        if let Err(error) = handed_over {
            tracing::error!(%error, "{what} could not be stored");
        }
    }

    fn send<T, F, A>(&self, work: F, answer: A) -> Result<(), StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
        A: FnOnce(Result<T, StoreError>) + Send + 'static,
    {
        let job: Job = Box::new(move |connection| {
            let result = connection.map_or(Err(StoreError::Closed), |connection| {
                in_savepoint(connection, work)
            });
            Box::new(move |committed| match committed {
                Ok(()) => answer(result),
                Err(reason) => answer(Err(rusqlite::Error::SqliteFailure(
                    rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL),
                    Some(reason),
                )
                .into())),
            })
        });
        self.jobs.send(job).map_err(|_| StoreError::Closed)
    }
}

/// Runs one job so that its failure takes nothing else of the group with it.
fn in_savepoint<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    connection.execute_batch("savepoint job")?;
    let result = work(connection);
    let end = if result.is_ok() {
        "release job"
    } else {
        "rollback to job; release job"
    };
    connection.execute_batch(end)?;
    result
}

/// The thread: takes what waits, commits it as one group, answers.
fn serve(connection: &Connection, waiting: &mpsc::Receiver<Job>) {
    while let Ok(first) = waiting.recv() {
        let begun = connection.execute_batch("begin immediate");
        // Without a transaction of its own a job would commit by itself, and be reported failed.
        let transaction = begun.is_ok().then_some(connection);
        let mut replies: Vec<Reply> = vec![first(transaction)];
        while replies.len() < GROUP
            && let Ok(job) = waiting.try_recv()
        {
            replies.push(job(transaction));
        }
        let committed = begun
            .and_then(|()| connection.execute_batch("commit"))
            .map_err(|error| {
                // Nothing of the group may linger in an open transaction.
                let _ = connection.execute_batch("rollback");
                error.to_string()
            });
        for reply in replies {
            reply(committed.clone());
        }
    }
}

fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let transaction =
        connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let found: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found > SCHEMA_VERSION {
        return Err(StoreError::Newer { found });
    }
    if found < 1 {
        transaction.execute_batch(include_str!("schema.sql"))?;
        transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
    }
    transaction.commit()?;
    Ok(())
}

