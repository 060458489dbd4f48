//! A world: the local platform and the MCP server over it, one process on one data directory.
//!
//! ```text
//! <data directory>/
//!   world.json       seed, label, clock and policy: written by the parent, the clock by the world at its end
//!   world.log        what the process says
//!   drydock.sqlite   the server's store        platform/   the local platform's
//! ```
//!
//! Its parent speaks to it over standard input and output ([`wire`]). When the input ends, the world does,
//! so that no world outlives its parent; what it leaves then belongs to nobody, and it takes it along.

mod file;
mod referee;
mod until;
pub(super) mod wire;

use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines, Stdin};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::api::{Client, Place};
use crate::clock;
use crate::guard::{Guard, Principal};
use crate::local::faults::Faults;
use crate::local::{PlatformSettings, Ready, run_platform_until};
use crate::mcp::{HttpSettings, Server, serve_http_on, serve_stream};
use crate::store::{Store, StoreError};

pub(super) use file::WorldFile;
use referee::Referee;
pub(super) use referee::{ApprovalRule, Limits, TracedCall};
use until::Until;
use wire::{Answered, Ask, Hello, WorldReady};

/// How many sessions over HTTP a world keeps.
const HTTP_SESSIONS: usize = 10_000;
/// How long calls that are told to end may take to be answered.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// What a world is started with.
pub struct WorldSettings {
    /// The platform, in the world's directory.
    pub platform: PlatformSettings,
    /// Opens the server's store in a directory.
    pub open_store: fn(&std::path::Path) -> Result<Store, String>,
}

/// Runs a world until its parent ends it.
pub async fn run_world(settings: WorldSettings) -> Result<(), String> {
    let data_dir = settings.platform.data_dir.clone();
    let ended = live(settings).await;
    match &ended {
        Ok(Ended::Asked) => {}
        Ok(Ended::Abandoned) => {
            fs::remove_dir_all(&data_dir)
                .map_err(|error| format!("cannot remove {}: {error}", data_dir.display()))?;
        }
        Err(error) => say(&Hello::Failed(error.clone())).await?,
    }
    ended.map(drop)
}

/// Why a world ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// Its parent wanted it to.
    Asked,
    /// Its parent has gone.
    Abandoned,
}

async fn live(settings: WorldSettings) -> Result<Ended, String> {
    let data_dir = settings.platform.data_dir.clone();
    let faults = settings.platform.faults.clone().unwrap_or_default();
    let file = WorldFile::read(&data_dir)?.begin(&data_dir)?;
    let policy = file.policy()?;
    let store = (settings.open_store)(&data_dir)?;
    let referee = Referee::new(store.clone());
    let stop = CancellationToken::new();
    let (announce, ready) = oneshot::channel::<Ready>();
    let platform = tokio::spawn({
        let stop = stop.clone();
        async move {
            let announce = |ready: &Ready| {
                let _ = announce.send(ready.clone());
            };
            run_platform_until(settings.platform, stop.cancelled_owned(), announce).await
        }
    });
    let Ok(ready) = ready.await else {
        let ended = platform.await.map_err(|error| error.to_string())?;
        return Err(match ended {
            Ok(()) => "the local platform ended before it was ready".to_owned(),
            Err(error) => error.to_string(),
        });
    };
    let place = Place {
        base: ready.api_url.clone(),
        token: ready.access_token.clone(),
        is_local: true,
    };
    let client = Client::new(Arc::new(place));
    let guard = Guard::new(client, store.clone(), policy, None, None);
    let server =
        |principal| Server::new(guard.clone(), principal).watched_by(Arc::clone(&referee) as _);
    let (http, stream) = (listen().await?, listen().await?);
    let hello = WorldReady {
        http: http.local_addr().map_err(|error| error.to_string())?,
        stream: stream.local_addr().map_err(|error| error.to_string())?,
        api_url: ready.api_url,
        access_token: ready.access_token,
        pooler_port: ready.pooler_port,
    };
    let http_settings = HttpSettings {
        address: hello.http,
        allowed_hosts: Vec::new(),
        allowed_origins: Vec::new(),
        sessions: HTTP_SESSIONS,
    };
    let serving = CancellationToken::new();
    let over_http = tokio::spawn({
        let (server, serving) = (server(Principal::loopback()), serving.clone());
        async move { serve_http_on(http, server, &http_settings, serving).await }
    });
    let over_streams = tokio::spawn(accept(
        stream,
        server(Principal::os_user()),
        serving.clone(),
    ));
    say(&Hello::Ready(hello)).await?;
    let mut parts = Parts {
        referee: Arc::clone(&referee),
        guard: guard.clone(),
        store: store.clone(),
        faults,
        serving,
        connections: Some(Connections {
            http: over_http,
            streams: over_streams,
        }),
        began_at: 0,
    };
    let ended = parts.answer_parent().await?;
    guard.settle().await.map_err(|error| error.to_string())?;
    stop.cancel();
    let stopped = platform.await.map_err(|error| error.to_string())?;
    stopped.map_err(|error| error.to_string())?;
    file.end(&data_dir)?;
    Ok(ended)
}

async fn listen() -> Result<TcpListener, String> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .map_err(|error| format!("cannot listen on loopback: {error}"))
}

/// Serves each connection as a client that started this program would be served. Answers when all that
/// were being served have been.
async fn accept(listener: TcpListener, server: Server, stop: CancellationToken) {
    let mut clients = tokio::task::JoinSet::new();
    loop {
        let connection = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        let Ok((connection, _)) = connection else {
            continue;
        };
        if let Err(error) = connection.set_nodelay(true) {
            tracing::debug!(%error, "a connection stays with Nagle's algorithm");
        }
        let (read, write) = connection.into_split();
        let read = Until::new(read, stop.clone());
        let served = serve_stream(server.clone(), read, write, CancellationToken::new());
        clients.spawn(served);
        while clients.try_join_next().is_some() {}
    }
    clients.join_all().await;
}

/// Who serves a world's connections.
struct Connections {
    http: JoinHandle<Result<(), String>>,
    streams: JoinHandle<()>,
}

/// What a world's parent asks about.
struct Parts {
    referee: Arc<Referee>,
    guard: Guard,
    store: Store,
    faults: Faults,
    /// Cancelled when no more calls are taken.
    serving: CancellationToken,
    /// Who serves connections, until they are ended.
    connections: Option<Connections>,
    /// The journal's end when the episode began.
    began_at: i64,
}

impl Parts {
    /// Answers what the parent asks, until it wants the world to end or is gone.
    async fn answer_parent(&mut self) -> Result<Ended, String> {
        let mut asked: Lines<BufReader<Stdin>> = BufReader::new(tokio::io::stdin()).lines();
        loop {
            let line = asked.next_line().await.map_err(|error| error.to_string())?;
            let Some(line) = line else {
                self.stop("the workspace has ended").await;
                return Ok(Ended::Abandoned);
            };
            let answered = match serde_json::from_str(&line) {
                Ok(Ask::End { reason }) => {
                    self.stop(&reason).await;
                    return Ok(Ended::Asked);
                }
                Ok(ask) => match self.answer(ask).await {
                    Ok(value) => Answered::Ok(value),
                    Err(reason) => Answered::Error(reason),
                },
                Err(error) => Answered::Error(error.to_string()),
            };
            say(&answered).await?;
        }
    }

    /// Ends the calls that are being served, and every connection once it is answered.
    async fn stop(&mut self, reason: &str) {
        let Some(Connections { http, streams }) = self.connections.take() else {
            return;
        };
        let ended = self.referee.end(reason.to_owned());
        if tokio::time::timeout(LAST_WORDS, ended).await.is_err() {
            tracing::warn!("calls that were told to end have not been answered");
        }
        self.serving.cancel();
        let last_words = async {
            let _ = streams.await;
            let _ = http.await;
        };
        // Whoever keeps a connection open without a call has nothing more to hear.
        let _ = tokio::time::timeout(LAST_WORDS, last_words).await;
    }

    /// The journal's end, once everything that was answered is in it.
    async fn settled_head(&self) -> Result<i64, String> {
        let unusable = |error: StoreError| error.to_string();
        self.store.settle().await.map_err(unusable)?;
        Ok(self.store.journal_head().await.map_err(unusable)?.seq)
    }

    /// The calls since the episode began, each with its outcome in the journal.
    async fn trace(&self) -> Result<Vec<TracedCall>, String> {
        let unusable = |error: StoreError| error.to_string();
        let end = self.settled_head().await?;
        let (mut at, mut outcomes) = (self.began_at, Vec::new());
        while at < end {
            let page = self.store.journal_after(at).await.map_err(unusable)?;
            let Some(last) = page.last() else {
                break;
            };
            at = last.seq;
            outcomes.extend(page.into_iter().filter(|record| record.kind == "outcome"));
        }
        let mut calls = self.referee.trace();
        for call in &mut calls {
            // Both are in the order of the answers; Drydock's own work stands in the journal alone.
            let place = outcomes.iter().position(|record| record.tool == call.tool);
            let found = place.and_then(|place| outcomes.drain(..=place).next_back());
            call.record = found.map(|record| {
                let mut body = record.body;
                if let Some(fields) = body.as_object_mut() {
                    // Measured by the call itself.
                    fields.remove("micros");
                    fields.insert("call_id".to_owned(), json!(record.call_id));
                }
                body
            });
        }
        Ok(calls)
    }

    async fn answer(&mut self, ask: Ask) -> Result<Value, String> {
        let value = match ask {
            Ask::Begin { limits, approvals } => {
                self.began_at = self.settled_head().await?;
                self.referee.begin(limits, approvals);
                Ok(Value::Null)
            }
            Ask::Trace => serde_json::to_value(self.trace().await?),
            Ask::AdvanceClock { seconds } => {
                clock::advance(Duration::from_secs(seconds));
                Ok(json!({ "now": clock::now() }))
            }
            Ask::PlanFaults { faults } => {
                self.faults.plan(faults);
                Ok(Value::Null)
            }
            Ask::FaultHits => serde_json::to_value(self.faults.hits()),
            Ask::Hashes { reference } => {
                let hashes = self.guard.state_hashes(&reference).await;
                serde_json::to_value(hashes.map_err(|refusal| refusal.message)?)
            }
            Ask::Points { reference } => {
                let points = self.store.points(&reference).await;
                let points = points.map_err(|error| error.to_string())?;
                let names = points
                    .into_iter()
                    .filter(|point| point.status.is_made() && point.reachable)
                    .map(|point| point.name);
                Ok(names.collect())
            }
            Ask::Stop { reason } => {
                self.stop(&reason).await;
                Ok(Value::Null)
            }
            Ask::End { .. } => return Err("it is being ended".to_owned()),
        };
        value.map_err(|error| error.to_string())
    }
}

/// Writes one line to the parent.
async fn say(what: &impl serde::Serialize) -> Result<(), String> {
    let mut line = serde_json::to_vec(what).map_err(|error| error.to_string())?;
    line.push(b'\n');
    let mut out = tokio::io::stdout();
    let written = async {
        out.write_all(&line).await?;
        out.flush().await
    };
    written.await.map_err(|error| error.to_string())
}

/// Where a world's settings lie.
fn path_of(data_dir: &std::path::Path) -> PathBuf {
    data_dir.join("world.json")
}
