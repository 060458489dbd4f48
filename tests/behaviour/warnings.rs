//! What a result says besides: what others wait for, what was lost, what nobody reaches.

use serde_json::{Value, json};

use crate::harness::{Project, World, texts};

/// The rules of the warnings of a migration that must succeed.
async fn rules(project: &Project<'_>, query: &str) -> Vec<String> {
    let done = migrated(project, query).await;
    texts(&done["warnings"], "rule")
}

async fn migrated(project: &Project<'_>, query: &str) -> Value {
    project
        .ok("apply_migration", json!({ "name": "x", "query": query }))
        .await
}

#[tokio::test]
async fn what_locks_or_rewrites_a_table_with_rows_is_said_and_what_to_do_instead() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    project
        .migrate(
            "base",
            "create table public.people (id bigint primary key, name text);
             create table public.pets (id bigint primary key, owner bigint);
             create table public.empty (id bigint primary key);
             grant select on public.people, public.pets, public.empty to authenticated;",
        )
        .await;
    project
        .sql("insert into public.people select n, 'name' from generate_series(1, 3) n")
        .await;
    project.sql("insert into public.pets values (1, 1)").await;
    for (query, expected) in [
        (
            "create index on public.people (name)",
            "index_blocks_writes",
        ),
        (
            "alter table public.people add constraint named check (name <> '')",
            "constraint_checks_every_row",
        ),
        (
            "alter table public.pets add constraint owned foreign key (owner) references public.people",
            "foreign_key_checks_every_row",
        ),
        (
            "alter table public.people add constraint one_name unique (name, id)",
            "unique_builds_an_index",
        ),
        (
            "alter table public.people add column token uuid default gen_random_uuid()",
            "default_rewrites_the_table",
        ),
        (
            "alter table public.people alter column name set not null",
            "not_null_checks_every_row",
        ),
        (
            "alter table public.people alter column name type varchar(5)",
            "type_change_rewrites_the_table",
        ),
        (
            "alter table public.people rename column name to called",
            "rename_breaks_clients",
        ),
    ] {
        let done = migrated(&project, query).await;
        let warnings = done["warnings"].as_array().unwrap();
        let warning = warnings
            .iter()
            .find(|warning| warning["rule"] == expected)
            .unwrap_or_else(|| panic!("{query}: {done}"));
        assert_eq!(warning["statement"], 1);
        let table = warning["table"].as_str().unwrap();
        assert!(table.starts_with("public.p"), "{warning}");
        for word in ["message", "instead"] {
            let text = warning[word].as_str().unwrap();
            assert!(!text.is_empty());
            // No transaction takes it.
            assert!(!text.to_lowercase().contains("concurrently"), "{text}");
        }
    }
    // Nobody waits for a table that is empty here and not yet on production, or made just now.
    for query in [
        "create index on public.empty (id); alter table public.empty add column a int not null default 0",
        "create table public.fresh (id int, other int); create index on public.fresh (other);
         alter table public.fresh add constraint positive check (other > 0);
         grant select on public.fresh to authenticated",
        "alter table public.people add column note text",
        "alter table public.people add column many int not null default 0",
        "comment on table public.people is 'create index on public.people (name)'",
    ] {
        assert!(rules(&project, query).await.is_empty(), "{query}");
    }
}

#[tokio::test]
async fn a_table_that_is_busy_on_production_alone_is_warned_of() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    project
        .migrate(
            "base",
            "create table public.orders (id bigint primary key, state text);
             alter table public.orders enable row level security;",
        )
        .await;
    project.ok("merge_branch", json!({})).await;
    world
        .api()
        .query(&project.id, "insert into public.orders values (1, 'paid')")
        .await;
    let found = rules(&project, "create index on public.orders (state)").await;
    assert_eq!(found, ["index_blocks_writes"]);
}

#[tokio::test]
async fn the_advice_of_a_warning_can_be_followed() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    project
        .migrate(
            "base",
            "create table public.people (id bigint primary key, name text);
             grant select on public.people to authenticated;",
        )
        .await;
    project
        .sql("insert into public.people values (1, 'a')")
        .await;
    for query in [
        "alter table public.people add constraint named check (name is not null) not valid",
        "alter table public.people validate constraint named",
        "alter table public.people add column token uuid; alter table public.people alter column token set default gen_random_uuid()",
    ] {
        assert!(rules(&project, query).await.is_empty(), "{query}");
    }
}

#[tokio::test]
async fn rows_and_values_that_are_lost_are_counted() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    project
        .migrate(
            "base",
            "create table public.a (id int, note text); create table public.b (id int);
             create table public.\"Odd name\" (id int); create table public.none (id int);",
        )
        .await;
    project
        .sql("insert into public.a values (1, 'x'), (2, null), (3, 'z')")
        .await;
    project.sql("insert into public.b values (1), (2)").await;
    project
        .sql("insert into public.\"Odd name\" values (1)")
        .await;
    let done = migrated(
        &project,
        "alter table public.a drop column note; drop table public.\"Odd name\", none",
    )
    .await;
    assert_eq!(
        done["data_lost"],
        json!([
            { "object": "public.a.note", "rows": 2 },
            { "object": "public.Odd name", "rows": 1 },
        ])
    );
    let answer = project
        .call("execute_sql", json!({ "query": "truncate public.b" }))
        .await;
    assert_eq!(
        answer.value["data_lost"],
        json!([{ "object": "public.b", "rows": 2 }])
    );
    assert!(
        answer.text.contains("2 row(s) of public.b"),
        "{}",
        answer.text
    );
    let redirected = project.sql("drop table public.a").await;
    assert_eq!(
        redirected["data_lost"],
        json!([{ "object": "public.a", "rows": 3 }])
    );
}

#[tokio::test]
async fn a_table_that_no_role_reaches_is_warned_of() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    let done = migrated(
        &project,
        "create table public.hidden (id int); create table public.shown (id int);
         grant select on public.shown to anon;",
    )
    .await;
    let warnings = done["warnings"].as_array().unwrap();
    assert_eq!(warnings.len(), 1, "{done}");
    assert_eq!(warnings[0]["rule"], "no_role_reaches_the_table");
    assert_eq!(warnings[0]["table"], "public.hidden");
    assert_eq!(warnings[0]["statement"], 1);
}
