//! Resources: what a client may show its model without a call, through the same pipeline.

use rmcp::model::{ReadResourceRequestParams, ResourceContents};
use serde_json::Value;

use crate::harness::{Mcp, World};

async fn read(mcp: &Mcp, uri: &str) -> Result<String, String> {
    let read = mcp
        .running
        .read_resource(ReadResourceRequestParams::new(uri))
        .await
        .map_err(|error| error.to_string())?;
    match read.contents.into_iter().next() {
        Some(ResourceContents::TextResourceContents { text, .. }) => Ok(text),
        other => panic!("{uri}: {other:?}"),
    }
}

#[tokio::test]
async fn the_policy_is_a_resource() {
    let world = World::new();
    let mcp = world.serve_with(&["--max-rows", "7"]).await;
    let listed = mcp.running.list_all_resources().await.unwrap();
    assert_eq!(listed[0].uri, "drydock://policy");
    let policy: Value =
        serde_json::from_str(&read(&mcp, "drydock://policy").await.unwrap()).unwrap();
    assert_eq!(policy["limits.rows"]["value"], 7);
    assert_eq!(policy["approvals.production_rows"]["value"], "operator");
    // Where the operator's backend is told is not for agents.
    assert!(policy.get("approvals.webhook_url").is_none());
}

#[tokio::test]
async fn a_projects_schema_ledger_and_restore_points_are_resources() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    let version = project
        .migrate("t", "create table public.todos (id int)")
        .await;
    let point = format!("rp-{version}");
    let templates = mcp.running.list_all_resource_templates().await.unwrap();
    assert_eq!(templates.len(), 3);
    for (name, shown) in [
        ("schema", "todos"),
        ("ledger", &version),
        ("restore_points", &point),
    ] {
        let template = templates.iter().find(|one| one.name == name).unwrap();
        let uri = template.uri_template.replace("{project_id}", &project.id);
        let text = read(&mcp, &uri).await.unwrap();
        assert!(text.contains(shown), "{uri}: {text}");
    }
    assert!(mcp.end().await.success());
    // They are journalled as the calls that they are.
    let tools: Vec<String> = world
        .journal()
        .iter()
        .map(|entry| entry["tool"].as_str().unwrap().to_owned())
        .collect();
    assert!(
        tools.contains(&"list_restore_points".to_owned()),
        "{tools:?}"
    );
}

#[tokio::test]
async fn a_resource_is_refused_where_its_tool_is() {
    let world = World::new();
    let free = world.serve().await;
    let (mine, other) = (free.launch("Mine").await, free.launch("Other").await);
    let pinned = world
        .serve_with(&["--project-ref", &mine.id, "--features", "database"])
        .await;
    let schema = |id: &str| format!("drydock://projects/{id}/schema");
    read(&pinned, &schema(&mine.id)).await.unwrap();
    let refused = read(&pinned, &schema(&other.id)).await.unwrap_err();
    assert!(refused.contains("out_of_scope"), "{refused}");
    for uri in [
        schema("../organizations"),
        format!("drydock://projects/{}/restore_points", mine.id),
        format!("drydock://projects/{}/nothing", mine.id),
        "drydock://journal".to_owned(),
        "file:///etc/passwd".to_owned(),
    ] {
        read(&pinned, &uri).await.unwrap_err();
    }
}
