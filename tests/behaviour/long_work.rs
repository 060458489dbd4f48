//! Long work: a call answers within its wait, and the same call attaches to what is under way.

use futures_util::FutureExt;
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::harness::{Heard, Mcp, Reaction, Relay, World, kill, names, until};

/// A platform that holds back what `holds` names until the gate is opened.
pub(crate) async fn held(world: &World, holds: fn(&Heard) -> bool) -> (Relay, watch::Sender<bool>) {
    let (gate, closed) = watch::channel(false);
    let relay = Relay::start(Some(world.api()), move |heard: Heard| {
        let mut closed = closed.clone();
        async move {
            if holds(&heard) {
                // A test that is over has no more use for the gate.
                let _ = closed.wait_for(|open| *open).await;
            }
            Reaction::Pass
        }
        .boxed()
    })
    .await;
    (relay, gate)
}

pub(crate) async fn serve(world: &World, relay: &Relay) -> Mcp {
    let token = world.api().token().to_owned();
    relay.serve(world, &token).await
}

pub(crate) fn creates_a_project(heard: &Heard) -> bool {
    heard.method == "POST" && heard.path.ends_with("/projects")
}

fn migrates(heard: &Heard) -> bool {
    heard.queries("create table public.slow") && heard.queries("schema_migrations")
}

/// The refusal, which names the very same call.
fn in_progress(error: &Value, tool: &str, arguments: &Value) {
    assert_eq!(error["next"]["tool"], tool, "{error}");
    assert_eq!(&error["next"]["arguments"], arguments, "{error}");
    assert!(error["details"]["operation"]["id"].is_string(), "{error}");
}

#[tokio::test]
async fn a_slow_call_is_attached_to_and_never_started_a_second_time() {
    let world = World::new();
    let direct = world.serve().await;
    direct.ok("list_projects", json!({})).await;
    let (relay, gate) = held(&world, creates_a_project).await;
    let mcp = serve(&world, &relay).await;
    let ask = json!({ "name": "P" });
    let mut waiting = ask.clone();
    waiting["wait_s"] = json!(1);
    for _ in 0..2 {
        let error = mcp
            .refused("create_project", waiting.clone(), "in_progress")
            .await;
        in_progress(&error, "create_project", &ask);
    }
    let told = || {
        relay
            .heard()
            .iter()
            .filter(|heard| creates_a_project(heard))
            .count()
    };
    assert_eq!(told(), 1, "it was started again");
    gate.send_replace(true);
    let done = mcp.ok("create_project", ask.clone()).await;
    assert_eq!(done["project"]["status"], "ACTIVE_HEALTHY");
    let listed = direct.ok("list_projects", json!({})).await;
    assert_eq!(names(&listed["projects"]), ["P"]);
    // Its outcome is given once: from here on the call is a new one.
    mcp.ok("create_project", ask).await;
    assert_eq!(told(), 2);
    assert!(world.run(&["journal", "verify"]).status.success());
}

#[tokio::test]
async fn an_outcome_that_came_meanwhile_is_given_to_the_repeated_call() {
    let world = World::new();
    let direct = world.serve().await;
    let project = direct.launch("P").await;
    let (relay, gate) = held(&world, migrates).await;
    let mcp = serve(&world, &relay).await;
    let ask = json!({
        "project_id": project.id, "name": "slow", "query": "create table public.slow (id int)",
    });
    let mut waiting = ask.clone();
    waiting["wait_s"] = json!(1);
    mcp.refused("apply_migration", waiting, "in_progress").await;
    gate.send_replace(true);
    until("the migration to be done", async || {
        // On a busy machine the branch itself may still be coming up.
        let dev = json!({ "environment": "dev" });
        let listed = project.call("list_migrations", dev).await;
        (listed.value["migrations"].as_array()?.len() == 1).then_some(())
    })
    .await;
    // Members in another order are the same call.
    let reordered = json!({
        "query": "create table public.slow (id int)", "name": "slow", "project_id": project.id,
    });
    let done = mcp.ok("apply_migration", reordered).await;
    assert_eq!(done["restore_point"]["status"], "available");
    assert_eq!(
        project.ledger("dev").await,
        [done["migration"]["version"].as_str().unwrap()]
    );
}

#[tokio::test]
async fn another_server_attaches_to_the_work_of_the_first() {
    let world = World::new();
    let direct = world.serve().await;
    let project = direct.launch("P").await;
    let (relay, gate) = held(&world, migrates).await;
    let first = serve(&world, &relay).await;
    let ask = json!({
        "project_id": project.id, "name": "slow", "query": "create table public.slow (id int)", "wait_s": 1,
    });
    first
        .refused("apply_migration", ask.clone(), "in_progress")
        .await;
    direct
        .refused("apply_migration", ask.clone(), "in_progress")
        .await;
    gate.send_replace(true);
    let mut patient = ask;
    patient["wait_s"] = json!(45);
    let done = direct.ok("apply_migration", patient).await;
    assert_eq!(
        project.ledger("dev").await,
        [done["migration"]["version"].as_str().unwrap()]
    );
}

#[tokio::test]
async fn work_whose_server_died_is_taken_up_by_the_same_call_and_runs_once() {
    let world = World::new();
    let direct = world.serve().await;
    let project = direct.launch("P").await;
    // The platform carries the migration out, and its answer comes too late for the first server.
    let (gate, closed) = watch::channel(false);
    let real = std::sync::Arc::new(world.api());
    let relay = Relay::start(Some(world.api()), move |heard: Heard| {
        let (mut closed, real) = (closed.clone(), std::sync::Arc::clone(&real));
        async move {
            if migrates(&heard) {
                real.send(heard.method, &heard.path, heard.body).await;
                let _ = closed.wait_for(|open| *open).await;
                return Reaction::Lose;
            }
            Reaction::Pass
        }
        .boxed()
    })
    .await;
    let doomed = serve(&world, &relay).await;
    let ask = json!({
        "project_id": project.id, "name": "slow", "query": "create table public.slow (id int)", "wait_s": 1,
    });
    doomed
        .refused("apply_migration", ask.clone(), "in_progress")
        .await;
    until("the migration to be done", async || {
        (project.ledger("dev").await.len() == 1).then_some(())
    })
    .await;
    kill(doomed.pid(), Signal::KILL);
    let done = direct.ok("apply_migration", ask).await;
    assert_eq!(
        project.ledger("dev").await,
        [done["migration"]["version"].as_str().unwrap()]
    );
    assert_eq!(done["restore_point"]["status"], "available", "{done}");
    drop(gate);
}

#[tokio::test]
async fn rows_are_not_changed_twice_when_the_server_dies_while_it_changes_them() {
    let world = World::new();
    let direct = world.serve().await;
    let project = direct.launch("P").await;
    project.migrate("t", "create table public.t (id int)").await;
    let (relay, _gate) = held(&world, |heard| heard.queries("insert into public.t")).await;
    let doomed = serve(&world, &relay).await;
    let ask = json!({
        "project_id": project.id, "query": "insert into public.t values (1)", "wait_s": 1,
    });
    doomed
        .refused("execute_sql", ask.clone(), "in_progress")
        .await;
    kill(doomed.pid(), Signal::KILL);
    let error = direct.refused("execute_sql", ask.clone(), "in_doubt").await;
    assert_eq!(error["next"]["tool"], "list_tables", "{error}");
    // Whoever has looked may ask again: that is a new call.
    direct.ok("execute_sql", ask).await;
    assert_eq!(
        project.sql("select id from public.t").await["rows"],
        json!([{ "id": 1 }])
    );
}

#[tokio::test]
async fn a_wait_is_a_number_of_seconds_of_a_slow_tool() {
    let world = World::new();
    let mcp = world.serve().await;
    for wait in [json!(0), json!(-1), json!("1"), json!(1.5), json!(null)] {
        mcp.refused(
            "create_project",
            json!({ "name": "P", "wait_s": wait }),
            "invalid_arguments",
        )
        .await;
    }
    mcp.refused("list_projects", json!({ "wait_s": 1 }), "invalid_arguments")
        .await;
    assert_eq!(
        mcp.ok("list_projects", json!({})).await["projects"],
        json!([])
    );
}

#[tokio::test]
async fn the_policys_wait_is_the_longest() {
    let world = World::new();
    let direct = world.serve().await;
    direct.ok("list_projects", json!({})).await;
    let (relay, _gate) = held(&world, creates_a_project).await;
    let token = world.api().token().to_owned();
    let mcp = relay.serve_with(&world, &token, &["--wait-s", "1"]).await;
    for ask in [
        json!({ "name": "P" }),
        json!({ "name": "P", "wait_s": 600 }),
    ] {
        mcp.refused("create_project", ask, "in_progress").await;
    }
}

#[tokio::test]
async fn nobody_attaches_to_what_another_principal_began() {
    let world = World::new();
    world.serve().await.ok("list_projects", json!({})).await;
    let (relay, _gate) = held(&world, creates_a_project).await;
    let mcp = serve(&world, &relay).await;
    let http = relay.serve_http(&world, world.api().token());
    let ask = json!({ "name": "P", "wait_s": 1 });
    mcp.refused("create_project", ask.clone(), "in_progress")
        .await;
    http.call("create_project", ask)
        .await
        .refused_as("in_progress");
    let heard = relay.heard();
    let begun = heard.iter().filter(|heard| creates_a_project(heard));
    assert_eq!(begun.count(), 2);
}

#[tokio::test]
async fn what_a_slow_look_has_found_meanwhile_is_given_to_the_repeated_call() {
    let world = World::new();
    let direct = world.serve().await;
    let project = direct.launch("P").await;
    project.migrate("t", "create table public.t (id int)").await;
    let (relay, gate) = held(&world, |heard| heard.queries("relkind")).await;
    let token = world.api().token().to_owned();
    let mcp = relay.serve_with(&world, &token, &["--wait-s", "1"]).await;
    let ask = json!({ "project_id": project.id });
    mcp.refused("list_tables", ask.clone(), "in_progress").await;
    let looks = || {
        relay
            .heard()
            .iter()
            .filter(|heard| heard.queries("relkind"))
            .count()
    };
    let before = looks();
    gate.send_replace(true);
    until("the look to be over", async || {
        let outcomes = world
            .journal()
            .iter()
            .filter(|entry| {
                entry["tool"] == "list_tables" && entry["body"]["decision"] == "allowed"
            })
            .count();
        (outcomes == 1).then_some(())
    })
    .await;
    let found = mcp.ok("list_tables", ask).await;
    assert_eq!(names(&found["tables"]), ["t"]);
    assert_eq!(looks(), before, "it looked again");
}
