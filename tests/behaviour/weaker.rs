//! A platform that offers no restore points: nothing goes on without the operator, and afterwards
//! every answer says what is weaker.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::FutureExt;
use serde_json::{Value, json};

use crate::approvals::{answer, id};
use crate::harness::{Heard, Reaction, Relay, World};

fn table(name: &str) -> String {
    format!("create table public.{name} (id int primary key)")
}

/// The platform, with restore points for nobody as long as it is told so.
async fn pointless(world: &World) -> (Relay, Arc<AtomicBool>) {
    let offered = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&offered);
    let relay = Relay::start(Some(world.api()), move |heard: Heard| {
        let no = heard.path.contains("restore-point") && !asked.load(Ordering::Relaxed);
        async move {
            match no {
                true => Reaction::Answer(403, json!({ "message": "not offered" })),
                false => Reaction::Pass,
            }
        }
        .boxed()
    })
    .await;
    (relay, offered)
}

fn point<'a>(points: &'a [Value], name: &str) -> &'a Value {
    points
        .iter()
        .find(|point| point["name"] == name)
        .unwrap_or_else(|| panic!("no {name}: {points:?}"))
}

#[tokio::test]
async fn the_operator_alone_can_choose_to_go_on_without_restore_points() {
    let world = World::new();
    // Starts the platform.
    drop(world.serve().await.launch("Other").await);
    let (relay, offered) = pointless(&world).await;
    let token = world.api().token().to_owned();
    let mcp = relay.serve(&world, &token).await;
    let project = mcp.launch("P").await;
    let first = json!({ "name": "a", "query": table("a") });

    let refused = project
        .refused("apply_migration", first.clone(), "approval_required")
        .await;
    project
        .refused("create_branch", json!({}), "approval_required")
        .await;
    assert!(
        refused["details"]["summary"]
            .as_str()
            .unwrap()
            .contains("loses all rows")
    );
    answer(&world, "grant", &id(&refused));
    let a = project.ok("apply_migration", first).await;
    assert_eq!(a["restore_point"]["status"], "branch_reset");
    assert!(
        a["restore_point"]["weaker"]
            .as_str()
            .unwrap()
            .contains("no way back")
    );

    // One yes serves the project; its rows are what a revert loses.
    let version_a = a["migration"]["version"].as_str().unwrap().to_owned();
    let b = project.migrate("b", &table("b")).await;
    project.sql("insert into public.a values (1), (2)").await;
    let done = project.revert(&format!("rp-{version_a}")).await;
    assert_eq!(done["reverted"]["migrations"], json!([b]));
    assert_eq!(done["undo_point"], Value::Null);
    assert_eq!(done["dropped"][0]["query"], table("b"));
    assert_eq!(
        done["reverted"]["rows"][0],
        json!({ "table": "public.a", "before": 2, "after": 0 })
    );
    assert_eq!(project.tables("dev").await, ["a"]);
    assert_eq!(project.ledger("dev").await, [version_a]);
    let points = project.points().await;
    assert_eq!(point(&points, "baseline")["reachable"], true);
    assert_eq!(point(&points, &format!("rp-{b}"))["reachable"], false);
    project
        .refused(
            "revert_to_restore_point",
            json!({ "name": format!("rp-{b}") }),
            "point_unreachable",
        )
        .await;

    // It can be worked on, merged and emptied.
    project
        .migrate("c", "create table public.c (id int primary key); alter table public.c enable row level security; alter table public.a enable row level security")
        .await;
    let merged = project.ok("merge_branch", json!({})).await;
    assert_eq!(merged["status"], "merged");
    let empty = project.revert("baseline").await;
    assert_eq!(empty["reverted"]["migrations"].as_array().unwrap().len(), 2);
    // Production has them: they are not lost.
    assert!(empty.get("dropped").is_none(), "{empty}");
    assert!(project.tables("dev").await.is_empty());

    // Where the platform offers points again, they are made again.
    offered.store(true, Ordering::Relaxed);
    let d = project
        .ok(
            "apply_migration",
            json!({ "name": "d", "query": table("d") }),
        )
        .await;
    assert_eq!(d["restore_point"]["status"], "available");
    assert!(d["restore_point"].get("weaker").is_none());
}

#[tokio::test]
async fn a_point_that_could_only_not_be_made_now_opens_no_weaker_road() {
    let world = World::new();
    drop(world.serve().await.launch("Other").await);
    let relay = Relay::start(Some(world.api()), move |heard: Heard| {
        let fails = heard.path.contains("restore-point");
        async move {
            match fails {
                true => Reaction::Answer(500, json!({ "message": "broken" })),
                false => Reaction::Pass,
            }
        }
        .boxed()
    })
    .await;
    let token = world.api().token().to_owned();
    let mcp = relay.serve(&world, &token).await;
    let project = mcp.launch("P").await;
    let first = json!({ "name": "a", "query": table("a") });
    project
        .refused("apply_migration", first, "restore_point_missing")
        .await;
    assert!(project.points().await.is_empty());
}
