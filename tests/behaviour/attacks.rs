//! Attacks that once worked, or nearly: each is tried for real, and what it was after is looked at.

use serde_json::json;

use crate::approvals::{answer, id};
use crate::harness::{Project, World, names};

/// A function that runs whatever it is given: what the judge sees of a call says nothing.
const RUN: &str = "\
create schema private;
create function private.run(s text) returns text language plpgsql set search_path = ''
    as $$ begin execute s; return 'ok'; end $$;
revoke execute on function private.run(text) from public;
create table public.t (id bigint, s text);
alter table public.t enable row level security;";

/// SQL that would add a row to the ledger, put together so that no text names it.
const FORGE: &str = "'insert into supabase_' || 'migrations.schema_migrations (version, name, statements) \
    values (''20260101000000'', ''sneak'', array[''create table public.sneak (id int)''])'";

#[tokio::test]
async fn a_ledger_row_forged_by_a_data_change_is_seen_and_never_merged() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    project.migrate("run", RUN).await;
    // A call that says what it runs only when it runs is not made at all.
    project
        .no_sql(
            &format!("insert into public.t values (1, private.run({FORGE}))"),
            "sensitive_relation",
        )
        .await;
    project
        .migrate(
            "fired",
            "create table public.fired (s text);
             create function private.fire() returns trigger language plpgsql set search_path = ''
                 as $$ begin execute new.s; return new; end $$;
             create trigger fire before insert on public.fired for each row execute function private.fire();",
        )
        .await;
    let refusal = project
        .no_sql(
            &format!("insert into public.fired values ({FORGE})"),
            "ledger_is_protected",
        )
        .await;
    for tool in ["merge_branch", "create_restore_point"] {
        project
            .refused(tool, json!({}), "ledger_is_protected")
            .await;
    }
    assert!(project.ledger("production").await.is_empty());
    follow(&project, &refusal).await;
    assert!(
        !project
            .ledger("dev")
            .await
            .contains(&"20260101000000".to_owned())
    );
    project.ok("merge_branch", json!({})).await;
}

#[tokio::test]
async fn a_ledger_row_forged_after_the_check_in_the_transaction_is_seen() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    project
        .migrate("base", "create table public.base (id int);")
        .await;
    // Deferred triggers that queue deferred triggers: the last runs at the commit itself.
    let late = format!(
        "create schema late; create table late.d (id int);
         create function late.f() returns trigger language plpgsql set search_path = '' as $$
         begin
             set constraints all deferred;
             if new.id < 4 then insert into late.d values (new.id + 1);
             else execute {FORGE};
             end if;
             return null;
         end $$;
         create constraint trigger c after insert on late.d deferrable initially deferred
             for each row execute function late.f();
         insert into late.d values (1);"
    );
    let refusal = project
        .refused(
            "apply_migration",
            json!({ "name": "late", "query": late }),
            "ledger_is_protected",
        )
        .await;
    project
        .refused("merge_branch", json!({}), "ledger_is_protected")
        .await;
    follow(&project, &refusal).await;
    assert_eq!(project.ledger("dev").await.len(), 1);
    assert_eq!(project.tables("dev").await, ["base"]);
}

#[tokio::test]
async fn a_door_into_the_users_table_is_not_merged() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    project
        .migrate(
            "peek",
            "grant select (id, email, encrypted_password) on auth.users to anon;
             create policy peek on auth.users for select to anon using (id is not null);",
        )
        .await;
    let refusal = project
        .refused("merge_branch", json!({}), "advisor_failed")
        .await;
    let message = refusal["message"].as_str().unwrap();
    assert!(
        message.contains("auth.users.encrypted_password"),
        "{message}"
    );
    assert!(message.contains("policy peek"), "{message}");
}

#[tokio::test]
async fn a_migration_whose_answer_is_too_large_is_reported_as_the_ledger_has_it() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    project
        .migrate("first", "create table public.first (id int);")
        .await;
    for rows in [31_000, 31_420, 32_000, 60_000] {
        let before = project.ledger("dev").await;
        let answer = project
            .call(
                "apply_migration",
                json!({
                    "name": "large",
                    "query": format!(
                        "create table public.large_{rows} (id int);
                         select repeat('x', 1000) from generate_series(1, {rows});"
                    ),
                }),
            )
            .await;
        let after = project.ledger("dev").await;
        assert_eq!(answer.refused, after == before, "{rows}: {answer:?}");
        let points = project.point_names().await;
        for version in after {
            assert!(
                points.contains(&format!("rp-{version}")),
                "{version}: {points:?}"
            );
        }
    }
    let lost = project
        .call(
            "execute_sql",
            json!({ "query": "insert into public.large_31000 select i from generate_series(1, 400000) i returning *, repeat('x', 100)" }),
        )
        .await;
    // What cannot be said is not said.
    assert!(lost.value.to_string().contains("not known"), "{lost:?}");
}

#[tokio::test]
async fn a_reset_that_cannot_replay_loses_nothing() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    project
        .migrate("cat", "create table public.cat (id int primary key);")
        .await;
    project.sql("insert into public.cat values (1)").await;
    project
        .migrate(
            "item",
            "create table public.item (cat int references public.cat);",
        )
        .await;
    project
        .migrate("fill", "insert into public.item values (1);")
        .await;
    project
        .migrate("other", "create table public.other (id int);")
        .await;
    let before = project.ledger("dev").await;
    let refusal = project
        .refused("merge_branch", json!({}), "unreplayable")
        .await;
    assert_eq!(refusal["next"]["tool"], "revert_to_restore_point");
    let lost = project
        .refused("reset_branch", json!({}), "branch_failed")
        .await;
    assert_eq!(lost["details"]["unmerged"].as_array().unwrap().len(), 4);
    assert_eq!(project.ledger("dev").await, before);
    assert_eq!(project.value("select count(*) from public.cat").await, 1);
    follow(&project, &refusal).await;
    assert_eq!(project.ledger("dev").await, before[..2]);
}

#[tokio::test]
async fn a_role_setting_changes_neither_how_text_is_read_nor_what_a_session_may() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    project.migrate("run", RUN).await;
    for setting in [
        "standard_conforming_strings = off",
        "default_transaction_read_only = on",
        "statement_timeout = 1",
    ] {
        project
            .migrate(
                "setting",
                &format!("do $$ begin execute 'alter role postgres set {setting}'; end $$;"),
            )
            .await;
    }
    project
        .sql(r"insert into public.t values (1, '\''); create table public.smuggled (id int); --')")
        .await;
    assert_eq!(
        names(&project.ok("list_tables", json!({})).await["tables"]),
        ["t"]
    );
    project
        .migrate("after", "create table public.after (id int);")
        .await;
}

#[tokio::test]
async fn what_was_changed_on_production_stays_drift_until_an_operator_accepts_it() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    project
        .migrate("a", "create table public.a (id int);")
        .await;
    project.ok("merge_branch", json!({})).await;
    world
        .api()
        .query(&project.id, "alter table public.a add column outside int")
        .await;
    project
        .migrate("b", "create table public.b (id int);")
        .await;
    let refusal = project.refused("merge_branch", json!({}), "drift").await;
    follow(&project, &refusal).await;
    project.refused("merge_branch", json!({}), "drift").await;
    let accepted = world.run(&["accept", &project.id]);
    assert!(accepted.status.success(), "{accepted:?}");
    project.ok("merge_branch", json!({})).await;
}

#[tokio::test]
async fn a_migration_that_does_something_else_on_production_is_named_and_stops_further_merges() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    project
        .migrate(
            "a",
            "create table public.a (id int); alter table public.a enable row level security;",
        )
        .await;
    project.ok("merge_branch", json!({})).await;
    world
        .api()
        .query(&project.id, "insert into public.a values (1)")
        .await;
    project
        .migrate(
            "two faces",
            "do $$ begin
                 if exists (select from public.a) then
                     execute 'alter table public.a disable row level security';
                     execute 'grant all on public.a to anon';
                 end if;
             end $$;",
        )
        .await;
    // Somebody who has not read it says yes.
    let refusal = project
        .refused("merge_branch", json!({}), "unforeseeable_code")
        .await;
    answer(&world, "grant", &id(&refusal));
    let refusal = project
        .refused("merge_branch", json!({}), "unexpected_schema")
        .await;
    assert!(
        refusal["message"].as_str().unwrap().contains("public.a"),
        "{refusal}"
    );
    project
        .migrate("more", "create table public.more (id int);")
        .await;
    project.refused("merge_branch", json!({}), "drift").await;
}

#[tokio::test]
async fn a_branch_is_found_by_its_ref_whatever_it_is_called() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    project
        .migrate("a", "create table public.a (id int);")
        .await;
    let dev = project.dev().await;
    world
        .api()
        .send(
            http::Method::PATCH,
            &format!("/v1/branches/{dev}"),
            json!({ "branch_name": "renamed" }),
        )
        .await;
    let wrote = mcp
        .ok(
            "execute_sql",
            json!({ "project_id": dev, "query": "insert into public.a values (1)" }),
        )
        .await;
    assert_eq!(wrote["target"]["ref"], dev);
    assert_eq!(wrote["target"]["branch"], "renamed");
    let read = mcp
        .ok(
            "execute_sql",
            json!({ "project_id": dev, "query": "select id from public.a" }),
        )
        .await;
    assert_eq!(read["rows"], json!([{ "id": 1 }]));
    assert_eq!(
        project.branches().await,
        ["renamed"],
        "no other branch was made"
    );
}

#[tokio::test]
async fn frightening_words_about_speed_cost_no_time() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    let query = format!(
        "create index concurrently i on a (id); /*{}*/",
        "concurrently ".repeat(60_000)
    );
    let refusal = project
        .refused(
            "apply_migration",
            json!({ "name": "slow", "query": query }),
            "not_transactional",
        )
        .await;
    assert_eq!(refusal["next"]["tool"], "apply_migration");
}

/// Makes the call that a refusal names.
async fn follow(project: &Project<'_>, refusal: &serde_json::Value) {
    let next = &refusal["next"];
    let tool = next["tool"].as_str().unwrap();
    project.ok(tool, next["arguments"].clone()).await;
}
