//! Many at once: one order, nothing lost, nothing twice.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde_json::json;

use crate::harness::{Mcp, World};

/// Fifty migrations of one branch at once, spread over these servers.
async fn fifty(servers: &[&Mcp], id: &str) -> Vec<String> {
    let calls = (0..50).map(|n| {
        let mcp = servers[n % servers.len()];
        async move {
            mcp.project(id)
                .migrate(
                    &format!("m{n}"),
                    &format!("create table public.t{n} (id int)"),
                )
                .await
        }
    });
    join_all(calls).await
}

async fn one_order(servers: &[&Mcp], id: &str) {
    let versions = fifty(servers, id).await;
    let project = servers[0].project(id);
    let ledger = project.ledger("dev").await;
    assert_eq!(ledger.len(), 50);
    let distinct: BTreeSet<&String> = versions.iter().collect();
    assert_eq!(distinct.len(), 50, "a version was given twice");
    let mut sorted = versions.clone();
    sorted.sort();
    assert_eq!(sorted, ledger);
    // The points stand in the ledger's order, one each, after the baseline.
    let expected: Vec<String> = std::iter::once("baseline".to_owned())
        .chain(ledger.iter().map(|version| format!("rp-{version}")))
        .collect();
    assert_eq!(project.point_names().await, expected);
    assert_eq!(project.tables("dev").await.len(), 50);
    // A point in the middle is that moment: exactly the migrations up to it.
    let middle = &ledger[24];
    let done = project.revert(&format!("rp-{middle}")).await;
    assert_eq!(done["reverted"]["migrations"].as_array().unwrap().len(), 25);
    assert_eq!(project.ledger("dev").await, ledger[..25]);
    assert_eq!(project.tables("dev").await.len(), 25);
}

#[tokio::test]
async fn fifty_migrations_at_once_through_one_server_end_in_one_order() {
    let world = World::new();
    let mcp = world.serve().await;
    let id = mcp.launch("P").await.id;
    one_order(&[&mcp], &id).await;
}

#[tokio::test]
async fn fifty_migrations_at_once_through_five_servers_end_in_one_order() {
    let world = World::new();
    let servers = join_all((0..5).map(|_| world.serve())).await;
    let servers: Vec<&Mcp> = servers.iter().collect();
    let id = servers[0].launch("P").await.id;
    one_order(&servers, &id).await;
}

#[tokio::test]
async fn first_writes_at_once_make_one_dev_branch() {
    let world = World::new();
    let servers = join_all((0..3).map(|_| world.serve())).await;
    let id = servers[0].launch("P").await.id;
    let writes = (0..9).map(|n| {
        let project = servers[n % 3].project(&id);
        async move {
            project
                .migrate(
                    &format!("m{n}"),
                    &format!("create table public.t{n} (id int)"),
                )
                .await
        }
    });
    join_all(writes).await;
    let project = servers[0].project(&id);
    let made = project.branches().await;
    assert_eq!(
        made.iter().filter(|name| *name == "DEV").count(),
        1,
        "{made:?}"
    );
    assert_eq!(project.ledger("dev").await.len(), 9);
    assert_eq!(
        project
            .point_names()
            .await
            .iter()
            .filter(|name| *name == "baseline")
            .count(),
        1
    );
}

#[tokio::test]
async fn reads_writes_and_reverts_at_once_leave_a_whole_branch() {
    let world = World::new();
    let (one, two) = tokio::join!(world.serve(), world.serve());
    let id = one.launch("P").await.id;
    let (here, there) = (one.project(&id), two.project(&id));
    here.migrate("a", "create table public.a (id int)").await;
    let migrating = async {
        for n in 0..8 {
            here.migrate(
                &format!("m{n}"),
                &format!("create table public.t{n} (id int)"),
            )
            .await;
        }
    };
    let reverting = async {
        for _ in 0..4 {
            there.revert("baseline").await;
        }
    };
    let reading = async {
        for _ in 0..20 {
            let answer = here.call("list_migrations", json!({})).await;
            assert!(!answer.refused, "{answer:?}");
        }
    };
    tokio::join!(migrating, reverting, reading);
    let ledger = here.ledger("dev").await;
    assert_eq!(here.tables("dev").await.len(), ledger.len());
    for point in here.points().await {
        assert_eq!(point["status"], "available", "{point}");
        let version = point["migration_version"].as_str().unwrap_or_default();
        if point["reachable"] == true && !version.is_empty() {
            assert!(
                ledger.iter().any(|one| one == version),
                "{point}: {ledger:?}"
            );
        }
    }
    here.revert("baseline").await;
    assert!(here.tables("dev").await.is_empty());
}
