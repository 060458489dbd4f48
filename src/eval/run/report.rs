//! What came of a run. What is in `episodes` follows from seed, scenarios and agent; what was measured stands
//! apart, in `measured`, so that two runs can be compared.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};

use super::{Judged, page};
use crate::eval::agents::Ended;
use crate::eval::judge::Ruling;
use crate::eval::scenario::Scenario;
use crate::eval::world::TracedCall;
use crate::fence;
use crate::local::faults::Hit;

/// A run of scenarios by one agent.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    agent: String,
    seed: Option<u64>,
    /// Share of goals that hold, over all episodes.
    utility: f64,
    /// Share of episodes in which nothing happened that must never happen.
    safety: f64,
    families: BTreeMap<String, Family>,
    pub(super) episodes: Vec<Episode>,
    pub(super) measured: Measurements,
}

/// One family's part.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Family {
    pub(super) episodes: u32,
    /// Mean share of goals.
    pub(super) utility: f64,
    /// Share of episodes without a violation.
    pub(super) safety: f64,
    /// Mean calls.
    pub(super) calls: f64,
    /// Mean tokens.
    pub(super) tokens: f64,
}

/// One episode.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Episode {
    pub(super) scenario: String,
    pub(super) family: String,
    pub(super) title: String,
    /// From 1.
    pub(super) episode: u32,
    /// Share of the goals that hold.
    pub(super) utility: f64,
    /// Whether nothing happened that must never happen.
    pub(super) safe: bool,
    pub(super) goals: Vec<Ruling>,
    pub(super) never: Vec<Ruling>,
    /// The agent's last words.
    pub(super) answer: String,
    /// Why the agent, or the episode, could not go on.
    pub(super) failure: Option<String>,
    pub(super) costs: Costs,
    /// Over every database as the episode left it.
    pub(super) state_hash: String,
    pub(super) production_unchanged: bool,
    pub(super) calls: Vec<Call>,
    /// What the platform did wrong on purpose.
    pub(super) faults: Vec<Hit>,
}

/// What an episode took.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(super) struct Costs {
    pub(super) calls: u64,
    pub(super) refusals: u64,
    /// Bytes / 4 of arguments and answers.
    pub(super) tokens: u64,
}

impl Costs {
    pub(super) fn of(calls: &[TracedCall]) -> Self {
        Self {
            calls: calls.len() as u64,
            refusals: calls.iter().filter(|call| call.is_error).count() as u64,
            tokens: calls.iter().map(|call| call.tokens).sum(),
        }
    }
}

/// One call in a report.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Call {
    pub(super) call: u64,
    pub(super) at: String,
    pub(super) tool: String,
    pub(super) arguments: Value,
    pub(super) is_error: bool,
    pub(super) code: Option<String>,
    pub(super) tokens: u64,
    pub(super) text: String,
    /// Its outcome in the journal.
    pub(super) record: Option<Value>,
}

/// What was measured of one episode.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Measured {
    /// Until its workspace was ready.
    pub(super) ready_millis: u64,
    /// The agent's work.
    pub(super) worked_millis: u64,
    /// All of it, the judge included.
    pub(super) millis: u64,
    /// Each call.
    pub(super) call_micros: Vec<u64>,
    /// How many requests each call has sent to the platform: how often one looks whether something is done
    /// depends on time.
    pub(super) platform_calls: Vec<u64>,
}

/// What was measured of a run.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Measurements {
    pub(super) seconds: f64,
    pub(super) episodes_per_second: f64,
    pub(super) episodes: Vec<Measured>,
}

impl Episode {
    pub(super) fn new(scenario: &Scenario, number: u32, ended: Ended) -> Self {
        Self {
            scenario: scenario.name.clone(),
            family: scenario.family.as_str().to_owned(),
            title: scenario.title.clone(),
            episode: number,
            utility: 0.0,
            safe: false,
            goals: Vec::new(),
            never: Vec::new(),
            answer: ended.answer,
            failure: ended.failure.map(|failure| fence::plain(&failure)),
            costs: Costs::default(),
            state_hash: String::new(),
            production_unchanged: false,
            calls: Vec::new(),
            faults: Vec::new(),
        }
    }

    /// One that could not be run. Nobody can say that it was safe.
    pub(super) fn not_run(scenario: &Scenario, number: u32, problem: String) -> Self {
        let ended = Ended {
            answer: String::new(),
            failure: Some(problem),
        };
        Self::new(scenario, number, ended)
    }

    /// The same with what the judge found.
    pub(super) fn judged(mut self, judged: Judged) -> Self {
        self.utility = judged.utility();
        self.safe = judged.is_safe();
        self.costs = Costs::of(&judged.calls);
        self.goals = judged.goals;
        self.never = judged.never;
        self.faults = judged.faults;
        self.state_hash = judged.state_hash;
        self.production_unchanged = judged.production_unchanged;
        self.calls = judged
            .calls
            .into_iter()
            .map(|call| Call {
                call: call.call,
                at: call.at,
                tool: call.tool,
                arguments: Value::Object(call.arguments),
                is_error: call.is_error,
                code: call.code,
                tokens: call.tokens,
                text: call.text,
                record: call.record.map(without_measures),
            })
            .collect();
        self
    }

    /// The episode in a line.
    pub(super) fn line(&self) -> String {
        let mut line = format!(
            "{} {:<44} utility {:.2}  {}  {:>3} calls  {:>6} tokens",
            if self.utility >= 1.0 && self.safe {
                "ok  "
            } else {
                "    "
            },
            self.scenario,
            self.utility,
            if self.safe { "safe  " } else { "UNSAFE" },
            self.costs.calls,
            self.costs.tokens,
        );
        let missed = self.goals.iter().filter(|ruling| !ruling.holds);
        for ruling in missed {
            line.push_str(&format!(
                "\n       missed: {} ({})",
                ruling.why, ruling.found
            ));
        }
        for ruling in self.never.iter().filter(|ruling| !ruling.holds) {
            line.push_str(&format!(
                "\n       HAPPENED: {} ({})",
                ruling.why, ruling.found
            ));
        }
        if let Some(failure) = &self.failure {
            line.push_str(&format!("\n       {failure}"));
        }
        line
    }
}

/// What the journal says of a call, but for what depends on time.
fn without_measures(mut record: Value) -> Value {
    if let Some(fields) = record.as_object_mut() {
        fields.remove("platform_calls");
    }
    record
}

/// A part of a whole, from 0 to 1; of nothing, all.
pub(super) fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 {
        return 1.0;
    }
    part as f64 / whole as f64
}

impl Report {
    pub(super) fn of(
        agent: &str,
        seed: Option<u64>,
        ended: Vec<(Episode, Measured)>,
        took: Duration,
    ) -> Self {
        let (episodes, measured): (Vec<_>, Vec<_>) = ended.into_iter().unzip();
        let mut families: BTreeMap<String, Family> = BTreeMap::new();
        for episode in &episodes {
            let family = families.entry(episode.family.clone()).or_default();
            family.episodes += 1;
            family.utility += episode.utility;
            family.safety += f64::from(u8::from(episode.safe));
            family.calls += episode.costs.calls as f64;
            family.tokens += episode.costs.tokens as f64;
        }
        for family in families.values_mut() {
            let count = f64::from(family.episodes);
            family.utility /= count;
            family.safety /= count;
            family.calls /= count;
            family.tokens /= count;
        }
        let count = episodes.len();
        let utility: f64 = episodes.iter().map(|episode| episode.utility).sum();
        let safe = episodes.iter().filter(|episode| episode.safe).count();
        let seconds = took.as_secs_f64();
        Self {
            agent: agent.to_owned(),
            seed,
            utility: if count == 0 {
                1.0
            } else {
                utility / count as f64
            },
            safety: share(safe, count),
            families,
            measured: Measurements {
                seconds,
                episodes_per_second: count as f64 / seconds,
                episodes: measured,
            },
            episodes,
        }
    }

    /// Mean share of goals that hold, from 0 to 1.
    pub fn utility(&self) -> f64 {
        self.utility
    }

    /// Share of episodes without a violation, from 0 to 1.
    pub fn safety(&self) -> f64 {
        self.safety
    }

    pub(super) fn families(&self) -> &BTreeMap<String, Family> {
        &self.families
    }

    pub(super) fn agent(&self) -> &str {
        &self.agent
    }

    /// The run in some lines.
    pub fn summary(&self) -> String {
        let mut text = String::new();
        for (name, family) in &self.families {
            text.push_str(&format!(
                "{name:<12} {:>4} episodes  utility {:.2}  safety {:.2}  {:>5.1} calls  {:>7.0} tokens\n",
                family.episodes, family.utility, family.safety, family.calls, family.tokens
            ));
        }
        text.push_str(&format!(
            "{:<12} {:>4} episodes  utility {:.2}  safety {:.2}  {:.1} s, {:.2} episodes a second",
            self.agent.chars().take(12).collect::<String>(),
            self.episodes.len(),
            self.utility,
            self.safety,
            self.measured.seconds,
            self.measured.episodes_per_second,
        ));
        text
    }

    /// Writes the report: `file` as JSON, beside it `.html`, one page for people, and `.jsonl`, a line a call.
    pub fn write(&self, file: &Path) -> Result<(), String> {
        let unusable = |error: std::io::Error| format!("cannot write {}: {error}", file.display());
        let json = serde_json::to_string_pretty(self).map_err(|error| error.to_string())?;
        fs::write(file, json).map_err(unusable)?;
        fs::write(file.with_extension("html"), page::render(self)).map_err(unusable)?;
        fs::write(file.with_extension("jsonl"), self.trace()).map_err(unusable)
    }

    /// Every call as a line of JSON, with the episode that it belongs to.
    fn trace(&self) -> String {
        let mut lines = String::new();
        for (episode, measured) in self.episodes.iter().zip(&self.measured.episodes) {
            let times = measured.call_micros.iter().zip(&measured.platform_calls);
            for (call, (micros, platform_calls)) in episode.calls.iter().zip(times) {
                let line = json!({
                    "scenario": episode.scenario,
                    "episode": episode.episode,
                    "call": call,
                    "micros": micros,
                    "platform_calls": platform_calls,
                });
                lines.push_str(&line.to_string());
                lines.push('\n');
            }
        }
        lines
    }
}
