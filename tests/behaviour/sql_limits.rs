//! SQL that is broken, too large or too deep: an error that says what to do, and a server that lives.

use serde_json::json;

use crate::harness::World;

#[tokio::test]
async fn huge_and_deep_sql_is_refused_and_the_server_lives() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    let repeated = |word: &str| format!("select {} true", word.repeat(50_000));
    for query in [
        format!("select '{}'", "x".repeat(5 * 1024 * 1024)),
        format!("insert into t values {}", "(1),".repeat(1_300_000)),
        format!("select {}1{}", "(".repeat(50_000), ")".repeat(50_000)),
        repeated("not "),
        repeated("- "),
        repeated("case when true then "),
        repeated("array["),
        format!("{} select 1", "explain ".repeat(50_000)),
        format!("select 1{}", "::int".repeat(50_000)),
        format!("select {}1{}", "(select ".repeat(5_000), ")".repeat(5_000)),
    ] {
        for tool in ["execute_sql", "apply_migration"] {
            let mut arguments = json!({ "query": query });
            if tool == "apply_migration" {
                arguments["name"] = json!("deep");
            }
            let answer = project.call(tool, arguments).await;
            let code = answer.value["error"]["code"].clone();
            assert!(
                answer.refused && (code == "sql_too_large" || code == "unparsable"),
                "{:.40} to {tool}: {code}",
                query
            );
            assert!(answer.text.len() < 4096, "the answer repeats the question");
        }
    }
    project.sql("select 1").await;
    assert!(project.tables("dev").await.is_empty());
}

#[tokio::test]
async fn unparsable_sql_and_nul_are_refused() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    for query in [
        "selec 1",
        "select 'unclosed",
        "select $a$ unclosed",
        "create table (",
        "select 1 \u{0} from t",
        "select '\u{0}'",
        "\\copy t from x",
        "🦀",
    ] {
        let answer = project.call("execute_sql", json!({ "query": query })).await;
        assert!(answer.refused, "{query:?}: {answer:?}");
        let answer = project
            .call("apply_migration", json!({ "name": "x", "query": query }))
            .await;
        assert!(answer.refused, "{query:?}: {answer:?}");
    }
    for empty in ["", "   ", "-- nothing", ";"] {
        let answer = project.call("execute_sql", json!({ "query": empty })).await;
        assert!(answer.refused, "{empty:?}: {answer:?}");
    }
    project.sql("select 1").await;
}

#[tokio::test]
async fn an_sql_error_has_its_position_and_hint() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    project
        .migrate("t", "create table public.people (id int, full_name text)")
        .await;
    let error = project
        .no_sql("select id,\n  fullname\nfrom public.people", "sql_error")
        .await;
    assert_eq!(error["details"]["sqlstate"], "42703");
    let position = error["details"]["position"].as_str().unwrap();
    assert!(position.starts_with("LINE 2:"), "{position}");
    let hint = error["details"]["hint"].as_str().unwrap();
    assert!(hint.contains("full_name"), "{hint}");
}

#[tokio::test]
async fn a_migrations_error_counts_lines_from_its_own_first() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    project
        .migrate("t", "create table public.people (id int, full_name text)")
        .await;
    for (line, query) in [
        (1, "create index on public.people (fullname)"),
        (
            1,
            "create view public.v as select fullname from public.people",
        ),
        (
            3,
            "create table public.a (id int);\n-- the next one is wrong\ncreate view public.v as select fullname from public.people;",
        ),
    ] {
        let error = project
            .refused(
                "apply_migration",
                json!({ "name": "bad", "query": query }),
                "sql_error",
            )
            .await;
        let Some(position) = error["details"]["position"].as_str() else {
            // CREATE INDEX names the column and no place.
            assert!(error["message"].as_str().unwrap().contains("fullname"));
            continue;
        };
        assert!(position.starts_with(&format!("LINE {line}:")), "{error}");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(position), "{error}");
    }
}

#[tokio::test]
async fn a_query_that_runs_too_long_is_stopped() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    project.ok("create_branch", json!({})).await;
    let answer = project
        .call("execute_sql", json!({ "query": "select pg_sleep(3600)" }))
        .await;
    assert!(answer.refused, "{answer:?}");
    // More than a result may hold is an error that says so, not an ever larger server.
    let answer = project
        .call(
            "execute_sql",
            json!({ "query": "select repeat('x', 1000000) from generate_series(1, 100000)" }),
        )
        .await;
    assert!(answer.refused, "a hundred gigabytes were answered");
    project.sql("select 1").await;
}
