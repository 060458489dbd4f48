//! Migrations: one transaction, one ledger row, one restore point.

use futures_util::FutureExt;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::harness::{Heard, Reaction, Relay, World, fingerprint};

fn table(name: &str) -> String {
    format!("create table public.{name} (id int)")
}

#[tokio::test]
async fn a_migration_makes_exactly_one_restore_point_and_names_it() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    project.ok("create_branch", json!({})).await;
    assert_eq!(project.point_names().await, ["baseline"]);
    let done = project
        .ok(
            "apply_migration",
            json!({ "name": "a", "query": table("a") }),
        )
        .await;
    let version = done["migration"]["version"].as_str().unwrap();
    let point = format!("rp-{version}");
    assert_eq!(done["restore_point"]["name"], point.as_str());
    assert_eq!(project.point_names().await, ["baseline", &point]);
    let listed = project.points().await;
    assert_eq!(listed[1]["migration_version"], version);
    assert_eq!(listed[1]["reachable"], true);
    assert_eq!(listed[1]["status"], "available");
    // What was done, and that nobody can reach the table.
    assert_eq!(done["changes"][0]["action"], "create");
    assert_eq!(done["changes"][0]["object"], "public.a");
    assert_eq!(done["warnings"][0]["rule"], "no_role_reaches_the_table");
    assert_eq!(done["warnings"][0]["table"], "public.a");
}

#[tokio::test]
async fn a_migration_that_fails_half_way_leaves_nothing() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    project.migrate("a", &table("a")).await;
    let dev = project.dev().await;
    let api = world.api();
    let before = (
        fingerprint(&api, &dev).await,
        project.ledger("dev").await,
        project.points().await,
    );
    for query in [
        "create table public.b (id int); insert into public.b values (1); select 1 / 0;",
        "create table public.b (id int); create table public.a (id int);",
        "alter table public.a add column c int not null default 1; drop table public.nothing;",
    ] {
        project
            .refused(
                "apply_migration",
                json!({ "name": "bad", "query": query }),
                "sql_error",
            )
            .await;
    }
    assert_eq!(fingerprint(&api, &dev).await, before.0);
    assert_eq!(project.ledger("dev").await, before.1);
    assert_eq!(project.points().await, before.2);
}

#[tokio::test]
async fn an_idempotency_key_runs_a_migration_once() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    let ask = json!({ "name": "a", "query": table("a"), "idempotency_key": "k" });
    let first = project.ok("apply_migration", ask.clone()).await;
    let second = project.ok("apply_migration", ask.clone()).await;
    assert_eq!(first["repeated"], false);
    assert_eq!(second["repeated"], true);
    assert_eq!(first["migration"], second["migration"]);
    assert_eq!(
        first["restore_point"]["name"],
        second["restore_point"]["name"]
    );
    assert_eq!(project.ledger("dev").await.len(), 1);
    // Also when both are under way at once, and on another server.
    let other = world.serve().await;
    let ask = json!({ "name": "b", "query": table("b"), "idempotency_key": "l" });
    let there = other.project(&project.id);
    let (one, two) = tokio::join!(
        project.ok("apply_migration", ask.clone()),
        there.ok("apply_migration", ask.clone()),
    );
    assert_eq!(one["migration"], two["migration"]);
    assert_ne!(one["repeated"], two["repeated"]);
    assert_eq!(project.ledger("dev").await.len(), 2);
}

#[tokio::test]
async fn a_given_version_is_taken_if_it_can_follow() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    let ask = |name: &str, version: &str| json!({ "name": name, "query": table(name), "version": version });
    let done = project
        .ok("apply_migration", ask("a", "20260101000000"))
        .await;
    assert_eq!(done["migration"]["version"], "20260101000000");
    assert_eq!(done["restore_point"]["name"], "rp-20260101000000");
    for wrong in [
        "20260101000000",
        "20250101000000",
        "1",
        "",
        "next",
        "2026-01-02",
        "202601010000001",
        "20260101000001'; --",
        "-1",
        "٣",
    ] {
        let error = project
            .refused("apply_migration", ask("b", wrong), "invalid_version")
            .await;
        assert_eq!(error["next"]["tool"], "apply_migration", "{wrong}");
        assert!(error["next"]["arguments"]["version"].is_null());
    }
    assert_eq!(project.ledger("dev").await, ["20260101000000"]);
    // A version from the future: the server's own choice still follows it.
    project
        .ok("apply_migration", ask("b", "99990101000000"))
        .await;
    assert_eq!(project.migrate("c", &table("c")).await, "99990101000001");
}

#[tokio::test]
async fn short_versions_keep_one_order() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    let ask = |name: &str, version: &str| json!({ "name": name, "query": table(name), "version": version });
    project.ok("apply_migration", ask("a", "3")).await;
    // Later as a number, earlier as the text by which ledgers are read and replayed.
    project
        .refused("apply_migration", ask("b", "20"), "invalid_version")
        .await;
    let chosen = project
        .migrate("b", "alter table public.a add column b int")
        .await;
    assert_eq!(
        project.ledger("dev").await,
        ["3".to_owned(), chosen.clone()]
    );
    project.migrate("c", &table("c")).await;
    project.revert(&format!("rp-{chosen}")).await;
    project.ok("reset_branch", json!({})).await;
    assert_eq!(project.tables("dev").await, ["a"]);
    project
        .refused(
            "apply_migration",
            ask("d", "99999999999999"),
            "invalid_version",
        )
        .await;
}

#[tokio::test]
async fn a_version_of_production_is_not_taken_twice() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    let ask = json!({ "name": "a", "query": table("a"), "version": "20260101000000" });
    project.ok("apply_migration", ask).await;
    world
        .api()
        .migrate(&project.id, "theirs", &table("z"))
        .await;
    let theirs = project.ledger("production").await[0].clone();
    project
        .refused(
            "apply_migration",
            json!({ "name": "b", "query": table("b"), "version": theirs }),
            "invalid_version",
        )
        .await;
    let next = project.migrate("b", &table("b")).await;
    assert!(next > theirs);
}

#[tokio::test]
async fn what_cannot_run_in_a_transaction_is_refused_before_anything_runs() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    project.migrate("a", &table("a")).await;
    let dev = project.dev().await;
    let api = world.api();
    let before = fingerprint(&api, &dev).await;
    for query in [
        "create table public.b (id int); vacuum public.a",
        "create index concurrently on public.a (id)",
        "drop index concurrently public.x",
        "create database other",
    ] {
        let answer = project
            .call("apply_migration", json!({ "name": "x", "query": query }))
            .await;
        assert!(answer.refused, "{query}: {answer:?}");
        let code = answer.value["error"]["code"].as_str().unwrap();
        assert!(
            ["not_transactional", "server_object"].contains(&code),
            "{query}: {code}"
        );
    }
    assert_eq!(fingerprint(&api, &dev).await, before);
}

#[tokio::test]
async fn a_migration_with_settings_and_do_runs_and_its_settings_do_not_last() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    project
        .migrate(
            "dump",
            "set statement_timeout = 0;\nset client_min_messages = warning;\n\
             set search_path = '';\ncreate table public.a (id int);\n\
             do $$ begin perform 1; end $$;\nset role anon;",
        )
        .await;
    project.migrate("next", "create table b (id int)").await;
    assert_eq!(project.tables("dev").await, ["a", "b"]);
}

#[tokio::test]
async fn a_lost_answer_is_settled_by_reading_the_ledger() {
    let world = World::new();
    let direct = world.serve().await;
    let project = direct.launch("P").await;
    project.migrate("a", &table("a")).await;
    let token = world.api().token().to_owned();
    let lost = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&lost);
    let relay = Relay::start(Some(world.api()), move |heard: Heard| {
        let applies =
            heard.queries("insert into supabase_migrations.schema_migrations") && heard.writes();
        let counter = Arc::clone(&counter);
        async move {
            if applies && counter.fetch_add(1, Ordering::Relaxed) == 0 {
                Reaction::Lose
            } else {
                Reaction::Pass
            }
        }
        .boxed()
    })
    .await;
    let mcp = relay.serve(&world, &token).await;
    let through = mcp.project(&project.id);
    let version = through.migrate("b", &table("b")).await;
    assert_eq!(lost.load(Ordering::Relaxed), 1, "it ran once");
    assert_eq!(project.ledger("dev").await.last(), Some(&version));
    assert!(
        project
            .point_names()
            .await
            .contains(&format!("rp-{version}"))
    );
}

#[tokio::test]
async fn a_request_that_never_arrived_is_not_applied_and_leaves_nothing() {
    let world = World::new();
    let direct = world.serve().await;
    let project = direct.launch("P").await;
    project.migrate("a", &table("a")).await;
    let token = world.api().token().to_owned();
    let relay = Relay::start(Some(world.api()), |heard: Heard| {
        let applies =
            heard.queries("insert into supabase_migrations.schema_migrations") && heard.writes();
        async move {
            if applies {
                Reaction::Answer(502, json!({ "message": "bad gateway" }))
            } else {
                Reaction::Pass
            }
        }
        .boxed()
    })
    .await;
    let mcp = relay.serve(&world, &token).await;
    let before = project.points().await;
    mcp.project(&project.id)
        .refused(
            "apply_migration",
            json!({ "name": "b", "query": table("b") }),
            "not_applied",
        )
        .await;
    assert_eq!(project.ledger("dev").await.len(), 1);
    assert_eq!(project.points().await, before);
}

#[tokio::test]
async fn without_its_restore_point_a_migration_is_followed_by_no_other() {
    let world = World::new();
    let direct = world.serve().await;
    let project = direct.launch("P").await;
    project.migrate("a", &table("a")).await;
    let token = world.api().token().to_owned();
    let relay = Relay::start(Some(world.api()), |heard: Heard| {
        let point = heard.path.contains("restore-point");
        async move {
            if point {
                Reaction::Answer(500, json!({ "message": "it cannot be made" }))
            } else {
                Reaction::Pass
            }
        }
        .boxed()
    })
    .await;
    let mcp = relay.serve(&world, &token).await;
    let through = mcp.project(&project.id);
    let done = through
        .ok(
            "apply_migration",
            json!({ "name": "b", "query": table("b") }),
        )
        .await;
    assert_eq!(done["restore_point"]["status"], "missing");
    let point = done["restore_point"]["name"].as_str().unwrap();
    for (tool, arguments) in [
        (
            "apply_migration",
            json!({ "name": "c", "query": table("c") }),
        ),
        ("merge_branch", json!({})),
        ("create_restore_point", json!({})),
    ] {
        through
            .refused(tool, arguments, "restore_point_missing")
            .await;
    }
    let verdict = through.check().await;
    assert_eq!(verdict["passes"], false);
    assert_eq!(verdict["checks"][0]["status"], "failed");
    // Where the platform makes points again, the next call makes the missing one.
    project.migrate("c", &table("c")).await;
    let listed = project.points().await;
    let mended = listed.iter().find(|one| one["name"] == point).unwrap();
    assert_eq!(mended["status"], "available");
    project.revert(point).await;
    assert_eq!(project.tables("dev").await, ["a", "b"]);
}
