//! The ledger is the server's: nothing that an agent sends changes it.

use serde_json::json;

use crate::harness::{World, fingerprint};

#[tokio::test]
async fn statements_that_touch_the_ledger_are_refused() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    project.migrate("t", "create table public.t (id int)").await;
    let dev = project.dev().await;
    let api = world.api();
    let before = fingerprint(&api, &dev).await;
    for query in [
        "insert into supabase_migrations.schema_migrations (version) values ('1')",
        "delete from supabase_migrations.schema_migrations",
        "update \"supabase_migrations\".\"schema_migrations\" set name = 'x'",
        "truncate supabase_migrations.schema_migrations",
        "drop table supabase_migrations.schema_migrations",
        "drop schema supabase_migrations cascade",
        "alter table supabase_migrations.schema_migrations rename to other",
        "create trigger t before insert on supabase_migrations.schema_migrations \
         for each row execute function f()",
        "merge into supabase_migrations.schema_migrations using (select 1) as s on true \
         when matched then delete",
        "with gone as (delete from supabase_migrations.schema_migrations returning 1) \
         select 1 from gone",
    ] {
        project.no_sql(query, "ledger_is_protected").await;
        project
            .refused(
                "apply_migration",
                json!({ "name": "x", "query": query }),
                "ledger_is_protected",
            )
            .await;
    }
    assert_eq!(fingerprint(&api, &dev).await, before);
    // It can be read.
    let rows = project
        .sql("select name from supabase_migrations.schema_migrations")
        .await;
    assert_eq!(rows["rows"], json!([{ "name": "t" }]));
}

#[tokio::test]
async fn a_migration_that_touches_the_ledger_by_dynamic_sql_is_rolled_back_whole() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    project.migrate("t", "create table public.t (id int)").await;
    let dev = project.dev().await;
    let api = world.api();
    let before = fingerprint(&api, &dev).await;
    let points = project.point_names().await;
    let dynamic = |statement: &str| {
        let (head, tail) = statement.split_once("MIGRATIONS").unwrap();
        format!(
            "create table public.smuggled (id int);\n\
             do $$ begin execute '{head}' || 'supabase_' || 'migrations.schema_migrations' || '{tail}'; end $$;"
        )
    };
    for query in [
        dynamic("delete from MIGRATIONS"),
        dynamic("insert into MIGRATIONS (version) values (''9'')"),
        dynamic("update MIGRATIONS set statements = array[''select 1'']"),
        dynamic("update MIGRATIONS set version = ''1''"),
        // Deferred to the end of the transaction, after the server's own look.
        "create function public.late() returns trigger language plpgsql as $f$ begin \
           execute 'delete from supabase_' || 'migrations.schema_migrations'; return null; end $f$;\n\
         create constraint trigger late after insert on public.t deferrable initially deferred \
           for each row execute function public.late();\n\
         insert into public.t values (1);"
            .to_owned(),
    ] {
        project
            .refused(
                "apply_migration",
                json!({ "name": "x", "query": query }),
                "ledger_is_protected",
            )
            .await;
        assert_eq!(fingerprint(&api, &dev).await, before, "{query}");
        assert_eq!(project.point_names().await, points, "{query}");
    }
}

#[tokio::test]
async fn a_ledger_made_unwritable_or_misleading_stops_the_migration() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    project.migrate("t", "create table public.t (id int)").await;
    let dev = project.dev().await;
    let api = world.api();
    let before = fingerprint(&api, &dev).await;
    for statement in [
        "alter table %s rename to elsewhere",
        "drop table %s",
        "create rule swallow as on insert to %s do instead nothing",
        "alter table %s add column extra int",
    ] {
        let query = format!(
            "do $$ begin execute format('{}', 'supabase_' || 'migrations.schema_migrations'); end $$;",
            statement.replace('\'', "''")
        );
        let answer = project
            .call("apply_migration", json!({ "name": "x", "query": query }))
            .await;
        assert!(answer.refused, "{statement}: {answer:?}");
        assert_eq!(fingerprint(&api, &dev).await, before, "{statement}");
    }
    project.migrate("u", "create table public.u (id int)").await;
}

#[tokio::test]
async fn a_migration_that_ends_the_transaction_itself_is_refused() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    project.ok("create_branch", json!({})).await;
    for query in [
        "commit; create table public.t (id int)",
        "create table public.t (id int); rollback; begin",
        "create table public.t (id int); end",
        "begin; create table public.t (id int); commit",
        "prepare transaction 'x'",
        "savepoint a; create table public.t (id int); rollback to a",
    ] {
        project
            .refused(
                "apply_migration",
                json!({ "name": "x", "query": query }),
                "transaction_control",
            )
            .await;
    }
    let by_do = project
        .call(
            "apply_migration",
            json!({ "name": "x", "query": "do $$ begin create table public.t (id int); commit; end $$" }),
        )
        .await;
    assert!(by_do.refused, "{by_do:?}");
    assert!(project.tables("dev").await.is_empty());
    assert!(project.ledger("dev").await.is_empty());
}
