//! Answers of the routes that foreign clients use and Drydock's own tools do not.

use serde_json::{Value, json};

use super::Failure;
use super::drive::{Drive, MIGRATE, text};

const LEDGER: &str = "/v1/projects/{ref}/database/migrations";
const ONE: &str = "/v1/projects/{ref}/database/migrations/{version}";
const KEY: &str = "/v1/projects/{ref}/api-keys/{id}";

/// Rows of the ledger that are written down, changed and taken back.
pub(super) async fn ledger(drive: &mut Drive, project: &str) -> Result<(), Failure> {
    let migration = json!({
        "query": "create table public.later (id int primary key)", "name": "later",
        "rollback": "drop table public.later",
    });
    drive.call(MIGRATE, &[project], Some(migration)).await?;
    let written = json!({ "query": "select 1", "name": "written_down" });
    drive
        .call(&format!("PUT {LEDGER}"), &[project], Some(written))
        .await?;
    let listed = drive
        .call(&format!("GET {LEDGER}"), &[project], None)
        .await?;
    let newest = |back: usize| {
        let all = listed.as_array().map_or(0, Vec::len);
        text(&listed[all.saturating_sub(back)]["version"])
    };
    let patch = format!("PATCH {ONE}");
    let change = json!({ "name": "only_written_down", "rollback": "select 2" });
    drive
        .call(&patch, &[project, &newest(1)], Some(change.clone()))
        .await?;
    drive
        .refused(404, &patch, &[project, "1"], Some(change.clone()))
        .await?;
    drive
        .refused(400, &patch, &[project, "newest"], Some(change))
        .await?;
    drive
        .refused(400, &format!("DELETE {LEDGER}?gte=x"), &[project], None)
        .await?;
    drive
        .refused(400, &format!("DELETE {LEDGER}"), &[project], None)
        .await?;
    let back = format!("DELETE {LEDGER}?gte={}", newest(2));
    drive.call(&back, &[project], None).await?;
    let left = drive
        .call(&format!("GET {LEDGER}"), &[project], None)
        .await?;
    let count = |list: &Value| list.as_array().map_or(0, Vec::len);
    assert_eq!(count(&left), count(&listed) - 2);
    drive
        .call("GET /v1/projects/{ref}/restore", &[project], None)
        .await?;
    Ok(())
}

/// One key, from its making to its end. Others of the project stay.
pub(super) async fn key(drive: &mut Drive, project: &str) -> Result<(), Failure> {
    let make = "POST /v1/projects/{ref}/api-keys";
    let body = json!({ "type": "secret", "name": "server", "description": "for the server" });
    let made = drive.call(make, &[project], Some(body)).await?;
    let id = text(&made["id"]);
    let one = [project, id.as_str()];
    let shown = drive
        .call(&format!("GET {KEY}?reveal=true"), &one, None)
        .await?;
    assert_ne!(shown["api_key"], made["api_key"]);
    let change = json!({ "name": "server_2", "description": null });
    let changed = drive
        .call(&format!("PATCH {KEY}"), &one, Some(change))
        .await?;
    assert_eq!(
        (&changed["name"], &changed["description"]),
        (&json!("server_2"), &Value::Null)
    );
    let default = json!({ "name": "default" });
    drive
        .refused(400, &format!("PATCH {KEY}"), &one, Some(default))
        .await?;
    let end = format!("DELETE {KEY}?was_compromised=true&reason=rotated");
    drive.call(&end, &one, None).await?;
    for method in ["GET", "DELETE"] {
        drive
            .refused(404, &format!("{method} {KEY}"), &one, None)
            .await?;
    }
    Ok(())
}

/// What is only looked at, and the pooler.
pub(super) async fn rest(drive: &mut Drive, project: &str) -> Result<(), Failure> {
    let usage = "/v1/projects/{ref}/analytics/endpoints/usage.api";
    for path in ["-counts", "-counts?interval=7day", "-requests-count"] {
        drive
            .call(&format!("GET {usage}{path}"), &[project], None)
            .await?;
    }
    drive
        .refused(
            400,
            &format!("GET {usage}-counts?interval=2hr"),
            &[project],
            None,
        )
        .await?;
    let pooler = "/v1/projects/{ref}/config/database/pooler";
    for body in [
        json!({ "default_pool_size": 5, "pool_mode": "transaction" }),
        json!({ "default_pool_size": null }),
        json!({}),
    ] {
        drive
            .call(&format!("PATCH {pooler}"), &[project], Some(body))
            .await?;
        drive
            .call(&format!("GET {pooler}"), &[project], None)
            .await?;
    }
    for body in [
        json!({ "default_pool_size": 3001 }),
        json!({ "default_pool_size": -1 }),
        json!({ "pool_mode": "statement" }),
    ] {
        drive
            .refused(400, &format!("PATCH {pooler}"), &[project], Some(body))
            .await?;
    }
    drive
        .call("GET /v2/projects/{ref}/config", &[project], None)
        .await?;
    drive
        .call("HEAD /v1/projects/{ref}/actions", &[project], None)
        .await?;
    Ok(())
}

/// Nothing of it is there for a project that is not.
pub(super) async fn nowhere(drive: &mut Drive) -> Result<(), Failure> {
    let stranger = "aaaaaaaaaaaaaaaaaaaa";
    let id = "00000000-0000-4000-8000-000000000000";
    let migration = || Some(json!({ "query": "select 1" }));
    let get = |path: &str| format!("GET /v1/projects/{{ref}}/{path}");
    for (operation, body) in [
        (get("database/context"), None),
        (get("restore"), None),
        (get("analytics/endpoints/usage.api-counts"), None),
        (get("analytics/endpoints/usage.api-requests-count"), None),
        ("GET /v2/projects/{ref}/config".to_owned(), None),
        (format!("PUT {LEDGER}"), migration()),
        (format!("DELETE {LEDGER}?gte=1"), None),
        (
            "PATCH /v1/projects/{ref}/config/database/pooler".to_owned(),
            Some(json!({ "default_pool_size": 5 })),
        ),
    ] {
        drive.refused(404, &operation, &[stranger], body).await?;
    }
    for (method, body) in [("GET", None), ("PATCH", Some(json!({}))), ("DELETE", None)] {
        let operation = format!("{method} {KEY}");
        drive
            .refused(404, &operation, &[stranger, id], body)
            .await?;
    }
    drive
        .refused(
            404,
            &format!("PATCH {ONE}"),
            &[stranger, "1"],
            Some(json!({})),
        )
        .await
}
