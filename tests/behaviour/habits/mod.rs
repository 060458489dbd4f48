//! The habitual agent: what models do today, as a script. It names production everywhere, makes its
//! tables through execute_sql, thinks of row security late or never, drops what it has made and
//! starts over, mixes tables and rows in one batch; and it does what a refusal's `next` says.
//!
//! ```text
//! script   what it wants, step by step, in SQL as models write it (app/*.sql)
//! agent    how it goes about it on each server, what it does after a refusal, and what it spent
//! ```
//!
//! How many calls it needs on Drydock is pinned here. What the official server needs for the same
//! app is measured by `cargo test --test behaviour habits -- --ignored`, which fetches it with npm.

mod agent;
mod script;

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use self::agent::{Agent, Road};
use self::script::{CARELESS, LATE, Step};
use crate::harness::{Api, Mcp, World};

/// The official server, exactly: its tools are what the script knows.
const OFFICIAL: &str = "@supabase/mcp-server-supabase@0.13.0";

/// How many calls more than the official server Drydock may take.
const ALLOWANCE: usize = 2;

/// Everything that production's app is made of, rows aside.
async fn shape(api: &Api, project: &str) -> Value {
    api.read(project, include_str!("shape.sql")).await
}

/// Drives Drydock through a script to the merge. Gives the agent as it ended, and production's ref.
async fn on_drydock<'a>(mcp: &'a Mcp, script: &[Step]) -> (Agent<'a>, String) {
    let mut agent = Agent::new(mcp, Road::Drydock);
    let project = agent.follow(script).await;
    let merged = mcp
        .ok(
            "list_migrations",
            json!({ "project_id": project, "environment": "production" }),
        )
        .await;
    assert!(
        !merged["migrations"].as_array().unwrap().is_empty(),
        "nothing was merged: {:#?}",
        agent.trace
    );
    (agent, project)
}

#[tokio::test]
async fn an_agent_that_never_thinks_of_row_security_stumbles_once_and_merges() {
    let world = World::new();
    let mcp = world.serve().await;
    let (agent, _) = on_drydock(&mcp, CARELESS).await;
    assert_eq!(
        agent.stumbles(),
        ["merge_branch: advisor_failed"],
        "{:#?}",
        agent.trace
    );
    assert_eq!(agent.calls(), 19, "{:#?}", agent.trace);
}

#[tokio::test]
async fn an_agent_that_asks_the_advisor_late_and_mixes_rows_with_tables_merges() {
    let world = World::new();
    let mcp = world.serve().await;
    let (agent, _) = on_drydock(&mcp, LATE).await;
    assert_eq!(
        agent.stumbles(),
        ["execute_sql: mixed_batch", "merge_branch: advisor_failed"],
        "{:#?}",
        agent.trace
    );
    assert_eq!(agent.calls(), 24, "{:#?}", agent.trace);
}

#[tokio::test]
#[ignore = "fetches the official server with npm"]
async fn the_official_server_is_at_most_two_calls_shorter() {
    let world = World::new();
    let mcp = world.serve().await;
    for (name, script) in [("careless", CARELESS), ("late", LATE)] {
        let (own, ours) = on_drydock(&mcp, script).await;
        let api = world.api();
        for road in [Road::OfficialOverBranch, Road::OfficialOnProduction] {
            let official = Mcp::over(official_server(&world, &api), None).await;
            let mut agent = Agent::new(&official, road);
            let theirs = agent.follow(script).await;
            // What the gate asked for, the official server lets through without it.
            for fix in &own.fixes {
                api.query(&theirs, fix).await;
            }
            assert_eq!(
                shape(&api, &theirs).await,
                shape(&api, &ours).await,
                "{name}, {road:?}: not the same app"
            );
            println!(
                "{name}: Drydock {} calls, {} of them after the launch, {:?}",
                own.calls(),
                own.work(),
                own.stumbles()
            );
            println!(
                "{name}: {road:?} {} calls, {} of them after the launch, {:?}",
                agent.calls(),
                agent.work(),
                agent.stumbles()
            );
            // Where nothing is merged there is nothing to compare, and it is shown for what it is.
            if road == Road::OfficialOverBranch {
                assert!(own.calls() <= agent.calls() + ALLOWANCE, "{:#?}", own.trace);
            }
        }
    }
}

/// The official server in front of this world's platform; `DRYDOCK_OFFICIAL_SERVER` names a copy of
/// its cli.js that is there already.
fn official_server(world: &World, api: &Api) -> Command {
    let mut command = Command::new("node");
    command.arg(official_program()).args([
        "--api-url",
        api.base(),
        "--access-token",
        api.token(),
        // Without `docs`, whose tool list needs the network.
        "--features",
        "account,database,debugging,development,branching",
    ]);
    command.current_dir(world.dir());
    command
}

fn official_program() -> PathBuf {
    if let Some(given) = std::env::var_os("DRYDOCK_OFFICIAL_SERVER") {
        return given.into();
    }
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("official-server");
    let program = dir.join("node_modules/@supabase/mcp-server-supabase/dist/cli.js");
    if !program.exists() {
        std::fs::create_dir_all(&dir).unwrap();
        let fetched = Command::new("npm")
            .args([
                "install",
                "--no-save",
                "--no-audit",
                "--no-fund",
                "--prefix",
            ])
            .arg(&dir)
            .arg(OFFICIAL)
            .output()
            .expect("npm is needed to fetch the official server");
        assert!(fetched.status.success(), "{fetched:?}");
    }
    program
}
