//! Pausing, bringing back and deleting projects: production itself, so somebody says yes first.

use serde_json::json;

use crate::approvals::{answer, id};
use crate::harness::{Reaction, Relay, User, World};
use crate::policy::put;
use crate::vault::listed;

#[tokio::test]
async fn a_project_is_paused_after_a_yes_and_brought_back_with_its_rows() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("shop").await;
    project.migrate("t", "create table public.t (id int)").await;
    let refusal = project
        .refused("pause_project", json!({}), "approval_required")
        .await;
    assert!(
        refusal["details"]["summary"]
            .as_str()
            .unwrap()
            .contains("take offline")
    );
    assert_eq!(
        project.ok("get_project", json!({})).await["project"]["status"],
        "ACTIVE_HEALTHY"
    );
    answer(&world, "grant", &id(&refusal));
    let paused = project.ok("pause_project", json!({})).await;
    assert_eq!(paused["project"]["status"], "INACTIVE");
    assert_eq!(paused["target"]["environment"], "production");
    // What is paused already needs nobody's yes.
    project.ok("pause_project", json!({})).await;
    assert!(world.api().try_query(&project.id, "select 1").await.0 >= 400);
    let back = project.ok("restore_project", json!({})).await;
    assert_eq!(back["project"]["status"], "ACTIVE_HEALTHY");
    project.ok("restore_project", json!({})).await;
    world.api().query(&project.id, "select 1").await;
    assert_eq!(project.tables("dev").await, ["t"]);
}

#[tokio::test]
async fn the_user_behind_the_client_may_allow_a_pause_and_never_a_deletion() {
    let world = World::new();
    let mcp = world.serve_for(User::Yes, &[]).await;
    let project = mcp.launch("shop").await;
    project.ok("pause_project", json!({})).await;
    assert_eq!(mcp.questions().len(), 1);
    project
        .refused("delete_project", json!({}), "approval_required")
        .await;
    assert_eq!(mcp.questions().len(), 1);
}

#[tokio::test]
async fn a_project_is_deleted_by_the_operators_yes_to_just_these_branches() {
    let world = World::new();
    let mcp = world.serve().await;
    let (project, other) = (mcp.launch("shop").await, mcp.launch("other").await);
    project.migrate("t", "create table public.t (id int)").await;
    let refusal = project
        .refused("delete_project", json!({}), "approval_required")
        .await;
    assert_eq!(refusal["details"]["facts"]["branches"], json!(["DEV"]));
    let first = id(&refusal);
    answer(&world, "grant", &first);
    // Another branch has come since: the yes was for less.
    project
        .ok("create_branch", json!({ "name": "second" }))
        .await;
    let refusal = project
        .refused("delete_project", json!({}), "approval_required")
        .await;
    assert_ne!(id(&refusal), first);
    answer(&world, "grant", &id(&refusal));
    let deleted = project.ok("delete_project", json!({})).await;
    assert_eq!(deleted["deleted"], "shop");
    let left = mcp.ok("list_projects", json!({})).await;
    assert_eq!(left["projects"].as_array().unwrap().len(), 1);
    assert_eq!(left["projects"][0]["id"], json!(other.id));
    project
        .refused("delete_project", json!({}), "target_unknown")
        .await;
    // Its password goes with it.
    assert_eq!(listed(&world).len(), 1);
}

#[tokio::test]
async fn who_names_a_branch_does_not_mean_production() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("shop").await;
    project.ok("create_branch", json!({})).await;
    let dev = project.dev().await;
    for tool in ["pause_project", "restore_project", "delete_project"] {
        let refusal = mcp
            .refused(tool, json!({ "project_id": dev }), "invalid_arguments")
            .await;
        assert_eq!(refusal["next"]["arguments"]["project_id"], project.id);
        project
            .refused(tool, json!({ "branch": "DEV" }), "invalid_arguments")
            .await;
    }
    // Neither do a freeze and a server that only reads let it through.
    put(
        &world,
        "[freeze]\nstops = \"production\"\nreason = \"launch day\"\n",
    );
    let frozen = world.serve().await;
    for tool in ["pause_project", "restore_project", "delete_project"] {
        frozen
            .refused(tool, json!({ "project_id": project.id }), "frozen")
            .await;
    }
}

#[tokio::test]
async fn a_deletion_whose_answer_is_lost_is_known_to_have_happened() {
    let world = World::new();
    put(&world, "[approvals]\ndelete_project = \"none\"\n");
    let id = world.serve().await.launch("shop").await.id;
    let relay = Relay::start(Some(world.api()), |heard| {
        Box::pin(async move {
            if heard.method == "DELETE" {
                return Reaction::Lose;
            }
            Reaction::Pass
        })
    })
    .await;
    let mcp = relay.serve(&world, world.api().token()).await;
    let deleted = mcp.ok("delete_project", json!({ "project_id": id })).await;
    assert_eq!(deleted["deleted"], "shop");
}
