//! The journal: every call exactly one record, writes with their intent before, and no change unseen.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::harness::World;

/// Entries by call.
fn calls(journal: &[Value]) -> HashMap<String, Vec<Value>> {
    let mut calls: HashMap<String, Vec<Value>> = HashMap::new();
    for entry in journal {
        let call = entry["call_id"].as_str().unwrap().to_owned();
        calls.entry(call).or_default().push(entry.clone());
    }
    calls
}

#[tokio::test]
async fn every_call_has_exactly_one_outcome_and_writes_an_intent_before() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    project.migrate("t", "create table public.t (id int)").await;
    project.sql("insert into public.t values (1)").await;
    project.sql("select * from public.t").await;
    mcp.refused(
        "list_projects",
        json!({ "surplus": 1 }),
        "invalid_arguments",
    )
    .await;
    project
        .no_sql("select 1; select 2", "multi_statement")
        .await;
    mcp.refused("nothing_of_the_kind", json!({}), "unknown_tool")
        .await;
    mcp.refused(
        "list_tables",
        json!({ "project_id": "X" }),
        "invalid_arguments",
    )
    .await;
    project
        .refused(
            "apply_migration",
            json!({ "name": "bad", "query": "create table public.t (id int)" }),
            "sql_error",
        )
        .await;
    project.revert("baseline").await;
    project.check().await;
    project.ok("merge_branch", json!({})).await;
    let expected = [
        ("create_project", "allowed", true),
        ("apply_migration", "allowed", true),
        ("execute_sql", "allowed", true),
        ("execute_sql", "allowed", false),
        ("list_projects", "refused", false),
        ("execute_sql", "refused", false),
        ("unknown", "refused", false),
        ("list_tables", "refused", false),
        ("apply_migration", "refused", true),
        ("revert_to_restore_point", "allowed", true),
        ("check_merge", "allowed", true),
        ("merge_branch", "allowed", true),
    ];
    assert!(mcp.end().await.success());
    let journal = world.journal();
    let outcomes: Vec<&Value> = journal
        .iter()
        .filter(|entry| entry["kind"] == "outcome")
        .collect();
    let told: Vec<(&str, &str)> = outcomes
        .iter()
        .map(|entry| {
            (
                entry["tool"].as_str().unwrap(),
                entry["body"]["decision"].as_str().unwrap(),
            )
        })
        .collect();
    let wanted: Vec<(&str, &str)> = expected
        .iter()
        .map(|(tool, decision, _)| (*tool, *decision))
        .collect();
    assert_eq!(told, wanted);
    let calls = calls(&journal);
    for (outcome, (tool, _, writes)) in outcomes.iter().zip(expected) {
        let entries = &calls[outcome["call_id"].as_str().unwrap()];
        let kinds: Vec<&str> = entries
            .iter()
            .map(|entry| entry["kind"].as_str().unwrap())
            .collect();
        let expected: &[&str] = if writes {
            &["intent", "outcome"]
        } else {
            &["outcome"]
        };
        assert_eq!(kinds, expected, "{tool}");
    }
    let verified = world.run(&["journal", "verify"]);
    assert!(verified.status.success(), "{verified:?}");
}

#[tokio::test]
async fn an_outcome_tells_what_decided_and_what_it_took() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    project.migrate("t", "create table public.t (id int)").await;
    project.sql("select * from public.t").await;
    let truncate = "truncate public.t";
    project.sql(truncate).await;
    let sent = json!({ "project_id": project.id, "query": truncate });
    for refused in ["alter system set work_mem = '1MB'", "select 1 from from"] {
        let answer = project
            .call("execute_sql", json!({ "query": refused }))
            .await;
        assert!(answer.refused, "{answer:?}");
    }
    mcp.refused("list_tables", json!({}), "invalid_arguments")
        .await;
    mcp.refused("nothing_of_the_kind", json!({}), "unknown_tool")
        .await;
    let read = mcp.call("list_projects", json!({})).await;
    assert!(mcp.end().await.success());
    let journal = world.journal();
    let outcomes: Vec<&Value> = journal
        .iter()
        .filter(|entry| entry["kind"] == "outcome")
        .map(|entry| &entry["body"])
        .collect();
    let told: Vec<(&Value, &Value)> = outcomes
        .iter()
        .map(|body| (&body["rule"], &body["sql_class"]))
        .collect();
    let null = Value::Null;
    let text = |text: &str| json!(text);
    assert_eq!(
        told,
        [
            (&null, &null),
            (&null, &text("schema")),
            (&null, &text("read")),
            (&null, &text("mass_data_change")),
            (&text("sql"), &text("forbidden")),
            (&text("sql"), &text("unread")),
            (&text("arguments"), &null),
            (&text("arguments"), &null),
            (&null, &null),
        ]
    );
    let number = |body: &Value, field: &str| body[field].as_u64().unwrap();
    for body in &outcomes {
        let bytes = body["arguments_bytes"].as_u64().unwrap_or_default();
        assert!(number(body, "result_bytes") > 0, "{body}");
        assert_eq!(
            number(body, "tokens"),
            (bytes + number(body, "result_bytes")) / 4
        );
    }
    assert_eq!(outcomes[3]["arguments_bytes"], sent.to_string().len());
    assert_eq!(outcomes[7]["arguments_bytes"], null);
    assert_eq!(outcomes[8]["result_bytes"], read.text.len());
    // What was refused before anything was asked of the platform has sent nothing.
    for (index, body) in outcomes.iter().enumerate() {
        let sent = number(body, "platform_calls");
        assert_eq!(sent == 0, (4..8).contains(&index), "{body}");
    }
    assert_eq!(outcomes[8]["platform_calls"], 1);
}

#[tokio::test]
async fn a_changed_or_missing_record_is_found() {
    let world = World::new();
    let mcp = world.serve().await;
    mcp.launch("P").await;
    for _ in 0..5 {
        mcp.ok("list_projects", json!({})).await;
    }
    assert!(mcp.end().await.success());
    assert!(world.run(&["journal", "verify"]).status.success());
    let path = world.dir().join("drydock.sqlite");
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection
        .query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(()))
        .unwrap();
    drop(connection);
    let backup = std::fs::read(&path).unwrap();
    for (change, place) in [
        ("update journal set tool = 'nothing' where seq = 3", 3),
        ("update journal set body = '{}' where seq = 2", 2),
        (
            "update journal set at = '2020-01-01T00:00:00Z' where seq = 4",
            4,
        ),
        ("delete from journal where seq = 3", 4),
        ("update journal set hash = 'x' where seq = 5", 5),
        (
            "insert into journal select max(seq) + 1, at, call_id, kind, tool, body, hash, hash from journal",
            8,
        ),
    ] {
        let connection = rusqlite::Connection::open(&path).unwrap();
        connection.execute_batch(change).unwrap();
        drop(connection);
        let verified = world.run(&["journal", "verify"]);
        let said = String::from_utf8_lossy(&verified.stderr).into_owned();
        assert!(!verified.status.success(), "{change} went unseen");
        assert!(
            said.contains(&format!("entry {place} ")),
            "{change}: {said}"
        );
        std::fs::write(&path, &backup).unwrap();
        for suffix in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(world.dir().join(format!("drydock.sqlite{suffix}")));
        }
    }
    assert!(world.run(&["journal", "verify"]).status.success());
}

#[tokio::test]
async fn several_servers_write_one_chain() {
    let world = World::new();
    let (one, two) = tokio::join!(world.serve(), world.serve());
    let id = one.launch("P").await.id;
    let write = |mcp: &'static str, n: u32| format!("create table public.{mcp}{n} (id int)");
    let (here, there) = (one.project(&id), two.project(&id));
    let a = async {
        for n in 0..5 {
            here.migrate("a", &write("a", n)).await;
        }
    };
    let b = async {
        for n in 0..5 {
            there.migrate("b", &write("b", n)).await;
        }
    };
    tokio::join!(a, b);
    assert!(one.end().await.success() && two.end().await.success());
    assert!(world.run(&["journal", "verify"]).status.success());
    let journal = world.journal();
    let migrations = journal
        .iter()
        .filter(|entry| entry["kind"] == "outcome" && entry["tool"] == "apply_migration");
    assert_eq!(migrations.count(), 10);
    for entries in calls(&journal).values() {
        let outcomes = entries.iter().filter(|entry| entry["kind"] == "outcome");
        assert_eq!(outcomes.count(), 1);
    }
}

#[tokio::test]
async fn a_write_that_cannot_be_journalled_is_refused() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    project.migrate("t", "create table public.t (id int)").await;
    let path = world.dir().join("drydock.sqlite");
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection
        .execute_batch("create trigger full before insert on journal begin select raise(abort, 'disk full'); end")
        .unwrap();
    project
        .refused(
            "apply_migration",
            json!({ "name": "u", "query": "create table public.u (id int)" }),
            "journal_unavailable",
        )
        .await;
    connection.execute_batch("drop trigger full").unwrap();
    assert_eq!(project.tables("dev").await, ["t"]);
    project.migrate("u", "create table public.u (id int)").await;
}

#[tokio::test]
async fn an_end_that_was_cut_off_is_found() {
    let world = World::new();
    let mcp = world.serve().await;
    for _ in 0..5 {
        mcp.ok("list_projects", json!({})).await;
    }
    assert!(mcp.end().await.success());
    let whole = world.run(&["journal", "verify"]);
    assert!(whole.status.success());
    let path = world.dir().join("drydock.sqlite");
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection
        .execute_batch("delete from journal where seq > 3")
        .unwrap();
    let cut = world.run(&["journal", "verify"]);
    let said = String::from_utf8_lossy(&cut.stderr).into_owned();
    assert!(!cut.status.success() && said.contains("cut off"), "{said}");
    // Whoever also mends the record of the end is found by a head that was kept elsewhere.
    connection
        .execute_batch(
            "update journal_head set seq = 3, hash = (select hash from journal where seq = 3)",
        )
        .unwrap();
    assert!(world.run(&["journal", "verify"]).status.success());
    let said = String::from_utf8(whole.stdout).unwrap();
    let head = said.trim().rsplit(' ').next().unwrap();
    assert!(
        !world
            .run(&["journal", "verify", "--head", head])
            .status
            .success()
    );
}

#[tokio::test]
async fn an_exported_journal_can_be_verified_elsewhere() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    project.migrate("t", "create table public.t (id int)").await;
    assert!(mcp.end().await.success());
    let exported = world.run(&["journal", "export"]);
    assert!(exported.status.success());
    let text = String::from_utf8(exported.stdout).unwrap();
    assert_eq!(text.lines().count(), world.journal().len());
    let file = world.dir().join("journal.jsonl");
    let verify = |text: &str| {
        std::fs::write(&file, text).unwrap();
        let path = file.to_str().unwrap();
        world
            .run(&["journal", "verify", "--file", path])
            .status
            .success()
    };
    assert!(verify(&text));
    assert!(!verify(&text.replacen("apply_migration", "execute_sql", 1)));
    let missing: Vec<&str> = text.lines().skip(1).collect();
    assert!(!verify(&missing.join("\n")));
    assert!(!verify("not json"));
}

#[tokio::test]
async fn one_call_is_shown_by_its_id() {
    let world = World::new();
    let mcp = world.serve().await;
    mcp.launch("P").await;
    assert!(mcp.end().await.success());
    let call = world.journal()[0]["call_id"].as_str().unwrap().to_owned();
    let shown = world.run(&["journal", "show", &call]);
    let text = String::from_utf8(shown.stdout).unwrap();
    let kinds: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["kind"].clone())
        .collect();
    assert_eq!(kinds, ["intent", "outcome"]);
    assert!(!world.run(&["journal", "show", "nothing"]).status.success());
}
