//! The vault: a password is sealed before the platform hears it, survives whatever cuts a call
//! short, and comes out for the operator alone.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Output;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::harness::{Heard, Reaction, Relay, World, until};

const CREATE: &str = "/v1/projects";
const PATCH: &str = "/database/password";

/// What the vault lists.
fn listed(world: &World) -> Vec<Value> {
    let output = world.run(&["vault", "list"]);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The secret that the operator is shown.
fn show(world: &World, arguments: &[&str]) -> String {
    let output = world.run(&[&["vault", "show"], arguments].concat());
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout)
        .unwrap()
        .trim_end()
        .to_owned()
}

fn said(output: &Output) -> String {
    assert!(!output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The password with which the local platform's own engine logs in as `postgres`.
fn engine_knows(world: &World, password: &str) -> bool {
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
        json!({ "name": "P", "region": "mars-1" }),
        "platform_error",
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
    assert!(
        world
            .run(&["vault", "rotate", &project.id])
            .status
            .success()
    );
    assert_eq!(show(&world, &[&project.id]), next);
    assert_eq!(listed(&world).len(), 1);
}

#[tokio::test]
async fn a_key_that_others_can_read_is_not_used() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    let key = world.dir().join("vault.key");
    let mode = fs::metadata(&key).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
    let error = mcp
        .refused(
            "create_project",
            json!({ "name": "Q" }),
            "vault_unavailable",
        )
        .await;
    assert!(
        error["message"].as_str().unwrap().contains("vault.key"),
        "{error}"
    );
    assert!(
        error["operator"].as_str().unwrap().contains("chmod 600"),
        "{error}"
    );
    let message = said(&world.run(&["vault", "show", &project.id]));
    assert!(message.contains("can be read by others"), "{message}");
    // Nothing was asked of the platform.
    let projects = mcp.ok("list_projects", json!({})).await;
    assert_eq!(projects["projects"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_wrong_or_missing_key_is_named_and_not_called_damage() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    let needed = listed(&world)[0]["key_id"].as_str().unwrap().to_owned();
    let key = world.dir().join("vault.key");
    let right = fs::read(&key).unwrap();
    fs::remove_file(&key).unwrap();
    let message = said(&world.run(&["vault", "show", &project.id]));
    assert!(
        message.contains(&needed) && message.contains("no key"),
        "{message}"
    );
    // A second key would hide that the first is lost.
    mcp.refused(
        "create_project",
        json!({ "name": "Q" }),
        "vault_unavailable",
    )
    .await;
    assert!(!key.exists());
    fs::write(&key, "ab".repeat(31) + "cd\n").unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let message = said(&world.run(&["vault", "show", &project.id]));
    assert!(
        message.contains(&needed) && !message.contains("changed"),
        "{message}"
    );
    fs::write(&key, right).unwrap();
    assert_eq!(show(&world, &[&project.id]).len(), 43);
}

#[test]
fn a_bad_key_stops_the_start_and_is_not_repeated() {
    for (name, value) in [
        ("DRYDOCK_VAULT_KEY", "tooshortcanary"),
        (
            "DRYDOCK_VAULT_KEY",
            "zz-canary-not-base64-zz-canary-not-base64-zz-canary-not-base64-z",
        ),
        ("DRYDOCK_VAULT_KEY_OLD", "canary"),
    ] {
        let world = World::with(&[(name, value)]);
        for command in [&["serve"][..], &["vault", "list"]] {
            let message = said(&world.run(command));
            assert!(
                message.contains(name) && message.contains("32 random bytes"),
                "{message}"
            );
            assert!(!message.contains("canary"), "{message}");
        }
    }
}

#[tokio::test]
async fn a_record_in_anothers_place_does_not_open() {
    let world = World::new();
    let mcp = world.serve().await;
    let one = mcp.launch("One").await.id;
    let two = mcp.launch("Two").await.id;
    assert!(mcp.end().await.success());
    let store = rusqlite::Connection::open(world.dir().join("drydock.sqlite")).unwrap();
    store
        .execute_batch(&format!(
            "update vault set owner = 'x' where owner = '{one}';
             update vault set owner = '{one}' where owner = '{two}';
             update vault set owner = '{two}' where owner = 'x';"
        ))
        .unwrap();
    let message = said(&world.run(&["vault", "show", &one]));
    assert!(message.contains("does not open"), "{message}");
}

#[tokio::test]
async fn the_key_is_changed_and_every_password_stays() {
    let world = World::new();
    let mcp = world.serve().await;
    let mut passwords = Vec::new();
    for name in ["One", "Two", "Three"] {
        let project = mcp.launch(name).await;
        passwords.push((project.id.clone(), show(&world, &[&project.id])));
    }
    let key = world.dir().join("vault.key");
    let before = (fs::read(&key).unwrap(), listed(&world)[0]["key_id"].clone());
    // Killed at whatever moment, nothing is lost and the next one goes on.
    for round in 0..12_u64 {
        let mut rotation = world.command(&["vault", "rotate"]).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(round));
        let _ = rotation.kill();
        rotation.wait().unwrap();
        for (id, password) in &passwords {
            assert_eq!(&show(&world, &[id]), password);
        }
    }
    assert!(world.run(&["vault", "rotate"]).status.success());
    let text = fs::read_to_string(&key).unwrap();
    assert_eq!(text.lines().count(), 1);
    assert_ne!(text.as_bytes(), before.0);
    assert_eq!(
        fs::metadata(&key).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let ids: Vec<Value> = listed(&world)
        .iter()
        .map(|one| one["key_id"].clone())
        .collect();
    assert!(
        ids.iter().all(|id| id == &ids[0] && id != &before.1),
        "{ids:?}"
    );
    // Into the environment, and from there to another key; the server seals under the new one.
    let (first, second) = ("11".repeat(31) + "22", "33".repeat(31) + "44");
    let moves: [&[(&str, &str)]; 2] = [
        &[("DRYDOCK_VAULT_KEY", &first)],
        &[
            ("DRYDOCK_VAULT_KEY", &second),
            ("DRYDOCK_VAULT_KEY_OLD", &first),
        ],
    ];
    for variables in moves {
        let rotated = world
            .command(&["vault", "rotate"])
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        assert!(rotated.status.success(), "{rotated:?}");
    }
    fs::remove_file(&key).unwrap();
    for (id, password) in &passwords {
        let shown = world
            .command(&["vault", "show", id])
            .env("DRYDOCK_VAULT_KEY", &second)
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&shown.stdout).trim_end(), password);
        said(
            &world
                .command(&["vault", "show", id])
                .env("DRYDOCK_VAULT_KEY", &first)
                .output()
                .unwrap(),
        );
    }
}

#[tokio::test]
async fn passwords_sealed_while_the_key_changes_open_afterwards() {
    let world = World::new();
    let mcp = world.serve().await;
    mcp.launch("Zero").await;
    let rotating = async {
        for _ in 0..6 {
            let mut command = tokio::process::Command::from(world.command(&["vault", "rotate"]));
            assert!(command.status().await.unwrap().success());
        }
    };
    let creating = async {
        let mut ids = Vec::new();
        for n in 0..4 {
            ids.push(mcp.launch(&format!("P{n}")).await.id);
        }
        ids
    };
    let ((), ids) = tokio::join!(rotating, creating);
    for id in ids {
        let password = show(&world, &[&id]);
        assert!(engine_knows(&world, &password));
    }
    until("one key", async || {
        assert!(world.run(&["vault", "rotate"]).status.success());
        let text = fs::read_to_string(world.dir().join("vault.key")).ok()?;
        (text.lines().count() == 1).then_some(())
    })
    .await;
}
