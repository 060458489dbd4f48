//! The local platform: the Management API, served by Drydock itself over real PostgreSQL.
//!
//! One process per data directory, shared by every server on the machine, on loopback alone.
//!
//! ```text
//! <data directory>/platform/
//!   lock               held by the one process that serves
//!   ready.json         0600: where it answers and with which token; gone when nobody serves
//!   platform.log       what the process says when it runs in the background
//!   platform.sqlite    the registry: projects, branches, restore points, workflow runs
//!   logs.sqlite        what they did, for a while
//!   postgres/          the engine's: template, clusters, sockets
//!   functions/         deployed functions, and what runs them
//! ```
//!
//! ```text
//! process   starting, announcing, ending      ready  how it is found
//! launch   finding or starting it from a server
//! routes/   one file per domain of the API    registry what exists
//! advisor, typescript   what is read from a database's catalogue
//! workflows what goes on after an answer      engine/  clusters, restore points, the wire
//! pooler/   the port for psql and drivers     sleep    databases that nobody uses
//! tending   what is kept of databases' history
//! logs/     what projects did, for a while
//! functions/ Edge Functions in Deno
//! configuration what services are set to
//! faults/  what goes wrong on purpose, where a trial plans it
//! footprint what all of it takes of the machine
//! grants   what the API's roles may do with what is new in public
//! claim/    the pages where a user claims a project
//! ```
//!
//! It speaks the API's types and never its client.

mod actions;
mod advisor;
mod bootstrap;
mod claim;
mod configuration;
pub mod engine;
mod fault;
pub mod faults;
mod footprint;
mod functions;
mod grants;
mod launch;
mod logs;
mod pooler;
mod process;
mod ready;
mod registry;
mod routes;
mod sleep;
mod tending;
mod typescript;
mod workflows;

use std::sync::Arc;

use crate::api::Ref;
use engine::{ClusterId, Engine};
use faults::Faults;
use functions::Functions;
use logs::{Event, Logs, Source};
use registry::Registry;

pub use claim::{NewApp, OwnAccount, register_account, register_app};
pub use footprint::{DiskUse, MemoryUse, Places, ProjectBytes};
pub use functions::{DenoSearch, confine};
pub use grants::GrantsProfile;
pub use launch::LocalPlatform;
pub use process::{
    PlatformError, PlatformSettings, TEMPLATE_SPARES, run_or_join, run_platform,
    run_platform_until, stop_platform,
};
pub use ready::Ready;

/// The API version that `ready.json` states; servers refuse to talk to another.
const API_VERSION: u32 = 1;

/// What the routes work with. Cheap to clone.
#[derive(Clone)]
struct Platform {
    inner: Arc<Inner>,
}

struct Inner {
    engine: Engine,
    registry: Registry,
    /// Where the pooler listens on 127.0.0.1.
    pooler_port: u16,
    /// The profile of projects that are created from here on.
    grants: GrantsProfile,
    logs: Logs,
    functions: Functions,
    /// What is to go wrong; nothing can without.
    faults: Option<Faults>,
    /// Workflows that change a project take turns: `(ref, its lock)`.
    turns: std::sync::Mutex<std::collections::HashMap<Ref, Arc<tokio::sync::Mutex<()>>>>,
}

impl Platform {
    fn new(
        engine: Engine,
        registry: Registry,
        functions: Functions,
        logs: Logs,
        pooler_port: u16,
        grants: GrantsProfile,
        faults: Option<Faults>,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                engine,
                registry,
                pooler_port,
                grants,
                logs,
                functions,
                faults,
                turns: std::sync::Mutex::default(),
            }),
        }
    }

    fn engine(&self) -> &Engine {
        &self.inner.engine
    }

    fn registry(&self) -> &Registry {
        &self.inner.registry
    }

    fn functions(&self) -> &Functions {
        &self.inner.functions
    }

    fn pooler_port(&self) -> u16 {
        self.inner.pooler_port
    }

    fn grants(&self) -> GrantsProfile {
        self.inner.grants
    }

    fn faults(&self) -> Option<&Faults> {
        self.inner.faults.as_ref()
    }

    fn logs(&self) -> &Logs {
        &self.inner.logs
    }

    /// Logs what a project or branch does. Never waits and never fails.
    fn log(&self, reference: &Ref, source: Source, event: Event) {
        self.logs().write(reference, source, event);
    }

    /// The turn to run a workflow on one project or branch.
    async fn turn(&self, reference: &Ref) -> tokio::sync::OwnedMutexGuard<()> {
        let lock = {
            let mut turns = self
                .inner
                .turns
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            turns.retain(|_, lock| Arc::strong_count(lock) > 1);
            Arc::clone(turns.entry(reference.clone()).or_default())
        };
        lock.lock_owned().await
    }

    /// A project or branch, by its ref.
    async fn project(&self, reference: &Ref) -> Result<registry::StoredProject, fault::Fault> {
        self.registry()
            .project(reference)
            .await?
            .ok_or_else(fault::Fault::no_project)
    }

    /// The cluster of a project or branch that can be used now.
    async fn cluster(&self, reference: &Ref) -> Result<ClusterId, fault::Fault> {
        let project = self.project(reference).await?;
        match (project.status, project.cluster) {
            (crate::api::projects::ProjectStatus::Inactive, _) => Err(fault::Fault::new(
                400,
                "the project is paused; restore it first",
            )),
            (_, Some(cluster)) => Ok(cluster),
            (status, None) => Err(fault::Fault::new(
                400,
                format!(
                    "the project's database is not there yet: {}",
                    status.as_str()
                ),
            )),
        }
    }
}
