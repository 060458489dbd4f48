//! The storm: several clients migrate, insert and merge, while everything that can fail does. What
//! was acknowledged is there afterwards, and no guard has been skipped. Reverts take along what the
//! others work on, and so have a storm of their own, in `crashes`; here they aim at nothing.
//!
//! ```text
//! clients ─► servers ─► weather (late, lost, cut, garbled, silent) ─► platform ─► postmasters
//!               ▲ killed                                                ▲ killed     ▲ killed
//!               └ a clock that jumps by days
//! each round: a storm, then fair weather, repair, and a look at everything (calm)
//! ```
//!
//! `DRYDOCK_SEED` repeats a run's choices, `DRYDOCK_ROUNDS` makes it longer than the sample that a
//! plain run takes: `DRYDOCK_ROUNDS=50 cargo test --test behaviour storm -- --nocapture`. What the
//! machine makes of the same choices can differ. A full disk has its own test, in `faults`.

mod calm;
mod known;
mod weather;

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rustix::process::Signal;
use serde_json::{Value, json};

use self::known::Known;
use self::weather::Weather;
use crate::harness::{Heard, Mcp, Reaction, Relay, World, is_alive, kill, until};

/// How many clients work at once, each with a server of its own.
const CLIENTS: usize = 2;
/// How many calls a client makes in one storm.
const CALLS: usize = 4;
/// Rounds of the sample.
const ROUNDS: usize = 3;

fn setting(name: &str) -> Option<u64> {
    Some(std::env::var(name).ok()?.parse().expect("a number"))
}

#[tokio::test]
async fn what_is_acknowledged_in_a_storm_is_there_after_it() {
    let seed = setting("DRYDOCK_SEED").unwrap_or_else(rand::random);
    let rounds =
        setting("DRYDOCK_ROUNDS").map_or(ROUNDS, |rounds| usize::try_from(rounds).unwrap());
    eprintln!("DRYDOCK_SEED={seed} DRYDOCK_ROUNDS={rounds}");
    let mut random = StdRng::seed_from_u64(seed);
    let clock = std::env::temp_dir().join(format!("drydock-clock-{:016x}", rand::random::<u64>()));
    let world = World::with(&[("DRYDOCK_TEST_CLOCK", clock.to_str().unwrap())]);
    let weather = Weather::over(&world).await;
    let keeper = world.serve().await;
    let project = keeper.launch("P").await;
    project.ok("create_branch", json!({})).await;
    let known = Known::new(project.id.clone());
    for round in 0..rounds {
        storm(&world, &weather, &known, &mut random, &clock).await;
        weather.turns_fair();
        // The server that looks is one that has seen nothing of it.
        let witness = world.serve().await;
        eprintln!("round {round}: {}", known.summary());
        calm::everything_is_there(&world, &witness, &known).await;
    }
    let _ = std::fs::remove_file(clock);
}

/// Everybody works, and everything fails.
async fn storm(
    world: &World,
    weather: &Weather,
    known: &Known,
    random: &mut StdRng,
    clock: &std::path::Path,
) {
    weather.turns_foul(random.random());
    let mut servers = Vec::new();
    for _ in 0..CLIENTS {
        servers.push(Arc::new(weather.serve(world).await));
    }
    let clients = servers.iter().map(|server| {
        let random = StdRng::seed_from_u64(random.random());
        work(Arc::clone(server), known, random)
    });
    let clients: Vec<_> = clients.collect();
    let fates: Vec<(u64, u8)> = (0..2)
        .map(|_| (random.random_range(0..800), random.random_range(0..4)))
        .collect();
    let jump: i64 = random.random_range(-40..40) * 86_400;
    let trouble = async {
        for (millis, fate) in fates {
            // The fault is that it comes at any moment.
            tokio::time::sleep(Duration::from_millis(millis)).await;
            match fate {
                0 => strike(servers[0].pid()).await,
                1 => strike(world.platform_pid()).await,
                2 => match world.postmasters().first() {
                    Some(postmaster) => strike(*postmaster).await,
                    None => continue,
                },
                _ => std::fs::write(clock, jump.to_string()).unwrap(),
            }
            if fate == 1 {
                // Servers behind an API URL start no platform: somebody else's does.
                world.serve().await.call("list_projects", json!({})).await;
            }
        }
    };
    tokio::join!(trouble, futures_util::future::join_all(clients));
    weather.turns_fair();
    drop(servers);
}

async fn strike(pid: u32) {
    kill(pid, Signal::KILL);
    until("its end", async || (!is_alive(pid)).then_some(())).await;
}

/// One client's calls.
async fn work(server: Arc<Mcp>, known: &Known, mut random: StdRng) {
    for _ in 0..CALLS {
        let alive = match random.random_range(0..10) {
            0..4 => migrate(&server, known, random.random_range(0..5) == 0).await,
            4..8 => insert(&server, known).await,
            8 => merge(&server, known).await,
            _ => revert(&server, known).await,
        };
        if !alive {
            return;
        }
    }
}

/// A migration; now and then one that the advisor must refuse to merge.
async fn migrate(server: &Mcp, known: &Known, careless: bool) -> bool {
    let table = known.next_table();
    let mut query = format!("create table public.{table} (id int primary key);");
    query.push_str(&if careless {
        format!(" grant select on public.{table} to anon;")
    } else {
        format!(" alter table public.{table} enable row level security;")
    });
    known.tries_table(&table);
    let ask = json!({ "project_id": known.project, "name": table, "query": query });
    let Some(answer) = server.try_call("apply_migration", ask).await else {
        return known.loses_an_answer();
    };
    if !answer.refused {
        let version = answer.value["migration"]["version"].as_str().unwrap();
        known.has_table(&table, version, &answer.value["restore_point"]);
    }
    true
}

async fn insert(server: &Mcp, known: &Known) -> bool {
    let Some((table, row)) = known.next_row() else {
        return true;
    };
    let query = format!("insert into public.{table} values ({row})");
    let ask = json!({ "project_id": known.project, "query": query });
    let Some(answer) = server.try_call("execute_sql", ask).await else {
        return known.loses_an_answer();
    };
    if !answer.refused {
        known.has_row(&table, row);
    }
    true
}

/// A merge; what a refusal names is done, so that careless tables are mended as well.
async fn merge(server: &Mcp, known: &Known) -> bool {
    known.tries_merge();
    let ask = json!({ "project_id": known.project });
    let Some(answer) = server.try_call("merge_branch", ask).await else {
        return known.loses_an_answer();
    };
    if !answer.refused {
        known.has_merged(&answer.value["merged"]["migrations"]);
        return true;
    }
    let error = &answer.value["error"];
    if error["code"] != "advisor_failed" {
        return true;
    }
    known.tries_table("fix_advisor_findings");
    let fix = error["next"]["arguments"].clone();
    match server.try_call("apply_migration", fix).await {
        Some(_) => true,
        None => known.loses_an_answer(),
    }
}

/// A revert to a point that was never made: nothing may happen by it.
async fn revert(server: &Mcp, known: &Known) -> bool {
    let ask = json!({ "project_id": known.project, "name": "never-made" });
    match server.try_call("revert_to_restore_point", ask).await {
        Some(answer) => {
            assert!(answer.refused, "a point that was never made: {answer:?}");
            true
        }
        None => known.loses_an_answer(),
    }
}

/// The names of what is listed under `key`.
fn listed(value: &Value, key: &str) -> Vec<String> {
    value
        .as_array()
        .unwrap_or_else(|| panic!("no list: {value}"))
        .iter()
        .map(|one| one[key].as_str().unwrap_or_default().to_owned())
        .collect()
}

#[tokio::test]
async fn a_clock_that_jumps_lets_nobody_into_a_branch_that_is_worked_on() {
    let clock = std::env::temp_dir().join(format!("drydock-clock-{:016x}", rand::random::<u64>()));
    let world = World::with(&[("DRYDOCK_TEST_CLOCK", clock.to_str().unwrap())]);
    let other = world.serve().await;
    let project = other.launch("P").await;
    project.migrate("a", "create table public.a (id int)").await;
    let hanging = Relay::start(Some(world.api()), |heard: Heard| {
        async move {
            if is_slow(&heard) {
                std::future::pending::<()>().await;
            }
            Reaction::Pass
        }
        .boxed()
    })
    .await;
    let token = world.api().token().to_owned();
    let holder = hanging.serve(&world, &token).await;
    let doomed = holder.pid();
    let held = json!({ "project_id": project.id, "name": "slow", "query": "create table public.slow (id int)" });
    let holding = tokio::spawn(async move { holder.try_call("apply_migration", held).await });
    until("the branch to be worked on", async || {
        hanging.heard().iter().any(is_slow).then_some(())
    })
    .await;
    std::fs::write(&clock, "86400").unwrap();
    let next = json!({ "name": "b", "query": "create table public.b (id int)", "wait_s": 2 });
    project
        .refused("apply_migration", next.clone(), "in_progress")
        .await;
    strike(doomed).await;
    assert!(holding.await.unwrap().is_none());
    until("its turn", async || {
        let answer = project.call("apply_migration", next.clone()).await;
        (!answer.refused).then_some(())
    })
    .await;
    assert_eq!(project.tables("dev").await, ["a", "b"]);
    let _ = std::fs::remove_file(clock);
}

fn is_slow(heard: &Heard) -> bool {
    heard.writes() && heard.queries("create table public.slow")
}
