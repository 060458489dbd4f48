//! The vault's keys: where they come from, what is wrong with them, and changing them.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::harness::{World, until};
use crate::vault::{engine_knows, listed, said, show};

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
