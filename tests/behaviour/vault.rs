//! The vault: a password is sealed before the platform hears it, survives whatever cuts a call
//! short, and comes out for the operator alone.

use std::fs;
use std::process::Output;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::harness::{Heard, Reaction, Relay, World};

const CREATE: &str = "/v1/projects";
const PATCH: &str = "/database/password";

/// What the vault lists.
pub(crate) fn listed(world: &World) -> Vec<Value> {
    let output = world.run(&["vault", "list"]);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The secret that the operator is shown.
pub(crate) fn show(world: &World, arguments: &[&str]) -> String {
    let output = world.run(&[&["vault", "show"], arguments].concat());
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout)
        .unwrap()
        .trim_end()
        .to_owned()
}

/// What a command that fails says.
pub(crate) fn said(output: &Output) -> String {
    assert!(!output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The password with which the local platform's own engine logs in as `postgres`.
pub(crate) fn engine_knows(world: &World, password: &str) -> bool {
    let clusters = world.dir().join("platform/postgres/c");
    fs::read_dir(clusters)
        .unwrap()
        .filter_map(|cluster| fs::read_dir(cluster.ok()?.path()).ok())
        .flatten()
        .filter_map(|file| fs::read_to_string(file.ok()?.path()).ok())
        .any(|record| record.contains(&format!("\"user\":\"{password}\"")))
}

fn creates(heard: &Heard) -> bool {
    heard.method == "POST" && heard.path == CREATE
}

#[tokio::test]
async fn a_password_is_sealed_before_the_platform_hears_it() {
    let world = World::new();
    let first = world.serve().await;
    first.launch("First").await;
    let dir = world.dir().to_owned();
    let seen = Arc::<Mutex<Vec<(String, i64)>>>::default();
    let noted = Arc::clone(&seen);
    let relay = Relay::start(Some(world.api()), move |heard| {
        if creates(&heard) {
            let store = rusqlite::Connection::open(dir.join("drydock.sqlite")).unwrap();
            let sealed = store
                .query_row(
                    "select count(*) from vault where project_name = 'Second'",
                    [],
                    |row| row.get(0),
                )
                .unwrap();
            let password = heard.body["db_pass"].as_str().unwrap().to_owned();
            noted.lock().unwrap().push((password, sealed));
        }
        Box::pin(async { Reaction::Pass })
    })
    .await;
    let mcp = relay.serve(&world, world.api().token()).await;
    let project = mcp.launch("Second").await;
    let (password, sealed) = seen.lock().unwrap().pop().expect("no project was created");
    assert_eq!(sealed, 1, "nothing was sealed when the platform was asked");
    assert_eq!(show(&world, &[&project.id]), password);
    assert!(engine_knows(&world, &password));
    // Two projects, each with its own, and nothing left over.
    let records = listed(&world);
    assert_eq!(records.len(), 2, "{records:?}");
    for record in &records {
        assert_eq!(record["name"], "database_password");
        assert!(record["asked_for"].is_null(), "{record}");
        assert!(!record.to_string().contains(&password));
    }
    assert_ne!(records[0]["project"], records[1]["project"]);
}

#[tokio::test]
async fn a_server_killed_in_the_middle_leaves_a_password_that_the_same_call_finds() {
    for lost_before in [true, false] {
        let world = World::new();
        let api_world = world.serve().await;
        api_world.launch("Other").await;
        let (asked, mut waiting) = tokio::sync::mpsc::unbounded_channel();
        let relay = Relay::start(Some(world.api()), move |heard| {
            let asked = asked.clone();
            Box::pin(async move {
                if !creates(&heard) {
                    return Reaction::Pass;
                }
                let _ = asked.send(heard.body["db_pass"].as_str().unwrap().to_owned());
                if lost_before {
                    std::future::pending::<()>().await;
                }
                Reaction::Lose
            })
        })
        .await;
        let arguments = json!({ "name": "Shop", "idempotency_key": "k" });
        let mcp = relay.serve(&world, world.api().token()).await;
        let call = mcp.try_call("create_project", arguments.clone());
        let password = if lost_before {
            tokio::select! {
                _ = call => panic!("nobody answers, and the call was answered"),
                password = waiting.recv() => password.unwrap(),
            }
        } else {
            // The platform has made the project, and its answer does not arrive.
            assert!(call.await.unwrap().refused);
            waiting.recv().await.unwrap()
        };
        mcp.kill().await;
        let pending: Vec<Value> = listed(&world)
            .into_iter()
            .filter(|record| !record["asked_for"].is_null())
            .collect();
        assert_eq!(pending.len(), 1, "{pending:?}");
        assert_eq!(pending[0]["asked_for"]["project_name"], "Shop");
        let handle = pending[0]["project"].as_str().unwrap();
        assert_eq!(show(&world, &[handle]), password);

        let again = world.serve().await;
        let made = again.ok("create_project", arguments).await;
        let id = made["project"]["id"].as_str().unwrap();
        assert_eq!(show(&world, &[id]), password, "lost before: {lost_before}");
        assert!(engine_knows(&world, &password));
        let projects = again.ok("list_projects", json!({})).await;
        assert_eq!(projects["projects"].as_array().unwrap().len(), 2);
        assert!(listed(&world).iter().all(|one| one["asked_for"].is_null()));
    }
}

#[tokio::test]
async fn a_refused_creation_leaves_nothing_in_the_vault() {
    let world = World::new();
    let mcp = world.serve().await;
    mcp.refused(
        "create_project",
        json!({ "name": "P", "organization_id": "nobody" }),
        "not_found",
    )
    .await;
    assert_eq!(listed(&world), Vec::<Value>::new());
}

#[tokio::test]
async fn the_operator_changes_a_projects_password_and_the_journal_says_so() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    project.migrate("t", "create table public.t (id int)").await;
    let before = show(&world, &[&project.id]);
    let rotated = world.run(&["vault", "rotate", &project.id]);
    assert!(rotated.status.success(), "{rotated:?}");
    let after = show(&world, &[&project.id]);
    assert_ne!(before, after);
    assert!(engine_knows(&world, &after) && !engine_knows(&world, &before));
    // The database lives, under the new password.
    assert_eq!(project.tables("production").await, Vec::<String>::new());
    let production = world.api().query(&project.id, "select 1 as one").await;
    assert_eq!(production[0]["one"], 1);
    assert!(mcp.end().await.success());
    let acts: Vec<(String, String)> = world
        .journal()
        .into_iter()
        .filter(|entry| entry["body"]["by"] == "operator")
        .map(|entry| {
            let word = |member: &str| entry[member].as_str().unwrap().to_owned();
            (word("tool"), word("kind"))
        })
        .collect();
    let acts: Vec<(&str, &str)> = acts.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    assert_eq!(
        acts,
        [
            ("vault show", "outcome"),
            ("vault rotate", "intent"),
            ("vault rotate", "outcome"),
            ("vault show", "outcome"),
        ]
    );
    assert!(world.run(&["journal", "verify"]).status.success());
}

#[tokio::test]
async fn a_change_of_a_password_that_is_cut_short_is_settled_by_the_next() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    let before = show(&world, &[&project.id]);
    let relay = Relay::start(Some(world.api()), |heard| {
        Box::pin(async move {
            match heard.path.ends_with(PATCH) {
                true => Reaction::Lose,
                false => Reaction::Pass,
            }
        })
    })
    .await;
    let mut through = world.command(&["vault", "rotate", &project.id, "--api-url", relay.url()]);
    through.env("SUPABASE_ACCESS_TOKEN", world.api().token());
    let through = tokio::process::Command::from(through).output().await;
    let message = said(&through.unwrap());
    assert!(message.contains("vault rotate"), "{message}");
    // Both are there; the platform has taken the next one.
    assert_eq!(show(&world, &[&project.id]), before);
    let next = show(&world, &[&project.id, "database_password.next"]);
    assert!(engine_knows(&world, &next));
    // A plain no to the next attempt says nothing of the one before.
    let deaf = Relay::start(Some(world.api()), |heard| {
        Box::pin(async move {
            match heard.path.ends_with(PATCH) {
                true => Reaction::Answer(403, json!({ "message": "not today" })),
                false => Reaction::Pass,
            }
        })
    })
    .await;
    let mut refused = world.command(&["vault", "rotate", &project.id, "--api-url", deaf.url()]);
    refused.env("SUPABASE_ACCESS_TOKEN", world.api().token());
    let refused = tokio::process::Command::from(refused).output().await;
    assert!(said(&refused.unwrap()).contains("not today"));
    assert_eq!(show(&world, &[&project.id, "database_password.next"]), next);
    assert!(
        world
            .run(&["vault", "rotate", &project.id])
            .status
            .success()
    );
    assert_eq!(show(&world, &[&project.id]), next);
    assert_eq!(listed(&world).len(), 1);
}
