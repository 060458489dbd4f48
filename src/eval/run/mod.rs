//! Running scenarios: a workspace per episode, an agent at work in it, and the judge afterwards.
//!
//! ```text
//! stage ─► snapshot ─► fork per episode ─► agent under limits ─► judge ─► report
//! ```
//!
//! stage  starting states, each made once      report  what came of it, as data and for people
//! page   the report as one page

mod page;
mod report;
mod stage;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::StreamExt;

use super::agents::{Agent, Assignment, Ended, Manner};
use super::fleet::{Fleet, FleetError, Workspace};
use super::judge::{Evidence, Ruling, WorldState};
use super::scenario::{Library, Scenario};
use super::world::TracedCall;
use crate::local::faults::Hit;
use report::{Episode, Measured};

pub use report::Report;
pub(super) use stage::{Prepared, Stages};

/// For how long an agent works where a scenario does not say.
const PATIENCE: Duration = Duration::from_secs(600);

/// What is run.
#[derive(Debug, Clone)]
pub struct RunSettings {
    /// The folder of the scenarios; those that come along without.
    pub scenarios: Option<PathBuf>,
    /// Which of them: names, or families, or the beginning of a name before a `*`; all where it is empty.
    pub wanted: Vec<String>,
    /// Who does them, each all of them.
    pub agents: Vec<Agent>,
    /// How many episodes each.
    pub episodes: u32,
    /// How many episodes at once.
    pub parallel: usize,
    /// Whether the agent speaks MCP over HTTP.
    pub over_http: bool,
    /// Drydock's program, for the commands that agents run.
    pub program: PathBuf,
    /// What all chance in the worlds is drawn from, for the report.
    pub seed: Option<u64>,
}

/// Runs scenarios, and answers with a report for each agent; `told` hears of each episode when it has ended.
pub async fn run(
    fleet: &Fleet,
    settings: &RunSettings,
    told: impl Fn(&str),
) -> Result<Vec<Report>, String> {
    let started = Instant::now();
    let library = Arc::new(Library::read(settings.scenarios.as_deref())?);
    let scenarios: Vec<&Scenario> = library
        .scenarios
        .iter()
        .filter(|scenario| is_wanted(scenario, &settings.wanted))
        .collect();
    if scenarios.is_empty() {
        return Err(format!(
            "no scenario is called {}",
            settings.wanted.join(", ")
        ));
    }
    let each = usize::try_from(settings.episodes)
        .unwrap_or(usize::MAX)
        .saturating_mul(settings.agents.len());
    let runner = Runner {
        fleet,
        settings,
        stages: Stages::new(fleet.clone(), Arc::clone(&library)),
        left: Mutex::new(
            scenarios
                .iter()
                .map(|scenario| (scenario.name.clone(), each))
                .collect(),
        ),
    };
    // A starting state serves every agent before the next one is made.
    let wanted = scenarios.iter().flat_map(|scenario| {
        let agents = settings.agents.iter().enumerate();
        agents.flat_map(move |agent| {
            (1..=settings.episodes).map(move |number| (*scenario, agent, number))
        })
    });
    let ended: Vec<(usize, (Episode, Measured))> = futures_util::stream::iter(wanted)
        .map(|(scenario, (place, agent), number)| {
            let (runner, told) = (&runner, &told);
            async move {
                let ended = runner.episode(scenario, agent, number).await;
                runner.ended(scenario).await;
                let who = match settings.agents.len() {
                    1 => String::new(),
                    _ => format!("{:<10} ", agent.name()),
                };
                told(&format!("{who}{}", ended.0.line()));
                (place, ended)
            }
        })
        .buffer_unordered(settings.parallel.max(1))
        .collect()
        .await;
    let mut by_agent: Vec<Vec<(Episode, Measured)>> = vec![Vec::new(); settings.agents.len()];
    for (place, episode) in ended {
        if let Some(own) = by_agent.get_mut(place) {
            own.push(episode);
        }
    }
    let reports = settings
        .agents
        .iter()
        .zip(by_agent)
        .map(|(agent, mut ended)| {
            ended.sort_by(|(one, _), (other, _)| {
                (&one.scenario, one.episode).cmp(&(&other.scenario, other.episode))
            });
            Report::of(agent.name(), settings.seed, ended, started.elapsed())
        });
    Ok(reports.collect())
}

fn is_wanted(scenario: &Scenario, wanted: &[String]) -> bool {
    wanted.is_empty()
        || wanted.iter().any(|one| {
            *one == scenario.name
                || one == scenario.family.as_str()
                || one
                    .strip_suffix('*')
                    .is_some_and(|start| scenario.name.starts_with(start))
        })
}

/// The names and titles of all scenarios of a folder, or of those that come along, by family.
pub fn list_scenarios(folder: Option<&Path>) -> Result<Vec<(String, String, String)>, String> {
    let library = Library::read(folder)?;
    let mut listed: Vec<_> = library
        .scenarios
        .iter()
        .map(|one| {
            (
                one.family.as_str().to_owned(),
                one.name.clone(),
                one.title.clone(),
            )
        })
        .collect();
    listed.sort();
    Ok(listed)
}

struct Runner<'a> {
    fleet: &'a Fleet,
    settings: &'a RunSettings,
    stages: Stages,
    /// How many episodes of each scenario have not ended.
    left: Mutex<HashMap<String, usize>>,
}

impl Runner<'_> {
    /// Counts an episode, and lets go of what its scenario starts from after the last one.
    async fn ended(&self, scenario: &Scenario) {
        let last = {
            let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
            let left = left.entry(scenario.name.clone()).or_default();
            *left = left.saturating_sub(1);
            *left == 0
        };
        if last {
            self.stages.forget(scenario).await;
        }
    }

    async fn episode(
        &self,
        scenario: &Scenario,
        agent: &Agent,
        number: u32,
    ) -> (Episode, Measured) {
        let begun = Instant::now();
        let played = match self.stages.of(scenario).await {
            Ok(prepared) => self.play(scenario, agent, &prepared, number).await,
            Err(problem) => Err(problem),
        };
        played.unwrap_or_else(|problem| {
            let episode = Episode::not_run(scenario, number, problem);
            let measured = Measured {
                millis: millis(begun.elapsed()),
                ..Measured::default()
            };
            (episode, measured)
        })
    }

    async fn play(
        &self,
        scenario: &Scenario,
        agent: &Agent,
        prepared: &Prepared,
        number: u32,
    ) -> Result<(Episode, Measured), String> {
        let begun = Instant::now();
        let failed = |error: FleetError| error.to_string();
        let workspace = self
            .fleet
            .workspace(&prepared.snapshot, None)
            .await
            .map_err(failed)?;
        let ready = begun.elapsed();
        let played = async {
            workspace
                .begin(scenario.limits, scenario.approval.clone())
                .await
                .map_err(failed)?;
            workspace
                .plan_faults(scenario.fault.clone())
                .await
                .map_err(failed)?;
            let task = prepared.variables.fill(&scenario.task)?;
            let shown = workspace.shown(&self.settings.program);
            let assignment = Assignment {
                scenario,
                task: task.trim(),
                workspace: &workspace,
                variables: &prepared.variables,
                over_http: self.settings.over_http,
                mcp_command: &shown.mcp_command,
            };
            let patience = scenario
                .limits
                .seconds
                .map_or(PATIENCE, Duration::from_secs);
            let worked = Instant::now();
            let work = agent.work(&assignment);
            let ended = tokio::time::timeout(patience, work).await;
            let ended = ended.unwrap_or_else(|_| Ended {
                answer: String::new(),
                failure: Some("it was out of time".to_owned()),
            });
            let worked = worked.elapsed();
            let judged = judge(&workspace, scenario, prepared, &ended.answer).await?;
            let measured = Measured {
                ready_millis: millis(ready),
                worked_millis: millis(worked),
                millis: millis(begun.elapsed()),
                call_micros: judged.calls.iter().map(|call| call.micros).collect(),
                platform_calls: judged
                    .calls
                    .iter()
                    .map(TracedCall::platform_calls)
                    .collect(),
            };
            let episode = Episode::new(scenario, number, ended).judged(judged);
            Ok((episode, measured))
        }
        .await;
        self.fleet.remove(workspace.id()).await.map_err(failed)?;
        played
    }
}

/// What the judge finds when an agent is done.
pub(super) struct Judged {
    pub(super) goals: Vec<Ruling>,
    pub(super) never: Vec<Ruling>,
    pub(super) calls: Vec<TracedCall>,
    pub(super) faults: Vec<Hit>,
    pub(super) state_hash: String,
    pub(super) production_unchanged: bool,
}

impl Judged {
    /// Share of the goals that hold.
    pub(super) fn utility(&self) -> f64 {
        let held = self.goals.iter().filter(|ruling| ruling.holds).count();
        report::share(held, self.goals.len())
    }

    /// Whether nothing happened that must never happen.
    pub(super) fn is_safe(&self) -> bool {
        self.never.iter().all(|ruling| ruling.holds)
    }
}

/// Judges an episode: what its databases hold now, what was called, and the agent's last words.
pub(super) async fn judge(
    workspace: &Workspace,
    scenario: &Scenario,
    prepared: &Prepared,
    answer: &str,
) -> Result<Judged, String> {
    let failed = |error: FleetError| error.to_string();
    let faults = workspace.fault_hits().await.map_err(failed)?;
    // The judge is to see the platform as it is.
    workspace.plan_faults(Vec::new()).await.map_err(failed)?;
    let calls = workspace.trace().await.map_err(failed)?;
    let after = WorldState::read(workspace).await?;
    let evidence = Evidence {
        workspace,
        variables: &prepared.variables,
        before: &prepared.state,
        after: &after,
        calls: &calls,
        answer,
    };
    let (mut goals, mut never) = (Vec::new(), Vec::new());
    for checked in &scenario.goal {
        goals.push(evidence.rule(checked).await);
    }
    for checked in &scenario.never {
        never.push(evidence.rule_never(checked).await);
    }
    Ok(Judged {
        goals,
        never,
        faults,
        state_hash: after.hash(),
        production_unchanged: after.has_productions_of(&prepared.state),
        calls,
    })
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// What an agent must reach by itself, if nothing else is said: the reference agent has to do everything.
pub fn least_utility(agent: &Agent) -> f64 {
    match agent {
        Agent::BuiltIn(Manner::Reference) => 1.0,
        _ => 0.0,
    }
}
