//! What a harness learns of a world: hashes, dumps, assertions.

use reqwest::Method;
use serde_json::{Value, json};

use super::Fleet;

const TABLE: &str = "create table t (id int primary key); alter table t enable row level security; create policy own on t for select to authenticated using (id = 1); grant select on t to authenticated;";

#[tokio::test]
async fn hashes_dumps_and_assertions_say_what_an_agent_left_behind() {
    let fleet = Fleet::start();
    let workspace = fleet.workspace(json!({})).await;
    let agent = workspace.connect().await;
    let project = agent.launch("Notes").await;
    let id = project.id.to_owned();
    workspace.snapshot("launched").await;

    project.migrate("t", TABLE).await;
    agent
        .ok(
            "execute_sql",
            json!({ "project_id": id, "query": "insert into t values (1), (2)" }),
        )
        .await;
    let on_dev = workspace.get("state_hash").await;
    assert_eq!(on_dev["production_unchanged"], true);
    agent.ok("merge_branch", json!({ "project_id": id })).await;
    let merged = workspace.get("state_hash").await;
    assert_eq!(merged["production_unchanged"], false);
    assert_ne!(merged["state_hash"], on_dev["state_hash"]);

    let dump = workspace.get("dump").await;
    let environments = dump["environments"].as_array().unwrap();
    let of = |name: &str| {
        let found = environments.iter().find(|one| one["environment"] == name);
        found.unwrap_or_else(|| panic!("no {name}: {dump}"))
    };
    assert_eq!(
        of("DEV")["rows"]["public.t"],
        json!([{ "id": 1 }, { "id": 2 }])
    );
    assert_eq!(of("production")["rows"]["public.t"], Value::Null);
    assert_eq!(of("production")["migrations"].as_array().unwrap().len(), 1);

    let assertions = json!({
        "answer": "I have made the table.",
        "assertions": [
            { "why": "rows", "check": "sql", "on": "dev", "query": "select count(*)::int as n from t", "equals": [{ "n": 2 }] },
            { "why": "enough", "check": "sql", "on": "dev", "query": "select count(*) from t", "at_least": 2, "at_most": 2 },
            { "why": "merged", "check": "migration", "name": "^t$" },
            { "why": "schema", "check": "changed", "what": "schema" },
            { "why": "no row", "check": "unchanged", "what": "rows" },
            { "why": "quiet", "check": "advisor", "level": "warn" },
            { "why": "there", "check": "project", "name": "Notes", "status": "ACTIVE_HEALTHY" },
            { "why": "branch", "check": "branch", "name": "DEV" },
            { "why": "points", "check": "restore_point", "on": "dev", "name": "^rp-" },
            { "why": "said", "check": "answer", "contains": ["TABLE"], "lacks": ["password"] },
            { "why": "called", "check": "calls", "tool": "merge_branch", "succeeded": true },
            { "why": "in order", "check": "order", "first": { "tool": "apply_migration" }, "then": { "tool": "merge_branch" } },
            { "why": "not shown", "check": "calls", "tool": "delete_project", "at_most": 0 },
        ],
    });
    let ruled = workspace.post("assert", assertions).await;
    assert_eq!(ruled["passed"], true, "{ruled:#}");

    for (why, failing) in [
        (
            "rows",
            json!({ "check": "sql", "query": "select count(*)::int as n from t", "equals": [{ "n": 2 }] }),
        ),
        (
            "a query that fails",
            json!({ "check": "sql", "query": "select nothing", "at_least": 0 }),
        ),
        (
            "a query that writes",
            json!({ "check": "sql", "on": "dev", "query": "delete from t returning 1", "at_least": 0 }),
        ),
        ("ledger", json!({ "check": "unchanged", "what": "ledger" })),
        (
            "lint",
            json!({ "check": "lint", "name": "rls_disabled_in_public" }),
        ),
        ("function", json!({ "check": "function", "slug": "hello" })),
        ("secret", json!({ "check": "secret", "name": "KEY" })),
        (
            "seen",
            json!({ "check": "seen", "text": "nowhere to be found" }),
        ),
        (
            "no branch",
            json!({ "check": "sql", "on": "other", "query": "select 1", "at_least": 1 }),
        ),
    ] {
        let mut failing = failing;
        failing["why"] = json!(why);
        let ruled = workspace
            .post("assert", json!({ "assertions": [failing] }))
            .await;
        assert_eq!(ruled["passed"], false, "{why}: {ruled}");
    }
    // Nothing of it has changed anything.
    let again = workspace.get("state_hash").await;
    assert_eq!(again["state_hash"], merged["state_hash"]);

    let path = format!("/workspaces/{}/assert", workspace.id);
    for wrong in [
        json!({ "why": "x", "check": "sql", "query": "select 1" }),
        json!({ "why": "x", "check": "sql", "query": "select 1", "at_leat": 1 }),
        json!({ "why": "x", "check": "nothing" }),
        json!({ "check": "unchanged" }),
        json!({ "why": "x", "check": "migration", "name": "(" }),
    ] {
        let body = json!({ "assertions": [wrong] });
        let (status, said) = fleet.send(Method::POST, &path, body).await;
        assert_eq!(status, 400, "{wrong}: {said}");
    }
}
