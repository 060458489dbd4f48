//! A session after its login: bytes both ways, until either side ends it or nobody has used it for long.

use std::io;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, sleep_until};

const BUFFER: usize = 16 * 1024;
/// The kind of message by which the server says that it waits for the next statement.
const READY: u8 = b'Z';
/// Its word for "outside a transaction".
const OUTSIDE: u8 = b'I';

/// How a session ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// One of the two has closed.
    Closed,
    /// Nobody has used it for so long, outside a transaction.
    Idle,
}

/// Follows the server's messages just closely enough to know whether the session is idle.
#[derive(Debug)]
struct Frames {
    /// What is there of the message's kind and length.
    header: Vec<u8>,
    /// Bytes of its body that are still to come.
    body: usize,
    /// The first byte of the body of the last [`READY`], until anything else is said.
    status: Option<u8>,
}

impl Frames {
    fn new() -> Self {
        Self {
            header: Vec::with_capacity(5),
            body: 0,
            // A session begins with a READY that the login has seen.
            status: Some(OUTSIDE),
        }
    }

    fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.body > 0 {
                let now = self.body.min(bytes.len());
                let (body, rest) = bytes.split_at(now);
                if self.header.first() == Some(&READY) {
                    self.status = body.first().copied();
                }
                (self.body, bytes) = (self.body - now, rest);
            } else {
                if self.header.len() == 5 {
                    self.header.clear();
                }
                let now = (5 - self.header.len()).min(bytes.len());
                let (header, rest) = bytes.split_at(now);
                self.header.extend_from_slice(header);
                bytes = rest;
                self.status = None;
                if let [_, length @ ..] = self.header.as_slice()
                    && let Some(length) = length.first_chunk()
                {
                    self.body = (u32::from_be_bytes(*length) as usize).saturating_sub(4);
                }
            }
        }
    }
}

/// Who spoke last, when, and what the server said.
struct Watch {
    frames: Frames,
    asked: bool,
    last: Instant,
}

/// Passes bytes both ways; ends the session when it is idle for `longest`.
pub(super) async fn run<C, S>(client: &mut C, server: &mut S, longest: Duration) -> End
where
    C: AsyncRead + AsyncWrite + Unpin,
    S: AsyncRead + AsyncWrite + Unpin,
{
    let watch = Mutex::new(Watch {
        frames: Frames::new(),
        asked: false,
        last: Instant::now(),
    });
    let note = |change: &dyn Fn(&mut Watch)| {
        let mut watch = watch.lock().unwrap_or_else(PoisonError::into_inner);
        watch.last = Instant::now();
        change(&mut watch);
    };
    let (from_client, to_client) = tokio::io::split(client);
    let (from_server, to_server) = tokio::io::split(server);
    let asking = async {
        let copied = copy(from_client, to_server, |_| {
            note(&|watch| watch.asked = true)
        })
        .await;
        if let Err(error) = copied {
            tracing::debug!(%error, "a client has gone");
        }
        // The server hears the end of the stream and ends the session itself.
        std::future::pending::<()>().await;
    };
    let answering = copy(from_server, to_client, |bytes| {
        note(&|watch| {
            watch.frames.feed(bytes);
            watch.asked = false;
        });
    });
    let idle = async {
        loop {
            let (last, is_idle) = {
                let watch = watch.lock().unwrap_or_else(PoisonError::into_inner);
                let outside = watch.frames.status == Some(OUTSIDE);
                (watch.last, outside && !watch.asked)
            };
            let end = last + longest;
            if Instant::now() < end {
                sleep_until(end).await;
            } else if is_idle {
                return;
            } else {
                // A statement or a transaction: looked at again later.
                sleep_until(Instant::now() + longest).await;
            }
        }
    };
    tokio::select! {
        () = asking => End::Closed,
        _ = answering => End::Closed,
        () = idle => End::Idle,
    }
}

async fn copy<R, W>(mut from: R, mut to: W, mut seen: impl FnMut(&[u8])) -> io::Result<()>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let mut buffer = vec![0; BUFFER];
    loop {
        let count = from.read(&mut buffer).await?;
        let bytes = buffer.get(..count).unwrap_or_default();
        if bytes.is_empty() {
            return to.shutdown().await;
        }
        seen(bytes);
        to.write_all(bytes).await?;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::time::timeout;

    use super::{End, Frames, OUTSIDE, run};

    const LONGEST: Duration = Duration::from_millis(40);

    /// A session: the client's end, the server's end, and what becomes of it.
    fn session() -> (DuplexStream, DuplexStream, impl Future<Output = End>) {
        let ((client, mut ours), (mut theirs, server)) = (duplex(1024), duplex(1024));
        let end = async move { run(&mut ours, &mut theirs, LONGEST).await };
        (client, server, end)
    }

    #[tokio::test]
    async fn a_session_that_nobody_uses_is_ended_and_one_at_work_is_not() {
        let (_client, _server, end) = session();
        assert_eq!(end.await, End::Idle);
        // A statement that takes its time, and a transaction that was left open.
        for said in [None, Some(message(b'Z', b"T"))] {
            let (mut client, mut server, end) = session();
            let work = async {
                client.write_all(b"Q").await.unwrap_or_default();
                let mut heard = [0; 1];
                server.read_exact(&mut heard).await.unwrap_or_default();
                if let Some(said) = &said {
                    server.write_all(said).await.unwrap_or_default();
                }
                std::future::pending::<()>().await;
            };
            let ended = timeout(LONGEST * 5, async {
                tokio::select! { end = end => end, () = work => End::Closed }
            });
            assert!(ended.await.is_err(), "{said:?}");
        }
    }

    #[tokio::test]
    async fn a_session_ends_with_its_server_and_carries_the_last_word() {
        let (mut client, mut server, end) = session();
        let farewell = message(b'E', b"SFATAL\0\0");
        let work = async {
            server.write_all(&farewell).await.unwrap_or_default();
            drop(server);
            let mut heard = Vec::new();
            client.read_to_end(&mut heard).await.unwrap_or_default();
            heard
        };
        let (end, heard) = tokio::join!(end, work);
        assert_eq!(end, End::Closed);
        assert_eq!(heard, farewell);
    }

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).unwrap_or_default();
        [&[kind][..], &length.to_be_bytes(), body].concat()
    }

    #[test]
    fn a_session_is_idle_when_the_last_word_was_that_it_is_ready() {
        let idle = message(b'Z', b"I");
        let streams = [
            (idle.clone(), true),
            (message(b'Z', b"T"), false),
            ([message(b'D', b"ZZZZZI"), idle.clone()].concat(), true),
            ([idle.clone(), message(b'D', &[b'Z'; 3000])].concat(), false),
            ([message(b'n', b""), idle].concat(), true),
        ];
        for (stream, expected) in streams {
            // However the bytes arrive.
            for step in [1, 2, 3, 5, 7, stream.len()] {
                let mut frames = Frames::new();
                stream.chunks(step).for_each(|part| frames.feed(part));
                assert_eq!(frames.status == Some(OUTSIDE), expected, "{stream:?}");
            }
        }
    }
}
