//! The merge itself: what it carries, what it does not, and how it fails.

use futures_util::FutureExt;
use serde_json::json;

use crate::harness::{Heard, Mcp, Project, Reaction, Relay, World, fingerprint, until};

fn table(name: &str) -> String {
    format!(
        "create schema if not exists app; create table app.{name} (id int primary key, body text);"
    )
}

async fn merged(project: &Project<'_>) -> Vec<String> {
    let done = project.ok("merge_branch", json!({})).await;
    assert_eq!(done["status"], "merged", "{done}");
    serde_json::from_value(done["merged"]["migrations"].clone()).unwrap()
}

/// A server that has merged nothing yet, and one migration on DEV.
async fn ready(mcp: &Mcp) -> (Project<'_>, String) {
    let project = mcp.launch("P").await;
    let version = project.migrate("a", &table("a")).await;
    (project, version)
}

#[tokio::test]
async fn a_merge_carries_migrations_and_no_rows() {
    let world = World::new();
    let mcp = world.serve().await;
    let (project, version) = ready(&mcp).await;
    project.sql("insert into app.a values (1, 'seed')").await;
    let api = world.api();
    let done = project.ok("merge_branch", json!({})).await;
    assert_eq!(done["merged"]["migrations"], json!([version]));
    assert_eq!(done["merged"]["functions"], json!([]));
    let words: Vec<&str> = done["not_merged"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["what"].as_str().unwrap())
        .collect();
    for what in ["data", "configuration", "secrets"] {
        assert!(words.contains(&what), "{words:?}");
    }
    assert_eq!(
        api.read(&project.id, "select * from app.a").await,
        json!([])
    );
    // The ledger row is the branch's own: name, SQL and all.
    let ledger = "select version, name, statements from supabase_migrations.schema_migrations";
    let dev = project.dev().await;
    assert_eq!(
        api.read(&project.id, ledger).await,
        api.read(&dev, ledger).await
    );
    assert!(
        project
            .branches()
            .await
            .iter()
            .all(|name| !name.starts_with("drydock-"))
    );
}

#[tokio::test]
async fn merging_twice_merges_once() {
    let world = World::new();
    let mcp = world.serve().await;
    let (project, _) = ready(&mcp).await;
    merged(&project).await;
    let api = world.api();
    let before = fingerprint(&api, &project.id).await;
    let again = project.ok("merge_branch", json!({})).await;
    assert_eq!(again["status"], "nothing_to_merge");
    assert_eq!(again["merged"]["migrations"], json!([]));
    assert_eq!(fingerprint(&api, &project.id).await, before);
    // And on: the next migration is the only one that the next merge carries.
    let next = project.migrate("b", &table("b")).await;
    assert_eq!(merged(&project).await, [next]);
}

#[tokio::test]
async fn deleted_branches_and_production_itself_are_not_merged() {
    let world = World::new();
    let mcp = world.serve().await;
    let (project, _) = ready(&mcp).await;
    let dev = project.dev().await;
    let api = world.api();
    let before = fingerprint(&api, &project.id).await;
    project
        .ok("delete_branch", json!({ "discard_unmerged": true }))
        .await;
    project
        .refused("merge_branch", json!({}), "no_dev_branch")
        .await;
    let gone = mcp.call("merge_branch", json!({ "project_id": dev })).await;
    assert!(gone.refused, "{gone:?}");
    project
        .refused(
            "merge_branch",
            json!({ "branch": "main" }),
            "production_is_protected",
        )
        .await;
    assert_eq!(fingerprint(&api, &project.id).await, before);
}

#[tokio::test]
async fn of_two_merges_of_one_branch_at_once_one_carries_it() {
    let world = World::new();
    let mcp = world.serve().await;
    let other = world.serve().await;
    let (project, version) = ready(&mcp).await;
    let there = other.project(&project.id);
    let (one, two) = tokio::join!(
        project.call("merge_branch", json!({})),
        there.call("merge_branch", json!({})),
    );
    let mut statuses = Vec::new();
    for answer in [one, two] {
        statuses.push(answer.accepted()["status"].as_str().unwrap().to_owned());
    }
    statuses.sort();
    assert_eq!(statuses, ["merged", "nothing_to_merge"]);
    assert_eq!(project.ledger("production").await, [version]);
}

#[tokio::test]
async fn of_two_branches_merged_at_once_one_wins_and_the_other_hears_drift() {
    let world = World::new();
    let mcp = world.serve().await;
    let other = world.serve().await;
    let (project, _) = ready(&mcp).await;
    project
        .ok(
            "apply_migration",
            json!({ "name": "b", "query": "create schema other;", "branch": "second", "version": "20260101000000" }),
        )
        .await;
    let there = other.project(&project.id);
    let (one, two) = tokio::join!(
        project.call("merge_branch", json!({})),
        there.call("merge_branch", json!({ "branch": "second" })),
    );
    let (winner, loser) = if one.refused { (two, one) } else { (one, two) };
    assert_eq!(winner.accepted()["status"], "merged");
    let error = loser.refused_as("drift");
    assert_eq!(error["next"]["tool"], "rebase_branch");
    assert_eq!(project.ledger("production").await.len(), 1);
    mcp.ok("rebase_branch", error["next"]["arguments"].clone())
        .await;
    let branch = error["next"]["arguments"]["branch"].clone();
    let done = project
        .ok("merge_branch", json!({ "branch": branch }))
        .await;
    assert_eq!(done["status"], "merged");
    assert_eq!(project.ledger("production").await.len(), 2);
}

#[tokio::test]
async fn a_merge_that_fails_half_way_is_partial_until_it_is_reconciled() {
    let world = World::new();
    let mcp = world.serve().await;
    let (project, _) = ready(&mcp).await;
    merged(&project).await;
    let api = world.api();
    api.query(&project.id, "insert into app.a values (1, null)")
        .await;
    let fine = project.migrate("b", &table("b")).await;
    let strict = project
        .migrate(
            "strict",
            "alter table app.a add constraint bodied check (body is not null);",
        )
        .await;
    let refusal = project.refused("merge_branch", json!({}), "partial").await;
    assert_eq!(refusal["details"]["applied"], json!([fine]));
    assert_eq!(refusal["details"]["missing"], json!([strict]));
    assert_eq!(refusal["next"]["tool"], "revert_to_restore_point");
    // Until somebody has looked at it, nothing more is merged.
    let again = project.refused("merge_branch", json!({}), "drift").await;
    assert_eq!(again["next"]["tool"], "rebase_branch");
    api.query(&project.id, "update app.a set body = '' where body is null")
        .await;
    project.ok("rebase_branch", json!({})).await;
    assert_eq!(merged(&project).await, [strict]);
    let columns = api
        .read(
            &project.id,
            "select convalidated from pg_constraint where conrelid = 'app.a'::regclass and conname = 'bodied'",
        )
        .await;
    assert_eq!(columns[0]["convalidated"], true);
}

#[tokio::test]
async fn a_merge_whose_answer_is_lost_is_followed_to_its_end() {
    let world = World::new();
    let direct = world.serve().await;
    let (project, version) = ready(&direct).await;
    let token = world.api().token().to_owned();
    let relay = Relay::start(Some(world.api()), |heard: Heard| {
        async move {
            if heard.path.ends_with("/merge") {
                Reaction::Lose
            } else {
                Reaction::Pass
            }
        }
        .boxed()
    })
    .await;
    let mcp = relay.serve(&world, &token).await;
    assert_eq!(merged(&mcp.project(&project.id)).await, [version]);
    let told = relay
        .heard()
        .iter()
        .filter(|heard| heard.path.ends_with("/merge"))
        .count();
    assert_eq!(told, 1, "the platform was told twice");
}

#[tokio::test]
async fn a_merge_whose_server_dies_is_followed_by_the_next_one() {
    let world = World::new();
    let direct = world.serve().await;
    let (project, version) = ready(&direct).await;
    let token = world.api().token().to_owned();
    let real = std::sync::Arc::new(world.api());
    let relay = Relay::start(Some(world.api()), move |heard: Heard| {
        let real = std::sync::Arc::clone(&real);
        async move {
            if heard.path.ends_with("/merge") {
                real.send(heard.method, &heard.path, heard.body).await;
                // The answer never comes: the server dies waiting for it.
                std::future::pending::<()>().await;
            }
            Reaction::Pass
        }
        .boxed()
    })
    .await;
    let mcp = relay.serve(&world, &token).await;
    let doomed = mcp.pid();
    let dying = tokio::spawn({
        let ask = json!({ "project_id": project.id });
        async move { mcp.try_call("merge_branch", ask).await }
    });
    until("the merge to be told", async || {
        relay
            .heard()
            .iter()
            .any(|heard| heard.path.ends_with("/merge"))
            .then_some(())
    })
    .await;
    crate::harness::kill(doomed, rustix::process::Signal::KILL);
    assert!(dying.await.unwrap().is_none());
    let done = project.ok("merge_branch", json!({})).await;
    assert_eq!(done["status"], "merged", "{done}");
    assert_eq!(done["merged"]["migrations"], json!([version]));
    assert_eq!(project.ledger("production").await, [version]);
    let again = project.ok("merge_branch", json!({})).await;
    assert_eq!(again["status"], "nothing_to_merge");
}
