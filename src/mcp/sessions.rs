//! The sessions of clients that have them. A session costs tens of kilobytes as long as its tasks and channels are
//! there, and most sessions rest: their agents think, or have gone without a word. So only a few stay awake.
//!
//! ```text
//!              initialize                 others need the room
//!   (nothing) ────────────► awake ──────────────────────────────► asleep ──► (nothing)
//!                             ▲     the one unused longest, of      │   a day unused, or the one
//!                             │     those that rest                 │   unused longest of too many
//!                             └─────────────────────────────────────┘
//!                                        its next request
//! ```
//!
//! Of a session that sleeps the words of its `initialize` are kept and nothing else, for nothing else of it counts:
//! who calls and what the policy allows comes with each request. A client whose session has gone is answered 404, upon
//! which it initialises again.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::Stream;
use rmcp::model::{
    ClientJsonRpcMessage, ClientNotification, InitializedNotification, ServerJsonRpcMessage,
};
use rmcp::serve_server;
use rmcp::transport::streamable_http_server::session::local::{
    LocalSessionManager, LocalSessionManagerError,
};
use rmcp::transport::streamable_http_server::session::{
    RestoreOutcome, ServerSseMessage, SessionId, SessionManager,
};
use tokio::sync::Mutex as Turn;

use super::Server;

/// How many stay awake although they rest.
const AWAKE: usize = 64;
/// How many may have calls or streams open at once.
const BUSY: usize = 1_000;
/// After how long without a request a session that sleeps has gone.
const LIFETIME: Duration = Duration::from_secs(24 * 3600);
/// How long a session stays awake whose stream was cut off: the answer to a call waits so long for a client that comes
/// back for it.
const RESUMABLE: Duration = Duration::from_secs(60);
/// How long a session waits for a request that has asked for it.
const EXPECTED: Duration = Duration::from_secs(5);
/// How many bytes of `initialize` are kept. A session of one that has more to say ends where it would sleep.
const WORDS: usize = 4 << 10;

/// A session could not be made, found or reached.
#[derive(Debug, thiserror::Error)]
pub(super) enum SessionsError {
    #[error("{BUSY} sessions have calls or streams open; close some, and try again")]
    TooManyAtWork,
    #[error(transparent)]
    Session(#[from] LocalSessionManagerError),
    #[error("a session cannot be woken: {0}")]
    Words(#[from] serde_json::Error),
    #[error("a session was not made or woken to the end")]
    Unfinished(#[from] tokio::task::JoinError),
}

/// Every session of one server.
pub(super) struct Sessions(Arc<House>);

struct House {
    server: Server,
    inner: LocalSessionManager,
    /// How many are known at most, awake or asleep.
    most: usize,
    known: Mutex<Known>,
    /// One is made, woken or put to sleep at a time: none is woken before it is asleep.
    turn: Turn<()>,
}

#[derive(Default)]
struct Known {
    awake: HashMap<SessionId, Awake>,
    asleep: HashMap<SessionId, Asleep>,
    /// How many times the tasks of a session that was put to sleep have not said yet that they ended. What they say
    /// then is not meant for the session that was woken meanwhile.
    ending: HashMap<SessionId, u32>,
}

struct Awake {
    used: Instant,
    /// Requests that have asked for the session and not begun in it, and how long they are waited for.
    expected: u32,
    expected_until: Instant,
    resumable_until: Instant,
    streams: usize,
    words: Option<Box<str>>,
}

struct Asleep {
    used: Instant,
    words: Box<str>,
}

impl Awake {
    fn new(words: Option<Box<str>>) -> Self {
        let now = Instant::now();
        Self {
            used: now,
            expected: 1,
            expected_until: now + EXPECTED,
            resumable_until: now,
            streams: 0,
            words,
        }
    }

    /// Another request is on its way into it.
    fn expect_one(&mut self) {
        self.used = Instant::now();
        self.expected += 1;
        self.expected_until = self.used + EXPECTED;
    }

    /// A request that was expected is there.
    fn has_come(&mut self) {
        self.expected = self.expected.saturating_sub(1);
    }

    fn rests(&self, now: Instant) -> bool {
        let is_expected = self.expected > 0 && self.expected_until > now;
        self.streams == 0 && !is_expected && self.resumable_until <= now
    }
}

impl Known {
    /// Puts the one that is unused longest of those that rest to sleep; its tasks are still there then.
    fn put_one_to_sleep(&mut self, most: usize) -> Option<SessionId> {
        let now = Instant::now();
        let resting = self.awake.iter().filter(|(_, session)| session.rests(now));
        let id = resting
            .min_by_key(|(_, session)| session.used)
            .map(|(id, _)| Arc::clone(id))?;
        let session = self.awake.remove(&id)?;
        *self.ending.entry(Arc::clone(&id)).or_default() += 1;
        if let Some(words) = session.words {
            let used = session.used;
            self.asleep.insert(Arc::clone(&id), Asleep { used, words });
        }
        self.forget_beyond(most);
        Some(id)
    }

    fn forget_beyond(&mut self, most: usize) {
        while self.asleep.len() + self.awake.len() > most {
            let oldest = self.asleep.iter().min_by_key(|(_, session)| session.used);
            let Some(id) = oldest.map(|(id, _)| Arc::clone(id)) else {
                return;
            };
            self.asleep.remove(&id);
        }
    }

    /// Takes note that a session's tasks have ended; true if those are meant whose session was put to sleep, and
    /// that may have been woken with others since.
    fn ends(&mut self, id: &SessionId) -> bool {
        let Some(count) = self.ending.get_mut(id) else {
            self.awake.remove(id);
            self.asleep.remove(id);
            return false;
        };
        *count -= 1;
        if *count == 0 {
            self.ending.remove(id);
        }
        true
    }
}

impl Sessions {
    /// None yet, and never more than `most`.
    pub(super) fn new(server: Server, most: usize) -> Self {
        let mut inner = LocalSessionManager::default();
        // It would end a session in which a call runs that says nothing.
        inner.session_config.keep_alive = None;
        Self(Arc::new(House {
            server,
            inner,
            most,
            known: Mutex::default(),
            turn: Turn::default(),
        }))
    }
}

impl House {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn create(&self) -> Result<(SessionId, Transport), SessionsError> {
        let _turn = self.turn.lock().await;
        self.make_room().await?;
        let (id, transport) = self.inner.create_session().await?;
        let mut known = self.known();
        known.awake.insert(Arc::clone(&id), Awake::new(None));
        known.forget_beyond(self.most);
        Ok((id, transport))
    }

    /// Puts one to sleep where as many are awake as may be. Whoever calls this has the turn.
    async fn make_room(&self) -> Result<(), SessionsError> {
        let (awake, rests) = {
            let mut known = self.known();
            let awake = known.awake.len();
            // One more is coming.
            let room = AWAKE.min(self.most.saturating_sub(1));
            let rests = (awake >= room).then(|| known.put_one_to_sleep(self.most - 1));
            (awake, rests.flatten())
        };
        match rests {
            Some(id) => Ok(self.inner.close_session(&id).await?),
            None if awake >= BUSY => Err(SessionsError::TooManyAtWork),
            None => Ok(()),
        }
    }

    /// Wakes a session if it sleeps, and tells whether it is there.
    async fn wake(self: Arc<Self>, id: SessionId) -> Result<bool, SessionsError> {
        let _turn = self.turn.lock().await;
        let Some(session) = self.known().asleep.remove(&id) else {
            return Ok(self.expect_in(&id));
        };
        if session.used.elapsed() > LIFETIME {
            return Ok(false);
        }
        let words: ClientJsonRpcMessage = serde_json::from_str(&session.words)?;
        self.make_room().await?;
        let restored = self.inner.restore_session(Arc::clone(&id)).await?;
        let RestoreOutcome::Restored(transport) = restored else {
            return Ok(false);
        };
        tokio::spawn(Arc::clone(&self).serve(Arc::clone(&id), transport));
        self.inner.initialize_session(&id, words).await?;
        let initialized = InitializedNotification::default();
        let initialized = ClientNotification::InitializedNotification(initialized);
        let initialized = ClientJsonRpcMessage::notification(initialized);
        self.inner.accept_message(&id, initialized).await?;
        let session = Awake::new(Some(session.words));
        self.known().awake.insert(id, session);
        Ok(true)
    }

    /// Serves a session that was woken, to its end.
    async fn serve(self: Arc<Self>, id: SessionId, transport: Transport) {
        match serve_server(self.server.clone(), transport).await {
            Ok(running) => drop(running.waiting().await),
            Err(error) => tracing::warn!(%error, "a session could not be woken"),
        }
        if let Err(error) = self.close(&id).await {
            tracing::debug!(%error, "a session had ended before");
        }
    }

    async fn close(&self, id: &SessionId) -> Result<(), SessionsError> {
        if self.known().ends(id) {
            return Ok(());
        }
        Ok(self.inner.close_session(id).await?)
    }

    /// Whether a session is awake; then a request is expected in it.
    fn expect_in(&self, id: &SessionId) -> bool {
        let mut known = self.known();
        known.awake.get_mut(id).map(Awake::expect_one).is_some()
    }

    /// Keeps a session awake until what this answers is dropped.
    fn hold(self: &Arc<Self>, id: &SessionId) -> Hold {
        if let Some(session) = self.known().awake.get_mut(id) {
            session.streams += 1;
            session.has_come();
        }
        Hold {
            id: Arc::clone(id),
            house: Arc::clone(self),
            ended: false,
        }
    }
}

type Transport = <LocalSessionManager as SessionManager>::Transport;

/// Sessions are made and woken in tasks of their own: a client that goes away meanwhile leaves none half made.
impl SessionManager for Sessions {
    type Error = SessionsError;
    type Transport = Transport;

    async fn create_session(&self) -> Result<(SessionId, Transport), Self::Error> {
        let house = Arc::clone(&self.0);
        tokio::spawn(async move { house.create().await }).await?
    }

    async fn initialize_session(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<ServerJsonRpcMessage, Self::Error> {
        let words = serde_json::to_string(&message)?;
        let answer = self.0.inner.initialize_session(id, message).await?;
        if let Some(session) = self.0.known().awake.get_mut(id) {
            session.words = (words.len() <= WORDS).then(|| words.into_boxed_str());
            // From here on it rests.
            session.has_come();
        }
        Ok(answer)
    }

    async fn has_session(&self, id: &SessionId) -> Result<bool, Self::Error> {
        if self.0.expect_in(id) {
            return Ok(true);
        }
        tokio::spawn(Arc::clone(&self.0).wake(Arc::clone(id))).await?
    }

    async fn close_session(&self, id: &SessionId) -> Result<(), Self::Error> {
        self.0.close(id).await
    }

    async fn create_stream(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        let hold = self.0.hold(id);
        Ok(Held::new(
            hold,
            self.0.inner.create_stream(id, message).await?,
        ))
    }

    async fn accept_message(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<(), Self::Error> {
        self.0.inner.accept_message(id, message).await?;
        if let Some(session) = self.0.known().awake.get_mut(id) {
            session.has_come();
        }
        Ok(())
    }

    async fn create_standalone_stream(
        &self,
        id: &SessionId,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        let hold = self.0.hold(id);
        Ok(Held::new(
            hold,
            self.0.inner.create_standalone_stream(id).await?,
        ))
    }

    async fn resume(
        &self,
        id: &SessionId,
        last_event_id: String,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        let hold = self.0.hold(id);
        Ok(Held::new(
            hold,
            self.0.inner.resume(id, last_event_id).await?,
        ))
    }
}

/// What keeps a session awake.
struct Hold {
    id: SessionId,
    house: Arc<House>,
    ended: bool,
}

impl Drop for Hold {
    fn drop(&mut self) {
        if let Some(session) = self.house.known().awake.get_mut(&self.id) {
            session.streams = session.streams.saturating_sub(1);
            session.used = Instant::now();
            if !self.ended {
                session.resumable_until = session.used + RESUMABLE;
            }
        }
    }
}

/// A stream that keeps its session awake until it ends.
struct Held {
    stream: Pin<Box<dyn Stream<Item = ServerSseMessage> + Send + Sync>>,
    hold: Hold,
}

impl Held {
    fn new(
        hold: Hold,
        stream: impl Stream<Item = ServerSseMessage> + Send + Sync + 'static,
    ) -> Self {
        let stream = Box::pin(stream);
        Self { stream, hold }
    }
}

impl Stream for Held {
    type Item = ServerSseMessage;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = self.stream.as_mut().poll_next(context);
        self.hold.ended |= matches!(next, Poll::Ready(None));
        next
    }
}
