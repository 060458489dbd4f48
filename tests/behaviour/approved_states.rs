//! What an approval is bound to besides its call: the state that was shown, the project, the hour.

use serde_json::{Value, json};

use crate::approvals::{answer, id, open};
use crate::harness::{Heard, Project, World};
use crate::long_work::{held, serve};
use crate::policy::put;

async fn project_waits(project: &Project<'_>, tool: &str, arguments: Value) -> Value {
    project.refused(tool, arguments, "approval_required").await
}

#[tokio::test]
async fn a_yes_to_a_merge_is_for_the_state_that_was_shown() {
    let world = World::new();
    put(&world, "[approvals]\nmerge_branch = \"operator\"\n");
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    project.migrate("one", "create table public.one (id int primary key); alter table public.one enable row level security; create policy p on public.one for select to authenticated using (id > 0)").await;
    let refusal = project_waits(&project, "merge_branch", json!({})).await;
    let first = id(&refusal);
    let facts = refusal["details"]["facts"].to_string();
    assert!(facts.contains("one"), "{facts}");
    answer(&world, "grant", &first);
    project.migrate("two", "create schema later").await;
    let refusal = project_waits(&project, "merge_branch", json!({})).await;
    let second = id(&refusal);
    assert_ne!(second, first);
    let changed = &refusal["details"]["changed"];
    assert_eq!(changed["approval"], first.as_str());
    assert_eq!(changed["before"]["migrations"].as_array().unwrap().len(), 1);
    assert_eq!(changed["now"]["migrations"].as_array().unwrap().len(), 2);
    assert_eq!(project.ledger("production").await.len(), 0);
    answer(&world, "grant", &second);
    let merged = project.ok("merge_branch", json!({})).await;
    assert_eq!(merged["merged"]["migrations"].as_array().unwrap().len(), 2);
    // With nothing to merge nobody is asked.
    let nothing = project.ok("merge_branch", json!({})).await;
    assert_eq!(nothing["status"], "nothing_to_merge");
}

#[tokio::test]
async fn what_the_gate_refuses_asks_nobody() {
    let world = World::new();
    put(&world, "[approvals]\nmerge_branch = \"operator\"\n");
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    project
        .migrate(
            "open",
            "create table public.open (id int); grant select on public.open to anon",
        )
        .await;
    project
        .refused("merge_branch", json!({}), "advisor_failed")
        .await;
    assert!(open(&world).is_empty());
}

#[tokio::test]
async fn a_yes_to_productions_rows_serves_every_query_on_that_project_alone() {
    let world = World::new();
    let mcp = world.serve().await;
    let (project, other) = (mcp.launch("P").await, mcp.launch("Q").await);
    let ask = |query: &str| json!({ "query": query, "environment": "production" });
    let refusal = project_waits(&project, "execute_sql", ask("select 1 as a")).await;
    // Another query waits for the same yes.
    let again = project_waits(&project, "execute_sql", ask("select 2 as a")).await;
    assert_eq!(id(&refusal), id(&again));
    answer(&world, "grant", &id(&refusal));
    for number in 1..4 {
        let rows = project
            .ok("execute_sql", ask(&format!("select {number} as a")))
            .await;
        assert_eq!(rows["rows"], json!([{ "a": number }]));
    }
    project_waits(&other, "execute_sql", ask("select 1 as a")).await;
    // It is still reading: what writes is refused as ever.
    let write = project
        .call("execute_sql", ask("create table public.t (id int)"))
        .await;
    assert!(write.refused, "{write:?}");
    // Nobody is bothered for a call that only found no DEV branch.
    let refusal = other
        .refused(
            "execute_sql",
            json!({ "query": "select 1" }),
            "production_rows",
        )
        .await;
    assert_eq!(refusal["next"]["tool"], "create_branch");
}

#[tokio::test]
async fn what_cannot_be_undone_on_a_branch_waits_where_the_policy_says_so() {
    let world = World::new();
    put(
        &world,
        "[approvals]\nreset_branch = \"operator\"\ndelete_branch = \"operator\"\nrevert_to_restore_point = \"operator\"\n",
    );
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    project.migrate("t", "create table public.t (id int)").await;
    for (tool, arguments) in [
        ("revert_to_restore_point", json!({ "name": "baseline" })),
        ("reset_branch", json!({})),
        (
            "apply_migration",
            json!({ "name": "u", "query": "create table public.u (id int)" }),
        ),
        ("delete_branch", json!({ "discard_unmerged": true })),
    ] {
        if tool == "apply_migration" {
            project.ok(tool, arguments).await;
            continue;
        }
        let before = project.tables("dev").await;
        let refusal = project_waits(&project, tool, arguments.clone()).await;
        assert_eq!(project.tables("dev").await, before, "{tool}");
        assert_eq!(refusal["next"]["tool"], tool);
        answer(&world, "grant", &id(&refusal));
        project.ok(tool, arguments).await;
    }
    assert!(project.branches().await.is_empty());
}

#[tokio::test]
async fn work_that_comes_to_its_approval_when_its_caller_has_gone_waits_for_it() {
    let world = World::new();
    put(&world, "[approvals]\ncreate_project = \"client\"\n");
    world.serve().await.ok("list_projects", json!({})).await;
    let before_it_asks = |heard: &Heard| heard.path.ends_with("/organizations");
    let (relay, gate) = held(&world, before_it_asks).await;
    let mcp = serve(&world, &relay).await;
    let hurried = json!({ "name": "P", "wait_s": 1 });
    mcp.refused("create_project", hurried, "in_progress").await;
    gate.send_replace(true);
    let call = json!({ "name": "P" });
    let refusal = mcp
        .refused("create_project", call.clone(), "approval_required")
        .await;
    answer(&world, "grant", &id(&refusal));
    mcp.ok("create_project", call).await;
}
