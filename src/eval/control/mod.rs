//! The control plane of harnesses: HTTP with JSON, on loopback, behind a token of its own. No MCP
//! endpoint leads here.
//!
//! ```text
//! POST   /workspaces                   {snapshot?, name?}       a workspace on a fork of a snapshot
//!                                      {scenario, name?}        or in the state that a scenario starts from
//! GET    /workspaces                                            all of them
//! GET    /workspaces/{id}                                       where it is reached, and by what
//! DELETE /workspaces/{id}
//! POST   /workspaces/{id}/begin        {limits?, approvals?}    an episode: an empty trace
//! POST   /workspaces/{id}/reset        {snapshot?}              begins a scenario's episode again
//! POST   /workspaces/{id}/score        {answer?}                the scenario's goals and nevers
//! POST   /workspaces/{id}/assert       {assertions, variables?} the same of checks that are given
//! POST   /workspaces/{id}/snapshot     {name, policy?}
//! POST   /workspaces/{id}/fork         {name?}                  another workspace in the same state
//! GET    /workspaces/{id}/state_hash                            hashes, and what is as it was at the start
//! GET    /workspaces/{id}/dump                                  all that can be asserted, as data
//! GET    /workspaces/{id}/trace                                 the calls since the episode began
//! POST   /workspaces/{id}/clock        {advance_s}
//! POST   /workspaces/{id}/faults       {faults}                 replaces the plan
//! GET    /workspaces/{id}/faults                                which have struck
//! GET    /snapshots                    DELETE /snapshots/{name}
//! GET    /scenarios                                             name, family, title, limits
//! ```
//!
//! Errors are `{"error": {"code", "message"}}`.

mod judging;
mod reply;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::serve::ListenerExt;
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::fleet::{EMPTY, Fleet, Workspace};
use super::judge::WorldState;
use super::run::{Prepared, Stages};
use super::scenario::Library;
use super::world::wire::Ask;
use super::world::{ApprovalRule, Limits};
use crate::local::faults as planned;
use reply::{Body, Fault, Reply, read, shown};

/// Where the control plane answers, and whom.
#[derive(Debug, Clone)]
pub struct ControlSettings {
    /// The address; loopback only.
    pub address: SocketAddr,
    /// The bearer token.
    pub token: String,
    /// Drydock's program, for the commands that agents run.
    pub program: PathBuf,
    /// The folder of the scenarios; those that come along without.
    pub scenarios: Option<PathBuf>,
}

/// Serves until `stop` is cancelled; `ready` is called once, with the address.
pub async fn serve_control(
    fleet: Fleet,
    settings: ControlSettings,
    stop: CancellationToken,
    ready: impl FnOnce(SocketAddr),
) -> Result<(), String> {
    if !settings.address.ip().is_loopback() {
        return Err(format!("{} is not a loopback address", settings.address));
    }
    let listener = TcpListener::bind(settings.address)
        .await
        .map_err(|error| format!("cannot listen on {}: {error}", settings.address))?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let library = Library::read(settings.scenarios.as_deref())?;
    let plane = Plane {
        stages: Stages::new(fleet.clone(), Arc::new(library)),
        states: Mutex::default(),
        playing: Mutex::default(),
        fleet,
        program: settings.program,
        token: Sha256::digest(settings.token.as_bytes()).into(),
    };
    let listener = listener.tap_io(|stream| {
        // Small answers are not to wait for company.
        let _ = stream.set_nodelay(true);
    });
    ready(address);
    axum::serve(listener, router(Arc::new(plane)))
        .with_graceful_shutdown(async move { stop.cancelled().await })
        .await
        .map_err(|error| error.to_string())
}

/// What the routes work with.
struct Plane {
    fleet: Fleet,
    stages: Stages,
    /// What was in the databases when a snapshot was made.
    states: Mutex<HashMap<String, WorldState>>,
    /// The scenarios that workspaces were made for.
    playing: Mutex<HashMap<String, Playing>>,
    program: PathBuf,
    /// SHA-256 of the token: comparing digests tells nothing of how much of a guess was right.
    token: [u8; 32],
}

/// The scenario of a workspace.
#[derive(Clone)]
struct Playing {
    scenario: String,
    prepared: Prepared,
}

type Shared = State<Arc<Plane>>;

fn router(plane: Arc<Plane>) -> Router {
    Router::new()
        .route("/workspaces", post(create).get(list))
        .route("/workspaces/{id}", get(show).delete(remove))
        .route("/workspaces/{id}/begin", post(begin))
        .route("/workspaces/{id}/reset", post(reset))
        .route("/workspaces/{id}/snapshot", post(snapshot))
        .route("/workspaces/{id}/fork", post(fork))
        .route("/workspaces/{id}/score", post(judging::score))
        .route("/workspaces/{id}/assert", post(judging::assert))
        .route("/workspaces/{id}/state_hash", get(judging::state_hash))
        .route("/workspaces/{id}/dump", get(judging::dump))
        .route("/workspaces/{id}/trace", get(trace))
        .route("/workspaces/{id}/clock", post(clock))
        .route("/workspaces/{id}/faults", post(plan_faults).get(fault_hits))
        .route("/scenarios", get(judging::scenarios))
        .route("/snapshots", get(snapshots))
        .route("/snapshots/{name}", delete(remove_snapshot))
        .fallback(async || Fault::new(StatusCode::NOT_FOUND, "not_found", "there is no such route"))
        .layer(middleware::from_fn_with_state(Arc::clone(&plane), admit))
        .with_state(plane)
}

async fn admit(State(plane): Shared, request: Request, next: Next) -> Response {
    let given = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "))
        .map(|token| <[u8; 32]>::from(Sha256::digest(token.as_bytes())));
    if given != Some(plane.token) {
        return Fault::new(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "give the control plane's token as a bearer token",
        )
        .into_response();
    }
    next.run(request).await
}

impl Plane {
    fn states(&self) -> MutexGuard<'_, HashMap<String, WorldState>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn playing(&self) -> MutexGuard<'_, HashMap<String, Playing>> {
        self.playing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shown(&self, workspace: &Workspace) -> Reply {
        shown(&workspace.shown(&self.program))
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Create {
    snapshot: Option<String>,
    scenario: Option<String>,
    name: Option<String>,
}

async fn create(State(plane): Shared, body: Body<Create>) -> Reply {
    let Create {
        snapshot,
        scenario,
        name,
    } = read(body)?;
    let name = name.as_deref();
    match (scenario, snapshot) {
        (Some(_), Some(_)) => Err(Fault::invalid("a scenario has a snapshot of its own")),
        (Some(scenario), None) => plane.play(&scenario, name).await,
        (None, snapshot) => {
            let snapshot = snapshot.as_deref().unwrap_or(EMPTY);
            let made = plane.fleet.workspace(snapshot, name).await?;
            plane.shown(&made)
        }
    }
}

async fn list(State(plane): Shared) -> Reply {
    let all: Vec<_> = plane
        .fleet
        .all()
        .iter()
        .map(|one| one.shown(&plane.program))
        .collect();
    shown(&json!({ "workspaces": all }))
}

async fn show(State(plane): Shared, Path(id): Path<String>) -> Reply {
    plane.shown(&*plane.fleet.find(&id)?)
}

async fn remove(State(plane): Shared, Path(id): Path<String>) -> Reply {
    plane.fleet.remove(&id).await?;
    plane.playing().remove(&id);
    shown(&json!({ "removed": id }))
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Begin {
    #[serde(default)]
    limits: Limits,
    #[serde(default)]
    approvals: Vec<ApprovalRule>,
}

async fn begin(State(plane): Shared, Path(id): Path<String>, body: Body<Begin>) -> Reply {
    let Begin { limits, approvals } = read(body)?;
    plane.fleet.find(&id)?.begin(limits, approvals).await?;
    shown(&json!({ "began": id }))
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Reset {
    snapshot: Option<String>,
}

async fn reset(State(plane): Shared, Path(id): Path<String>, body: Body<Reset>) -> Reply {
    let Reset { snapshot } = read(body)?;
    let workspace = plane.fleet.find(&id)?;
    plane.fleet.reset(&workspace, snapshot.as_deref()).await?;
    match snapshot {
        // It plays no scenario any more.
        Some(_) => drop(plane.playing().remove(&id)),
        None => plane.begin_scenario(&workspace).await?,
    }
    plane.shown(&workspace)
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Save {
    name: String,
    policy: Option<String>,
}

async fn snapshot(State(plane): Shared, Path(id): Path<String>, body: Body<Save>) -> Reply {
    let Save { name, policy } = read(body)?;
    let workspace = plane.fleet.find(&id)?;
    let state = WorldState::read(&workspace).await.map_err(Fault::world)?;
    plane.fleet.snapshot(&workspace, &name, policy).await?;
    plane.states().insert(name, state);
    plane.shown(&workspace)
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fork {
    name: Option<String>,
}

async fn fork(State(plane): Shared, Path(id): Path<String>, body: Body<Fork>) -> Reply {
    let Fork { name } = read(body)?;
    let workspace = plane.fleet.find(&id)?;
    let state = WorldState::read(&workspace).await.map_err(Fault::world)?;
    let made = plane
        .fleet
        .fork_workspace(&workspace, name.as_deref())
        .await?;
    plane.states().insert(made.snapshot(), state);
    plane.shown(&made)
}

async fn trace(State(plane): Shared, Path(id): Path<String>) -> Reply {
    let calls = plane.fleet.find(&id)?.trace().await?;
    shown(&json!({ "calls": calls }))
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    advance_s: u64,
}

async fn clock(State(plane): Shared, Path(id): Path<String>, body: Body<Advance>) -> Reply {
    let Advance { advance_s } = read(body)?;
    let workspace = plane.fleet.find(&id)?;
    let now = workspace
        .ask(&Ask::AdvanceClock { seconds: advance_s })
        .await?;
    shown(&now)
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Plan {
    faults: Vec<planned::Fault>,
}

async fn plan_faults(State(plane): Shared, Path(id): Path<String>, body: Body<Plan>) -> Reply {
    let Plan { faults } = read(body)?;
    let planned = faults.len();
    plane.fleet.find(&id)?.plan_faults(faults).await?;
    shown(&json!({ "planned": planned }))
}

async fn fault_hits(State(plane): Shared, Path(id): Path<String>) -> Reply {
    let hits = plane.fleet.find(&id)?.fault_hits().await?;
    shown(&json!({ "hits": hits }))
}

async fn snapshots(State(plane): Shared) -> Reply {
    shown(&json!({ "snapshots": plane.fleet.snapshots()? }))
}

async fn remove_snapshot(State(plane): Shared, Path(name): Path<String>) -> Reply {
    plane.fleet.remove_snapshot(&name).await?;
    shown(&json!({ "removed": name }))
}
