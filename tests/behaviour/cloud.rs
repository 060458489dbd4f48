//! What a cloud does that the local platform does not: it counts requests, and it lets a token do
//! some things only.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::http::Method;
use serde_json::json;

use crate::harness::{Heard, Reaction, Relay, World};

/// Whether it runs SQL that writes.
fn migrates(heard: &Heard) -> bool {
    heard.method == Method::POST && heard.queries("create table public.t")
}

#[tokio::test]
async fn what_the_rate_limit_turned_away_is_sent_again_when_it_may_and_done_once() {
    let world = World::new();
    let local = world.serve().await;
    let id = local.launch("shop").await.id;
    let seen = Arc::new(AtomicUsize::new(0));
    let relay = Relay::start(Some(world.api()), {
        let seen = Arc::clone(&seen);
        move |heard: Heard| {
            let seen = Arc::clone(&seen);
            Box::pin(async move {
                if migrates(&heard) && seen.fetch_add(1, Ordering::SeqCst) == 0 {
                    return Reaction::TooFast(1);
                }
                Reaction::Pass
            })
        }
    })
    .await;
    let mcp = relay.serve(&world, world.api().token()).await;
    let project = mcp.project(&id);
    project.migrate("t", "create table public.t (id int)").await;
    assert_eq!(seen.load(Ordering::SeqCst), 2);
    assert_eq!(project.ledger("dev").await.len(), 1);
}

#[tokio::test]
async fn a_limit_that_stays_used_up_is_said_and_nothing_is_done() {
    let world = World::new();
    let local = world.serve().await;
    let id = local.launch("shop").await.id;
    local.project(&id).ok("create_branch", json!({})).await;
    let relay = Relay::start(Some(world.api()), |heard: Heard| {
        Box::pin(async move {
            match migrates(&heard) {
                true => Reaction::TooFast(0),
                false => Reaction::Pass,
            }
        })
    })
    .await;
    let mcp = relay.serve(&world, world.api().token()).await;
    let migration = json!({
        "project_id": id,
        "name": "t",
        "query": "create table public.t (id int)",
    });
    mcp.refused("apply_migration", migration.clone(), "rate_limited")
        .await;
    assert_eq!(local.project(&id).ledger("dev").await, Vec::<String>::new());
    // Nothing of it stands in the way of the next one.
    local.ok("apply_migration", migration).await;
    // An hour is too long to be waited for.
    let relay = Relay::start(Some(world.api()), |heard: Heard| {
        Box::pin(async move {
            match heard.path.contains("/health") {
                true => Reaction::TooFast(3600),
                false => Reaction::Pass,
            }
        })
    })
    .await;
    let mcp = relay.serve(&world, world.api().token()).await;
    mcp.refused(
        "get_project_health",
        json!({ "project_id": id }),
        "platform_error",
    )
    .await;
    assert_eq!(
        relay
            .heard()
            .iter()
            .filter(|heard| heard.path.contains("/health"))
            .count(),
        1
    );
}

#[tokio::test]
async fn a_permission_that_is_missing_is_named() {
    let world = World::new();
    let id = world.serve().await.launch("shop").await.id;
    let relay = Relay::start(Some(world.api()), |heard: Heard| {
        Box::pin(async move {
            let creates = heard.method == Method::POST && heard.path.ends_with("/branches");
            match creates {
                true => Reaction::Answer(403, json!({ "message": "Forbidden action" })),
                false => Reaction::Pass,
            }
        })
    })
    .await;
    let mcp = relay.serve(&world, world.api().token()).await;
    let refusal = mcp
        .refused(
            "create_branch",
            json!({ "project_id": id }),
            "permission_missing",
        )
        .await;
    assert_eq!(
        refusal["details"]["permission"],
        "branching_development_create"
    );
    let operator = refusal["operator"].as_str().unwrap();
    assert!(
        operator.contains("branching_development_create"),
        "{operator}"
    );
    let stranger = Relay::start(None, |_| {
        Box::pin(async { Reaction::Answer(401, json!({ "message": "Unauthorized" })) })
    })
    .await;
    let mcp = stranger
        .serve(&world, "sbp_0000000000000000000000000000000000000000")
        .await;
    let refusal = mcp
        .refused("list_projects", json!({}), "unauthorized")
        .await;
    assert!(
        refusal["operator"]
            .as_str()
            .unwrap()
            .contains("SUPABASE_ACCESS_TOKEN")
    );
}
