//! A SQLite file with one writer thread and group commits.
//!
//! The thread owns the connection. It takes every job that waits, runs each in a savepoint of its
//! own, commits once and answers all. An answer therefore means "on disk", and many small writes
//! cost one sync. Several processes may have the same file open.
//!
//! ```text
//! look           only reads: runs at once, takes no lock that others wait for, syncs nothing
//! run, run_later writes: the group is committed as soon as the queue is empty
//! gather         a write that can wait for company: the next group takes it, or, after a moment,
//!                one of its own
//! ```

use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::oneshot;

/// How long to wait for another process that is writing.
const BUSY: Duration = Duration::from_secs(10);
/// How many jobs share one commit at most.
const GROUP: usize = 128;
/// How long a gathered job waits for company.
const GATHERING: Duration = Duration::from_millis(25);

/// Why the file could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite says no: a full disk, a damaged file, missing rights.
    #[error("the store cannot be used: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The group could not be committed; nothing of it is kept.
    #[error("the store cannot be written: {0}")]
    NotCommitted(String),
    /// The file was written by a newer Drydock.
    #[error("the store has schema {found} and this Drydock knows up to {known}: use the newer one")]
    Newer {
        /// The file's schema version.
        found: i64,
        /// The newest that is known here.
        known: i64,
    },
    /// The thread has ended.
    #[error("the store has been closed")]
    Closed,
    /// The vault says no: its key is missing, bad, or another.
    #[error("{0}")]
    Vault(Box<dyn std::error::Error + Send + Sync>),
    /// Something written before cannot be read back.
    #[error("the store holds something unreadable: {0}")]
    Unreadable(#[from] serde_json::Error),
}

/// Runs in the group's transaction, or is told why there is none.
type Job = Box<dyn FnOnce(Result<&Connection, String>) -> Reply + Send>;
/// What is left to do once the group is committed, told whether it was.
type Reply = Box<dyn FnOnce(Result<(), String>) + Send>;

/// When a job runs.
#[derive(Debug, Clone, Copy)]
enum When {
    /// At once, outside a group: it only reads.
    Looking,
    /// With whatever waits.
    Now,
    /// With the next group.
    Gathered,
}

/// An open file. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Sqlite {
    jobs: mpsc::Sender<(When, Job)>,
}

impl Sqlite {
    /// Opens or makes the file, brings it from its version to `migrations.len()`, and starts the
    /// thread.
    pub(crate) fn open(
        path: &Path,
        migrations: &'static [&'static str],
    ) -> Result<Self, StoreError> {
        Self::open_synced(path, migrations, "full")
    }

    /// The same, for what may lose its last moments when the machine itself dies: an answer means
    /// "written", and survives the process.
    pub(crate) fn open_relaxed(
        path: &Path,
        migrations: &'static [&'static str],
    ) -> Result<Self, StoreError> {
        Self::open_synced(path, migrations, "normal")
    }

    fn open_synced(
        path: &Path,
        migrations: &'static [&'static str],
        synchronous: &str,
    ) -> Result<Self, StoreError> {
        // Made with its rights before SQLite opens it: what is in it is the operator's alone.
        std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(|error| StoreError::NotCommitted(error.to_string()))?;
        let mut connection = Connection::open(path)?;
        connection.busy_timeout(BUSY)?;
        use_wal(&connection)?;
        connection.pragma_update(None, "synchronous", synchronous)?;
        migrate(&mut connection, migrations)?;
        let (jobs, waiting) = mpsc::channel::<(When, Job)>();
        std::thread::Builder::new()
            .name("sqlite".to_owned())
            .spawn(move || serve(&connection, &waiting))
            .map_err(|error| StoreError::NotCommitted(error.to_string()))?;
        Ok(Self { jobs })
    }

    /// Runs `work`, which only reads.
    pub(crate) async fn look<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        self.wait_for(When::Looking, work).await
    }

    /// Runs `work` and answers once it is on disk, and everything that was gathered before it.
    pub(crate) async fn run<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        self.wait_for(When::Now, work).await
    }

    async fn wait_for<T, F>(&self, when: When, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        self.send(when, work, move |result| {
            // The caller may have gone away meanwhile; what was written stays.
            let _ = answer.send(result);
        })?;
        answered.await.map_err(|_| StoreError::Closed)?
    }

    /// Hands `work` over and does not wait; a failure is logged.
    pub(crate) fn run_later<F>(&self, what: &'static str, work: F)
    where
        F: FnOnce(&Connection) -> Result<(), StoreError> + Send + 'static,
    {
        self.hand_over(When::Now, what, work);
    }

    /// Hands `work` over, to be on disk soon; a failure is logged.
    pub(crate) fn gather<F>(&self, what: &'static str, work: F)
    where
        F: FnOnce(&Connection) -> Result<(), StoreError> + Send + 'static,
    {
        self.hand_over(When::Gathered, what, work);
    }

    fn hand_over<F>(&self, when: When, what: &'static str, work: F)
    where
        F: FnOnce(&Connection) -> Result<(), StoreError> + Send + 'static,
    {
        let handed_over = self.send(when, work, move |result| {
            if let Err(error) = result {
                tracing::error!(%error, "{what} could not be stored");
            }
        });
        if let Err(error) = handed_over {
            tracing::error!(%error, "{what} could not be stored");
        }
    }

    fn send<T, F, A>(&self, when: When, work: F, answer: A) -> Result<(), StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
        A: FnOnce(Result<T, StoreError>) + Send + 'static,
    {
        let job: Job = Box::new(move |transaction| {
            let result = transaction
                .map_err(StoreError::NotCommitted)
                .and_then(|connection| in_savepoint(connection, work));
            Box::new(move |committed| {
                answer(committed.map_err(StoreError::NotCommitted).and(result));
            })
        });
        self.jobs.send((when, job)).map_err(|_| StoreError::Closed)
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
fn serve(connection: &Connection, waiting: &mpsc::Receiver<(When, Job)>) {
    let mut group: Vec<Job> = Vec::new();
    let mut gathered_at: Option<Instant> = None;
    loop {
        let next = match gathered_at {
            None => waiting.recv().map_err(RecvTimeoutError::from),
            Some(then) => waiting.recv_timeout(GATHERING.saturating_sub(then.elapsed())),
        };
        match next {
            // A savepoint alone is a transaction that begins by reading.
            Ok((When::Looking, job)) => {
                job(Ok(connection))(Ok(()));
                continue;
            }
            Ok((When::Gathered, job)) if group.len() + 1 < GROUP => {
                group.push(job);
                gathered_at.get_or_insert_with(Instant::now);
                continue;
            }
            Ok((_, job)) => group.push(job),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return commit(connection, group),
        }
        // What waits meanwhile comes along, in its order.
        while group.len() < GROUP
            && let Ok((_, job)) = waiting.try_recv()
        {
            group.push(job);
        }
        commit(connection, std::mem::take(&mut group));
        gathered_at = None;
    }
}

/// Runs a group in one transaction and answers all of it.
fn commit(connection: &Connection, group: Vec<Job>) {
    if group.is_empty() {
        return;
    }
    // Without a transaction of its own a job would commit by itself, and be reported failed.
    let transaction = connection
        .execute_batch("begin immediate")
        .map(|()| connection)
        .map_err(|error| error.to_string());
    let replies: Vec<Reply> = group
        .into_iter()
        .map(|job| job(transaction.clone()))
        .collect();
    let committed = transaction.and_then(|connection| {
        connection
            .execute_batch("commit")
            .map_err(|error| error.to_string())
    });
    if committed.is_err() {
        // Nothing of the group may linger in an open transaction; there may be none.
        let _ = connection.execute_batch("rollback");
    }
    for reply in replies {
        reply(committed.clone());
    }
}

/// Switches a new file to write-ahead logging. SQLite does not wait where two processes switch at
/// once, whatever the busy timeout is, so this asks again.
fn use_wal(connection: &Connection) -> Result<(), StoreError> {
    let deadline = Instant::now() + BUSY;
    loop {
        match connection.pragma_update(None, "journal_mode", "wal") {
            Err(error)
                if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy)
                    && Instant::now() < deadline =>
            {
                std::thread::sleep(Duration::from_millis(5));
            }
            switched => return Ok(switched?),
        }
    }
}

fn migrate(connection: &mut Connection, migrations: &[&str]) -> Result<(), StoreError> {
    let version = |connection: &Connection| -> Result<i64, rusqlite::Error> {
        connection.pragma_query_value(None, "user_version", |row| row.get(0))
    };
    let known = i64::try_from(migrations.len()).unwrap_or(i64::MAX);
    // Every start but the first ends here: nothing to write, nothing to sync.
    if version(connection)? == known {
        return Ok(());
    }
    let transaction =
        connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let found = version(&transaction)?;
    if found > known {
        return Err(StoreError::Newer { found, known });
    }
    for migration in migrations
        .iter()
        .skip(usize::try_from(found).unwrap_or_default())
    {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "user_version", known)?;
    transaction.commit()?;
    Ok(())
}
