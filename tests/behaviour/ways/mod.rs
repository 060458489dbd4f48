//! The way on: an agent that follows only `next`, and has no mind of its own, gets from every
//! refusal to a merge, or to a refusal that says what the operator must do.
//!
//! ```text
//! every code of the source ──► a way to provoke it (sql, targets, platform, states)
//!      its refusal ──► follower: next, then merge_branch, as it was told ──► merged
//!                               │ refused: its next, and so on        └──► the operator's turn
//!                               └ the same refusal twice with nobody named: a loop, and a failure
//! ```

mod approvals;
mod follower;
mod platform;
mod sql;
mod states;
mod targets;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

use self::follower::{Ending, follow};
use crate::harness::{Mcp, World};

/// Work that passes the gate, so that there is something to merge.
const WORK: &str = "create table public.work (id int primary key);
    alter table public.work enable row level security;";

/// A refusal, and the server that gave it: `next` is followed there.
struct Provoked {
    mcp: Arc<Mcp>,
    /// Production's ref; what the agent was told to merge.
    project: String,
    /// The call that was refused.
    tool: &'static str,
    arguments: Value,
    /// The error that it answered.
    error: Value,
}

impl Provoked {
    /// Calls a tool that must refuse with this code.
    async fn by(
        mcp: impl Into<Arc<Mcp>>,
        project: &str,
        tool: &'static str,
        arguments: Value,
        code: &str,
    ) -> Self {
        let mcp: Arc<Mcp> = mcp.into();
        let error = mcp.refused(tool, arguments.clone(), code).await;
        Self {
            mcp,
            project: project.to_owned(),
            tool,
            arguments,
            error,
        }
    }

    /// A call on the project.
    async fn on_project(
        mcp: impl Into<Arc<Mcp>>,
        project: &str,
        tool: &'static str,
        mut arguments: Value,
        code: &str,
    ) -> Self {
        arguments["project_id"] = json!(project);
        Self::by(mcp, project, tool, arguments, code).await
    }

    /// Follows `next` from here, and says where it ended.
    async fn leads_to(self, expected: Ending) {
        let (tool, code) = (self.tool, self.error["code"].clone());
        let ending = follow(self).await;
        assert_eq!(ending, expected, "{tool}, {code}");
    }
}

/// A project with work on its DEV branch.
async fn with_work(mcp: &Mcp, name: &str) -> String {
    let project = mcp.launch(name).await;
    project.migrate("work", WORK).await;
    project.id
}

/// The same once more on a project that has merged: a case of its own, without a launch of its own.
async fn more_work(mcp: &Mcp, project: &str, number: usize) {
    let table = WORK.replace("work", &format!("work_{number}"));
    mcp.project(project).migrate("more_work", &table).await;
}

/// Every code that a refusal can carry, as the source has them: the guard's own and the judge's.
fn codes_of_the_source() -> BTreeSet<String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    ["guard/refusal.rs", "sql/decide.rs", "sql/error.rs"]
        .iter()
        .flat_map(|file| {
            let text = std::fs::read_to_string(source.join(file)).unwrap();
            text.lines()
                .filter_map(|line| code_of(line).map(str::to_owned))
                .collect::<Vec<_>>()
        })
        .collect()
}

/// `"word_of_several",` alone on a line, as the first of a tuple, or after an arm's arrow.
fn code_of(line: &str) -> Option<&str> {
    let line = line.trim();
    let value = line.rsplit_once("=> ").map_or(line, |(_, value)| value);
    let word = value
        .trim_start_matches('(')
        .strip_prefix('"')?
        .strip_suffix("\",")?;
    let is_code = word
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    (is_code && !word.is_empty()).then_some(word)
}

#[test]
fn every_code_has_a_way_to_be_provoked() {
    let provoked: BTreeSet<String> = [
        sql::CODES,
        targets::CODES,
        platform::CODES,
        states::CODES,
        approvals::CODES,
    ]
    .concat()
    .into_iter()
    .chain(UNREACHED.iter().map(|(code, _)| *code))
    .map(str::to_owned)
    .collect();
    assert_eq!(codes_of_the_source(), provoked);
}

/// Codes that nothing can provoke from outside, and why.
const UNREACHED: &[(&str, &str)] = &[
    (
        "internal_error",
        "Drydock itself has failed: its refusal names the operator where it is made",
    ),
    (
        "busy",
        "after a quarter of an hour in a queue, which answers in_progress meanwhile",
    ),
    (
        "approval_expired",
        "a client answers a question too late: elicitation has it",
    ),
    (
        "invalid_request_state",
        "a client returns what it was not given: elicitation has it",
    ),
];

#[tokio::test]
async fn next_leads_from_every_refusal_of_sql_to_a_merge() {
    let world = World::new();
    sql::each(&world).await;
}

#[tokio::test]
async fn next_leads_from_every_refusal_of_a_target_or_an_argument_to_a_merge() {
    let world = World::new();
    targets::each(&world).await;
}

#[tokio::test]
async fn next_leads_from_every_refusal_of_the_platform_to_a_merge() {
    let world = World::new();
    platform::each(&world).await;
}

#[tokio::test]
async fn next_leads_from_every_refusal_of_an_approval_to_the_operator() {
    let world = World::new();
    approvals::each(&world).await;
}

#[tokio::test]
async fn next_leads_from_every_refusal_of_a_state_to_a_merge() {
    let world = World::new();
    states::each(&world).await;
}
