//! What can be wrong with the machine: each a clear error that says what to do, and a server that lives.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::doctor::{doctor, of};
use crate::harness::{Mcp, World, until};

async fn create_project_fails(mcp: &Mcp) -> String {
    let error = mcp
        .refused(
            "create_project",
            json!({ "name": "P" }),
            "platform_unreachable",
        )
        .await;
    assert!(error["operator"].is_string(), "{error}");
    error["message"].as_str().unwrap().to_owned()
}

fn script(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[tokio::test]
async fn a_variable_of_the_local_platform_that_says_nothing_known_is_a_clear_error() {
    let world = World::with(&[("DRYDOCK_GRANTS", "legaci")]);
    let mcp = world.serve().await;
    let message = create_project_fails(&mcp).await;
    assert!(message.contains("'legaci' for '--grants"), "{message}");
}

#[tokio::test]
async fn a_postgres_that_does_not_start_is_a_clear_error() {
    let place = World::new();
    let bin = place.dir().join("bin");
    fs::create_dir(&bin).unwrap();
    script(
        &bin.join("postgres"),
        "#!/bin/sh\n[ \"$1\" = --version ] || [ \"$1\" = -V ] && { echo 'postgres (PostgreSQL) 15.9'; exit 0; }\n\
         echo 'FATAL: the moon is in the wrong phase' >&2\nexit 1\n",
    );
    script(
        &bin.join("initdb"),
        "#!/bin/sh\n[ \"$1\" = --version ] && { echo 'initdb (PostgreSQL) 15.9'; exit 0; }\n\
         echo 'initdb: error: the moon is in the wrong phase' >&2\nexit 1\n",
    );
    let templates = place.dir().join("templates");
    let world = World::with(&[
        ("DRYDOCK_POSTGRES_BIN", bin.to_str().unwrap()),
        ("DRYDOCK_TEMPLATES", templates.to_str().unwrap()),
    ]);
    let mcp = world.serve().await;
    let message = create_project_fails(&mcp).await;
    assert!(message.contains("wrong phase"), "{message}");
    // The server lives, and says the same again.
    assert!(mcp.running.list_all_tools().await.unwrap().len() > 20);
    create_project_fails(&mcp).await;
}

#[tokio::test]
async fn a_missing_postgres_is_a_clear_error_that_says_what_to_do() {
    let world = World::with(&[("DRYDOCK_POSTGRES_BIN", "/nowhere/at/all")]);
    let mcp = world.serve().await;
    let message = create_project_fails(&mcp).await;
    assert!(message.contains("/nowhere/at/all"), "{message}");
    assert!(mcp.running.list_all_tools().await.unwrap().len() > 20);
}

#[test]
fn a_port_in_use_is_a_clear_error() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let port = address.port().to_string();
    let world = World::new();
    let output = world.run(&["platform", "--port", &port]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success());
    assert!(
        said.contains(&port) && said.contains("choose another"),
        "{said}"
    );
    assert!(world.postmasters().is_empty());
    let output = world.run(&["serve", "--http", &address.to_string()]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success());
    assert!(
        said.contains(&port) && said.contains("choose another"),
        "{said}"
    );
}

#[tokio::test]
async fn a_data_directory_that_cannot_be_used_is_a_clear_error() {
    let world = World::new();
    let file = world.dir().join("file");
    fs::write(&file, "not a directory").unwrap();
    let output = world.run(&["serve", "--data-dir", file.to_str().unwrap()]);
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains(file.to_str().unwrap()), "{said}");
    // A store that is none.
    fs::write(world.dir().join("drydock.sqlite"), "x".repeat(4096)).unwrap();
    let output = world.run(&["serve"]);
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("drydock.sqlite"), "{said}");
}

/// A small file system; unmounted when dropped.
struct Small<'a>(&'a Path);

impl<'a> Small<'a> {
    fn mount(path: &'a Path, size: &str) -> Option<Self> {
        let options = format!("size={size},mode=0711");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(path)
            .output()
            .is_ok_and(|output| output.status.success());
        mounted.then_some(Self(path))
    }
}

impl Drop for Small<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

#[tokio::test]
async fn a_full_disk_is_a_clear_error_and_nothing_acknowledged_is_lost() {
    let outer = World::new();
    let dir = outer.dir().join("small");
    fs::create_dir(&dir).unwrap();
    let Some(small) = Small::mount(&dir, "220m") else {
        eprintln!("skipped: this user cannot mount a small file system");
        return;
    };
    let path = dir.to_str().unwrap().to_owned();
    let mcp = outer.serve_with(&["--data-dir", &path]).await;
    let project = mcp.launch("P").await;
    let first = project
        .migrate("a", "create table public.a (id int, body text)")
        .await;
    let (said, _) = doctor(&outer, &["--data-dir", &path]);
    let disk = of(&said, "disk");
    assert_eq!(disk["state"], "weaker", "{disk}");
    assert!(disk["remedy"].as_str().unwrap().contains("free some"));
    // Everything but a few pages is taken.
    fill(&dir.join("filler"));
    let mut refused = false;
    for n in 0..20 {
        let answer = project
            .call(
                "apply_migration",
                json!({ "name": format!("m{n}"), "query": format!(
                    "create table public.m{n} as select i, repeat('x', 1000) as x from generate_series(1, 20000) as i") }),
            )
            .await;
        if answer.refused {
            refused = true;
            let message = answer.value["error"]["message"].as_str().unwrap();
            assert!(!message.is_empty());
            break;
        }
    }
    assert!(refused, "a full disk was never noticed");
    assert!(mcp.running.list_all_tools().await.unwrap().len() > 20);
    // Space again: everything acknowledged is there, and work goes on.
    fs::remove_file(dir.join("filler")).unwrap();
    until("the branch to be usable", async || {
        let made = project.call("create_restore_point", json!({})).await;
        (!made.refused).then_some(())
    })
    .await;
    let ledger = project.ledger("dev").await;
    assert_eq!(ledger.first(), Some(&first));
    assert_eq!(project.tables("dev").await.len(), ledger.len());
    for point in project.points().await {
        assert_eq!(point["status"], "available", "{point}");
    }
    project
        .migrate("after", "create table public.after (id int)")
        .await;
    project.revert(&format!("rp-{first}")).await;
    assert_eq!(project.tables("dev").await, ["a"]);
    drop(mcp);
    let stopped = outer.run(&["platform", "--stop", "--data-dir", &path]);
    assert!(stopped.status.success(), "{stopped:?}");
    drop(small);
}

/// Takes what space there is.
fn fill(path: &Path) {
    use std::io::Write;
    let mut file = fs::File::create(path).unwrap();
    let block = vec![0_u8; 64 * 1024];
    while file.write_all(&block).is_ok() {}
}

#[tokio::test]
async fn a_database_of_another_postgres_is_left_alone_and_it_is_said_what_to_start() {
    let world = World::new();
    let mcp = world.serve().await;
    let project_id = mcp.launch("P").await.id;
    drop(mcp);
    assert!(world.run(&["platform", "--stop"]).status.success());
    let path = world.dir().join("platform/postgres/c/1/cluster.json");
    let made_by = |major: u64| {
        let mut record: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let before = record["major"].as_u64().unwrap();
        record["major"] = json!(major);
        fs::write(&path, record.to_string()).unwrap();
        before
    };
    let real = made_by(14);
    let mcp = world.serve().await;
    let there = mcp.project(&project_id);
    let look = json!({ "environment": "production" });
    let refused = there
        .call("list_tables", look.clone())
        .await
        .value
        .to_string();
    for words in [
        "made by PostgreSQL 14",
        "drydock platform --stop",
        "DRYDOCK_POSTGRES_BIN",
    ] {
        assert!(refused.contains(words), "{refused}");
    }
    drop(mcp);
    assert!(world.run(&["platform", "--stop"]).status.success());
    made_by(real);
    world
        .serve()
        .await
        .project(&project_id)
        .ok("list_tables", look)
        .await;
}
