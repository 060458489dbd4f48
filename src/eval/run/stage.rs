//! The state that a scenario starts from, made once and kept as a snapshot.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::{Mutex, OnceCell};

use crate::eval::agents::Session;
use crate::eval::fleet::{EMPTY, Fleet, Workspace};
use crate::eval::judge::{WorldState, reference_of};
use crate::eval::scenario::{Library, Scenario, Setup, SqlStep, ToolStep, Variables};
use crate::eval::world::wire::Ask;

/// A state that is ready to be started from.
#[derive(Debug, Clone)]
pub(in crate::eval) struct Prepared {
    /// The snapshot.
    pub(in crate::eval) snapshot: String,
    /// What was saved on the way.
    pub(in crate::eval) variables: Variables,
    /// What the databases hold.
    pub(in crate::eval) state: WorldState,
}

/// Makes states, each once, whoever asks.
pub(in crate::eval) struct Stages {
    fleet: Fleet,
    library: Arc<Library>,
    made: Mutex<HashMap<String, Arc<OnceCell<Prepared>>>>,
}

impl Stages {
    pub(in crate::eval) fn new(fleet: Fleet, library: Arc<Library>) -> Self {
        Self {
            fleet,
            library,
            made: Mutex::default(),
        }
    }

    /// The scenarios.
    pub(in crate::eval) fn library(&self) -> &Library {
        &self.library
    }

    /// Removes a scenario's own state: it has had its last episode.
    pub(in crate::eval) async fn forget(&self, scenario: &Scenario) {
        let name = format!("scenario-{}", scenario.name);
        self.made.lock().await.remove(&name);
        if self.fleet.has_snapshot(&name)
            && let Err(error) = self.fleet.remove_snapshot(&name).await
        {
            tracing::warn!(%error, "a scenario's state could not be removed");
        }
    }

    async fn cell(&self, name: &str) -> Arc<OnceCell<Prepared>> {
        let mut made = self.made.lock().await;
        Arc::clone(made.entry(name.to_owned()).or_default())
    }

    /// What a scenario starts from.
    pub(in crate::eval) async fn of(&self, scenario: &Scenario) -> Result<Prepared, String> {
        let name = format!("scenario-{}", scenario.name);
        let cell = self.cell(&name).await;
        let prepared = cell.get_or_try_init(|| async {
            let before = match &scenario.base {
                Some(base) => self.base(base).await?,
                None => empty(),
            };
            let policy = (!scenario.policy.trim().is_empty()).then(|| scenario.policy.clone());
            if scenario.setup.is_empty() && policy.is_none() {
                return Ok(before);
            }
            self.make(&name, &before, &scenario.setup, policy).await
        });
        Ok(prepared.await?.clone())
    }

    async fn base(&self, base: &str) -> Result<Prepared, String> {
        let name = format!("base-{base}");
        let cell = self.cell(&name).await;
        let prepared = cell.get_or_try_init(|| async {
            let base = self.library.bases.get(base);
            let base = base.ok_or_else(|| format!("there is no {name}"))?;
            let made = self.make(&name, &empty(), &base.setup, None).await;
            made.map_err(|problem| format!("{}: {problem}", base.title))
        });
        Ok(prepared.await?.clone())
    }

    async fn make(
        &self,
        name: &str,
        before: &Prepared,
        setup: &[Setup],
        policy: Option<String>,
    ) -> Result<Prepared, String> {
        let workspace = self
            .fleet
            .workspace(&before.snapshot, None)
            .await
            .map_err(|error| error.to_string())?;
        let made = self
            .make_in(&workspace, name, before, setup, policy)
            .await
            .map_err(|problem| format!("{name}: {problem}"));
        let removed = self.fleet.remove(workspace.id()).await;
        let made = made?;
        removed.map_err(|error| error.to_string())?;
        Ok(made)
    }

    async fn make_in(
        &self,
        workspace: &Workspace,
        name: &str,
        before: &Prepared,
        setup: &[Setup],
        policy: Option<String>,
    ) -> Result<Prepared, String> {
        let mut variables = before.variables.clone();
        let session = Session::open(workspace, false).await?;
        for (place, step) in setup.iter().enumerate() {
            let done = match step {
                Setup::Tool(step) => call(&session, step, &mut variables).await,
                Setup::Sql(step) => run_sql(workspace, step, &variables).await,
                Setup::Clock(step) => {
                    let ask = Ask::AdvanceClock {
                        seconds: step.advance_clock,
                    };
                    let moved = workspace.ask(&ask).await;
                    moved.map(drop).map_err(|error| error.to_string())
                }
            };
            done.map_err(|problem| format!("step {} of the setup: {problem}", place + 1))?;
        }
        session.close().await;
        let state = WorldState::read(workspace).await?;
        self.fleet
            .save(workspace, name, policy)
            .await
            .map_err(|error| error.to_string())?;
        Ok(Prepared {
            snapshot: name.to_owned(),
            variables,
            state,
        })
    }
}

fn empty() -> Prepared {
    Prepared {
        snapshot: EMPTY.to_owned(),
        variables: Variables::default(),
        state: WorldState::default(),
    }
}

async fn call(session: &Session, step: &ToolStep, variables: &mut Variables) -> Result<(), String> {
    let arguments = variables.fill_fields(&step.arguments)?;
    let reply = session.call(&step.tool, arguments).await?;
    if reply.is_error {
        return Err(format!("{}: {}", step.tool, reply.text));
    }
    variables.save(&reply.value, &step.save)
}

async fn run_sql(
    workspace: &Workspace,
    step: &SqlStep,
    variables: &Variables,
) -> Result<(), String> {
    let platform = workspace.platform();
    let project = variables.fill(&step.project)?;
    let reference = reference_of(&platform, &project, &step.on).await?;
    let ran = platform
        .query(&reference, &variables.fill(&step.sql)?, false)
        .await;
    match (ran, step.fails) {
        (Ok(_), false) | (Err(_), true) => Ok(()),
        (Ok(_), true) => Err("the SQL was to fail, and did not".to_owned()),
        (Err(error), false) => Err(error),
    }
}
