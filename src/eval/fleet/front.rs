//! The addresses of a workspace. They stay while the worlds behind them change.
//!
//! Over HTTP each connection goes to the world of the moment; a world that ends closes its connections when
//! it has answered, and the client's next one reaches the next world. A connection that speaks MCP as over
//! standard input and output is a session, so it is carried over: the next world is initialised as the client
//! has initialised the last one, and what was not answered is answered with an error.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::child::World;

/// Which world is behind an address.
pub(super) type Current = watch::Receiver<Arc<World>>;

/// Serves HTTP connections until the workspace ends.
pub(super) async fn serve_http(listener: TcpListener, current: Current, ended: CancellationToken) {
    while let Some(client) = next(&listener, &ended).await {
        let (place, ended) = (current.borrow().ready.http, ended.clone());
        tokio::spawn(async move {
            let spliced = async {
                let mut client = client;
                let mut world = connect(place).await?;
                tokio::io::copy_bidirectional(&mut client, &mut world).await
            };
            tokio::select! {
                spliced = spliced => if let Err(error) = spliced {
                    tracing::debug!(%error, "a connection broke off");
                },
                () = ended.cancelled() => {}
            }
        });
    }
}

/// Serves sessions until the workspace ends.
pub(super) async fn serve_streams(
    listener: TcpListener,
    current: Current,
    ended: CancellationToken,
) {
    while let Some(client) = next(&listener, &ended).await {
        let (current, ended) = (current.clone(), ended.clone());
        tokio::spawn(async move {
            let carried = async { Session::new(client, current).carry().await };
            tokio::select! {
                carried = carried => if let Err(error) = carried {
                    tracing::debug!(%error, "a session broke off");
                },
                () = ended.cancelled() => {}
            }
        });
    }
}

async fn next(listener: &TcpListener, ended: &CancellationToken) -> Option<TcpStream> {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = ended.cancelled() => return None,
        };
        if let Ok((client, _)) = accepted {
            // Small answers are not to wait for company.
            let _ = client.set_nodelay(true);
            return Some(client);
        }
    }
}

async fn connect(place: SocketAddr) -> io::Result<TcpStream> {
    let world = TcpStream::connect(place).await?;
    world.set_nodelay(true)?;
    Ok(world)
}

/// What a line of JSON-RPC says of itself.
#[derive(Debug, Default, Deserialize)]
struct Envelope {
    #[serde(default)]
    id: Option<Value>,
    #[serde(default)]
    method: Option<String>,
}

/// One end of a session.
struct End {
    read: Lines<BufReader<OwnedReadHalf>>,
    write: OwnedWriteHalf,
}

impl End {
    fn new(stream: TcpStream) -> Self {
        let (read, write) = stream.into_split();
        Self {
            read: BufReader::new(read).lines(),
            write,
        }
    }

    async fn send(&mut self, line: &str) -> io::Result<()> {
        self.write.write_all(line.as_bytes()).await?;
        self.write.write_all(b"\n").await
    }
}

/// A client's session, across worlds.
struct Session {
    client: End,
    current: Current,
    /// The client's `initialize`, and its word that it is done.
    begun: Vec<String>,
    /// Requests that have not been answered, by their ids as JSON.
    open: BTreeMap<String, String>,
}

/// Why a world's end of a session is over.
enum Over {
    /// The client has gone.
    Client,
    /// Another world has taken its place, and it has answered what it had begun.
    Replaced,
    /// The world has gone by itself, or to be saved.
    Died,
}

impl Session {
    fn new(client: TcpStream, current: Current) -> Self {
        Self {
            client: End::new(client),
            current,
            begun: Vec::new(),
            open: BTreeMap::new(),
        }
    }

    async fn carry(mut self) -> io::Result<()> {
        loop {
            let place = self.current.borrow_and_update().ready.stream;
            let mut world = End::new(connect(place).await?);
            self.begin_again(&mut world).await?;
            // What the last world has not begun, this one does.
            for line in self.open.values() {
                world.send(line).await?;
            }
            match self.exchange(&mut world).await? {
                Over::Client => return Ok(()),
                Over::Replaced => {}
                Over::Died => {
                    self.give_up_open().await?;
                    // Another may be in the making.
                    if self.current.changed().await.is_err() {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Tells a new world what the client has told the last one when it began.
    async fn begin_again(&mut self, world: &mut End) -> io::Result<()> {
        for line in &self.begun {
            world.send(line).await?;
            if envelope(line).id.is_some() {
                // The answer: the client has had it.
                world.read.next_line().await?;
            }
        }
        Ok(())
    }

    async fn exchange(&mut self, world: &mut End) -> io::Result<Over> {
        let mut replaced = false;
        loop {
            tokio::select! {
                // First: what the client sends after a reset is for the next world.
                biased;
                changed = self.current.changed(), if !replaced => {
                    if changed.is_err() {
                        return Ok(Over::Client);
                    }
                    replaced = true;
                }
                line = world.read.next_line() => {
                    let Ok(Some(line)) = line else {
                        return Ok(if replaced { Over::Replaced } else { Over::Died });
                    };
                    let said = envelope(&line);
                    if let (Some(id), None) = (said.id, said.method) {
                        self.open.remove(&id.to_string());
                    }
                    self.client.send(&line).await?;
                }
                line = self.client.read.next_line(), if !replaced => {
                    let Some(line) = line? else { return Ok(Over::Client) };
                    self.note(&line);
                    if world.send(&line).await.is_err() {
                        return Ok(Over::Died);
                    }
                }
            }
        }
    }

    fn note(&mut self, line: &str) {
        let said = envelope(line);
        match (said.id, said.method.as_deref()) {
            (Some(id), Some(method)) => {
                if method == "initialize" {
                    self.begun = vec![line.to_owned()];
                }
                self.open.insert(id.to_string(), line.to_owned());
            }
            (None, Some("notifications/initialized")) => self.begun.push(line.to_owned()),
            _ => {}
        }
    }

    /// Answers what no world will.
    async fn give_up_open(&mut self) -> io::Result<()> {
        for id in std::mem::take(&mut self.open).into_keys() {
            let id: Value = serde_json::from_str(&id)?;
            let error = json!({
                "jsonrpc": "2.0",
                "id": id,
                "error": { "code": -32000, "message": "the workspace's world ended while this was being served" },
            });
            self.client.send(&error.to_string()).await?;
        }
        Ok(())
    }
}

fn envelope(line: &str) -> Envelope {
    serde_json::from_str(line).unwrap_or_default()
}
