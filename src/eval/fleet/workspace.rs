//! A workspace: an address that agents reach, and the world that is behind it at the moment.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::child::World;
use super::{Fleet, FleetError, front, is_name};
use crate::eval::platform::Platform;
use crate::eval::world::wire::Ask;
use crate::eval::world::{ApprovalRule, Limits, TracedCall};
use crate::local::faults::{Fault, Hit};

/// Where agents reach a workspace. Stays through resets.
#[derive(Debug, Clone, Copy)]
pub struct Address {
    /// MCP over streamable HTTP, at `/mcp`.
    pub http: SocketAddr,
    /// MCP as over standard input and output.
    pub stream: SocketAddr,
}

impl Address {
    /// The MCP endpoint.
    pub fn url(&self) -> String {
        format!("http://{}/mcp", self.http)
    }
}

/// What a workspace is, for a harness.
#[derive(Debug, Clone, Serialize)]
pub struct Shown {
    /// Its id.
    pub id: String,
    /// The snapshot that it was last reset to.
    pub snapshot: String,
    /// MCP over streamable HTTP.
    pub mcp_url: String,
    /// The command that speaks MCP over standard input and output.
    pub mcp_command: Vec<String>,
    /// The Management API of the world of the moment: the harness's, never an agent's.
    pub api_url: String,
    /// Its bearer token.
    pub access_token: String,
    /// Where psql and drivers connect.
    pub pooler_port: u16,
}

/// One workspace of a fleet.
#[derive(Debug)]
pub struct Workspace {
    id: String,
    address: Address,
    snapshot: Mutex<String>,
    current: watch::Sender<Arc<World>>,
    /// Resets and snapshots take turns.
    turn: tokio::sync::Mutex<()>,
    ended: CancellationToken,
    http_client: reqwest::Client,
}

impl Workspace {
    /// What it is called.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Where agents reach it.
    pub fn address(&self) -> Address {
        self.address
    }

    /// The snapshot that it was last reset to.
    pub fn snapshot(&self) -> String {
        self.snapshot
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn world(&self) -> Arc<World> {
        Arc::clone(&self.current.borrow())
    }

    /// Its platform's API, with every right.
    pub(in crate::eval) fn platform(&self) -> Platform {
        let world = self.world();
        Platform::new(
            self.http_client.clone(),
            &world.ready.api_url,
            &world.ready.access_token,
        )
    }

    /// For a harness. `program` is what speaks for it over standard input and output.
    pub fn shown(&self, program: &std::path::Path) -> Shown {
        let world = self.world();
        Shown {
            id: self.id.clone(),
            snapshot: self.snapshot(),
            mcp_url: self.address.url(),
            mcp_command: vec![
                program.display().to_string(),
                "eval".to_owned(),
                "connect".to_owned(),
                self.address.stream.to_string(),
            ],
            api_url: world.ready.api_url.clone(),
            access_token: world.ready.access_token.clone(),
            pooler_port: world.ready.pooler_port,
        }
    }

    pub(in crate::eval) async fn ask(&self, ask: &Ask) -> Result<Value, FleetError> {
        self.world().ask(ask).await
    }

    /// Begins an episode: an empty trace, limits, and how the operator answers approvals.
    pub(in crate::eval) async fn begin(
        &self,
        limits: Limits,
        approvals: Vec<ApprovalRule>,
    ) -> Result<(), FleetError> {
        self.ask(&Ask::Begin { limits, approvals }).await.map(drop)
    }

    /// The calls since the episode began.
    pub(in crate::eval) async fn trace(&self) -> Result<Vec<TracedCall>, FleetError> {
        let trace = self.ask(&Ask::Trace).await?;
        serde_json::from_value(trace).map_err(|error| FleetError::World(error.to_string()))
    }

    /// The names of the restore points that a branch can be returned to.
    pub(in crate::eval) async fn restore_points(
        &self,
        reference: &str,
    ) -> Result<Vec<String>, FleetError> {
        let reference = reference
            .parse()
            .map_err(|error: crate::api::NotARef| FleetError::Asked(error.to_string()))?;
        let names = self.ask(&Ask::Points { reference }).await?;
        serde_json::from_value(names).map_err(|error| FleetError::World(error.to_string()))
    }

    /// Plans what the platform is to do wrong, in place of what was planned before.
    pub(in crate::eval) async fn plan_faults(&self, faults: Vec<Fault>) -> Result<(), FleetError> {
        self.ask(&Ask::PlanFaults { faults }).await.map(drop)
    }

    /// What it has done wrong since.
    pub(in crate::eval) async fn fault_hits(&self) -> Result<Vec<Hit>, FleetError> {
        let hits = self.ask(&Ask::FaultHits).await?;
        serde_json::from_value(hits).map_err(|error| FleetError::World(error.to_string()))
    }

    /// Puts another world behind the address. The last one ends afterwards: its calls are answered.
    fn replace(&self, world: World, snapshot: &str) -> Arc<World> {
        *self.snapshot.lock().unwrap_or_else(PoisonError::into_inner) = snapshot.to_owned();
        self.current.send_replace(Arc::new(world))
    }

    pub(super) async fn end(&self, fleet: &Fleet, reason: &str) {
        let _turn = self.turn.lock().await;
        let world = self.world();
        fleet.discard(&world, reason).await;
        self.ended.cancel();
    }
}

impl Fleet {
    /// Makes a workspace on a fork of a snapshot. Named by number without a name.
    pub async fn workspace(
        &self,
        snapshot: &str,
        name: Option<&str>,
    ) -> Result<Arc<Workspace>, FleetError> {
        let id = match name {
            Some(name) if !is_name(name) => return Err(not_a_name(name)),
            Some(name) => name.to_owned(),
            None => format!("w{}", self.0.next_workspace.fetch_add(1, Ordering::Relaxed)),
        };
        if self.workspaces().contains_key(&id) {
            return Err(FleetError::Name(format!(
                "there is a workspace {id} already"
            )));
        }
        let world = self.take(snapshot).await?;
        let (http, stream) = (listen().await?, listen().await?);
        let address = Address {
            http: http.local_addr().map_err(unusable)?,
            stream: stream.local_addr().map_err(unusable)?,
        };
        let (current, seen) = watch::channel(Arc::new(world));
        let ended = CancellationToken::new();
        tokio::spawn(front::serve_http(http, seen.clone(), ended.clone()));
        tokio::spawn(front::serve_streams(stream, seen, ended.clone()));
        let workspace = Arc::new(Workspace {
            id: id.clone(),
            address,
            snapshot: Mutex::new(snapshot.to_owned()),
            current,
            turn: tokio::sync::Mutex::default(),
            ended,
            http_client: self.0.http.clone(),
        });
        self.workspaces().insert(id, Arc::clone(&workspace));
        Ok(workspace)
    }

    /// A workspace by its id.
    pub fn find(&self, id: &str) -> Result<Arc<Workspace>, FleetError> {
        let found = self.workspaces().get(id).cloned();
        found.ok_or_else(|| FleetError::NoWorkspace(id.to_owned()))
    }

    /// Every workspace, by id.
    pub fn all(&self) -> Vec<Arc<Workspace>> {
        let mut all: Vec<_> = self.workspaces().values().cloned().collect();
        all.sort_by(|one, other| one.id.cmp(&other.id));
        all
    }

    /// Puts a fork of a snapshot, the one from before without, behind a workspace's address. Calls that are
    /// being served are answered with the code `workspace_reset`; the last world is removed afterwards.
    pub async fn reset(
        &self,
        workspace: &Workspace,
        snapshot: Option<&str>,
    ) -> Result<(), FleetError> {
        let _turn = workspace.turn.lock().await;
        let snapshot = snapshot.map_or_else(|| workspace.snapshot(), str::to_owned);
        let world = self.take(&snapshot).await?;
        let last = workspace.replace(world, &snapshot);
        let reason = "the workspace was reset while this call was being served";
        let stop = Ask::Stop {
            reason: reason.to_owned(),
        };
        // Whoever calls once this has answered reaches the new world; one that has died stops nobody.
        if let Err(error) = last.ask(&stop).await {
            tracing::debug!(%error, "the last world did not stop in order");
        }
        let fleet = self.clone();
        tokio::spawn(async move { fleet.discard(&last, reason).await });
        Ok(())
    }

    /// Makes a snapshot of a workspace as it is, and goes on from a fork of it. `policy` is the operator's
    /// policy in what is forked from it; as before without.
    pub async fn snapshot(
        &self,
        workspace: &Workspace,
        name: &str,
        policy: Option<String>,
    ) -> Result<(), FleetError> {
        let _turn = self.freeze_workspace(workspace, name, policy).await?;
        let next = self.take(name).await?;
        workspace.replace(next, name);
        Ok(())
    }

    /// Makes a snapshot of a workspace that nobody needs any more: it has no world afterwards.
    pub(in crate::eval) async fn save(
        &self,
        workspace: &Workspace,
        name: &str,
        policy: Option<String>,
    ) -> Result<(), FleetError> {
        self.freeze_workspace(workspace, name, policy)
            .await
            .map(drop)
    }

    async fn freeze_workspace<'a>(
        &self,
        workspace: &'a Workspace,
        name: &str,
        policy: Option<String>,
    ) -> Result<tokio::sync::MutexGuard<'a, ()>, FleetError> {
        if !is_name(name) {
            return Err(not_a_name(name));
        }
        if self.has_snapshot(name) {
            return Err(FleetError::Name(format!(
                "there is a snapshot {name} already"
            )));
        }
        let turn = workspace.turn.lock().await;
        let world = workspace.world();
        world.end("the workspace is being saved; try again").await?;
        self.freeze(&world.dir, name, policy)?;
        Ok(turn)
    }

    /// A new workspace in the state of this one, which goes on from there as well. Both stand on a snapshot
    /// that is made for it.
    pub async fn fork_workspace(
        &self,
        workspace: &Workspace,
        name: Option<&str>,
    ) -> Result<Arc<Workspace>, FleetError> {
        let number = self.0.next_workspace.fetch_add(1, Ordering::Relaxed);
        let snapshot = format!("fork-{number}");
        self.snapshot(workspace, &snapshot, None).await?;
        self.workspace(&snapshot, name).await
    }

    /// Removes a snapshot. Workspaces that were made from it stay.
    pub async fn remove_snapshot(&self, name: &str) -> Result<(), FleetError> {
        if !self.has_snapshot(name) {
            return Err(FleetError::NoSnapshot(name.to_owned()));
        }
        for world in self.0.pool.forget(name) {
            self.discard(&world, "").await;
        }
        super::remove_tree(&self.snapshot_dir(name))
    }

    /// Ends a workspace and removes what it holds.
    pub async fn remove(&self, id: &str) -> Result<(), FleetError> {
        let workspace = self.find(id)?;
        workspace.end(self, "the workspace has ended").await;
        self.workspaces().remove(id);
        Ok(())
    }
}

fn not_a_name(name: &str) -> FleetError {
    let shown: String = name.chars().take(64).collect();
    FleetError::Name(format!(
        "{shown:?} is no name: 1 to 64 letters, digits, - and _"
    ))
}

async fn listen() -> Result<TcpListener, FleetError> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .map_err(unusable)
}

fn unusable(error: std::io::Error) -> FleetError {
    FleetError::World(format!("cannot listen on loopback: {error}"))
}
