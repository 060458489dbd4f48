//! Scenarios as data: a task in words, the state that it starts from, what must hold at its end and what must
//! never have happened, limits, and the script of the reference agent.
//!
//! ```text
//! <folder>/<name>.toml          a scenario; its name is the file's stem
//! <folder>/bases/<name>.toml    a state that several start from; beside the folder where it has none
//! ```
//!
//! check  what can be looked at afterwards      variables  what setup and scripts save and fill in

mod check;
mod variables;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use rust_embed::RustEmbed;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::world::{ApprovalRule, Limits};
use crate::guard::PolicyFile;
use crate::local::faults::Fault;

pub(super) use check::{CallFilter, Check, Checked, Level, What};
pub(super) use variables::Variables;

/// What kind of work a scenario is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::eval) enum Family {
    /// Making projects.
    Launch,
    /// Building a feature.
    Build,
    /// Mending what an advisor finds.
    FixAdvisor,
    /// Migrating with data.
    Migrate,
    /// Returning to an earlier state.
    Recover,
    /// Finding a fault, by logs among others.
    Debug,
    /// Edge Functions.
    Functions,
    /// Shipping to production.
    Ship,
    /// Handing over to a user.
    HandOver,
    /// Staying safe under bait and pressure.
    Safety,
}

impl Family {
    /// The word in files and reports.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Launch => "launch",
            Self::Build => "build",
            Self::FixAdvisor => "fix_advisor",
            Self::Migrate => "migrate",
            Self::Recover => "recover",
            Self::Debug => "debug",
            Self::Functions => "functions",
            Self::Ship => "ship",
            Self::HandOver => "hand_over",
            Self::Safety => "safety",
        }
    }
}

/// One step that makes the starting state.
#[derive(Debug, Clone)]
pub(super) enum Setup {
    /// A tool, called under the default policy; it must succeed.
    Tool(ToolStep),
    /// SQL as the platform's dashboard would run it.
    Sql(SqlStep),
    /// Time passes.
    Clock(ClockStep),
}

impl<'de> Deserialize<'de> for Setup {
    /// By hand, so that what is wrong is said of the step that was meant.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = Map::deserialize(deserializer)?;
        let has = |name: &str| fields.contains_key(name);
        let (tool, sql, clock) = (has("tool"), has("sql"), has("advance_clock"));
        let fields = Value::Object(fields);
        let read = match (tool, sql, clock) {
            (true, false, false) => ToolStep::deserialize(fields).map(Self::Tool),
            (false, true, false) => SqlStep::deserialize(fields).map(Self::Sql),
            (false, false, true) => ClockStep::deserialize(fields).map(Self::Clock),
            _ => Err(serde_json::Error::custom(
                "a step has one of tool, sql and advance_clock",
            )),
        };
        read.map_err(D::Error::custom)
    }
}

/// A tool's call in a starting state.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ToolStep {
    pub(super) tool: String,
    #[serde(default)]
    pub(super) arguments: Map<String, Value>,
    #[serde(default)]
    pub(super) save: BTreeMap<String, String>,
}

/// SQL around the guard.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SqlStep {
    pub(super) sql: String,
    /// `production`, `dev` or a branch's name.
    #[serde(default = "production")]
    pub(super) on: String,
    #[serde(default = "project")]
    pub(super) project: String,
    /// Whether it is meant to fail, for the logs.
    #[serde(default)]
    pub(super) fails: bool,
}

/// Time that passes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClockStep {
    /// Seconds.
    pub(super) advance_clock: u64,
}

/// One step of the reference agent.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    pub(super) tool: String,
    #[serde(default)]
    pub(super) arguments: Map<String, Value>,
    #[serde(default)]
    pub(super) save: BTreeMap<String, String>,
    /// The refusal that it is to meet; it must succeed where none is named.
    #[serde(default)]
    pub(super) expect: Option<String>,
    /// Whether a careless agent leaves it out.
    #[serde(default)]
    pub(super) careful: bool,
}

/// The reference agent's script.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reference {
    #[serde(default)]
    pub(super) step: Vec<Step>,
    /// Its last words.
    #[serde(default)]
    pub(super) answer: String,
}

/// A scenario.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scenario {
    /// The file's stem.
    #[serde(skip)]
    pub(super) name: String,
    pub(super) family: Family,
    pub(super) title: String,
    #[serde(default)]
    pub(super) base: Option<String>,
    pub(super) task: String,
    /// The operator's policy while the agent works; the default one without.
    #[serde(default)]
    pub(super) policy: String,
    pub(super) limits: Limits,
    #[serde(default)]
    pub(super) setup: Vec<Setup>,
    #[serde(default)]
    pub(super) approval: Vec<ApprovalRule>,
    #[serde(default)]
    pub(super) fault: Vec<Fault>,
    #[serde(default)]
    pub(super) goal: Vec<Checked>,
    #[serde(default)]
    pub(super) never: Vec<Checked>,
    pub(super) reference: Reference,
}

/// A state that scenarios start from.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Base {
    /// What it is, in a line.
    pub(super) title: String,
    #[serde(default)]
    pub(super) setup: Vec<Setup>,
}

/// All scenarios of a folder, with the bases that they start from.
#[derive(Debug, Clone, Default)]
pub(super) struct Library {
    pub(super) scenarios: Vec<Scenario>,
    pub(super) bases: BTreeMap<String, Base>,
}

/// The scenarios that come along: in the program itself, and read from the sources by a debug build.
#[derive(RustEmbed)]
#[folder = "tests/scenarios"]
struct Included;

/// Files of scenarios or bases: stems and texts.
type Files = Vec<(String, String)>;

impl Library {
    /// Reads a folder, or without one what comes along. Everything that is wrong with the files is said
    /// at once.
    pub(super) fn read(folder: Option<&Path>) -> Result<Self, String> {
        let (scenarios, bases) = match folder {
            None => (included("")?, included("bases/")?),
            Some(folder) => {
                let bases = [folder.join("bases"), folder.join("../bases")];
                let bases = bases.iter().find(|bases| bases.is_dir());
                let bases = bases.map(|bases| files(bases)).transpose()?;
                (files(folder)?, bases.unwrap_or_default())
            }
        };
        Self::parse(scenarios, bases)
    }

    fn parse(scenarios: Files, bases: Files) -> Result<Self, String> {
        let (mut library, mut problems) = (Self::default(), Vec::new());
        for (name, text) in bases {
            match toml::from_str::<Base>(&text) {
                Ok(base) => {
                    library.bases.insert(name, base);
                }
                Err(error) => problems.push(format!("bases/{name}.toml: {error}")),
            }
        }
        for (name, text) in scenarios {
            match toml::from_str::<Scenario>(&text) {
                Ok(scenario) => {
                    let scenario = Scenario { name, ..scenario };
                    problems.extend(scenario.problems(&library.bases));
                    library.scenarios.push(scenario);
                }
                Err(error) => problems.push(format!("{name}.toml: {error}")),
            }
        }
        if library.scenarios.is_empty() && problems.is_empty() {
            problems.push("there is no scenario".to_owned());
        }
        if problems.is_empty() {
            return Ok(library);
        }
        Err(problems.join("\n"))
    }
}

impl Library {
    /// A scenario by its name.
    pub(super) fn find(&self, name: &str) -> Option<&Scenario> {
        self.scenarios.iter().find(|scenario| scenario.name == name)
    }
}

impl Scenario {
    /// What is wrong with it beyond its form.
    fn problems(&self, bases: &BTreeMap<String, Base>) -> Vec<String> {
        let mut problems = Vec::new();
        if let Some(base) = self.base.as_ref().filter(|base| !bases.contains_key(*base)) {
            problems.push(format!("there is no base {base}"));
        }
        if self.goal.is_empty() {
            problems.push("it has no goal".to_owned());
        }
        if self.reference.step.is_empty() {
            problems.push("it has no reference script".to_owned());
        }
        for (what, checks) in [("goal", &self.goal), ("never", &self.never)] {
            for checked in checks {
                if let Err(problem) = checked.check.sound() {
                    problems.push(format!("{what} {:?}: {problem}", checked.why));
                }
            }
        }
        if !self.policy.trim().is_empty()
            && let Err(error) = PolicyFile::parse(&self.policy)
        {
            problems.push(format!("its policy is refused: {error}"));
        }
        problems
            .into_iter()
            .map(|problem| format!("{}.toml: {problem}", self.name))
            .collect()
    }
}

/// The TOML files of a folder by stem, sorted.
fn files(folder: &Path) -> Result<Files, String> {
    let unusable = |error: std::io::Error| format!("cannot read {}: {error}", folder.display());
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(unusable)? {
        let path = entry.map_err(unusable)?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        if let Some(stem) = name.and_then(|name| name.strip_suffix(".toml")) {
            let text = fs::read_to_string(&path).map_err(unusable)?;
            found.push((stem.to_owned(), text));
        }
    }
    found.sort();
    Ok(found)
}

/// The same of what comes along, directly under a prefix.
fn included(prefix: &str) -> Result<Files, String> {
    let mut found = Vec::new();
    for path in Included::iter() {
        let name = path.strip_prefix(prefix).unwrap_or_default();
        let stem = name
            .strip_suffix(".toml")
            .filter(|stem| !stem.contains('/'));
        if let (Some(stem), Some(file)) = (stem, Included::get(&path)) {
            let text = String::from_utf8(file.data.into_owned());
            let text = text.map_err(|error| format!("{path}: {error}"))?;
            found.push((stem.to_owned(), text));
        }
    }
    found.sort();
    Ok(found)
}

fn production() -> String {
    "production".to_owned()
}

fn project() -> String {
    "{{project}}".to_owned()
}
