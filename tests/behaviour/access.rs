//! get_access_matrix: who can reach what through the API, by grants and policies and by trying.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::harness::{Project, World, fingerprint};

const STAGE: &str = "
  create table public.closed (id int primary key);
  create table public.open (id int primary key);
  grant all on public.open to anon, authenticated;
  create table public.posts (id int primary key, owner uuid, body text);
  alter table public.posts enable row level security;
  grant select, insert, update on public.posts to anon, authenticated;
  create policy everybody_reads on public.posts for select using (true);
  create policy own on public.posts for insert to authenticated with check (owner = auth.uid());
  create policy edit on public.posts for update to authenticated using (owner = auth.uid());
  create table public.notes (id int primary key, owner uuid);
  alter table public.notes enable row level security;
  grant select on public.notes to anon, authenticated;
  create policy own on public.notes using (owner = auth.uid());
  create table public.members (id int primary key);
  alter table public.members enable row level security;
  grant select on public.members to anon, authenticated;
  create policy signed_in on public.members using (auth.uid() is not null);
  create policy not_mine on public.members as restrictive using (id > 0);
  create table public.unlit (id int primary key);
  alter table public.unlit enable row level security;
  grant select on public.unlit to anon;
  create table public.parts (id int, secret int) partition by list (id);
  grant select (id) on public.parts to anon;
  create view public.of_notes as select id from public.notes;
  grant select on public.of_notes to anon;
  create view public.as_caller with (security_invoker = on) as select id from public.notes;
  grant select on public.as_caller to anon;
  create function public.boss() returns int language sql security definer set search_path = '' as 'select 1';
  grant execute on function public.boss() to anon;
  create function public.helper() returns int language sql set search_path = '' as 'select 1';
  revoke execute on function public.helper() from public;
  create schema hidden;
  grant usage on schema hidden to anon;
  create table hidden.t (id int);
  grant all on hidden.t to anon;
  create schema api;
  create table api.no_usage (id int);
  grant all on api.no_usage to anon;
";

const ROWS: &str = "
  insert into public.open values (1);
  insert into public.posts values (1, null, 'x');
  insert into public.notes values (1, '00000000-0000-4000-8000-000000000001');
  insert into public.members values (1);
  insert into public.unlit values (1);
";

/// `(anonymous, signed in)` of one object.
async fn of(project: &Project<'_>, object: &str) -> (Value, Value) {
    let matrix = project
        .ok("get_access_matrix", json!({ "object": object }))
        .await;
    assert_eq!(matrix["tried"], "reads", "{matrix}");
    let group = &matrix["access"][0];
    (group["anonymous"].clone(), group["signed_in"].clone())
}

#[tokio::test]
async fn grants_policies_and_what_reading_really_gives_are_told_of_every_object() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    project.migrate("stage", STAGE).await;
    project
        .ok(
            "update_config",
            json!({ "service": "data_api", "settings": { "db_schema": "public, api" } }),
        )
        .await;
    project.sql(ROWS).await;
    let api = world.api();
    let dev = project.dev().await;
    let before = fingerprint(&api, &dev).await;

    let everything = json!({
        "read": "every row (rows came)", "insert": "every row", "update": "every row", "delete": "every row",
    });
    assert_eq!(
        of(&project, "public.open").await,
        (everything.clone(), everything)
    );
    assert_eq!(
        of(&project, "public.posts").await,
        (
            json!({ "read": "every row (rows came)", "insert": "no row: no policy", "update": "no row: no policy" }),
            json!({
                "read": "every row (rows came)", "insert": "if (owner = auth.uid())", "update": "if (owner = auth.uid())",
            }),
        )
    );
    // The policy's words alone say the same of both callers.
    let own = json!({ "read": "if (owner = auth.uid()) (no row came)" });
    assert_eq!(of(&project, "public.notes").await, (own.clone(), own));
    let (anonymous, signed_in) = of(&project, "public.members").await;
    let condition = "if (auth.uid() IS NOT NULL) and (id > 0)";
    assert_eq!(anonymous["read"], format!("{condition} (no row came)"));
    assert_eq!(signed_in["read"], format!("{condition} (rows came)"));
    for (object, anonymous, signed_in) in [
        ("public.closed", Value::Null, Value::Null),
        (
            "public.unlit",
            json!({ "read": "no row: no policy (no row came)" }),
            Value::Null,
        ),
        (
            "public.parts",
            json!({ "read": "every row; columns id (no row came)" }),
            Value::Null,
        ),
        (
            "public.of_notes",
            json!({ "read": "all of it, with its owner's rights (rows came)" }),
            Value::Null,
        ),
        (
            "public.as_caller",
            json!({ "read": "as the tables behind it let the caller (no row came)" }),
            Value::Null,
        ),
        (
            "public.boss",
            json!({ "call": "with its owner's rights" }),
            json!({ "call": "with its owner's rights" }),
        ),
        ("public.helper", Value::Null, Value::Null),
        ("hidden.t", Value::Null, Value::Null),
        ("api.no_usage", Value::Null, Value::Null),
    ] {
        let found = of(&project, object).await;
        assert_eq!(found, (anonymous, signed_in), "{object}");
    }

    let matrix = project.ok("get_access_matrix", json!({})).await;
    assert_eq!(matrix["exposed_schemas"], "public, api");
    assert_eq!(matrix["access"][0]["objects"], json!(["public.open"]));
    let summary = matrix["summary"].to_string();
    for said in [
        "anybody may write any row of public.open",
        "anybody may read every row of public.of_notes, public.open, public.parts, public.posts",
        "anybody may call with its owner's rights public.boss()",
    ] {
        assert!(summary.contains(said), "{summary}");
    }
    assert_eq!(fingerprint(&api, &dev).await, before);

    // Production is read, and nothing is tried upon it.
    let matrix = project
        .ok("get_access_matrix", json!({ "environment": "production" }))
        .await;
    assert_eq!(matrix["tried"], "not_on_production");
    assert_eq!(matrix["access"], json!([]));
}

#[tokio::test]
async fn code_that_the_trial_runs_into_changes_nothing_and_breaks_nothing() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    project
        .migrate(
            "traps",
            r#"
            create table public.log (id int);
            create function public.writes() returns boolean language plpgsql set search_path = '' as
              'begin reset role; insert into public.log values (1); return true; end';
            create function public.lies() returns boolean language plpgsql set search_path = '' as
              'begin perform set_config(''drydock.targets'', ''[]'', true); perform set_config(''drydock.seen'', ''[]'', true);
                reset role; return true; end';
            create table public.writing (id int); alter table public.writing enable row level security;
            create policy p on public.writing using (public.writes());
            create table public.a_lie (id int); alter table public.a_lie enable row level security;
            create policy p on public.a_lie using (public.lies());
            create table public.fails (id int); alter table public.fails enable row level security;
            create policy p on public.fails using (1 / (id - id) = 1);
            create table public."$drydock$; select 1; --" (id int);
            create table public."it's {targets} ""q"" \" (id int);
            create table public.last (id int);
            grant select on all tables in schema public to anon;
            revoke all on public.log from anon;
            "#,
        )
        .await;
    project
        .sql(
            r#"insert into public.writing values (1); insert into public.a_lie values (1); insert into public.fails values (1);
            insert into public."$drydock$; select 1; --" values (1); insert into public."it's {targets} ""q"" \" values (1);
            insert into public.last values (1);"#,
        )
        .await;
    for (object, came) in [
        ("public.writing", None),
        ("public.fails", None),
        ("public.a_lie", Some(true)),
        ("public.$drydock$; select 1; --", Some(true)),
        ("public.it's {targets} \"q\" \\", Some(true)),
        ("public.last", Some(true)),
    ] {
        let (anonymous, _) = of(&project, object).await;
        let words = anonymous["read"]
            .as_str()
            .unwrap_or_else(|| panic!("{object}"));
        assert_eq!(
            words.contains("(rows came)"),
            came == Some(true),
            "{object}: {words}"
        );
    }
    assert_eq!(project.value("select count(*) from public.log").await, 0);
}

#[tokio::test]
async fn a_thousand_tables_are_told_in_few_words() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    let mut sql = String::new();
    for number in 0..1_000 {
        let table = format!("public.a_table_with_a_rather_long_name_{number:04}");
        writeln!(sql, "create table {table} (id int); alter table {table} enable row level security; grant select on {table} to anon;").unwrap();
        if number % 10 == 0 {
            writeln!(
                sql,
                "create policy \"policy {number}\" on {table} for select using (id = {number});"
            )
            .unwrap();
        }
    }
    project.migrate("many", &sql).await;
    let matrix = project.ok("get_access_matrix", json!({})).await;
    assert!(
        matrix.to_string().len() / 4 < 1_500,
        "{}",
        matrix.to_string().len()
    );
    assert_eq!(matrix["tried"], "reads");
    assert!(
        matrix["left_out"].as_str().unwrap().contains("`object`"),
        "{matrix}"
    );
    let (anonymous, _) = of(&project, "public.a_table_with_a_rather_long_name_0990").await;
    assert_eq!(anonymous, json!({ "read": "if (id = 990) (no row came)" }));
}
