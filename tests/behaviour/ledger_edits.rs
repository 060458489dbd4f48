//! What other clients of the local platform do with the ledger: write down, change, take back.

use axum::http::Method;
use serde_json::{Value, json};

use crate::harness::{Api, World, http_client, texts};

/// The routes of one project's ledger.
struct Ledger {
    api: Api,
    path: String,
    reference: String,
}

impl Ledger {
    fn of(world: &World, reference: &str) -> Self {
        Self {
            api: world.api(),
            path: format!("/v1/projects/{reference}/database/migrations"),
            reference: reference.to_owned(),
        }
    }

    /// Sends a migration under a key; gives the status.
    async fn under(&self, key: &str, method: Method, body: &Value) -> u16 {
        let request = http_client()
            .request(method, format!("{}{}", self.api.base(), self.path))
            .bearer_auth(self.api.token())
            .header("Idempotency-Key", key)
            .json(body);
        request.send().await.unwrap().status().as_u16()
    }

    /// Applies a migration that makes a table, with what takes it back.
    async fn make(&self, table: &str, rollback: &str) {
        let body = json!({
            "name": table, "query": format!("create table public.{table} (id int primary key)"),
            "rollback": rollback,
        });
        self.api.post(&self.path, body).await;
    }

    async fn names(&self) -> Vec<String> {
        texts(&self.api.get(&self.path).await, "name")
    }

    async fn version(&self, name: &str) -> String {
        let listed = self.api.get(&self.path).await;
        let rows = listed.as_array().unwrap();
        let row = rows.iter().find(|row| row["name"] == name).unwrap();
        row["version"].as_str().unwrap().to_owned()
    }

    /// One row of the ledger, whole.
    async fn row(&self, name: &str) -> Value {
        let version = self.version(name).await;
        self.api.get(&format!("{}/{version}", self.path)).await
    }

    async fn patch(&self, version: &str, body: Value) -> (u16, Value) {
        let path = format!("{}/{version}", self.path);
        self.api.send(Method::PATCH, &path, body).await
    }

    /// Takes back everything from a migration on.
    async fn back_to(&self, name: &str) -> (u16, Value) {
        let path = format!("{}?gte={}", self.path, self.version(name).await);
        self.api.send(Method::DELETE, &path, Value::Null).await
    }

    async fn has(&self, table: &str) -> bool {
        let sql = format!("select to_regclass('public.{table}') is not null as has");
        self.api.read(&self.reference, &sql).await[0]["has"] == true
    }
}

#[tokio::test]
async fn a_migration_is_written_down_once_and_changed_and_runs_nothing() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("shop").await;
    let ledger = Ledger::of(&world, &project.id);

    let written = json!({ "name": "later", "query": "create table public.later (id int)" });
    assert_eq!(ledger.under("one", Method::PUT, &written).await, 200);
    let again = json!({ "name": "renamed", "query": "select 1", "rollback": "select 2" });
    assert_eq!(ledger.under("one", Method::PUT, &again).await, 200);
    assert_eq!(ledger.names().await, ["renamed"]);
    let row = ledger.row("renamed").await;
    assert_eq!(
        (
            &row["statements"],
            &row["rollback"],
            &row["idempotency_key"]
        ),
        (&json!(["select 1"]), &json!(["select 2"]), &json!("one"))
    );
    assert!(!ledger.has("later").await);

    // Under a key that is there, nothing runs again, at the same time or later.
    let applied = json!({ "name": "todos", "query": "create table public.todos (id int)" });
    let (one, other) = tokio::join!(
        ledger.under("two", Method::POST, &applied),
        ledger.under("two", Method::POST, &applied)
    );
    assert_eq!((one, other), (200, 200));
    assert_eq!(ledger.under("two", Method::POST, &applied).await, 200);
    assert_eq!(ledger.names().await, ["renamed", "todos"]);
    assert!(ledger.has("todos").await);

    let version = ledger.version("todos").await;
    let rollback = json!({ "rollback": "drop table public.todos" });
    assert_eq!(ledger.patch(&version, rollback).await.0, 200);
    let (status, _) = ledger.patch(&version, json!({ "name": "tasks" })).await;
    assert_eq!(status, 200);
    let row = ledger.row("tasks").await;
    assert_eq!(row["rollback"], json!(["drop table public.todos"]));
    assert_eq!(row["statements"], json!([applied["query"]]));
    for (version, body, status) in [
        ("1", json!({ "name": "x" }), 404),
        ("newest", json!({ "name": "x" }), 400),
        (version.as_str(), json!({ "name": 7 }), 400),
        (version.as_str(), json!({ "name": "a\u{0}b" }), 400),
    ] {
        let (answered, reply) = ledger.patch(version, body).await;
        assert_eq!(answered, status, "{reply}");
        assert!(reply["message"].is_string(), "{reply}");
    }
    for body in [json!({ "query": "" }), json!({})] {
        assert_eq!(ledger.under("three", Method::PUT, &body).await, 400);
        assert_eq!(ledger.under("three", Method::POST, &body).await, 400);
    }
    assert_eq!(ledger.under("", Method::PUT, &written).await, 400);
    assert_eq!(ledger.names().await, ["renamed", "tasks"]);
}

#[tokio::test]
async fn migrations_are_taken_back_the_newest_first_all_or_none() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("shop").await;
    let ledger = Ledger::of(&world, &project.id);
    ledger.make("first", "drop table public.first").await;
    ledger.make("second", "drop table public.second").await;
    // The first cannot go while this is there.
    let child = json!({
        "name": "child", "query": "create table public.child (id int references public.second)",
        "rollback": "drop table public.child",
    });
    ledger.api.post(&ledger.path, child).await;
    let all = ledger.names().await;

    // Whatever is wrong with one of them keeps all of them.
    for (rollback, words) in [
        ("drop table public.nowhere", "does not exist"),
        (
            "delete from supabase_migrations.schema_migrations",
            "permission denied",
        ),
        ("drop schema auth cascade", "must be owner"),
        ("alter role postgres superuser", "ERROR"),
        ("drop table", "syntax error"),
        // It would wait for its own end.
        (
            "drop table public.child; lock table supabase_migrations.schema_migrations in share row exclusive mode",
            "lock timeout",
        ),
    ] {
        ledger.make("last", "drop table public.last").await;
        let version = ledger.version("child").await;
        let bad = json!({ "rollback": rollback });
        assert_eq!(ledger.patch(&version, bad).await.0, 200);
        let (status, reply) = ledger.back_to("second").await;
        let message = reply["message"].as_str().unwrap_or_default();
        assert_eq!(status, 400, "{rollback}: {reply}");
        assert!(message.contains(words), "{rollback}: {message}");
        assert_eq!(ledger.names().await.len(), all.len() + 1, "{rollback}");
        assert!(
            ledger.has("last").await && ledger.has("child").await,
            "{rollback}"
        );
        let (status, reply) = ledger.back_to("last").await;
        assert_eq!(status, 200, "{reply}");
    }
    let version = ledger.version("child").await;
    let ends = json!({ "rollback": "commit" });
    assert_eq!(ledger.patch(&version, ends).await.0, 200);
    let (status, reply) = ledger.back_to("second").await;
    assert!(
        status == 400 && reply.to_string().contains("ended the transaction"),
        "{reply}"
    );
    assert_eq!(ledger.names().await, all);
    let good = json!({ "rollback": "drop table public.child" });
    assert_eq!(ledger.patch(&version, good).await.0, 200);

    ledger
        .api
        .migrate(&project.id, "for_good", "create table public.for_good ()")
        .await;
    let (status, reply) = ledger.back_to("second").await;
    let version = ledger.version("for_good").await;
    assert_eq!(status, 400);
    assert!(
        reply["message"].as_str().unwrap().contains(&version),
        "{reply}"
    );
    let rollback = json!({ "rollback": "drop table public.for_good" });
    assert_eq!(ledger.patch(&version, rollback).await.0, 200);

    let (status, reply) = ledger.back_to("second").await;
    assert_eq!(status, 200, "{reply}");
    assert_eq!(ledger.names().await, ["first"]);
    for (table, is_there) in [("first", true), ("second", false), ("child", false)] {
        assert_eq!(ledger.has(table).await, is_there, "{table}");
    }
    // Nothing is that new, and nothing happens.
    let future = format!("{}?gte={}", ledger.path, "9".repeat(200));
    for (path, wanted) in [
        (future, 200),
        (format!("{}?gte=", ledger.path), 400),
        (format!("{}?gte=1;drop", ledger.path), 400),
        (ledger.path.clone(), 400),
    ] {
        let (status, reply) = ledger.api.send(Method::DELETE, &path, Value::Null).await;
        assert_eq!(status, wanted, "{path}: {reply}");
    }
    assert_eq!(ledger.names().await, ["first"]);
}
