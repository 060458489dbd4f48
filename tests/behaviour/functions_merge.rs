//! Functions between a branch and production: merged, deleted by an approved call, kept over a rebase.

use serde_json::{Value, json};

use crate::functions::{deploy, invoke, says};
use crate::harness::{Project, User, World, http_client, texts};

/// The slugs of an environment.
async fn slugs(project: &Project<'_>, environment: &str) -> Vec<String> {
    let listed = project
        .ok("list_edge_functions", json!({ "environment": environment }))
        .await;
    texts(&listed["functions"], "slug")
}

/// What a function of production answers to somebody with production's public key.
async fn production_says(world: &World, project: &Project<'_>, slug: &str) -> String {
    let api = world.api();
    let keys = api
        .get(&format!("/v1/projects/{}/api-keys", project.id))
        .await;
    let url = format!("{}/projects/{}/functions/v1/{slug}", api.base(), project.id);
    let keys = keys.as_array().unwrap();
    let key = keys.iter().find(|key| key["name"] == "anon").unwrap();
    let key = key["api_key"].as_str().unwrap();
    let answer = http_client()
        .get(url)
        .bearer_auth(key)
        .send()
        .await
        .unwrap();
    answer.text().await.unwrap()
}

/// Deploys past Drydock, as somebody with the platform's token.
async fn deploy_past(world: &World, project: &Project<'_>, slug: &str, source: &str) {
    let path = format!("/v1/projects/{}/functions/{slug}", project.id);
    let (status, body) = world
        .api()
        .send(reqwest::Method::PATCH, &path, json!({ "body": source }))
        .await;
    assert_eq!(status, 200, "{body}");
}

fn merged(done: &Value) -> (Value, Value) {
    assert_eq!(done["status"], "merged", "{done}");
    (
        done["merged"]["migrations"].clone(),
        done["merged"]["functions"].clone(),
    )
}

#[tokio::test]
async fn a_merge_deploys_the_branchs_functions_with_or_without_migrations() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    deploy(&project, "one", &says("one")).await;
    deploy(&project, "two", &says("two")).await;
    let verdict = project.check().await;
    assert_eq!(verdict["passes"], true, "{verdict}");
    assert_eq!(verdict["functions"], json!(["one", "two"]));
    let done = project.ok("merge_branch", json!({})).await;
    assert_eq!(merged(&done), (json!([]), json!(["one", "two"])));
    assert_eq!(production_says(&world, &project, "one").await, "one");
    let again = project.ok("merge_branch", json!({})).await;
    assert_eq!(again["status"], "nothing_to_merge");

    deploy(&project, "two", &says("two, better")).await;
    assert_eq!(production_says(&world, &project, "two").await, "two");
    let version = project
        .migrate("work", "create table public.work (id int primary key); alter table public.work enable row level security;")
        .await;
    let done = project.ok("merge_branch", json!({})).await;
    assert_eq!(merged(&done), (json!([version]), json!(["two"])));
    assert_eq!(
        production_says(&world, &project, "two").await,
        "two, better"
    );
}

#[tokio::test]
async fn a_deletion_is_listed_and_reaches_production_by_an_approved_call_alone() {
    let world = World::new();
    let mcp = world.serve_for(User::No, &[]).await;
    let project = mcp.launch("P").await;
    deploy(&project, "kept", &says("kept")).await;
    deploy(&project, "old", &says("old")).await;
    project.ok("merge_branch", json!({})).await;
    let deleted = project
        .ok("delete_edge_function", json!({ "function_slug": "old" }))
        .await;
    assert_eq!(deleted["stays_on_production"], true);
    let verdict = project.check().await;
    assert_eq!(verdict["only_on_production"], json!(["old"]));
    let done = project.ok("merge_branch", json!({})).await;
    assert_eq!(done["status"], "nothing_to_merge");
    assert!(done["not_merged"].to_string().contains("old"), "{done}");
    assert_eq!(slugs(&project, "production").await, ["kept", "old"]);

    let kept = json!({ "delete_functions": ["kept"] });
    project
        .refused("merge_branch", kept, "invalid_arguments")
        .await;
    let delete = json!({ "delete_functions": ["old"] });
    project
        .refused("merge_branch", delete.clone(), "approval_denied")
        .await;
    assert_eq!(slugs(&project, "production").await, ["kept", "old"]);
    let mcp = world.serve_for(User::Yes, &[]).await;
    let project = mcp.project(&project.id);
    // A denied question is another call's: this one says more.
    deploy(&project, "new", &says("new")).await;
    let done = project.ok("merge_branch", delete).await;
    assert_eq!(
        done["merged"]["deleted_functions"],
        json!(["old"]),
        "{done}"
    );
    assert_eq!(merged(&done).1, json!(["new"]));
    assert_eq!(slugs(&project, "production").await, ["kept", "new"]);
    assert!(
        mcp.questions()
            .iter()
            .any(|question| question.contains("old"))
    );
}

#[tokio::test]
async fn a_rebase_brings_productions_functions_and_keeps_what_the_branch_has_changed() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    for slug in ["mine", "theirs", "both"] {
        deploy(&project, slug, &says("first")).await;
    }
    project.ok("merge_branch", json!({})).await;
    deploy(&project, "mine", &says("mine")).await;
    deploy(&project, "both", &says("mine")).await;
    deploy(&project, "new", &says("new")).await;
    deploy_past(&world, &project, "theirs", &says("theirs")).await;
    deploy_past(&world, &project, "both", &says("theirs")).await;
    // A merge would overwrite what somebody has put right on production.
    let error = project.refused("merge_branch", json!({}), "drift").await;
    assert_eq!(error["next"]["tool"], "rebase_branch");
    assert_eq!(production_says(&world, &project, "both").await, "theirs");

    let done = project.ok("rebase_branch", json!({})).await;
    assert_eq!(done["kept_functions"], json!(["both", "mine"]));
    for (slug, word) in [
        ("mine", "mine"),
        ("theirs", "theirs"),
        ("both", "mine"),
        ("new", "new"),
    ] {
        assert_eq!(invoke(&project, slug).await["body"], word, "{slug}");
    }
    let done = project.ok("merge_branch", json!({})).await;
    assert_eq!(merged(&done).1, json!(["both", "mine", "new"]));
    assert_eq!(production_says(&world, &project, "both").await, "mine");
    assert_eq!(production_says(&world, &project, "theirs").await, "theirs");

    // Going back and emptying the branch leave its functions alone.
    let points = project.point_names().await;
    project.revert(&points[0]).await;
    project.ok("reset_branch", json!({})).await;
    assert_eq!(invoke(&project, "new").await["body"], "new");
}
