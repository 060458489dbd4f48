//! Restore points, and what a revert undoes, does not undo, and says.

use futures_util::FutureExt;
use serde_json::json;

use crate::harness::{Heard, Mcp, Project, Reaction, Relay, World, fingerprint};

fn table(name: &str) -> String {
    format!("create table public.{name} (id int primary key)")
}

/// Four migrations, a row in each table. Gives the versions.
async fn four(mcp: &Mcp) -> (Project<'_>, Vec<String>) {
    let project = mcp.launch("P").await;
    let mut versions = Vec::new();
    for name in ["a", "b", "c", "d"] {
        versions.push(project.migrate(name, &table(name)).await);
        project
            .sql(&format!("insert into public.{name} values (1), (2)"))
            .await;
    }
    (project, versions)
}

#[tokio::test]
async fn a_revert_over_three_migrations_tells_the_truth() {
    let world = World::new();
    let mcp = world.serve().await;
    let (project, versions) = four(&mcp).await;
    project
        .sql("insert into auth.users (id, email) values (gen_random_uuid(), 'a@example.com')")
        .await;
    let done = project.revert(&format!("rp-{}", versions[0])).await;
    assert_eq!(
        done["reverted"]["migrations"],
        json!([versions[3], versions[2], versions[1]])
    );
    let rows = done["reverted"]["rows"].as_array().unwrap();
    let count = |table: &str| {
        rows.iter()
            .find(|row| row["table"] == table)
            .map(|row| (row["before"].clone(), row["after"].clone()))
            .unwrap_or_else(|| panic!("no {table}: {rows:?}"))
    };
    assert_eq!(count("public.a"), (json!(2), json!(0)));
    assert_eq!(count("public.b"), (json!(2), json!(null)));
    assert_eq!(count("auth.users"), (json!(1), json!(0)));
    assert!(!done["not_reverted"].as_array().unwrap().is_empty());
    assert_eq!(project.tables("dev").await, ["a"]);
    assert_eq!(project.ledger("dev").await, [versions[0].clone()]);
    for point in project.points().await {
        let name = point["name"].as_str().unwrap();
        let later = versions[1..]
            .iter()
            .any(|version| name == format!("rp-{version}"));
        assert_eq!(point["reachable"], !later, "{point}");
    }
    let error = project
        .refused(
            "revert_to_restore_point",
            json!({ "name": format!("rp-{}", versions[2]) }),
            "point_unreachable",
        )
        .await;
    assert_eq!(error["next"]["tool"], "list_restore_points");
}

#[tokio::test]
async fn the_undo_point_leads_back() {
    let world = World::new();
    let mcp = world.serve().await;
    let (project, versions) = four(&mcp).await;
    let dev = project.dev().await;
    let api = world.api();
    let before = fingerprint(&api, &dev).await;
    project.revert("baseline").await;
    assert!(project.tables("dev").await.is_empty());
    let back = project.revert("undo-1").await;
    assert_eq!(back["undo_point"], "undo-2");
    assert_eq!(back["reverted"]["migrations"], json!([]));
    let mut returned: Vec<String> =
        serde_json::from_value(back["reverted"]["restored_migrations"].clone()).unwrap();
    returned.sort();
    assert_eq!(returned, versions);
    assert_eq!(fingerprint(&api, &dev).await, before);
    // The points of the history that came back can be returned to again.
    project.revert(&format!("rp-{}", versions[1])).await;
    assert_eq!(project.tables("dev").await, ["a", "b"]);
}

#[tokio::test]
async fn a_version_used_again_after_a_revert_gets_a_point_of_its_own() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    let apply =
        |name: &str| json!({ "name": name, "query": table(name), "version": "20260101000000" });
    project.ok("apply_migration", apply("a")).await;
    project.revert("baseline").await;
    let again = project.ok("apply_migration", apply("b")).await;
    assert_eq!(again["restore_point"]["name"], "rp-20260101000000~2");
    project.revert("baseline").await;
    let third = project.ok("apply_migration", apply("c")).await;
    assert_eq!(third["restore_point"]["name"], "rp-20260101000000~3");
    project.sql("insert into public.c values (1)").await;
    project.revert("rp-20260101000000~3").await;
    assert_eq!(project.tables("dev").await, ["c"]);
    assert_eq!(project.value("select count(*) from public.c").await, 0);
}

#[tokio::test]
async fn points_that_are_not_this_branchs_are_not_found_and_change_nothing() {
    let world = World::new();
    let mcp = world.serve().await;
    let (project, versions) = four(&mcp).await;
    let other = mcp.launch("Other").await;
    let foreign = other.migrate("only_here", &table("x")).await;
    project
        .ok("create_branch", json!({ "name": "second" }))
        .await;
    let dev = project.dev().await;
    let api = world.api();
    let before = fingerprint(&api, &dev).await;
    for name in ["nope", "", "RP-1", "../baseline", &format!("rp-{foreign}0")] {
        project
            .refused(
                "revert_to_restore_point",
                json!({ "name": name }),
                "not_found",
            )
            .await;
    }
    project
        .refused(
            "revert_to_restore_point",
            json!({ "name": format!("rp-{}", versions[0]), "branch": "second" }),
            "not_found",
        )
        .await;
    assert_eq!(fingerprint(&api, &dev).await, before);
    assert!(
        !project
            .point_names()
            .await
            .iter()
            .any(|name| name.starts_with("undo"))
    );
}

#[tokio::test]
async fn productions_restore_point_cannot_be_reverted_to() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    project
        .migrate("a", "create schema app; create table app.a (id int)")
        .await;
    let merged = project.ok("merge_branch", json!({})).await;
    let point = merged["production_restore_point"].as_str().unwrap();
    let api = world.api();
    let before = fingerprint(&api, &project.id).await;
    project
        .refused(
            "revert_to_restore_point",
            json!({ "name": point }),
            "not_found",
        )
        .await;
    let named = project
        .call(
            "revert_to_restore_point",
            json!({ "name": point, "branch": "main" }),
        )
        .await;
    assert!(named.refused, "{named:?}");
    let asked = project
        .call(
            "revert_to_restore_point",
            json!({ "name": point, "environment": "production" }),
        )
        .await;
    assert!(asked.refused, "{asked:?}");
    assert_eq!(fingerprint(&api, &project.id).await, before);
}

#[tokio::test]
async fn points_of_ones_own_have_names_that_hold() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    project.migrate("a", &table("a")).await;
    let make = |name: &str| json!({ "name": name });
    project
        .ok("create_restore_point", make("before-demo"))
        .await;
    let chosen = project.ok("create_restore_point", json!({})).await;
    assert_eq!(chosen["restore_point"]["name"], "point-1");
    for wrong in [
        "",
        "a name",
        "twenty-one-characters",
        "rp-1",
        "undo-9",
        "baseline",
        "naïve",
        "a'b",
    ] {
        project
            .refused("create_restore_point", make(wrong), "invalid_arguments")
            .await;
    }
    project
        .refused(
            "create_restore_point",
            make("before-demo"),
            "already_exists",
        )
        .await;
    project.sql("insert into public.a values (1)").await;
    project.revert("before-demo").await;
    assert_eq!(project.value("select count(*) from public.a").await, 0);
}

#[tokio::test]
async fn statements_under_way_do_not_survive_a_revert_half_done() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    let version = project.migrate("a", &table("a")).await;
    let inserting = async {
        for n in 1..=40 {
            // Each either happened before the revert, or after, or was refused.
            let _ = project
                .call(
                    "execute_sql",
                    json!({ "query": format!("insert into public.a values ({n})") }),
                )
                .await;
        }
    };
    let reverting = async {
        for _ in 0..3 {
            project.revert(&format!("rp-{version}")).await;
        }
    };
    tokio::join!(inserting, reverting);
    project.revert(&format!("rp-{version}")).await;
    assert_eq!(project.value("select count(*) from public.a").await, 0);
    assert_eq!(project.ledger("dev").await, [version]);
}

#[tokio::test]
async fn a_point_whose_history_the_platform_does_not_keep_any_more_is_said_to_be_gone() {
    let world = World::new();
    // Starts the platform.
    drop(world.serve().await.launch("Other").await);
    let relay = Relay::start(Some(world.api()), |heard: Heard| {
        let gone = heard.path.ends_with("/undo");
        async move {
            match gone {
                true => Reaction::Answer(410, json!({ "message": "before everything" })),
                false => Reaction::Pass,
            }
        }
        .boxed()
    })
    .await;
    let token = world.api().token().to_owned();
    let mcp = relay.serve(&world, &token).await;
    let (project, versions) = four(&mcp).await;
    let name = format!("rp-{}", versions[0]);
    for _ in 0..2 {
        let arguments = json!({ "name": name });
        let refused = project
            .refused("revert_to_restore_point", arguments, "point_unreachable")
            .await;
        assert_eq!(refused["next"]["tool"], "list_restore_points");
    }
    assert_eq!(project.ledger("dev").await, versions);
    let points = project.points().await;
    let point = |name: &str| points.iter().find(|point| point["name"] == name).unwrap();
    assert_eq!(point(&name)["reachable"], false);
    assert_eq!(point(&format!("rp-{}", versions[3]))["reachable"], true);
    project.migrate("e", &table("e")).await;
}

#[tokio::test]
async fn points_are_listed_from_drydocks_own_memory_once_the_branch_is_known() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    let version = project.migrate("a", &table("a")).await;
    // The first of them sees which branches there are; the others ask nobody.
    for _ in 0..3 {
        assert_eq!(
            project.point_names().await,
            ["baseline".to_owned(), format!("rp-{version}")]
        );
    }
    let by_its_own_ref = json!({ "project_id": project.dev().await });
    let listed = mcp.ok("list_restore_points", by_its_own_ref).await;
    assert_eq!(listed["restore_points"].as_array().unwrap().len(), 2);
    assert_eq!(listed["target"]["redirected"], false);
    assert!(mcp.end().await.success());
    let journal = world.journal();
    let sent: Vec<u64> = journal
        .iter()
        .filter(|entry| entry["tool"] == "list_restore_points" && entry["kind"] == "outcome")
        .map(|entry| entry["body"]["platform_calls"].as_u64().unwrap())
        .collect();
    assert!(sent[0] <= 1, "{sent:?}");
    assert_eq!(sent[1..], [0, 0, 0]);
}

#[tokio::test]
async fn a_branch_that_is_deleted_or_made_again_is_not_taken_for_the_one_before() {
    let world = World::new();
    let (one, other) = (world.serve().await, world.serve().await);
    let project = one.launch("P").await;
    project.migrate("a", &table("a")).await;
    let elsewhere = json!({ "project_id": project.id });
    let points = async || {
        let listed = other.ok("list_restore_points", elsewhere.clone()).await;
        (
            listed["restore_points"].as_array().unwrap().len(),
            listed["target"]["environment"].clone(),
        )
    };
    assert_eq!(points().await, (2, json!("dev")));
    let discard = json!({ "discard_unmerged": true });
    project.ok("delete_branch", discard).await;
    assert_eq!(points().await, (0, json!("production")));
    assert_eq!(project.points().await.len(), 0);
    project.migrate("b", &table("b")).await;
    let again = project.migrate("c", &table("c")).await;
    assert_eq!(points().await, (3, json!("dev")));
    assert_eq!(
        project.point_names().await.last(),
        Some(&format!("rp-{again}"))
    );
}
