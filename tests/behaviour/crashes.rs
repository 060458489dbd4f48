//! kill -9 at random moments of a migrate-and-revert loop: nothing that was acknowledged is lost,
//! and no restore point is invented.

use std::time::Duration;

use futures_util::FutureExt;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::harness::{Heard, Mcp, Project, Reaction, Relay, World, is_alive, kill, until};

/// What is killed.
#[derive(Debug, Clone, Copy)]
enum Victim {
    Server,
    Platform,
    Postmaster,
}

/// What the loop knows: the ledger as far as it was acknowledged.
#[derive(Default)]
struct Known {
    ledger: Vec<String>,
    /// Whether the last answer was lost: then one more migration, or a revert, may have happened.
    lost: Option<Lost>,
    count: u32,
}

enum Lost {
    Migration,
    Revert { to: Vec<String> },
}

fn seed() -> u64 {
    let chosen = std::env::var("DRYDOCK_TEST_SEED").ok();
    let seed = chosen.map_or_else(rand::random, |text| text.parse().unwrap());
    eprintln!("DRYDOCK_TEST_SEED={seed}");
    seed
}

fn rounds() -> u32 {
    let factor = std::env::var("DRYDOCK_TEST_ROUNDS").map_or(1, |text| text.parse().unwrap());
    4 * factor
}

/// One step of the loop; `false` if its answer was lost.
async fn step(mcp: &Mcp, id: &str, known: &mut Known, random: &mut StdRng) -> bool {
    let revert = known.ledger.len() > 2 && random.random_range(0..3) == 0;
    if revert {
        let keep = random.random_range(1..known.ledger.len());
        let to = known.ledger[..keep].to_vec();
        // The kill can come here as well.
        let Some(listed) = mcp
            .try_call("list_restore_points", json!({ "project_id": id }))
            .await
        else {
            return false;
        };
        let points = listed.value["restore_points"].as_array().unwrap().clone();
        let name = point_of(&points, &to[keep - 1]).expect("a point");
        let arguments = json!({ "project_id": id, "name": name });
        known.lost = Some(Lost::Revert { to: to.clone() });
        match mcp.try_call("revert_to_restore_point", arguments).await {
            Some(answer) if !answer.refused => known.ledger = to,
            _ => return false,
        }
    } else {
        known.count += 1;
        let n = known.count;
        let arguments = json!({
            "project_id": id, "name": format!("m{n}"),
            "query": format!("create table public.t{n} (id int); insert into public.t{n} values ({n});"),
        });
        known.lost = Some(Lost::Migration);
        match mcp.try_call("apply_migration", arguments).await {
            Some(answer) if !answer.refused => {
                let version = answer.value["migration"]["version"].as_str().unwrap();
                known.ledger.push(version.to_owned());
            }
            _ => return false,
        }
    }
    known.lost = None;
    true
}

/// Ledger, tables and restore points agree, and hold everything that was acknowledged.
async fn whole(project: &Project<'_>, known: &mut Known) {
    // The first write after a crash repairs what is open; a point of one's own is a write.
    until("the branch to be usable", async || {
        let made = project.call("create_restore_point", json!({})).await;
        (!made.refused).then_some(())
    })
    .await;
    let ledger = project.ledger("dev").await;
    let acceptable = match &known.lost {
        None => ledger == known.ledger,
        Some(Lost::Migration) => {
            ledger == known.ledger
                || (ledger.len() == known.ledger.len() + 1 && ledger.starts_with(&known.ledger))
        }
        Some(Lost::Revert { to }) => ledger == known.ledger || &ledger == to,
    };
    assert!(acceptable, "{ledger:?} is not {:?}", known.ledger);
    known.ledger = ledger.clone();
    known.lost = None;
    assert_eq!(project.tables("dev").await.len(), ledger.len());
    let points = project.points().await;
    for point in &points {
        assert_eq!(point["status"], "available", "{point}");
    }
    for version in &ledger {
        let point = point_of(&points, version);
        assert!(point.is_some(), "no point for {version}: {points:?}");
    }
}

/// The point after a migration: `rp-<version>`, or `rp-<version>~2` where a revert had freed it.
fn point_of(points: &[Value], version: &str) -> Option<String> {
    points
        .iter()
        .find(|point| point["migration_version"] == version && point["reachable"] == true)
        .and_then(|point| point["name"].as_str())
        .map(str::to_owned)
}

/// Every point that is listed as available can be returned to, and is the moment that it says.
async fn points_are_real(project: &Project<'_>) {
    let points: Vec<Value> = project.points().await;
    project
        .ok("create_restore_point", json!({ "name": "the-end" }))
        .await;
    for point in points {
        if point["reachable"] != true {
            continue;
        }
        let name = point["name"].as_str().unwrap();
        project.revert(name).await;
        let ledger = project.ledger("dev").await;
        if let Some(version) = point["migration_version"].as_str() {
            assert_eq!(ledger.last().map(String::as_str), Some(version), "{name}");
        }
        assert_eq!(project.tables("dev").await.len(), ledger.len(), "{name}");
        // Back to the end, by the way back that the revert made.
        let undo = project
            .points()
            .await
            .iter()
            .filter_map(|point| point["name"].as_str())
            .filter(|name| name.starts_with("undo-"))
            .max_by_key(|name| name[5..].parse::<u32>().unwrap())
            .unwrap()
            .to_owned();
        project.revert(&undo).await;
    }
}

async fn killed_at_random(victim: Victim) {
    let seed = seed();
    let mut random = StdRng::seed_from_u64(seed);
    let world = World::new();
    let mut mcp = world.serve().await;
    let id = mcp.launch("P").await.id;
    mcp.project(&id).ok("create_branch", json!({})).await;
    let mut known = Known::default();
    for _ in 0..rounds() {
        let pid = match victim {
            Victim::Server => mcp.pid(),
            Victim::Platform => world.platform_pid(),
            Victim::Postmaster => {
                let all = world.postmasters();
                all[random.random_range(0..all.len())]
            }
        };
        // Some steps in peace, then one with the end in the middle of it.
        for _ in 0..random.random_range(0..2) {
            step(&mcp, &id, &mut known, &mut random).await;
        }
        let delay = Duration::from_micros(random.random_range(0..60_000));
        let killer = async {
            tokio::time::sleep(delay).await;
            kill(pid, Signal::KILL);
        };
        tokio::join!(killer, async {
            step(&mcp, &id, &mut known, &mut random).await;
        });
        until("its end", async || (!is_alive(pid)).then_some(())).await;
        if let Victim::Server = victim {
            mcp = world.serve().await;
        }
        whole(&mcp.project(&id), &mut known).await;
    }
    points_are_real(&mcp.project(&id)).await;
    let verified = world.run(&["journal", "verify"]);
    assert!(verified.status.success(), "{verified:?}");
}

#[tokio::test]
async fn a_server_killed_at_any_moment_loses_nothing() {
    killed_at_random(Victim::Server).await;
}

#[tokio::test]
async fn a_platform_killed_at_any_moment_loses_nothing() {
    killed_at_random(Victim::Platform).await;
}

#[tokio::test]
async fn a_database_server_killed_at_any_moment_loses_nothing() {
    killed_at_random(Victim::Postmaster).await;
}

#[tokio::test]
async fn a_point_that_a_dead_server_owes_is_made_by_the_next_call() {
    let world = World::new();
    let direct = world.serve().await;
    let project = direct.launch("P").await;
    project.migrate("a", "create table public.a (id int)").await;
    let token = world.api().token().to_owned();
    let relay = Relay::start(Some(world.api()), |heard: Heard| {
        async move {
            if heard.writes() && heard.path.contains("restore-point") {
                // Migration done, point never made: the server dies waiting for it.
                std::future::pending::<()>().await;
            }
            Reaction::Pass
        }
        .boxed()
    })
    .await;
    let mcp = relay.serve(&world, &token).await;
    let doomed = mcp.pid();
    let ask = json!({
        "project_id": project.id, "name": "b", "query": "create table public.b (id int)",
    });
    let dying = tokio::spawn(async move { mcp.try_call("apply_migration", ask).await });
    until("the point to be asked for", async || {
        relay
            .heard()
            .iter()
            .any(|heard| heard.writes() && heard.path.contains("restore-point"))
            .then_some(())
    })
    .await;
    kill(doomed, Signal::KILL);
    assert!(dying.await.unwrap().is_none());
    let ledger = project.ledger("dev").await;
    assert_eq!(ledger.len(), 2, "the migration was committed");
    let owed = project.points().await.pop().unwrap();
    assert_eq!(owed["status"], "intended", "nothing is claimed: {owed}");
    project.check().await;
    let made = project.points().await.pop().unwrap();
    assert_eq!(made["name"], format!("rp-{}", ledger[1]));
    assert_eq!(made["status"], "available");
    project.revert(made["name"].as_str().unwrap()).await;
    assert_eq!(project.tables("dev").await, ["a", "b"]);
}

#[tokio::test]
async fn a_revert_that_the_platform_died_in_is_over_when_it_starts_again() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    project.migrate("t", "create table public.t (id int)").await;
    let dev = project.dev().await;
    let pid = world.platform_pid();
    kill(pid, Signal::KILL);
    until("the platform to be gone", async || {
        (!is_alive(pid)).then_some(())
    })
    .await;
    let registry =
        rusqlite::Connection::open(world.dir().join("platform/platform.sqlite")).unwrap();
    let changed = registry
        .execute(
            "update projects set status = 'RESTORING' where ref = ?1",
            [&dev],
        )
        .unwrap();
    assert_eq!(changed, 1);
    drop(registry);
    project.migrate("u", "create table public.u (id int)").await;
    assert_eq!(project.tables("dev").await, ["t", "u"]);
}
