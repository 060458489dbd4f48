//! The routes that say what an episode has come to.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::reply::{Body, Fault, Reply, read, shown};
use super::{Plane, Playing, Shared};
use crate::eval::fleet::Workspace;
use crate::eval::judge::{self, Evidence, WorldState};
use crate::eval::run;
use crate::eval::scenario::{Checked, Scenario, Variables};

impl Plane {
    fn scenario(&self, name: &str) -> Result<&Scenario, Fault> {
        self.stages.library().find(name).ok_or_else(|| {
            let message = format!("there is no scenario {name:?}; GET /scenarios lists them");
            Fault::new(StatusCode::NOT_FOUND, "not_found", message)
        })
    }

    /// A workspace in the state that a scenario starts from, with its episode begun.
    pub(super) async fn play(&self, name: &str, id: Option<&str>) -> Reply {
        let scenario = self.scenario(name)?;
        let prepared = self.stages.of(scenario).await.map_err(Fault::world)?;
        let workspace = self.fleet.workspace(&prepared.snapshot, id).await?;
        let task = prepared
            .variables
            .fill(&scenario.task)
            .map_err(Fault::world)?;
        let saved = json!(prepared.variables);
        let playing = Playing {
            scenario: name.to_owned(),
            prepared,
        };
        self.playing().insert(workspace.id().to_owned(), playing);
        self.begin_scenario(&workspace).await?;
        let mut shown = serde_json::to_value(workspace.shown(&self.program))
            .map_err(|error| Fault::world(error.to_string()))?;
        shown["scenario"] = json!(name);
        shown["family"] = json!(scenario.family.as_str());
        shown["task"] = json!(task.trim());
        shown["limits"] = json!(scenario.limits);
        // What the starting state has saved: for scripts, as the task may not name it.
        shown["variables"] = saved;
        super::reply::shown(&shown)
    }

    fn playing_of(&self, workspace: &Workspace) -> Option<Playing> {
        self.playing().get(workspace.id()).cloned()
    }

    /// Begins the episode of the scenario that a workspace was made for, if there is one.
    pub(super) async fn begin_scenario(&self, workspace: &Workspace) -> Result<(), Fault> {
        let Some(playing) = self.playing_of(workspace) else {
            return Ok(());
        };
        let scenario = self.scenario(&playing.scenario)?;
        workspace
            .begin(scenario.limits, scenario.approval.clone())
            .await?;
        workspace.plan_faults(scenario.fault.clone()).await?;
        Ok(())
    }

    /// The state that a workspace was last reset to.
    fn before(&self, workspace: &Workspace) -> WorldState {
        let snapshot = workspace.snapshot();
        if let Some(playing) = self.playing_of(workspace)
            && playing.prepared.snapshot == snapshot
        {
            return playing.prepared.state;
        }
        self.states().get(&snapshot).cloned().unwrap_or_default()
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Score {
    #[serde(default)]
    answer: String,
}

pub(super) async fn score(
    State(plane): Shared,
    Path(id): Path<String>,
    body: Body<Score>,
) -> Reply {
    let Score { answer } = read(body)?;
    let workspace = plane.fleet.find(&id)?;
    let Some(playing) = plane.playing_of(&workspace) else {
        return Err(Fault::invalid(
            "this workspace was not made for a scenario; assert takes checks",
        ));
    };
    let scenario = plane.scenario(&playing.scenario)?;
    let judged = run::judge(&workspace, scenario, &playing.prepared, &answer)
        .await
        .map_err(Fault::world)?;
    shown(&json!({
        "scenario": playing.scenario,
        "utility": judged.utility(),
        "safe": judged.is_safe(),
        "goals": judged.goals,
        "never": judged.never,
        "calls": judged.calls.len(),
        "tokens": judged.calls.iter().map(|call| call.tokens).sum::<u64>(),
        "state_hash": judged.state_hash,
        "production_unchanged": judged.production_unchanged,
        "faults": judged.faults,
    }))
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Assert {
    assertions: Vec<Checked>,
    #[serde(default)]
    variables: BTreeMap<String, Value>,
    #[serde(default)]
    answer: String,
}

pub(super) async fn assert(
    State(plane): Shared,
    Path(id): Path<String>,
    body: Body<Assert>,
) -> Reply {
    let Assert {
        assertions,
        variables: given,
        answer,
    } = read(body)?;
    for checked in &assertions {
        let sound = checked.check.sound();
        sound.map_err(|problem| Fault::invalid(format!("{:?}: {problem}", checked.why)))?;
    }
    let workspace = plane.fleet.find(&id)?;
    let after = WorldState::read(&workspace).await.map_err(Fault::world)?;
    let before = plane.before(&workspace);
    let playing = plane.playing_of(&workspace);
    let mut variables = playing.map_or_else(Variables::default, |one| one.prepared.variables);
    // Where there is one project alone, that is meant.
    if let [project] = productions(&after).as_slice() {
        variables.set("project", json!(project));
    }
    for (name, value) in given {
        variables.set(&name, value);
    }
    let calls = workspace.trace().await?;
    let evidence = Evidence {
        workspace: &workspace,
        variables: &variables,
        before: &before,
        after: &after,
        calls: &calls,
        answer: &answer,
    };
    let mut results = Vec::new();
    for checked in &assertions {
        results.push(evidence.rule(checked).await);
    }
    let passed = results.iter().all(|ruling| ruling.holds);
    shown(&json!({ "passed": passed, "results": results }))
}

fn productions(state: &WorldState) -> Vec<&str> {
    state
        .environments
        .iter()
        .filter(|one| one.environment == "production")
        .map(|one| one.project.as_str())
        .collect()
}

pub(super) async fn state_hash(State(plane): Shared, Path(id): Path<String>) -> Reply {
    let workspace = plane.fleet.find(&id)?;
    let state = WorldState::read(&workspace).await.map_err(Fault::world)?;
    let before = plane.before(&workspace);
    shown(&json!({
        "state_hash": state.hash(),
        "unchanged": state == before,
        "production_unchanged": state.has_productions_of(&before),
        "environments": state.environments,
    }))
}

pub(super) async fn dump(State(plane): Shared, Path(id): Path<String>) -> Reply {
    let workspace: Arc<Workspace> = plane.fleet.find(&id)?;
    let dumped = judge::dump(&workspace).await.map_err(Fault::world)?;
    shown(&dumped)
}

pub(super) async fn scenarios(State(plane): Shared) -> Reply {
    let listed: Vec<Value> = plane
        .stages
        .library()
        .scenarios
        .iter()
        .map(|one| {
            json!({
                "name": one.name,
                "family": one.family.as_str(),
                "title": one.title,
                "limits": one.limits,
            })
        })
        .collect();
    shown(&json!({ "scenarios": listed }))
}
