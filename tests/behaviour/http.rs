//! Streamable HTTP on loopback: both eras through the same pipeline, and nobody from elsewhere.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::harness::{Http, World, exchange, kill, names};
use crate::job::TODOS;

/// The whole job, whatever the era.
async fn the_whole_job(http: &Http) {
    let launched = http
        .call("create_project", json!({ "name": "P" }))
        .await
        .accepted();
    let id = launched["project"]["id"].as_str().unwrap().to_owned();
    let call = async |tool: &str, mut arguments: Value| {
        arguments["project_id"] = json!(id);
        http.call(tool, arguments).await
    };
    let first = call(
        "apply_migration",
        json!({ "name": "todos", "query": TODOS }),
    )
    .await
    .accepted();
    assert_eq!(first["target"]["redirected"], true);
    let version = first["migration"]["version"].clone();
    call(
        "execute_sql",
        json!({ "query": "insert into public.todos (owner, task) values (gen_random_uuid(), 'seed')" }),
    )
    .await
    .accepted();
    let bad = "create table public.open (id int); grant select on public.open to anon";
    let second = call("apply_migration", json!({ "name": "open", "query": bad }))
        .await
        .accepted();
    let lints = call("get_advisors", json!({ "type": "security" }))
        .await
        .accepted();
    assert_eq!(lints["lints"][0]["object"], "public.open");
    let refusal = call("merge_branch", json!({})).await;
    assert!(refusal.text.contains("advisor_failed"), "{}", refusal.text);
    let refusal = refusal.refused_as("advisor_failed");
    assert_eq!(refusal["next"]["tool"], "apply_migration");
    let point = first["restore_point"]["name"].clone();
    let reverted = call("revert_to_restore_point", json!({ "name": point }))
        .await
        .accepted();
    assert_eq!(
        reverted["reverted"]["migrations"],
        json!([second["migration"]["version"]])
    );
    assert_eq!(
        call("check_merge", json!({})).await.accepted()["passes"],
        true
    );
    let merged = call("merge_branch", json!({})).await.accepted();
    assert_eq!(merged["merged"]["migrations"], json!([version]));
    let tables = call("list_tables", json!({ "environment": "production" }))
        .await
        .accepted();
    assert_eq!(names(&tables["tables"]), ["todos"]);
}

#[tokio::test]
async fn the_whole_job_works_over_http_with_a_session() {
    let world = World::new();
    let mut http = Http::start(&world, &[]);
    let server = http.initialize().await;
    assert_eq!(server["protocolVersion"], "2025-11-25");
    the_whole_job(&http).await;
    assert!(world.run(&["journal", "verify"]).status.success());
}

#[tokio::test]
async fn the_whole_job_works_over_http_without_a_session() {
    let world = World::new();
    let http = Http::start(&world, &[]);
    let (status, headers, discovered) =
        exchange(http.modern("server/discover", None, json!({}))).await;
    assert_eq!(status, 200, "{discovered}");
    assert!(headers.get("mcp-session-id").is_none());
    let versions = discovered["result"]["supportedVersions"].to_string();
    assert!(versions.contains("2026-07-28"), "{discovered}");
    let (status, _, tools) = exchange(http.modern("tools/list", None, json!({}))).await;
    assert_eq!(status, 200);
    assert!(tools["result"]["tools"].as_array().unwrap().len() >= 25);
    assert!(tools["result"]["ttlMs"].is_number(), "{tools}");
    assert_eq!(tools["result"]["cacheScope"], "private");
    the_whole_job(&http).await;
}

#[tokio::test]
async fn headers_that_do_not_match_the_body_are_refused() {
    let world = World::new();
    let http = Http::start(&world, &[]);
    let call = || json!({ "name": "list_projects", "arguments": {} });
    let wrong_name = http.modern("tools/call", Some("create_project"), call());
    let (status, _, body) = exchange(wrong_name).await;
    assert_eq!(status, 400, "{body}");
    let (status, _, body) = exchange(http.modern("tools/call", None, call())).await;
    assert_eq!(status, 400, "{body}");
    assert!(world.ready().is_none());
}

#[tokio::test]
async fn foreign_hosts_and_origins_are_refused() {
    let world = World::new();
    let mut http = Http::start(&world, &[]);
    http.initialize().await;
    let list = |http: &Http| http.modern("tools/list", None, json!({}));
    for host in [
        "evil.example",
        "127.0.0.1.evil.example",
        "evil.example:80",
        "localhost.evil",
    ] {
        let (status, _, body) = exchange(list(&http).header("host", host)).await;
        assert_eq!(status, 403, "Host {host}: {body}");
    }
    for origin in [
        "http://evil.example",
        "https://evil.example",
        "null",
        "http://localhost.evil.example",
        "http://127.0.0.1.nip.io",
        "file://",
    ] {
        let (status, _, body) = exchange(list(&http).header("origin", origin)).await;
        assert_eq!(status, 403, "Origin {origin}: {body}");
    }
    for origin in ["http://localhost:3000", "http://127.0.0.1:8080"] {
        let (status, _, body) = exchange(list(&http).header("origin", origin)).await;
        assert_eq!(status, 200, "Origin {origin}: {body}");
    }
    let wide = Http::start(
        &world,
        &[
            "--allowed-host",
            "mcp.example",
            "--allowed-origin",
            "https://app.example",
        ],
    );
    let request = list(&wide)
        .header("host", "mcp.example")
        .header("origin", "https://app.example");
    let (status, _, body) = exchange(request).await;
    assert_eq!(status, 200, "{body}");
}

#[test]
fn an_address_beyond_loopback_is_refused() {
    let world = World::new();
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:8080"] {
        let output = world.run(&["serve", "--http", address]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{address}");
        assert!(said.contains("loopback"), "{address}: {said}");
        assert!(output.stdout.is_empty());
    }
    let output = world.run(&["serve", "--http", "localhost"]);
    assert!(!output.status.success());
}

#[tokio::test]
async fn a_header_or_query_parameter_does_not_loosen_a_read_only_server() {
    let world = World::new();
    let http = Http::start(&world, &["--read-only"]);
    let call = json!({ "name": "create_project", "arguments": { "name": "P" } });
    let request = http
        .modern("tools/call", Some("create_project"), call.clone())
        .header("x-read-only", "false")
        .header("mcp-read-only", "false")
        .query(&[("read_only", "false")]);
    let (status, _, answer) = exchange(request).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(
        answer["result"]["structuredContent"]["error"]["code"],
        "read_only"
    );
    assert!(world.ready().is_none());
}

#[tokio::test]
async fn garbage_over_http_is_an_error_and_the_server_lives() {
    let world = World::new();
    let http = Http::start(&world, &[]);
    for body in ["", "no JSON", "[]", "{}", "{\"jsonrpc\":\"2.0\",\"id\":1}"] {
        let request = http
            .post()
            .header("content-type", "application/json")
            .body(body);
        let (status, _, _) = exchange(request).await;
        assert!((400..500).contains(&status), "{body:?}: {status}");
    }
    let unknown = crate::harness::http_client()
        .get(http.url().replace("/mcp", "/elsewhere"))
        .send()
        .await
        .unwrap();
    assert_eq!(unknown.status(), 404);
    let (status, _, _) = exchange(http.modern("tools/list", None, json!({}))).await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn a_signal_ends_the_server_also_with_a_session_open() {
    let world = World::new();
    let mut http = Http::start(&world, &[]);
    http.initialize().await;
    let pid = http.child().id();
    kill(pid, Signal::TERM);
    let status = tokio::task::spawn_blocking(move || http.child().wait().unwrap())
        .await
        .unwrap();
    assert!(status.success());
}
