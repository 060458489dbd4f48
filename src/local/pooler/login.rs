//! The login: passed through to the server, message by message.
//!
//! The password is checked by PostgreSQL itself, with SCRAM, so nothing that could be stolen or
//! replayed is ever here. Until the server says that the session is ready, the client may send nothing
//! but its part of that: no statement gets ahead of [`Access::pass`].

use std::io;

use bytes::{BufMut, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::startup::{CancelKey, Hello};
use crate::local::engine::Access;

/// The longest message of a login, either way.
const MAX_MESSAGE: usize = 64 * 1024;
/// The kinds of authentication that the client has to answer: SCRAM, begun and going on.
const ANSWERED: [u32; 2] = [10, 11];
/// Those that it has not: success, and SCRAM's last word.
const SAID: [u32; 2] = [0, 12];

/// How a login ended.
pub(super) enum Login {
    /// The session is there; this cancels what it does.
    Ready(Option<CancelKey>),
    /// The server has refused it, and told the client so.
    Refused,
}

/// One message: its kind, and the whole of it.
struct Message {
    kind: u8,
    whole: Bytes,
}

impl Message {
    fn body(&self) -> &[u8] {
        self.whole.get(5..).unwrap_or_default()
    }

    async fn read<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<Self> {
        let kind = stream.read_u8().await?;
        let length = stream.read_u32().await?;
        let rest = (length as usize)
            .checked_sub(4)
            .filter(|rest| *rest <= MAX_MESSAGE)
            .ok_or_else(|| unexpected("a message of that length"))?;
        let mut whole = BytesMut::with_capacity(rest + 5);
        whole.put_u8(kind);
        whole.put_u32(length);
        whole.resize(rest + 5, 0);
        if let Some(body) = whole.get_mut(5..) {
            stream.read_exact(body).await?;
        }
        Ok(Self {
            kind,
            whole: whole.freeze(),
        })
    }
}

/// Logs a client in as `role`.
pub(super) async fn pass_through<C, S>(
    client: &mut C,
    server: &mut S,
    hello: &Hello,
    access: &Access,
) -> io::Result<Login>
where
    C: AsyncRead + AsyncWrite + Unpin,
    S: AsyncRead + AsyncWrite + Unpin,
{
    server.write_all(&hello.packet_as(access.role)).await?;
    let mut key = None;
    loop {
        let message = Message::read(server).await?;
        match message.kind {
            b'R' => {
                let kind = message
                    .body()
                    .first_chunk()
                    .map(|kind| u32::from_be_bytes(*kind));
                let answered = kind.is_some_and(|kind| ANSWERED.contains(&kind));
                if !answered && !kind.is_some_and(|kind| SAID.contains(&kind)) {
                    return Err(unexpected("a login without SCRAM"));
                }
                client.write_all(&message.whole).await?;
                if answered {
                    let answer = Message::read(client).await?;
                    if answer.kind != b'p' {
                        return Err(unexpected("anything but the login"));
                    }
                    server.write_all(&answer.whole).await?;
                }
                continue;
            }
            b'K' => key = Some(message.whole.slice(5..)),
            b'Z' => {
                // Whoever logs in while the database is being left would write behind its last point.
                access.pass().await;
                client.write_all(&message.whole).await?;
                return Ok(Login::Ready(key));
            }
            b'E' => {
                client.write_all(&message.whole).await?;
                return Ok(Login::Refused);
            }
            _ => {}
        }
        client.write_all(&message.whole).await?;
    }
}

fn unexpected(what: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("{what} was not expected"),
    )
}
