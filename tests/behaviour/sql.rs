//! SQL through execute_sql and apply_migration: what is refused, what becomes a migration, what runs.

use serde_json::json;

use crate::harness::{Mcp, Project, World, fingerprint};

/// A project with a table of five rows on DEV.
async fn with_rows(mcp: &Mcp) -> Project<'_> {
    let project = mcp.launch("P").await;
    project
        .migrate("t", "create table public.t (id int primary key, body text)")
        .await;
    project
        .sql("insert into public.t select n, 'row ' || n from generate_series(1, 5) as n")
        .await;
    project
}

#[tokio::test]
async fn hidden_second_statements_are_refused() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = with_rows(&mcp).await;
    for query in [
        "select '--'; drop table public.t",
        "select /* ; */ 1; drop table public.t",
        "select 1 /* nested /* comment */ */; delete from public.t where id = 1",
        "select 1; select 2",
        "select $$;$$; drop table public.t",
    ] {
        project.no_sql(query, "multi_statement").await;
    }
    assert_eq!(project.value("select count(*) from public.t").await, 5);
}

#[tokio::test]
async fn what_writes_never_runs_as_a_read() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = with_rows(&mcp).await;
    project
        .migrate(
            "f",
            "create function public.wipe() returns int language sql set search_path = '' \
             as 'delete from public.t returning id'",
        )
        .await;
    // A function call is a read to the eye: the role it runs as cannot write.
    let error = project.no_sql("select public.wipe()", "sql_error").await;
    assert_eq!(error["details"]["sqlstate"], "25006", "{error}");
    assert_eq!(project.value("select count(*) from public.t").await, 5);
    // These say that they write, and do it on DEV, where it belongs.
    let done = project
        .sql("with gone as (delete from public.t where id = 1 returning id) select id from gone")
        .await;
    assert_eq!(done["rows"], json!([{ "id": 1 }]));
    let production = project
        .call(
            "execute_sql",
            json!({ "query": "explain analyze delete from public.t", "environment": "production" }),
        )
        .await;
    assert!(production.refused, "{production:?}");
}

#[tokio::test]
async fn opaque_statements_settings_and_transactions_are_refused() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = with_rows(&mcp).await;
    let dev = project.dev().await;
    let api = world.api();
    let before = fingerprint(&api, &dev).await;
    let mut wrong = Vec::new();
    for (query, code) in [
        (
            "do $$ begin delete from public.t; end $$",
            "opaque_statement",
        ),
        ("call something()", "opaque_statement"),
        ("prepare p as delete from public.t", "opaque_statement"),
        ("execute p", "opaque_statement"),
        ("set role postgres", "session_setting"),
        ("set statement_timeout = 0", "session_setting"),
        ("reset all", "session_setting"),
        ("begin; delete from public.t; commit", "transaction_control"),
        ("commit", "transaction_control"),
        ("rollback; delete from public.t", "transaction_control"),
        ("create role mallory superuser", "role_statement"),
        ("alter role postgres superuser", "role_statement"),
        (
            "grant pg_execute_server_program to postgres",
            "role_statement",
        ),
        ("alter system set fsync = off", "server_object"),
        ("copy public.t to program 'id'", "server_file"),
        ("copy public.t from '/etc/passwd'", "server_file"),
        ("select pg_read_file('/etc/passwd')", "server_file"),
        ("select lo_import('/etc/passwd')", "server_file"),
        ("select pg_terminate_backend(1)", "forbidden_function"),
        ("select pg_advisory_lock(1)", "forbidden_function"),
        (
            "select dblink('host=/tmp', 'select 1')",
            "forbidden_function",
        ),
        (
            "select set_config('role', 'postgres', false)",
            "session_setting",
        ),
        ("vacuum public.t", "not_transactional"),
        (
            "create index concurrently on public.t (body)",
            "not_transactional",
        ),
    ] {
        let answer = project.call("execute_sql", json!({ "query": query })).await;
        if !answer.refused || answer.value["error"]["code"] != code {
            wrong.push((query, answer.value));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(fingerprint(&api, &dev).await, before);
}

#[tokio::test]
async fn secrets_are_not_read_however_they_are_reached() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = with_rows(&mcp).await;
    for query in [
        "select encrypted_password from auth.users",
        "select * from auth.users",
        "select u from auth.users as u",
        "select to_jsonb(u) from auth.users u",
        "select decrypted_secret from vault.decrypted_secrets",
    ] {
        project.no_sql(query, "sensitive_relation").await;
    }
    project.sql("select id, email from auth.users").await;
}

#[tokio::test]
async fn a_schema_only_batch_runs_as_a_migration() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    let done = project
        .sql("create table public.a (id int); create index on public.a (id)")
        .await;
    let version = done["migration"]["version"].as_str().unwrap();
    assert_eq!(done["restore_point"]["name"], format!("rp-{version}"));
    assert_eq!(done["target"]["redirected"], true);
    assert_eq!(project.ledger("dev").await, [version]);
    assert_eq!(project.tables("dev").await, ["a"]);
    assert!(project.tables("production").await.is_empty());
}

#[tokio::test]
async fn a_mixed_batch_is_refused_with_the_split_to_make() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = with_rows(&mcp).await;
    let error = project
        .no_sql(
            "alter table public.t add column c int; update public.t set c = 1 where id = 1",
            "mixed_batch",
        )
        .await;
    let split = &error["details"]["split"];
    assert_eq!(split["schema"], "alter table public.t add column c int;");
    assert_eq!(split["data"], "update public.t set c = 1 where id = 1;");
    assert_eq!(error["next"]["tool"], "apply_migration");
    // Following the refusal does the job.
    let arguments = error["next"]["arguments"].clone();
    mcp.ok("apply_migration", arguments).await;
    project.sql(split["data"].as_str().unwrap()).await;
    assert_eq!(
        project.value("select c from public.t where id = 1").await,
        1
    );
}

#[tokio::test]
async fn a_mass_change_of_rows_gets_a_restore_point_first() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = with_rows(&mcp).await;
    for query in [
        "delete from public.t",
        "update public.t set body = 'gone' where true",
        "update only public.t set body = 'gone'",
        "truncate public.t",
        "merge into public.t using (select 1) as s on true when matched then delete",
    ] {
        let done = project.sql(query).await;
        let point = done["restore_point"]["name"]
            .as_str()
            .unwrap_or_else(|| panic!("{query}: {done}"));
        project.revert(point).await;
        assert_eq!(
            project
                .value("select count(*) from public.t where body like 'row %'")
                .await,
            5,
            "{query}"
        );
    }
    let named = project.sql("delete from public.t where id = 1").await;
    assert!(named["restore_point"].is_null(), "{named}");
}

#[tokio::test]
async fn harmless_sql_with_frightening_words_runs() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = with_rows(&mcp).await;
    for query in [
        "select 'drop table t; delete from auth.users' as said",
        "select 1 -- ; drop table public.t",
        "select 1 /* commit; alter system */ as \"drop table\"",
        "select body as \"grant all; --\" from public.t where body <> 'truncate'",
        "select $tag$ copy t to program 'rm -rf /' $tag$ as text",
        "select 1;",
    ] {
        project.sql(query).await;
    }
    project
        .migrate(
            "words",
            "create table public.\"drop table\" (\"delete from\" text default 'commit; --')",
        )
        .await;
    project
        .sql("insert into public.\"drop table\" values ('begin; rollback')")
        .await;
}

#[tokio::test]
async fn many_rows_and_large_rows_are_cut_and_said_to_be() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = with_rows(&mcp).await;
    let many = project
        .sql("select n from generate_series(1, 5000) as n")
        .await;
    assert_eq!(many["row_count"], 5000);
    assert_eq!(many["truncated"], true);
    assert_eq!(many["rows"].as_array().unwrap().len(), 1000);
    let large = project
        .sql("select n, repeat('x', 10000) as x from generate_series(1, 100) as n")
        .await;
    assert_eq!(large["row_count"], 100);
    assert_eq!(large["truncated"], true);
    let few = project
        .sql("select n from generate_series(1, 3) as n")
        .await;
    assert_eq!(few["truncated"], false);
    let narrow = world.serve_with(&["--max-rows", "2"]).await;
    let two = narrow
        .project(&project.id)
        .sql("select n from generate_series(1, 3) as n")
        .await;
    assert_eq!(two["rows"].as_array().unwrap().len(), 2);
}
