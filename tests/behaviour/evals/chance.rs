//! The same seed, the same clock and the same calls give the same world.

use serde_json::{Value, json};

use super::Fleet;

/// A job from launch to merge and back. Gives every answer, and the hash of what it left.
async fn job(seed: &str) -> (Vec<Value>, Value) {
    let flags = [
        "--spares",
        "0",
        "--seed",
        seed,
        "--clock",
        "2026-01-01T00:00:00Z",
    ];
    let fleet = Fleet::start_with(&flags);
    let workspace = fleet.workspace(json!({})).await;
    let agent = workspace.connect().await;
    let mut answers = Vec::new();
    let launched = agent.ok("create_project", json!({ "name": "Notes" })).await;
    let id = launched["project"]["id"].clone();
    answers.push(launched);
    let table = "create table t (id int primary key, at timestamptz default now(), key uuid default gen_random_uuid()); \
        alter table t enable row level security; create policy own on t for select to authenticated using (id = 1)";
    for (tool, arguments) in [
        (
            "apply_migration",
            json!({ "project_id": id, "name": "t", "query": table }),
        ),
        (
            "execute_sql",
            json!({ "project_id": id, "query": "insert into t (id) values (1), (2)" }),
        ),
        ("get_api_keys", json!({ "project_id": id })),
        ("list_branches", json!({ "project_id": id })),
        (
            "get_advisors",
            json!({ "project_id": id, "type": "security" }),
        ),
        ("check_merge", json!({ "project_id": id })),
        ("merge_branch", json!({ "project_id": id })),
        (
            "create_branch",
            json!({ "project_id": id, "name": "other" }),
        ),
        (
            "create_restore_point",
            json!({ "project_id": id, "name": "mine" }),
        ),
        ("list_restore_points", json!({ "project_id": id })),
        ("delete_project", json!({ "project_id": id })),
        (
            "revert_to_restore_point",
            json!({ "project_id": id, "name": "baseline" }),
        ),
        (
            "list_migrations",
            json!({ "project_id": id, "environment": "production" }),
        ),
    ] {
        let answer = agent.call(tool, arguments).await;
        answers.push(json!([tool, answer.value, answer.text]));
    }
    let state = workspace.get("state_hash").await;
    (answers, state["state_hash"].clone())
}

#[tokio::test]
async fn the_same_seed_and_the_same_calls_give_the_same_answers_and_hashes() {
    let (one, hash) = job("7").await;
    let (other, same) = job("7").await;
    for (one, other) in one.iter().zip(&other) {
        assert_eq!(one, other);
    }
    assert_eq!(hash, same);
    let (third, another) = job("8").await;
    assert_ne!(one[0]["project"]["id"], third[0]["project"]["id"]);
    assert_ne!(hash, another);
}
