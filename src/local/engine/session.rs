//! A connection as callers hold it: it counts as traffic, its statements can be made to pause, and they have limits.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::time::timeout;

use super::cluster::Cluster;
use super::error::EngineError;
use super::secrets::Secret;
use super::traffic::Connected;
use super::wire::{
    CancelToken, DEFAULT_RESULT_BYTES, ResultSet, TransactionStatus, Wire, WireError,
};

/// How long a cancelled statement may take to end before its session is ended.
const CANCEL_GRACE: Duration = Duration::from_secs(1);

/// SQLSTATE of a statement that was cancelled.
const QUERY_CANCELED: &str = "57014";

/// Session settings of the engine's own sessions. Given at login they outrank what the database's owner may have set
/// with `alter database`: a superuser must not be led to somebody else's functions by a `search_path`, nor lose its
/// role, nor be told that a commit is durable when it is not.
pub(super) const ADMIN_PARAMETERS: &[(&str, &str)] = &[
    ("search_path", "pg_catalog"),
    ("role", "none"),
    ("default_transaction_read_only", "off"),
    ("synchronous_commit", "on"),
    ("statement_timeout", "0"),
    ("lock_timeout", "0"),
    ("idle_session_timeout", "0"),
    ("application_name", "drydock"),
];

/// Session settings of the user's own sessions. Given at login they outrank `alter role postgres set …`, which a
/// migration may run: text must be read as whoever judged it read it, and a role must not lock itself out for good.
pub(super) const USER_PARAMETERS: &[(&str, &str)] = &[
    ("standard_conforming_strings", "on"),
    ("backslash_quote", "safe_encoding"),
    ("client_encoding", "UTF8"),
    ("role", "none"),
    ("row_security", "on"),
    ("default_transaction_read_only", "off"),
    ("default_transaction_isolation", "read committed"),
    ("synchronous_commit", "on"),
    ("statement_timeout", "0"),
    ("lock_timeout", "0"),
    ("idle_in_transaction_session_timeout", "0"),
    ("idle_session_timeout", "0"),
];

/// Session settings of sessions that only read.
pub(super) const READ_ONLY_PARAMETERS: &[(&str, &str)] = &[
    ("default_transaction_read_only", "on"),
    ("role", "none"),
    ("application_name", "drydock read-only"),
];

/// Which role a connection logs in as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Login {
    /// `postgres`: the user's own role, not a superuser.
    User,
    /// `supabase_read_only_user`: reads everything, writes nothing.
    ReadOnly,
    /// `supabase_admin`: the platform's superuser. Never for a user's SQL.
    Admin,
}

impl Login {
    /// The role's name.
    pub fn role(self) -> &'static str {
        match self {
            Self::User => "postgres",
            Self::ReadOnly => "supabase_read_only_user",
            Self::Admin => super::SUPERUSER,
        }
    }

    pub(super) fn parameters(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::User => USER_PARAMETERS,
            Self::ReadOnly => READ_ONLY_PARAMETERS,
            Self::Admin => ADMIN_PARAMETERS,
        }
    }
}

/// What a client of another kind (a pooler, a change stream) needs to open sessions of its own. A revert or a stop ends
/// them, and a revert moves the socket: ask again then. While this is held, the cluster counts as used.
#[derive(Debug)]
pub struct Access {
    /// The directory of the socket `.s.PGSQL.<port>`.
    pub socket_dir: PathBuf,
    /// The port number in the socket's name.
    pub port: u16,
    /// The role.
    pub role: &'static str,
    /// Session settings that have to be given at login.
    pub parameters: &'static [(&'static str, &'static str)],
    pub(super) secret: Secret,
    pub(super) connected: Connected,
}

impl Access {
    /// The socket.
    pub fn socket(&self) -> PathBuf {
        self.socket_dir.join(format!(".s.PGSQL.{}", self.port))
    }

    /// Waits until nothing stops, reverts or removes the cluster. A session that was opened with this access and
    /// does nothing before this answers writes nothing behind the last point of what is being left.
    pub async fn pass(&self) {
        self.connected.pass().await;
    }

    /// The role's password. Not to be logged or stored.
    pub fn password(&self) -> &str {
        self.secret.expose()
    }
}

/// What one call may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of memory for all results together; more is an error and ends the connection.
    pub bytes: usize,
    /// Time; after it the statement is cancelled, and if that does not help its session is ended.
    pub time: Option<Duration>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: DEFAULT_RESULT_BYTES,
            time: None,
        }
    }
}

/// A session on a cluster. A revert, a stop or a destroy ends it; its next statement then answers
/// [`WireError::Closed`] and did not run.
#[derive(Debug)]
pub struct Connection {
    wire: Wire,
    cluster: Arc<Cluster>,
    /// The generation whose server it is a session of.
    generation: u64,
    _connected: Connected,
}

impl Connection {
    pub(super) fn new(wire: Wire, generation: u64, cluster: Arc<Cluster>) -> Self {
        let _connected = cluster.traffic.connected();
        Self {
            wire,
            cluster,
            generation,
            _connected,
        }
    }

    /// Runs a batch with the simple protocol and gives every statement's result; [`answer`](super::wire::answer) picks
    /// the one that the platform answers with.
    pub async fn run(&mut self, sql: &str, limits: Limits) -> Result<Vec<ResultSet>, EngineError> {
        let running = self.cluster.traffic.enter().await;
        let token = self.wire.cancel_token();
        let outcome = bounded(self.wire.run(sql, limits.bytes), limits.time, token).await;
        drop(running);
        self.settle(outcome).await
    }

    /// Runs exactly one statement with bound parameters.
    pub async fn run_with(
        &mut self,
        sql: &str,
        parameters: &[Value],
        limits: Limits,
    ) -> Result<ResultSet, EngineError> {
        let running = self.cluster.traffic.enter().await;
        let token = self.wire.cancel_token();
        let work = self.wire.run_with(sql, parameters, limits.bytes);
        let outcome = bounded(work, limits.time, token).await;
        drop(running);
        self.settle(outcome).await
    }

    /// Ends the session if its statement would not end.
    async fn settle<T>(&self, outcome: Outcome<T>) -> Result<T, EngineError> {
        match outcome {
            Outcome::Answered(answer) => Ok(answer?),
            Outcome::Cancelled(limit) => Err(WireError::TimedOut { limit }.into()),
            Outcome::Stuck(limit) => {
                self.cluster
                    .terminate(self.generation, self.wire.process_id())
                    .await?;
                Err(WireError::TimedOut { limit }.into())
            }
        }
    }

    /// Where the session stands.
    pub fn status(&self) -> TransactionStatus {
        self.wire.status()
    }

    /// The server process that serves this session, as `pg_stat_activity` names it.
    pub fn process_id(&self) -> i32 {
        self.wire.process_id()
    }

    /// A handle that can stop a running statement from elsewhere.
    pub fn cancel_token(&self) -> CancelToken {
        self.wire.cancel_token()
    }

    /// Ends the session and waits until its locks are free.
    pub async fn close(self) {
        self.wire.close().await;
    }
}

/// How a statement with a time limit ended.
enum Outcome<T> {
    /// With its answer. One that arrives although the time was over counts: what was done is done.
    Answered(Result<T, WireError>),
    /// Because it was cancelled after this time.
    Cancelled(Duration),
    /// Not at all, although it was cancelled after this time.
    Stuck(Duration),
}

/// Runs `work` for at most `limit`; then cancels it and waits a moment longer.
async fn bounded<T>(
    work: impl Future<Output = Result<T, WireError>>,
    limit: Option<Duration>,
    token: CancelToken,
) -> Outcome<T> {
    let Some(limit) = limit else {
        return Outcome::Answered(work.await);
    };
    tokio::pin!(work);
    if let Ok(answer) = timeout(limit, &mut work).await {
        return Outcome::Answered(answer);
    }
    token.cancel().await;
    match timeout(CANCEL_GRACE, &mut work).await {
        Ok(Err(WireError::Sql(error))) if error.code == QUERY_CANCELED => Outcome::Cancelled(limit),
        Ok(answer) => Outcome::Answered(answer),
        Err(_) => Outcome::Stuck(limit),
    }
}

/// Reads with the recipe that held against every attack that was tried.
///
/// 1. The session is *logged in as* a role that can write nothing; nothing inside the session changes that.
/// 2. The transaction is read-only and has run a query, so that it cannot be made read-write any more.
/// 3. The statement travels in the extended protocol, which takes exactly one.
/// 4. If the transaction is not open afterwards, the statement ended it, and its result is withheld.
/// 5. The transaction is always rolled back, and the session ends, which frees advisory locks and temporary tables.
pub(super) async fn read_only(
    mut connection: Connection,
    sql: &str,
    parameters: &[Value],
    limits: Limits,
) -> Result<ResultSet, EngineError> {
    let answer = inside_transaction(&mut connection, sql, parameters, limits).await;
    if connection.status() != TransactionStatus::Idle {
        let rolled_back = connection.run("rollback", Limits::default()).await;
        if let Err(error) = rolled_back {
            tracing::debug!(%error, "a read-only transaction ended with its session");
        }
    }
    connection.close().await;
    answer
}

async fn inside_transaction(
    connection: &mut Connection,
    sql: &str,
    parameters: &[Value],
    limits: Limits,
) -> Result<ResultSet, EngineError> {
    connection
        .run("begin read only; select 1", Limits::default())
        .await?;
    require_open(connection)?;
    let result = connection.run_with(sql, parameters, limits).await?;
    require_open(connection)?;
    Ok(result)
}

fn require_open(connection: &Connection) -> Result<(), WireError> {
    match connection.status() {
        TransactionStatus::Open => Ok(()),
        _ => Err(WireError::LeftTransaction),
    }
}
