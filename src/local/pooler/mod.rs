//! The pooler's port: where psql, an ordinary driver or the `supabase` command line reach a database.
//!
//! ```text
//!   client ──TCP, 127.0.0.1──► startup   who: postgres.<ref>; no encryption
//!                                 │      which cluster, woken if it sleeps
//!                              login     SCRAM, passed through to PostgreSQL, as its role postgres
//!                                 │
//!                              pipe      bytes both ways, until either side closes, or it is idle for long
//! ```
//!
//! The user is the role `postgres` of one project or branch and no other role, and its password is the
//! one that the operator has in the vault; so whoever comes this way meets the same wall as the query
//! route's SQL. A connection counts as use of its cluster. A revert, a recovery and a stop end it.
//!
//! Each session has a server process of its own: connections are not shared, whatever the platform's
//! own pooler does; the size that is set for a pool bounds how many sessions there are. Deliberately
//! not handled: TLS, since nothing leaves the machine, and any database but `postgres`, which is the
//! only one.

mod login;
mod pipe;
mod startup;

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{BufMut, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use self::login::Login as LoggedIn;
use self::startup::{CancelKey, Hello, Startup};
use super::Platform;
use super::engine::{Access, Login};
use crate::api::Ref;

/// Connections at a time, to all databases together.
const MAX_CONNECTIONS: usize = 256;
/// Sessions at a time to one database, where its settings allow no fewer: some of its server processes are
/// left to the platform itself.
pub(super) const MAX_SESSIONS: usize = 12;
/// How long a client may take to say who it is.
const STARTUP: Duration = Duration::from_secs(10);
/// How long a login may take, once the server runs.
const LOGIN: Duration = Duration::from_secs(10);
/// After how long a session that nobody uses is ended.
const IDLE: Duration = Duration::from_secs(5 * 60);
/// How long is waited after the system has refused a connection, for want of files for instance.
const BREATH: Duration = Duration::from_millis(50);
/// How often a server that moves just then, by a revert, is looked for.
const ATTEMPTS: usize = 3;

/// SQLSTATE of a user that is none.
const INVALID_AUTHORIZATION: &str = "28000";
/// SQLSTATE of too many connections.
const TOO_MANY_CONNECTIONS: &str = "53300";
/// SQLSTATE of a database that cannot be reached now.
const CANNOT_CONNECT_NOW: &str = "57P03";
/// SQLSTATE of a session that nobody used.
const IDLE_SESSION_TIMEOUT: &str = "57P05";
/// SQLSTATE of what is not spoken here.
const PROTOCOL_VIOLATION: &str = "08P01";

/// The pooler.
#[derive(Clone)]
pub(super) struct Pooler {
    platform: Platform,
    shared: Arc<Shared>,
}

struct Shared {
    /// One for each connection, said of whom or not yet.
    connections: Arc<Semaphore>,
    /// Sessions by project or branch.
    sessions: Mutex<HashMap<Ref, usize>>,
    /// Which server a cancel request goes to.
    cancels: Mutex<HashMap<CancelKey, PathBuf>>,
    /// When a connection was last opened or closed.
    last_use: watch::Sender<Instant>,
    /// The platform ends.
    ending: CancellationToken,
}

/// Why a client is turned away, in PostgreSQL's terms.
struct Refused {
    code: &'static str,
    message: String,
}

/// A session's place, until it is dropped.
struct Place {
    shared: Arc<Shared>,
    reference: Ref,
    key: Option<CancelKey>,
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(key) = &self.key {
            held(&self.shared.cancels).remove(key);
        }
        let mut sessions = held(&self.shared.sessions);
        if let Some(count) = sessions.get_mut(&self.reference) {
            *count -= 1;
            if *count == 0 {
                sessions.remove(&self.reference);
            }
        }
    }
}

/// A connection's place; its end counts as use.
struct Connected {
    shared: Arc<Shared>,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Drop for Connected {
    fn drop(&mut self) {
        self.shared.last_use.send_replace(Instant::now());
    }
}

impl Pooler {
    /// A pooler for what `platform` serves; it tells `last_use` of every connection.
    pub(super) fn new(platform: Platform, last_use: watch::Sender<Instant>) -> Self {
        Self {
            platform,
            shared: Arc::new(Shared {
                connections: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
                sessions: Mutex::default(),
                cancels: Mutex::default(),
                last_use,
                ending: CancellationToken::new(),
            }),
        }
    }

    /// Whether anybody is connected.
    pub(super) fn is_used(&self) -> bool {
        self.shared.connections.available_permits() < MAX_CONNECTIONS
    }

    /// Takes nobody any more, and turns away whoever is not logged in yet. Sessions end with their servers.
    pub(super) fn end(&self) {
        self.shared.ending.cancel();
    }

    /// Takes connections until [`Self::end`].
    pub(super) async fn serve(self, listener: TcpListener) {
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = self.shared.ending.cancelled() => return,
            };
            match accepted {
                Ok((client, _)) => self.take(client),
                Err(error) => {
                    tracing::warn!(%error, "the pooler could not take a connection");
                    tokio::time::sleep(BREATH).await;
                }
            }
        }
    }

    fn take(&self, mut client: TcpStream) {
        self.shared.last_use.send_replace(Instant::now());
        let permit = Arc::clone(&self.shared.connections)
            .try_acquire_owned()
            .ok();
        let has_place = permit.is_some();
        let connected = Connected {
            shared: Arc::clone(&self.shared),
            _permit: permit,
        };
        let pooler = self.clone();
        tokio::spawn(async move {
            let _connected = connected;
            if let Err(error) = client.set_nodelay(true) {
                tracing::debug!(%error, "a connection stays with Nagle's algorithm");
            }
            let served = if has_place {
                pooler.serve_client(&mut client).await
            } else {
                Err(Refused::new(TOO_MANY_CONNECTIONS, "too many connections"))
            };
            if let Err(refused) = served {
                refused.tell(&mut client).await;
            }
        });
    }

    async fn serve_client(&self, client: &mut TcpStream) -> Result<(), Refused> {
        let log_in = async {
            let startup = timeout(STARTUP, startup::read(client))
                .await
                .map_err(|_| Refused::new(PROTOCOL_VIOLATION, "nobody has said who connects"))?
                .map_err(|error| Refused::new(PROTOCOL_VIOLATION, error.to_string()))?;
            match startup {
                Startup::Cancel(key) => {
                    self.cancel(&key).await;
                    Ok(None)
                }
                Startup::Session(hello) => self.log_in(client, &hello).await,
            }
        };
        let logged_in = tokio::select! {
            logged_in = log_in => logged_in?,
            () = self.shared.ending.cancelled() => {
                return Err(Refused::new(CANNOT_CONNECT_NOW, "the local platform is ending"));
            }
        };
        let Some((_place, _access, mut server)) = logged_in else {
            return Ok(());
        };
        match pipe::run(client, &mut server, IDLE).await {
            pipe::End::Closed => Ok(()),
            pipe::End::Idle => Err(Refused::new(
                IDLE_SESSION_TIMEOUT,
                "nobody has used this session for five minutes",
            )),
        }
    }

    /// A session on the right server, and what holds its place; `None` if the server has refused the client.
    async fn log_in(
        &self,
        client: &mut TcpStream,
        hello: &Hello,
    ) -> Result<Option<(Place, Access, UnixStream)>, Refused> {
        let reference = who(hello)?;
        let mut place = self.place(&reference).await?;
        let (access, mut server) = self.reach(&reference).await?;
        let login = login::pass_through(client, &mut server, hello, &access);
        let logged_in = timeout(LOGIN, login)
            .await
            .map_err(|_| Refused::new(PROTOCOL_VIOLATION, "the login took too long"))?
            .map_err(|error| {
                tracing::debug!(%error, %reference, "a login was broken off");
                Refused::new(CANNOT_CONNECT_NOW, "the login was broken off; try again")
            })?;
        let LoggedIn::Ready(key) = logged_in else {
            return Ok(None);
        };
        if let Some(key) = key {
            held(&self.shared.cancels).insert(key.clone(), access.socket());
            place.key = Some(key);
        }
        Ok(Some((place, access, server)))
    }

    async fn place(&self, reference: &Ref) -> Result<Place, Refused> {
        let stored = self.platform.registry().pooler(reference).await;
        let most = stored
            .map_err(|error| Refused::new(CANNOT_CONNECT_NOW, error.to_string()))?
            .sessions();
        let mut sessions = held(&self.shared.sessions);
        let count = sessions.entry(reference.clone()).or_default();
        if *count >= most {
            return Err(Refused::new(
                TOO_MANY_CONNECTIONS,
                format!("{count} sessions are open on this database, and no more may be"),
            ));
        }
        *count += 1;
        Ok(Place {
            shared: Arc::clone(&self.shared),
            reference: reference.clone(),
            key: None,
        })
    }

    /// The server of a project or branch, woken if it sleeps.
    async fn reach(&self, reference: &Ref) -> Result<(Access, UnixStream), Refused> {
        let unreachable = |error: &dyn std::fmt::Display| {
            tracing::warn!(%error, %reference, "a database could not be reached for a client");
            Refused::new(
                CANNOT_CONNECT_NOW,
                "the database cannot be reached now; the local platform's log says why",
            )
        };
        let mut failure = None;
        for _ in 0..ATTEMPTS {
            let cluster = match self.platform.cluster(reference).await {
                Ok(cluster) => cluster,
                Err(fault) if fault.status() == 404 => {
                    return Err(Refused::new(
                        INVALID_AUTHORIZATION,
                        format!(
                            "there is no project and no branch {reference} here; the user is postgres.<ref>"
                        ),
                    ));
                }
                Err(fault) => return Err(Refused::new(CANNOT_CONNECT_NOW, fault.message())),
            };
            let engine = self.platform.engine();
            let access = engine
                .access(cluster, Login::User)
                .await
                .map_err(|error| unreachable(&error))?;
            match UnixStream::connect(access.socket()).await {
                Ok(server) => return Ok((access, server)),
                Err(error) => failure = Some(error),
            }
        }
        let failure = failure.unwrap_or_else(|| io::ErrorKind::NotFound.into());
        Err(unreachable(&failure))
    }

    /// Passes a cancel request on to the server that gave its key; one that nobody gave is nobody's.
    async fn cancel(&self, key: &CancelKey) {
        let socket = held(&self.shared.cancels).get(key).cloned();
        let Some(socket) = socket else {
            tracing::debug!("a cancel request named no session");
            return;
        };
        let sent = async {
            let mut stream = UnixStream::connect(&socket).await?;
            stream.write_all(&startup::cancel_packet(key)).await?;
            // The server closes the socket once the signal is sent.
            stream.read(&mut [0; 1]).await
        };
        match timeout(LOGIN, sent).await {
            Ok(Err(error)) => tracing::debug!(%error, "a cancel request found no server"),
            Err(_) => tracing::debug!("a cancel request was not heard in time"),
            Ok(Ok(_)) => {}
        }
    }
}

/// The project or branch whose `postgres` a client says it is.
fn who(hello: &Hello) -> Result<Ref, Refused> {
    let user = hello.user().unwrap_or_default();
    let (role, reference) = user.rsplit_once('.').unwrap_or((user, ""));
    match reference.parse::<Ref>() {
        Ok(reference) if role == Login::User.role() => Ok(reference),
        _ => Err(Refused::new(
            INVALID_AUTHORIZATION,
            "the user is postgres.<ref>, with the ref of a project or of a branch, and no other role connects here",
        )),
    }
}

impl Refused {
    fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    /// Tells the client, as the last word.
    async fn tell(&self, client: &mut TcpStream) {
        let fields = [
            (b'S', "FATAL"),
            (b'V', "FATAL"),
            (b'C', self.code),
            (b'M', &self.message),
        ];
        let mut body = BytesMut::new();
        for (field, text) in fields {
            body.put_u8(field);
            body.put_slice(text.as_bytes());
            body.put_u8(0);
        }
        body.put_u8(0);
        let mut message = BytesMut::new();
        message.put_u8(b'E');
        message.put_u32(u32::try_from(body.len() + 4).unwrap_or(u32::MAX));
        message.unsplit(body);
        let said = async {
            client.write_all(&message).await?;
            client.shutdown().await
        };
        if let Ok(Err(error)) = timeout(STARTUP, said).await {
            tracing::debug!(%error, "a client went away before it was told why");
        }
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
