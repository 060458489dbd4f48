//! Scale to zero: what nobody uses costs no process, and nobody has to wake it.

use rustix::process::Signal;
use serde_json::json;

use crate::harness::{World, kill, until};

/// Waits until so many servers run.
async fn awake(world: &World, count: usize) {
    until("databases to fall asleep", async || {
        (world.postmasters().len() == count).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_database_that_nobody_uses_sleeps_and_the_next_use_finds_it_as_it_was() {
    let world = World::with(&[("DRYDOCK_DATABASE_IDLE_SECONDS", "1")]);
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    let version = project
        .migrate("t", "create table public.t (id int primary key)")
        .await;
    project.sql("insert into public.t values (1), (2)").await;
    awake(&world, 0).await;

    let listed = mcp.ok("list_projects", json!({})).await;
    assert_eq!(listed["projects"][0]["status"], "ACTIVE_HEALTHY");
    assert_eq!(project.value("select count(*) as n from public.t").await, 2);
    // What its log held before it slept can be returned to afterwards.
    awake(&world, 0).await;
    let done = project.revert(&format!("rp-{version}")).await;
    assert_eq!(done["reverted"]["rows"][0]["after"], 0);
    awake(&world, 0).await;

    // A platform that was killed finds them asleep.
    kill(world.platform_pid(), Signal::KILL);
    assert_eq!(project.value("select count(*) as n from public.t").await, 0);
}

#[tokio::test]
async fn a_database_that_somebody_uses_stays_awake() {
    let world = World::with(&[("DRYDOCK_DATABASE_IDLE_SECONDS", "1")]);
    let mcp = world.serve().await;
    let (busy, idle) = (mcp.launch("Busy").await, mcp.launch("Idle").await);
    busy.migrate("t", "create table public.t (id int primary key)")
        .await;
    idle.migrate("t", "create table public.t (id int primary key)")
        .await;
    // Longer than the others take to fall asleep.
    let slow = busy.sql("select pg_sleep(4)");
    let others = awake(&world, 1);
    let (slow, ()) = tokio::join!(slow, others);
    assert_eq!(slow["row_count"], 1);
}
