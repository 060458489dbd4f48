//! What a client says first: who it is, whom it wants to cancel, or whether it may speak TLS.
//!
//! The lengths are the client's word, so each is bounded before anything is read by it.

use std::io;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The longest first packet, PostgreSQL's own limit.
const MAX_PACKET: usize = 10_000;
/// The shortest: its length and its code.
const MIN_PACKET: usize = 8;
/// The longest key of a session to be cancelled.
const MAX_KEY: usize = 256;
const SSL_REQUEST: u32 = 80_877_103;
const GSS_REQUEST: u32 = 80_877_104;
const CANCEL_REQUEST: u32 = 80_877_102;
/// The protocol's major version, in the upper half of a version.
const MAJOR: u32 = 3;
/// How often a client may ask for what is not offered before it says who it is.
const MAX_REQUESTS: u32 = 2;

/// A session's process number and secret, as the server has given them and a cancel request names them.
pub(super) type CancelKey = Bytes;

/// What a client wants.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Startup {
    /// A session.
    Session(Hello),
    /// The end of what another session is doing.
    Cancel(CancelKey),
}

/// Who a client says it is, and what else it sets.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Hello {
    version: u32,
    parameters: Vec<(Bytes, Bytes)>,
}

impl Hello {
    /// The user that the client names, if its name is text.
    pub(super) fn user(&self) -> Option<&str> {
        self.parameters
            .iter()
            .find(|(name, _)| name.as_ref() == b"user")
            .and_then(|(_, user)| std::str::from_utf8(user).ok())
    }

    /// The same packet with another user; the database is `postgres` unless it names one.
    pub(super) fn packet_as(&self, user: &str) -> Bytes {
        let mut body = BytesMut::new();
        let mut put = |name: &[u8], value: &[u8]| {
            body.put_slice(name);
            body.put_u8(0);
            body.put_slice(value);
            body.put_u8(0);
        };
        put(b"user", user.as_bytes());
        if self.parameters.iter().all(|(name, _)| *name != "database") {
            put(b"database", b"postgres");
        }
        for (name, value) in &self.parameters {
            if *name != "user" {
                put(name, value);
            }
        }
        body.put_u8(0);
        let mut packet = BytesMut::new();
        packet.put_u32(u32::try_from(body.len() + MIN_PACKET).unwrap_or(u32::MAX));
        packet.put_u32(self.version);
        packet.unsplit(body);
        packet.freeze()
    }
}

/// What asks a server to cancel what the session of this key does.
pub(super) fn cancel_packet(key: &CancelKey) -> Bytes {
    let mut packet = BytesMut::new();
    packet.put_u32(u32::try_from(key.len() + MIN_PACKET).unwrap_or(u32::MAX));
    packet.put_u32(CANCEL_REQUEST);
    packet.put_slice(key);
    packet.freeze()
}

/// Reads what a client says first; encryption, which is not offered, is declined.
pub(super) async fn read<S>(stream: &mut S) -> io::Result<Startup>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    for _ in 0..=MAX_REQUESTS {
        let length = stream.read_u32().await? as usize;
        if !(MIN_PACKET..=MAX_PACKET).contains(&length) {
            return Err(malformed("a first packet of that length"));
        }
        let mut packet = BytesMut::zeroed(length - 4);
        stream.read_exact(&mut packet).await?;
        let mut packet = packet.freeze();
        let code = packet.get_u32();
        match code {
            SSL_REQUEST | GSS_REQUEST => stream.write_all(b"N").await?,
            CANCEL_REQUEST if packet.len() <= MAX_KEY => return Ok(Startup::Cancel(packet)),
            version if version >> 16 == MAJOR => {
                let parameters = parameters(packet)?;
                return Ok(Startup::Session(Hello {
                    version,
                    parameters,
                }));
            }
            _ => return Err(malformed("a protocol of that version")),
        }
    }
    Err(malformed("asking for encryption again and again"))
}

/// `name\0value\0name\0value\0\0`
fn parameters(mut packet: Bytes) -> io::Result<Vec<(Bytes, Bytes)>> {
    let mut found = Vec::new();
    loop {
        let name = text(&mut packet)?;
        if name.is_empty() {
            return Ok(found);
        }
        found.push((name, text(&mut packet)?));
    }
}

fn text(packet: &mut Bytes) -> io::Result<Bytes> {
    let end = packet
        .iter()
        .position(|byte| *byte == 0)
        .ok_or_else(|| malformed("a text without an end"))?;
    let text = packet.split_to(end);
    packet.advance(1);
    Ok(text)
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("{what} is not spoken here"),
    )
}

#[cfg(test)]
mod tests {
    use super::{Startup, read};

    /// What reading `sent` gives, and what was said in answer.
    async fn heard(sent: &[u8]) -> (std::io::Result<Startup>, Vec<u8>) {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (mut client, mut server) = tokio::io::duplex(64 * 1024);
        client.write_all(sent).await.unwrap_or_default();
        // What is missing will not come.
        client.shutdown().await.unwrap_or_default();
        let startup = read(&mut server).await;
        drop(server);
        let mut said = Vec::new();
        client.read_to_end(&mut said).await.unwrap_or_default();
        (startup, said)
    }

    fn packet(code: u32, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 8).unwrap_or_default();
        [&length.to_be_bytes()[..], &code.to_be_bytes(), body].concat()
    }

    const VERSION: u32 = 3 << 16;

    #[tokio::test]
    async fn the_user_is_exchanged_and_the_rest_is_kept() {
        let body = b"user\0postgres.abc\0application_name\0psql\0options\0\0\0";
        let (startup, said) = heard(&packet(VERSION, body)).await;
        let Ok(Startup::Session(hello)) = startup else {
            unreachable!("{startup:?}");
        };
        assert!(said.is_empty());
        assert_eq!(hello.user(), Some("postgres.abc"));
        let wanted = b"user\0postgres\0database\0postgres\0application_name\0psql\0options\0\0\0";
        assert_eq!(hello.packet_as("postgres"), packet(VERSION, wanted));
    }

    #[tokio::test]
    async fn encryption_is_declined_a_few_times() {
        let asks = packet(super::SSL_REQUEST, b"");
        let hello = packet(VERSION, b"user\0u\0database\0d\0\0");
        let (startup, said) = heard(&[&asks[..], &hello].concat()).await;
        assert!(matches!(startup, Ok(Startup::Session(_))));
        assert_eq!(said, b"N");
        assert!(heard(&asks.repeat(4)).await.0.is_err());
    }

    #[tokio::test]
    async fn what_is_no_first_packet_is_refused_before_it_is_read() {
        for sent in [
            &b""[..],
            b"GET / HTTP/1.1\r\n\r\n",
            &packet(VERSION, b"user\0u"),
            &packet(VERSION, b"user\0"),
            &packet(2 << 16, b"user\0u\0\0"),
            &packet(super::CANCEL_REQUEST, &[0; 300]),
            &[0, 0, 0, 7, 0, 3, 0],
            &[0xff; 100],
        ] {
            assert!(heard(sent).await.0.is_err(), "{sent:?}");
        }
        let key = heard(&packet(super::CANCEL_REQUEST, &[1, 2, 3, 4, 5, 6, 7, 8])).await;
        assert!(matches!(key.0, Ok(Startup::Cancel(key)) if key.len() == 8));
    }
}
