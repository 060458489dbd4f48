//! Logs and runs of branch actions on the wire, as other clients of the platform ask for them.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Api, World};

async fn asked(api: &Api, reference: &str, query: &[(&str, &str)]) -> (u16, Value) {
    let encoded: Vec<String> = query
        .iter()
        .map(|(name, value)| {
            let value: String = value.bytes().map(|byte| format!("%{byte:02X}")).collect();
            format!("{name}={value}")
        })
        .collect();
    let path = format!(
        "/v1/projects/{reference}/analytics/endpoints/logs?{}",
        encoded.join("&")
    );
    api.send(Method::GET, &path, Value::Null).await
}

/// What the official MCP server 0.13.0 asks for PostgreSQL's lines.
const OFFICIAL: &str = "
    select log_attributes['identifier'] as identifier, timestamp, id, event_message, log_attributes['parsed.error_severity'] as error_severity
    from logs
    where source = 'postgres_logs'
    order by timestamp desc
    limit 100
  ";

#[tokio::test]
async fn logs_answer_as_the_platforms_do_and_survive_a_restart() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    let api = world.api();
    assert_eq!(
        api.try_query(&project.id, "select * from nowhere").await.0,
        400
    );
    let (status, answer) = asked(&api, &project.id, &[("sql", OFFICIAL)]).await;
    assert_eq!(status, 200, "{answer}");
    assert!(answer["error"].is_null());
    let first = &answer["result"][0];
    assert_eq!(first["identifier"], project.id.as_str());
    assert_eq!(first["error_severity"], "ERROR");
    assert_eq!(
        first["event_message"],
        "relation \"nowhere\" does not exist at character 15"
    );
    let time = first["timestamp"].as_str().unwrap();
    assert!(time.len() == 26 && !time.ends_with('Z'), "{time}");

    // An error of the query is an answer.
    for sql in [
        "select * from logs",
        "select count(*) from logs",
        "select id from edge_logs",
        "nonsense",
    ] {
        let (status, answer) = asked(&api, &project.id, &[("sql", sql)]).await;
        assert_eq!(status, 200, "{answer}");
        assert!(answer["result"].is_null(), "{answer}");
        assert!(answer["error"]["message"].is_string(), "{answer}");
        assert!(
            answer["error"]["errors"][0]["location"].is_string(),
            "{answer}"
        );
    }
    let (status, answer) = asked(&api, &project.id, &[]).await;
    assert_eq!((status, &answer["result"]), (200, &json!([])));
    let long = [
        ("iso_timestamp_start", "2025-03-01T00:00:00Z"),
        ("iso_timestamp_end", "2025-03-02T00:00:01Z"),
    ];
    assert_eq!(asked(&api, &project.id, &long).await.0, 400);
    assert_eq!(asked(&api, "aaaaaaaaaaaaaaaaaaaa", &[]).await.0, 404);
    let gone = format!("/v1/projects/{}/analytics/endpoints/logs.all", project.id);
    assert_eq!(api.send(Method::GET, &gone, Value::Null).await.0, 410);

    assert!(world.run(&["platform", "--stop"]).status.success());
    project.ok("list_tables", json!({})).await;
    let found = project
        .ok(
            "query_logs",
            json!({ "sql": "select count() as n from logs where event_message like '%nowhere%'" }),
        )
        .await;
    assert_eq!(found["rows"], json!([{ "n": 1 }]), "{found}");
}

#[tokio::test]
async fn runs_of_branch_actions_are_told_step_by_step() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    let version = project
        .migrate("a", "create schema app; create table app.a (id int)")
        .await;
    project.ok("merge_branch", json!({})).await;
    let api = world.api();
    let dev = project.dev().await;
    // The merge is over for its caller when production is as expected, and its run a moment later.
    let merge = crate::harness::until("the end of the merge's run", async || {
        let listed = api
            .get(&format!("/v1/projects/{}/actions", project.id))
            .await;
        let run = listed
            .as_array()
            .unwrap()
            .iter()
            .find(|run| run["run_steps"][0]["name"] == "pull")?
            .clone();
        let steps = run["run_steps"].as_array().unwrap();
        steps
            .iter()
            .all(|step| step["status"] == "EXITED")
            .then_some(run)
    })
    .await;
    assert_eq!(merge["run_steps"][2]["name"], "deploy");
    let id = merge["id"].as_str().unwrap();
    let path = format!("/v1/projects/{dev}/actions/{id}");
    assert_eq!(api.get(&path).await["id"], id);
    let logs = api.get(&format!("{path}/logs")).await;
    let logs = logs.as_str().unwrap();
    assert!(
        logs.contains(&format!("migration {version} is applied")),
        "{logs}"
    );
    assert!(logs.contains("merge is done"), "{logs}");
    let said = project
        .ok(
            "get_logs",
            json!({ "service": "branch-action", "environment": "production" }),
        )
        .await;
    assert!(said.to_string().contains(id), "{said}");

    // One that fails says where.
    api.query(&project.id, "create table public.b (id int)")
        .await;
    api.migrate(&dev, "b", "create table public.b (id int)")
        .await;
    let begun = api
        .post(&format!("/v1/branches/{dev}/merge"), json!({}))
        .await;
    let id = begun["workflow_run_id"].as_str().unwrap();
    let run = crate::harness::until("the merge's end", async || {
        let run = api
            .get(&format!("/v1/projects/{}/actions/{id}", project.id))
            .await;
        (run["run_steps"][1]["status"] == "DEAD").then_some(run)
    })
    .await;
    assert_eq!(run["run_steps"][0]["status"], "EXITED", "{run}");
    let missing = format!("/v1/projects/{}/actions/nope", project.id);
    assert_eq!(api.send(Method::GET, &missing, Value::Null).await.0, 404);
}
