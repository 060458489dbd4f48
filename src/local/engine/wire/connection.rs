//! One connection: open, authenticate, send, receive.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::BytesMut;
use fallible_iterator::FallibleIterator;
use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, ScramSha256};
use postgres_protocol::message::backend::{Header, Message, ReadyForQueryBody};
use postgres_protocol::message::frontend;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::cancel::CancelToken;
use super::error::{SqlError, WireError};

/// How long the end of a session is waited for.
const GOODBYE: Duration = Duration::from_secs(5);

/// Where the session stands, as the server's last `ReadyForQuery` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransactionStatus {
    /// Outside a transaction block.
    Idle,
    /// Inside a transaction block.
    Open,
    /// Inside a transaction block that failed; only its end is accepted.
    Failed,
}

/// A session on a server. Dropping it closes the socket, and the server rolls back what was open.
pub struct Wire {
    stream: UnixStream,
    incoming: BytesMut,
    pub(super) outgoing: BytesMut,
    socket: PathBuf,
    process_id: i32,
    secret_key: i32,
    status: TransactionStatus,
    pub(super) usable: bool,
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wire")
            .field("socket", &self.socket)
            .field("process_id", &self.process_id)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

impl Wire {
    /// Logs in at `socket`. `parameters` are session settings: given here they outrank what `alter role` and
    /// `alter database` set. The server must prove that it knows the password's verifier, so a stranger's server on
    /// the same path is refused.
    pub(in super::super) async fn open(
        socket: &Path,
        role: &str,
        password: &str,
        parameters: &[(&str, &str)],
    ) -> Result<Self, WireError> {
        let stream = UnixStream::connect(socket)
            .await
            .map_err(|source| WireError::Connect {
                socket: socket.to_owned(),
                source,
            })?;
        let mut connection = Self {
            stream,
            incoming: BytesMut::with_capacity(8 * 1024),
            outgoing: BytesMut::with_capacity(1024),
            socket: socket.to_owned(),
            process_id: 0,
            secret_key: 0,
            status: TransactionStatus::Idle,
            usable: false,
        };
        let startup = [
            ("user", role),
            ("database", "postgres"),
            ("client_encoding", "UTF8"),
        ];
        frontend::startup_message(
            startup.into_iter().chain(parameters.iter().copied()),
            &mut connection.outgoing,
        )
        .map_err(WireError::Unsendable)?;
        connection.flush().await?;
        connection.authenticate(password).await?;
        connection.await_first_ready().await?;
        Ok(connection)
    }

    async fn authenticate(&mut self, password: &str) -> Result<(), WireError> {
        match self.receive().await? {
            Message::AuthenticationSasl(body) => {
                let mut mechanisms = body.mechanisms();
                let mut offered = false;
                while let Some(mechanism) = mechanisms.next().map_err(garbled)? {
                    offered |= mechanism == SCRAM_SHA_256;
                }
                if !offered {
                    return Err(WireError::Protocol("SCRAM-SHA-256 is not offered".into()));
                }
            }
            Message::ErrorResponse(body) => return Err(refused(SqlError::read(body.fields()))),
            _ => return Err(WireError::Protocol("a login without SCRAM".into())),
        }
        let mut scram = ScramSha256::new(password.as_bytes(), ChannelBinding::unsupported());
        frontend::sasl_initial_response(SCRAM_SHA_256, scram.message(), &mut self.outgoing)
            .map_err(WireError::Unsendable)?;
        self.flush().await?;
        match self.receive().await? {
            Message::AuthenticationSaslContinue(body) => {
                scram.update(body.data()).map_err(garbled)?
            }
            Message::ErrorResponse(body) => return Err(refused(SqlError::read(body.fields()))),
            _ => return Err(WireError::Protocol("SCRAM broke off".into())),
        }
        frontend::sasl_response(scram.message(), &mut self.outgoing)
            .map_err(WireError::Unsendable)?;
        self.flush().await?;
        match self.receive().await? {
            Message::AuthenticationSaslFinal(body) => scram.finish(body.data()).map_err(garbled),
            Message::ErrorResponse(body) => Err(refused(SqlError::read(body.fields()))),
            _ => Err(WireError::Protocol("SCRAM broke off".into())),
        }
    }

    async fn await_first_ready(&mut self) -> Result<(), WireError> {
        loop {
            match self.receive().await? {
                Message::BackendKeyData(body) => {
                    self.process_id = body.process_id();
                    self.secret_key = body.secret_key();
                }
                Message::ReadyForQuery(body) => {
                    self.note_ready(&body);
                    return Ok(());
                }
                Message::ErrorResponse(body) => return Err(refused(SqlError::read(body.fields()))),
                _ => {}
            }
        }
    }

    /// Where the session stands.
    pub fn status(&self) -> TransactionStatus {
        self.status
    }

    /// The server process that serves this session.
    pub fn process_id(&self) -> i32 {
        self.process_id
    }

    /// A handle that can stop a running statement from elsewhere.
    pub fn cancel_token(&self) -> CancelToken {
        CancelToken::new(&self.socket, self.process_id, self.secret_key)
    }

    /// Ends the session and waits (for a moment at most) until the server has ended its side, so that its locks are
    /// free afterwards. In the middle of an answer the socket is just closed.
    pub async fn close(mut self) {
        if !self.usable {
            return;
        }
        self.outgoing.clear();
        frontend::terminate(&mut self.outgoing);
        let goodbye = async {
            self.flush().await?;
            // The server closes the socket when its process exits; nothing else can arrive.
            while matches!(self.stream.read_buf(&mut self.incoming).await, Ok(read) if read > 0) {
                self.incoming.clear();
            }
            Ok::<(), WireError>(())
        };
        if timeout(GOODBYE, goodbye).await.is_err() {
            tracing::debug!("a session did not end at once");
        }
    }

    /// Whether the server has closed this idle session. Data that arrived meanwhile (a notice) does not count.
    pub(in super::super) fn is_closed(&mut self) -> bool {
        if !self.usable {
            return true;
        }
        let mut probe = [0_u8; 512];
        loop {
            match self.stream.try_read(&mut probe) {
                Ok(0) => return true,
                Ok(read) => self.incoming.extend_from_slice(&probe[..read]),
                Err(error) => return error.kind() != io::ErrorKind::WouldBlock,
            }
        }
    }

    pub(super) fn note_ready(&mut self, body: &ReadyForQueryBody) {
        self.usable = true;
        self.status = match body.status() {
            b'T' => TransactionStatus::Open,
            b'E' => TransactionStatus::Failed,
            _ => TransactionStatus::Idle,
        };
    }

    /// Sends what was put into `outgoing`.
    pub(super) async fn flush(&mut self) -> Result<(), WireError> {
        let sent = self.stream.write_all(&self.outgoing).await;
        self.outgoing.clear();
        sent.or_else(|error| match error.kind() {
            // The server may have said why before it closed its end: reading finds that, or the end of file.
            io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => Ok(()),
            _ => Err(lost(error)),
        })
    }

    /// The next message, whatever its size.
    pub(super) async fn receive(&mut self) -> Result<Message, WireError> {
        self.receive_within(usize::MAX).await
    }

    /// The next message. One that announces more than `limit` bytes is an error before it is read.
    pub(super) async fn receive_within(&mut self, limit: usize) -> Result<Message, WireError> {
        loop {
            if let Some(header) = Header::parse(&self.incoming).map_err(garbled)?
                && usize::try_from(header.len()).is_ok_and(|length| length > limit)
            {
                return Err(WireError::TooLarge { limit });
            }
            if let Some(message) = Message::parse(&mut self.incoming).map_err(garbled)? {
                return Ok(message);
            }
            match self.stream.read_buf(&mut self.incoming).await {
                Ok(0) => {
                    return Err(WireError::AnswerLost {
                        last_words: None,
                        source: None,
                    });
                }
                Ok(_) => {}
                Err(error) => return Err(lost(error)),
            }
        }
    }
}

fn refused(error: SqlError) -> WireError {
    WireError::Sql(Box::new(error))
}

fn garbled(error: io::Error) -> WireError {
    WireError::Protocol(error.to_string())
}

fn lost(error: io::Error) -> WireError {
    WireError::AnswerLost {
        last_words: None,
        source: Some(error),
    }
}
