//! Snapshots, resets and forks: what stays, what goes, and what happens to who is connected.

use reqwest::Method;
use serde_json::{Value, json};

use super::Fleet;
use crate::harness::{is_alive, names, until};

const TABLE: &str = "create table t (id int primary key); alter table t enable row level security;";

#[tokio::test]
async fn a_reset_brings_everything_back_and_keeps_connections() {
    let fleet = Fleet::start_with(&["--spares", "1"]);
    let workspace = fleet.workspace(json!({})).await;
    let agent = workspace.connect().await;
    let project = agent.launch("Notes").await;
    project.migrate("t", TABLE).await;
    let id = project.id.to_owned();
    workspace.snapshot("with_table").await;
    let before = workspace.get("state_hash").await;

    let migration =
        json!({ "project_id": id, "name": "u", "query": "create table u (id int primary key)" });
    agent.ok("apply_migration", migration).await;
    agent
        .ok(
            "execute_sql",
            json!({ "project_id": id, "query": "insert into t values (1)" }),
        )
        .await;
    assert_eq!(workspace.get("state_hash").await["unchanged"], false);

    let shown = workspace.reset().await;
    assert_eq!(shown["mcp_url"], workspace.shown["mcp_url"]);
    assert_eq!(shown["mcp_command"], workspace.shown["mcp_command"]);
    let listed = agent
        .ok("list_migrations", json!({ "project_id": id }))
        .await;
    assert_eq!(names(&listed["migrations"]), ["t"]);
    let points = agent
        .ok("list_restore_points", json!({ "project_id": id }))
        .await;
    assert_eq!(points["restore_points"].as_array().unwrap().len(), 2);
    let after = workspace.get("state_hash").await;
    assert_eq!(after["state_hash"], before["state_hash"]);
    assert_eq!(after["unchanged"], true);

    // What a revert needs came along as well.
    agent
        .ok(
            "revert_to_restore_point",
            json!({ "project_id": id, "name": "baseline" }),
        )
        .await;
    // And to the world before any of it.
    workspace
        .post("reset", json!({ "snapshot": "empty" }))
        .await;
    let projects = agent.ok("list_projects", json!({})).await;
    assert_eq!(projects["projects"], json!([]));
}

#[tokio::test]
async fn a_reset_ends_a_running_call_with_an_answer() {
    let fleet = Fleet::start();
    let workspace = fleet.workspace(json!({})).await;
    let agent = workspace.connect().await;
    let hang = json!({ "faults": [{ "kind": "hang" }] });
    workspace.post("faults", hang).await;
    let call = agent.call("list_projects", json!({}));
    let reset = async {
        until("the call to reach the platform", async || {
            let struck = workspace.get("faults").await;
            (!struck["hits"].as_array()?.is_empty()).then_some(())
        })
        .await;
        workspace.reset().await
    };
    let (answer, _) = tokio::join!(call, reset);
    answer.refused_as("workspace_reset");
    // The same connection goes on, in a world without that fault.
    agent.ok("list_projects", json!({})).await;
}

#[tokio::test]
async fn workspaces_side_by_side_do_not_see_each_other() {
    let fleet = Fleet::start();
    let (one, other) = (
        fleet.workspace(json!({ "name": "one" })).await,
        fleet.workspace(json!({})).await,
    );
    let (here, there) = (one.connect().await, other.connect().await);
    let project = here.launch("Notes").await;
    let listed = there.ok("list_projects", json!({})).await;
    assert_eq!(listed["projects"], json!([]));
    there
        .refused(
            "list_tables",
            json!({ "project_id": project.id }),
            "target_unknown",
        )
        .await;
    assert_ne!(one.shown["api_url"], other.shown["api_url"]);
    assert_ne!(one.shown["access_token"], other.shown["access_token"]);
    // Nor does one hear of the other's reset.
    other.reset().await;
    assert_eq!(one.get("trace").await["calls"].as_array().unwrap().len(), 1);

    let (status, taken) = fleet
        .send(Method::POST, "/workspaces", json!({ "name": "one" }))
        .await;
    assert_eq!(
        (status, &taken["error"]["code"]),
        (409, &json!("name_taken"))
    );
    fleet
        .ok(Method::DELETE, "/workspaces/one", Value::Null)
        .await;
    let (status, _) = fleet
        .send(Method::GET, "/workspaces/one", Value::Null)
        .await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn many_workspaces_write_and_reset_at_once_and_each_has_what_is_its_own() {
    let count = std::env::var("DRYDOCK_TEST_WORKSPACES").map_or(4, |text| text.parse().unwrap());
    let fleet = Fleet::start();
    let first = fleet.workspace(json!({})).await;
    let project = {
        let agent = first.connect().await;
        let project = agent.launch("Notes").await;
        project.migrate("t", TABLE).await;
        project.id.to_owned()
    };
    first.snapshot("start").await;
    let play = async |number: usize| {
        let body = json!({ "name": format!("side{number}"), "snapshot": "start" });
        let workspace = fleet.workspace(body).await;
        let agent = workspace.connect().await;
        let write = async |value: usize| {
            let query = format!("insert into t values ({value})");
            let arguments = json!({ "project_id": project, "query": query });
            agent.ok("execute_sql", arguments).await;
        };
        write(number).await;
        if number % 2 == 1 {
            workspace.reset().await;
            write(number + 1000).await;
        }
        let read = json!({ "project_id": project, "query": "select id from t" });
        let rows = agent.ok("execute_sql", read).await["rows"].clone();
        let calls = workspace.get("trace").await["calls"]
            .as_array()
            .unwrap()
            .len();
        let state = workspace.get("state_hash").await;
        (number, rows, calls, state)
    };
    let all = futures_util::future::join_all((0..count).map(play)).await;
    let mut hashes = std::collections::HashSet::new();
    for (number, rows, calls, state) in all {
        let own = if number % 2 == 1 {
            number + 1000
        } else {
            number
        };
        assert_eq!(rows, json!([{ "id": own }]), "workspace {number}");
        assert_eq!(calls, 2, "workspace {number}");
        assert_eq!(state["production_unchanged"], true, "{state}");
        assert_eq!(state["unchanged"], false, "{state}");
        assert!(hashes.insert(state["state_hash"].clone()), "{state}");
    }
    assert_eq!(hashes.len(), count);
}

#[tokio::test]
async fn a_fork_goes_its_own_way() {
    let fleet = Fleet::start();
    let workspace = fleet.workspace(json!({})).await;
    let agent = workspace.connect().await;
    let project = agent.launch("Notes").await;
    project.migrate("t", TABLE).await;
    let id = project.id.to_owned();
    let forked = workspace.post("fork", json!({ "name": "side" })).await;
    assert_eq!(forked["id"], "side");
    let side = fleet.ok(Method::GET, "/workspaces/side", Value::Null).await;
    assert_eq!(side["snapshot"], forked["snapshot"]);
    let migration =
        json!({ "project_id": id, "name": "u", "query": "create table u (id int primary key)" });
    agent.ok("apply_migration", migration).await;
    let hash = async |id: &str| {
        let path = format!("/workspaces/{id}/state_hash");
        fleet.ok(Method::GET, &path, Value::Null).await
    };
    assert_eq!(hash("side").await["unchanged"], true);
    assert_eq!(hash(&workspace.id).await["unchanged"], false);
    assert_eq!(hash(&workspace.id).await["production_unchanged"], true);
}

#[tokio::test]
async fn nobody_gets_at_the_control_plane_without_its_token() {
    let fleet = Fleet::start();
    let workspace = fleet.workspace(json!({})).await;
    let platform_token = workspace.shown["access_token"].as_str().unwrap();
    for token in [None, Some("guess"), Some(platform_token)] {
        for path in ["/workspaces", "/nothing", "/snapshots"] {
            let (status, said) = fleet.send_as(Method::GET, path, Value::Null, token).await;
            assert_eq!(
                (status, &said["error"]["code"]),
                (401, &json!("unauthorized"))
            );
        }
    }
    // What a world is asked for by its parent is no tool.
    let agent = workspace.connect().await;
    for tool in [
        "snapshot",
        "reset",
        "fork",
        "state_hash",
        "dump",
        "assert",
        "inject_fault",
        "advance_clock",
    ] {
        agent.refused(tool, json!({}), "unknown_tool").await;
    }
}

#[tokio::test]
async fn nothing_is_left_behind_whether_a_fleet_ends_or_is_killed() {
    for killed in [false, true] {
        let mut fleet = Fleet::start_with(&["--spares", "1"]);
        let workspace = fleet.workspace(json!({})).await;
        let agent = workspace.connect().await;
        let project = agent.launch("Notes").await;
        project.migrate("t", TABLE).await;
        drop(agent);
        let worlds = fleet.dir.join("worlds");
        let pids = databases(&worlds);
        assert!(pids.len() >= 2, "no database runs: {pids:?}");
        assert!(is_alive(fleet.pid()));
        if killed {
            fleet.kill();
        } else {
            assert!(fleet.end().success());
        }
        until("the worlds to have gone", async || {
            let left = std::fs::read_dir(&worlds).map_or(0, Iterator::count);
            (left == 0 && !pids.iter().any(|pid| is_alive(*pid))).then_some(())
        })
        .await;
    }
}

/// The servers that run below a directory.
fn databases(worlds: &std::path::Path) -> Vec<u32> {
    let mut found = Vec::new();
    let mut open = vec![worlds.to_owned()];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(&dir).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else if path.ends_with("postmaster.pid") {
                let notes = std::fs::read_to_string(&path).unwrap_or_default();
                found.extend(notes.lines().next().and_then(|pid| pid.parse::<u32>().ok()));
            }
        }
    }
    found
}
