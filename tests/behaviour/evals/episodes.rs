//! What an episode may take, who says yes in it, what goes wrong in it, and what time it is.

use serde_json::json;

use super::Fleet;

#[tokio::test]
async fn limits_end_an_episode_and_a_new_one_begins_with_an_empty_trace() {
    let fleet = Fleet::start();
    let workspace = fleet.workspace(json!({})).await;
    let agent = workspace.connect().await;
    workspace
        .post("begin", json!({ "limits": { "calls": 2 } }))
        .await;
    agent.ok("list_projects", json!({})).await;
    agent.ok("list_organizations", json!({})).await;
    agent
        .refused("list_projects", json!({}), "limit_reached")
        .await;
    let trace = workspace.get("trace").await;
    let calls = trace["calls"].as_array().unwrap();
    assert_eq!(calls.len(), 2, "{trace}");
    assert_eq!(calls[0]["tool"], "list_projects");
    assert!(calls[0]["tokens"].as_u64().unwrap() > 0);
    let record = &calls[0]["record"];
    assert_eq!(record["decision"], "allowed", "{trace}");
    assert!(record["platform_calls"].as_u64().unwrap() > 0, "{record}");
    assert!(record["call_id"].is_string(), "{record}");

    workspace
        .post("begin", json!({ "limits": { "tokens": 1 } }))
        .await;
    agent.ok("list_projects", json!({})).await;
    agent
        .refused("list_projects", json!({}), "limit_reached")
        .await;
    workspace.post("begin", json!({})).await;
    assert_eq!(workspace.get("trace").await["calls"], json!([]));
    agent.ok("list_projects", json!({})).await;
}

#[tokio::test]
async fn the_operator_of_an_episode_answers_what_waits_for_approval() {
    let fleet = Fleet::start();
    let workspace = fleet.workspace(json!({})).await;
    let agent = workspace.connect().await;
    let project = agent.launch("Notes").await;
    let delete = json!({ "project_id": project.id });
    // Nobody answers.
    agent
        .refused("delete_project", delete.clone(), "approval_required")
        .await;
    agent
        .refused("delete_project", delete.clone(), "approval_required")
        .await;
    workspace.reset().await;

    let project = agent.launch("Notes").await;
    let delete = json!({ "project_id": project.id });
    let no = json!({ "approvals": [{ "tool": "delete_project", "decision": "deny", "reason": "keep it" }] });
    workspace.post("begin", no).await;
    agent
        .refused("delete_project", delete.clone(), "approval_required")
        .await;
    agent
        .refused("delete_project", delete, "approval_denied")
        .await;
    workspace.reset().await;

    let project = agent.launch("Notes").await;
    let delete = json!({ "project_id": project.id });
    let yes = json!({ "approvals": [{ "tool": "pause_project", "decision": "deny" }, { "decision": "grant" }] });
    workspace.post("begin", yes).await;
    agent
        .refused("delete_project", delete.clone(), "approval_required")
        .await;
    agent.ok("delete_project", delete).await;
}

#[tokio::test]
async fn faults_strike_as_planned_and_are_told_with_the_call_that_they_struck() {
    let fleet = Fleet::start();
    let workspace = fleet.workspace(json!({})).await;
    let agent = workspace.connect().await;
    let project = agent.launch("Notes").await;
    project
        .migrate("t", "create table t (id int primary key)")
        .await;
    let plan = json!({ "faults": [{
        "kind": "fail", "status": 500, "times": 20,
        "method": "POST", "path": "/v1/projects/{ref}/database/query",
    }] });
    assert_eq!(workspace.post("faults", plan).await["planned"], 1);
    let tables = json!({ "project_id": project.id });
    let failed = agent.call("list_tables", tables.clone()).await;
    assert!(failed.refused, "{failed:?}");
    let hits = workspace.get("faults").await;
    let hit = &hits["hits"][0];
    assert_eq!(hit["kind"], "fail");
    assert!(hit["call"].is_string(), "{hits}");
    workspace.post("faults", json!({ "faults": [] })).await;
    agent.ok("list_tables", tables).await;
}

#[tokio::test]
async fn time_stands_but_for_calls_and_what_the_harness_moves() {
    let fleet = Fleet::start_with(&["--spares", "0", "--clock", "2026-03-01T10:00:00Z"]);
    let workspace = fleet.workspace(json!({})).await;
    let agent = workspace.connect().await;
    let launched = agent.ok("create_project", json!({ "name": "Notes" })).await;
    let created = launched["project"]["created_at"].as_str().unwrap();
    assert!(created.starts_with("2026-03-01T10:00:0"), "{created}");
    let moved = workspace
        .post("clock", json!({ "advance_s": 86_400 }))
        .await;
    assert!(
        moved["now"]
            .as_str()
            .unwrap()
            .starts_with("2026-03-02T10:00:0"),
        "{moved}"
    );
    let id = launched["project"]["id"].clone();
    let migrated = agent
        .ok("apply_migration", json!({ "project_id": id, "name": "t", "query": "create table t (id int primary key)" }))
        .await;
    let version = migrated["migration"]["version"].as_str().unwrap();
    assert!(version.starts_with("202603021000"), "{version}");
    // A snapshot keeps the time.
    workspace.snapshot("later").await;
    let moved = workspace.post("clock", json!({ "advance_s": 1 })).await;
    assert!(
        moved["now"]
            .as_str()
            .unwrap()
            .starts_with("2026-03-02T10:00:"),
        "{moved}"
    );
}
