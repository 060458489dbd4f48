//! Branches: made, compared, rebased, reset, deleted, and nothing lost unsaid.

use serde_json::json;

use crate::approvals::{answer, id};
use crate::harness::{World, names, texts};

fn table(name: &str) -> String {
    format!("create schema if not exists app; create table app.{name} (id int primary key);")
}

#[tokio::test]
async fn a_branch_is_made_once_with_its_baseline_and_without_rows() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    project.migrate("a", &table("a")).await;
    project.ok("merge_branch", json!({})).await;
    let api = world.api();
    api.query(&project.id, "insert into app.a values (1)").await;
    let made = project
        .ok("create_branch", json!({ "name": "second" }))
        .await;
    assert_eq!(made["created"], true);
    let again = project
        .ok("create_branch", json!({ "name": "second" }))
        .await;
    assert_eq!(again["created"], false);
    assert_eq!(made["branch"]["ref"], again["branch"]["ref"]);
    let reference = made["branch"]["ref"].as_str().unwrap();
    assert_eq!(
        api.read(reference, "select count(*) as rows from app.a")
            .await[0]["rows"],
        0
    );
    let points = project
        .ok("list_restore_points", json!({ "branch": "second" }))
        .await;
    assert_eq!(names(&points["restore_points"]), ["baseline"]);
    for wrong in ["", "two words", "drydock-mine", "tab\there"] {
        project
            .refused(
                "create_branch",
                json!({ "name": wrong }),
                "invalid_arguments",
            )
            .await;
    }
}

#[tokio::test]
async fn where_the_policy_wants_it_branches_are_made_by_create_branch_alone() {
    let world = World::new();
    let mcp = world
        .serve_with(&["--create-dev-branch", "explicit", "--dev-branch", "work"])
        .await;
    let project = mcp.launch("P").await;
    let refusal = project
        .refused(
            "apply_migration",
            json!({ "name": "a", "query": table("a") }),
            "no_dev_branch",
        )
        .await;
    assert_eq!(refusal["next"]["tool"], "create_branch");
    mcp.ok("create_branch", refusal["next"]["arguments"].clone())
        .await;
    project.migrate("a", &table("a")).await;
    assert!(project.branches().await.contains(&"work".to_owned()));
}

#[tokio::test]
async fn a_branch_that_is_nearly_named_is_not_offered_to_be_made() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    project.migrate("a", &table("a")).await;
    for tool in ["merge_branch", "delete_branch", "check_merge"] {
        let refusal = project
            .refused(tool, json!({ "branch": "DVE" }), "no_dev_branch")
            .await;
        assert_eq!(refusal["next"]["tool"], "list_branches", "{refusal}");
        assert!(refusal["message"].as_str().unwrap().contains("DEV"));
    }
    let refusal = project
        .refused(
            "merge_branch",
            json!({ "branch": "payments" }),
            "no_dev_branch",
        )
        .await;
    assert_eq!(refusal["next"]["tool"], "create_branch", "{refusal}");
}

#[tokio::test]
async fn the_diff_shows_what_a_merge_would_carry() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    let refusal = project
        .refused("get_branch_diff", json!({}), "no_dev_branch")
        .await;
    assert_eq!(refusal["next"]["tool"], "create_branch");
    let query = table("a");
    let version = project.migrate("a", &query).await;
    let diff = project.ok("get_branch_diff", json!({})).await;
    assert_eq!(
        diff["migrations"],
        json!([{ "version": version, "name": "a", "query": query }])
    );
    assert!(
        texts(&diff["objects"], "object")
            .iter()
            .any(|object| object.contains("app.a")),
        "{diff}"
    );
    assert_eq!(diff["behind"], json!([]));
    project.ok("merge_branch", json!({})).await;
    let diff = project.ok("get_branch_diff", json!({})).await;
    assert_eq!(diff["migrations"], json!([]));
    assert_eq!(diff["objects"], json!([]));
}

#[tokio::test]
async fn unmerged_migrations_are_not_deleted_unsaid() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    let query = table("a");
    let version = project.migrate("a", &query).await;
    let refusal = project
        .refused("delete_branch", json!({}), "unmerged_migrations")
        .await;
    assert_eq!(
        refusal["details"]["unmerged"][0]["version"],
        version.as_str()
    );
    assert_eq!(refusal["details"]["unmerged"][0]["sql"], query.as_str());
    assert!(project.branches().await.contains(&"DEV".to_owned()));
    let done = project
        .ok("delete_branch", json!({ "discard_unmerged": true }))
        .await;
    assert_eq!(
        done["dropped"],
        json!([{ "version": version, "name": "a", "query": query }])
    );
    assert!(!project.branches().await.contains(&"DEV".to_owned()));
    // The next write makes a new one, with its own baseline and nothing of the old.
    let next = project.migrate("b", &table("b")).await;
    assert_eq!(project.ledger("dev").await, std::slice::from_ref(&next));
    assert_eq!(
        project.point_names().await,
        ["baseline".to_owned(), format!("rp-{next}")]
    );
    // Once merged, nothing is lost and nothing needs saying.
    project.ok("merge_branch", json!({})).await;
    let done = project.ok("delete_branch", json!({})).await;
    assert_eq!(done["dropped"], json!([]));
    assert!(project.branches().await.iter().all(|name| name != "DEV"));
}

#[tokio::test]
async fn a_reset_keeps_the_migrations_and_drops_the_rows() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    let first = project.migrate("a", &table("a")).await;
    let second = project.migrate("b", &table("b")).await;
    project.sql("insert into app.a values (1)").await;
    let done = project.ok("reset_branch", json!({})).await;
    assert_eq!(done["restore_point"]["name"], "baseline-1");
    assert_eq!(done["dropped"], json!([]));
    assert_eq!(project.value("select count(*) from app.a").await, 0);
    assert_eq!(project.ledger("dev").await, [first.clone(), second.clone()]);
    for point in project.points().await {
        assert_eq!(point["reachable"], point["name"] == "baseline-1", "{point}");
    }
    project
        .refused(
            "revert_to_restore_point",
            json!({ "name": format!("rp-{first}") }),
            "point_unreachable",
        )
        .await;
    project.sql("insert into app.a values (1)").await;
    project.revert("baseline-1").await;
    assert_eq!(project.value("select count(*) from app.a").await, 0);

    // Back to an older version: what would be lost is said, and handed back.
    let back = json!({ "migration_version": first });
    let refusal = project
        .refused("reset_branch", back, "unmerged_migrations")
        .await;
    assert_eq!(
        refusal["details"]["unmerged"][0]["version"],
        second.as_str()
    );
    let done = project
        .ok(
            "reset_branch",
            json!({ "migration_version": first, "discard_unmerged": true }),
        )
        .await;
    assert_eq!(done["dropped"][0]["version"], second.as_str());
    assert_eq!(project.ledger("dev").await, [first]);
    project
        .refused(
            "reset_branch",
            json!({ "migration_version": "latest" }),
            "invalid_arguments",
        )
        .await;
}

#[tokio::test]
async fn a_rebase_brings_productions_migrations_and_has_a_way_back() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    let ask = json!({ "name": "a", "query": table("a"), "version": "20260101000000" });
    project.ok("apply_migration", ask).await;
    project.sql("insert into app.a values (1)").await;
    world
        .api()
        .migrate(&project.id, "theirs", "create table public.theirs (id int)")
        .await;
    let theirs = project.ledger("production").await;
    let done = project.ok("rebase_branch", json!({})).await;
    assert_eq!(done["migrations"], json!(theirs));
    assert_eq!(project.tables("dev").await, ["theirs"]);
    assert_eq!(project.value("select count(*) from app.a").await, 1);
    let before = done["restore_point_before"]["name"].as_str().unwrap();
    project.revert(before).await;
    assert!(project.tables("dev").await.is_empty());
    assert_eq!(project.value("select count(*) from app.a").await, 1);
}

#[tokio::test]
async fn a_rebase_that_cannot_be_carried_out_names_the_way_back() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    let ask = json!({ "name": "a", "query": table("a"), "version": "20260101000000" });
    project.ok("apply_migration", ask).await;
    project.sql("insert into app.a values (1)").await;
    // The same table, made on production by another road.
    world
        .api()
        .migrate(
            &project.id,
            "theirs",
            "create schema app; create table app.a (id int)",
        )
        .await;
    let refusal = project
        .refused("rebase_branch", json!({}), "branch_failed")
        .await;
    assert_eq!(refusal["next"]["tool"], "revert_to_restore_point");
    // The refusal's own way leads back, although the branch is marked as failed.
    mcp.ok(
        "revert_to_restore_point",
        refusal["next"]["arguments"].clone(),
    )
    .await;
    assert_eq!(project.value("select count(*) from app.a").await, 1);
}

#[tokio::test]
async fn a_branch_replays_migrations_as_if_each_had_a_session_of_its_own() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    project.migrate("app", "create schema app;").await;
    // What one sets for its session is gone for the next, what it sets for logins is not.
    project
        .migrate(
            "session",
            "set search_path = app; create table one (id int);",
        )
        .await;
    project.migrate("plain", "create table two (id int);").await;
    project
        .migrate(
            "login",
            "do $$ begin execute 'alter role postgres set search_path = app, public'; end $$;",
        )
        .await;
    project
        .migrate("after", "create table three (id int);")
        .await;
    // What code does with roles, somebody looks at.
    let refusal = project
        .refused("merge_branch", json!({}), "unforeseeable_code")
        .await;
    answer(&world, "grant", &id(&refusal));
    project.ok("merge_branch", json!({})).await;
    project.ok("delete_branch", json!({})).await;
    project.ok("create_branch", json!({})).await;
    let listed = project
        .ok("list_tables", json!({ "schemas": ["app", "public"] }))
        .await;
    let tables: Vec<String> = listed["tables"]
        .as_array()
        .unwrap()
        .iter()
        .map(|table| {
            format!(
                "{}.{}",
                table["schema"].as_str().unwrap(),
                table["name"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(tables, ["app.one", "app.three", "public.two"]);
}
