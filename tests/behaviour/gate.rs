//! The gate: what must hold before a merge, and what its refusals say.

use std::sync::Arc;

use futures_util::FutureExt;
use serde_json::{Value, json};

use crate::harness::{Heard, Project, Reaction, Relay, World, codes, fingerprint};

const SAFE: &str = "create table public.safe (id int primary key);
alter table public.safe enable row level security;
create policy mine on public.safe for select to authenticated using (id = 1);
grant select on public.safe to authenticated;";

fn failed(verdict: &Value) -> Vec<String> {
    codes(verdict)
        .into_iter()
        .filter(|(_, status)| status == "failed")
        .map(|(name, _)| name)
        .collect()
}

/// Merge and check refuse, production stays, and no temporary branch is left.
async fn the_gate_holds(world: &World, project: &Project<'_>, check: &str, code: &str) -> Value {
    let api = world.api();
    let before = fingerprint(&api, &project.id).await;
    let verdict = project.check().await;
    assert_eq!(verdict["passes"], false, "{verdict}");
    assert_eq!(failed(&verdict), [check], "{verdict}");
    let refusal = project.refused("merge_branch", json!({}), code).await;
    assert!(refusal["next"]["tool"].is_string(), "{refusal}");
    assert_eq!(fingerprint(&api, &project.id).await, before);
    let left: Vec<String> = project
        .branches()
        .await
        .into_iter()
        .filter(|name| name.starts_with("drydock-"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
    refusal
}

#[tokio::test]
async fn what_the_advisor_objects_to_is_not_merged() {
    let world = World::new();
    let mcp = world.serve().await;
    let table = "create table public.t (id int primary key, secret text);";
    for (lint, object, query) in [
        (
            "rls_disabled_in_public",
            "public.t",
            format!("{table} grant select on public.t to anon;"),
        ),
        (
            "policy_exists_rls_disabled",
            "public.t",
            format!("{table} create policy p on public.t using (id = 1);"),
        ),
        (
            "rls_policy_always_true",
            "public.t",
            format!(
                "{table} alter table public.t enable row level security;
                 create policy p on public.t for all to authenticated using (true) with check (true);
                 grant select, insert, update on public.t to authenticated;"
            ),
        ),
        (
            "auth_users_exposed",
            "public.people",
            "create view public.people as select id, email from auth.users;
             grant select on public.people to anon;"
                .to_owned(),
        ),
        (
            "security_definer_view",
            "public.v",
            format!("{table} alter table public.t enable row level security;
                     create view public.v as select id from public.t; grant select on public.v to anon;"),
        ),
        (
            "anon_security_definer_function_executable",
            "public.f",
            "create function public.f() returns int language sql security definer
             set search_path = '' as 'select 1'; grant execute on function public.f() to anon;"
                .to_owned(),
        ),
        (
            "function_search_path_mutable",
            "public.g",
            "create function public.g() returns int language sql as 'select 1';".to_owned(),
        ),
    ] {
        let project = mcp.launch(lint).await;
        project.migrate("bad", &query).await;
        let refusal = the_gate_holds(&world, &project, "advisor", "advisor_failed").await;
        let checks = &refusal["details"]["checks"];
        let found = checks
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|check| check["details"]["lints"].as_array())
            .flatten()
            .find(|found| found["name"] == lint)
            .unwrap_or_else(|| panic!("no {lint}: {refusal}"))
            .clone();
        assert!(found["object"].as_str().unwrap().starts_with(object), "{found}");
        assert!(!found["remediation"].as_str().unwrap().is_empty());
        assert!(["ERROR", "WARN"].contains(&found["level"].as_str().unwrap()));
    }
}

#[tokio::test]
async fn following_the_fix_leads_through_the_gate() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    project
        .migrate(
            "bad",
            "create table public.\"Odd name\" (id int primary key);
             grant select on public.\"Odd name\" to anon;
             create view public.v as select id from public.\"Odd name\";
             grant select on public.v to anon;",
        )
        .await;
    let verdict = project.check().await;
    assert_eq!(verdict["passes"], false);
    let fix = verdict["fix_migration"].clone();
    assert!(
        fix["query"]
            .as_str()
            .unwrap()
            .contains("enable row level security")
    );
    // An agent that knows nothing but `next` gets to the merge.
    let mut refusal = project
        .refused("merge_branch", json!({}), "advisor_failed")
        .await;
    for _ in 0..4 {
        let next = refusal["next"].clone();
        mcp.ok(next["tool"].as_str().unwrap(), next["arguments"].clone())
            .await;
        let again = project.call("merge_branch", json!({})).await;
        if !again.refused {
            assert_eq!(again.value["status"], "merged");
            return;
        }
        refusal = again.value["error"].clone();
    }
    panic!("it leads nowhere: {refusal}");
}

#[tokio::test]
async fn a_warning_that_production_has_already_does_not_hold_a_merge_up() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    let careless = "create function public.g() returns int language sql as 'select 1';";
    world.api().migrate(&project.id, "old", careless).await;
    project.migrate("safe", SAFE).await;
    project.ok("rebase_branch", json!({})).await;
    let merged = project.ok("merge_branch", json!({})).await;
    assert_eq!(merged["status"], "merged");
}

#[tokio::test]
async fn an_advisor_that_gives_no_verdict_is_a_failed_gate() {
    let world = World::new();
    let direct = world.serve().await;
    let project = direct.launch("P").await;
    project.migrate("safe", SAFE).await;
    let token = world.api().token().to_owned();
    for answer in [
        (500, json!({ "message": "boom" })),
        (404, json!({ "message": "no such route" })),
        (200, json!({})),
        (200, json!({ "lints": null })),
        (200, json!({ "lints": [{ "name": "half" }] })),
        (200, json!("nonsense")),
    ] {
        let (status, body) = answer.clone();
        let relay = Relay::start(Some(world.api()), move |heard: Heard| {
            let body = body.clone();
            async move {
                if heard.path.contains("/advisors/") {
                    Reaction::Answer(status, body)
                } else {
                    Reaction::Pass
                }
            }
            .boxed()
        })
        .await;
        let mcp = relay.serve(&world, &token).await;
        let through = mcp.project(&project.id);
        let refusal = through
            .refused("merge_branch", json!({}), "advisor_unavailable")
            .await;
        assert_eq!(failed(&refusal["details"]), ["advisor"], "{answer:?}");
        assert!(refusal["next"]["tool"].is_string());
        through
            .refused(
                "get_advisors",
                json!({ "type": "security" }),
                "advisor_unavailable",
            )
            .await;
        assert!(project.ledger("production").await.is_empty(), "{answer:?}");
    }
}

#[tokio::test]
async fn a_branch_that_changes_while_it_is_checked_is_not_merged() {
    let world = World::new();
    let direct = world.serve().await;
    let project = direct.launch("P").await;
    project.migrate("safe", SAFE).await;
    let dev = project.dev().await;
    let token = world.api().token().to_owned();
    let meddler = Arc::new(world.api());
    let relay = Relay::start(Some(world.api()), move |heard: Heard| {
        let (meddler, dev) = (Arc::clone(&meddler), dev.clone());
        async move {
            if heard.path.contains("/advisors/") {
                let sql = "create table if not exists public.sneaked_in (id int)";
                meddler.query(&dev, sql).await;
            }
            Reaction::Pass
        }
        .boxed()
    })
    .await;
    let mcp = relay.serve(&world, &token).await;
    let refusal = mcp
        .project(&project.id)
        .refused("merge_branch", json!({}), "stale_check")
        .await;
    assert_eq!(refusal["next"]["tool"], "check_merge");
    assert!(project.ledger("production").await.is_empty());
}

#[tokio::test]
async fn a_migration_on_production_is_drift_until_the_branch_is_rebased() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    let ask = json!({ "name": "safe", "query": SAFE, "version": "20260101000000" });
    project.ok("apply_migration", ask).await;
    let theirs = "create schema theirs; create table theirs.t (id int);";
    world.api().migrate(&project.id, "theirs", theirs).await;
    let refusal = the_gate_holds(&world, &project, "drift", "drift").await;
    assert_eq!(refusal["next"]["tool"], "rebase_branch");
    let verdict = project.check().await;
    assert_eq!(
        codes(&verdict)[3],
        ("advisor".to_owned(), "not_run".to_owned())
    );
    let next = refusal["next"].clone();
    let rebased = mcp.ok("rebase_branch", next["arguments"].clone()).await;
    assert_eq!(
        rebased["migrations"],
        json!(project.ledger("production").await)
    );
    let verdict = project.check().await;
    assert_eq!(verdict["passes"], true, "{verdict}");
    let merged = project.ok("merge_branch", json!({})).await;
    assert_eq!(merged["merged"]["migrations"], json!(["20260101000000"]));
}

#[tokio::test]
async fn a_change_of_production_outside_its_ledger_is_drift() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    project.migrate("safe", SAFE).await;
    let api = world.api();
    api.query(&project.id, "create table public.rogue (id int)")
        .await;
    let refusal = the_gate_holds(&world, &project, "drift", "drift").await;
    assert!(refusal["message"].as_str().unwrap().contains("rogue"));
    // Rows are no drift: production lives.
    api.query(&project.id, "drop table public.rogue").await;
    let verdict = project.check().await;
    assert_eq!(verdict["passes"], true, "{verdict}");
}

#[tokio::test]
async fn a_change_of_dev_outside_its_migrations_is_unreplayable() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    project.migrate("safe", SAFE).await;
    let dev = project.dev().await;
    let api = world.api();
    api.query(&dev, "create table public.by_hand (id int)")
        .await;
    let refusal = the_gate_holds(&world, &project, "replay", "unreplayable").await;
    assert!(refusal["message"].as_str().unwrap().contains("by_hand"));
    assert_eq!(refusal["next"]["tool"], "reset_branch");
    mcp.ok("reset_branch", refusal["next"]["arguments"].clone())
        .await;
    let verdict = project.check().await;
    assert_eq!(verdict["passes"], true, "{verdict}");
}

#[tokio::test]
async fn row_security_switched_on_by_a_function_call_does_not_deceive_the_gate() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    project
        .migrate(
            "trick",
            "create table public.t (id int); grant select on public.t to anon;
             create table public.log (id int); alter table public.log enable row level security;
             create policy p on public.log for select to authenticated using (id = 0);
             create function public.hide() returns int language plpgsql set search_path = '' as $$
             begin execute 'alter table public.t enable row level security'; return 1; end $$;",
        )
        .await;
    project
        .sql("insert into public.log select public.hide()")
        .await;
    the_gate_holds(&world, &project, "replay", "unreplayable").await;
}

#[tokio::test]
async fn a_migration_that_makes_something_else_each_time_is_unreplayable() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    project
        .migrate(
            "dice",
            "create schema app; do $$ begin execute format('create table app.t_%s (id int)', \
             replace(gen_random_uuid()::text, '-', '_')); end $$;",
        )
        .await;
    the_gate_holds(&world, &project, "replay", "unreplayable").await;
    // One that needs rows that seed data made cannot be replayed either.
    let other = mcp.launch("Q").await;
    other.migrate("safe", SAFE).await;
    other.sql("insert into public.safe values (1)").await;
    other
        .migrate(
            "needs_rows",
            "do $$ begin if not exists (select from public.safe) then raise 'no rows'; end if; end $$;",
        )
        .await;
    the_gate_holds(&world, &other, "replay", "unreplayable").await;
}
