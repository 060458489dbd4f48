//! What a merge makes public: refused, approved once, or nobody's business.

use serde_json::{Value, json};

use crate::approvals::{answer, id};
use crate::harness::{Project, World};
use crate::policy::put;

fn check<'a>(verdict: &'a Value, name: &str) -> &'a Value {
    let checks = verdict["checks"].as_array().unwrap();
    checks.iter().find(|check| check["name"] == name).unwrap()
}

async fn exposure(project: &Project<'_>) -> Value {
    check(&project.check().await, "exposure").clone()
}

const POSTS: &str = "
  create table public.posts (id int primary key, owner uuid, published bool, body text);
  alter table public.posts enable row level security;
  grant select on public.posts to anon, authenticated;
  grant insert, update, delete on public.posts to authenticated;
  create policy published on public.posts for select using (published);
  create policy own on public.posts to authenticated using (owner = auth.uid());
";

#[tokio::test]
async fn reading_that_a_policy_plainly_asks_for_is_approved_once() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    project.migrate("posts", POSTS).await;
    let found = exposure(&project).await;
    assert_eq!(found["status"], "needs_approval", "{found}");
    assert_eq!(found["next"]["tool"], "merge_branch");
    assert_eq!(
        found["details"]["public_reading"],
        json!([{ "object": "public.posts", "policies": ["published"], "rows": "if published" }])
    );
    let waits = project
        .refused("merge_branch", json!({}), "approval_required")
        .await;
    let summary = waits["details"]["summary"].as_str().unwrap();
    assert!(summary.contains("let anybody read"), "{waits}");
    answer(&world, "grant", &id(&waits));
    project.ok("merge_branch", json!({})).await;

    // Another change of the same table asks nobody; production has its policy.
    project
        .migrate("title", "alter table public.posts add column title text")
        .await;
    let found = exposure(&project).await;
    assert!(found["details"].is_null(), "{found}");
    project.ok("merge_branch", json!({})).await;

    // Another policy is another matter: everything is not what was published.
    let wider = "drop policy published on public.posts; create policy published on public.posts for select using (true);";
    project.migrate("wider", wider).await;
    let waits = project
        .refused("merge_branch", json!({}), "approval_required")
        .await;
    answer(&world, "grant", &id(&waits));
    project.ok("merge_branch", json!({})).await;

    // Nor does an owner beside them hide the rows that everybody reads.
    let mixed = "drop policy published on public.posts; create policy published on public.posts for select using (published or owner = auth.uid());";
    project.migrate("mixed", mixed).await;
    let waits = project
        .refused("merge_branch", json!({}), "approval_required")
        .await;
    answer(&world, "grant", &id(&waits));
    project.ok("merge_branch", json!({})).await;

    // Nor does a question that everybody can answer.
    let asked = "create function public.everyone() returns boolean language sql stable set search_path = '' as 'select true';
        revoke execute on function public.everyone() from public; grant execute on function public.everyone() to anon;
        drop policy published on public.posts;
        create policy published on public.posts for select using (id > 0 and (auth.role() = 'anon' or auth.uid() = owner) and public.everyone());";
    project.migrate("asked", asked).await;
    let waits = project
        .refused("merge_branch", json!({}), "approval_required")
        .await;
    answer(&world, "grant", &id(&waits));
    project.ok("merge_branch", json!({})).await;

    // So is a condition that differs far behind, where no sentence shows it any more.
    for end in [1, 2] {
        let condition = format!("body <> '{}' and id > {end}", "x".repeat(200));
        let changed = format!(
            "drop policy published on public.posts; create policy published on public.posts for select using ({condition});"
        );
        project.migrate("far_behind", &changed).await;
        let waits = project
            .refused("merge_branch", json!({}), "approval_required")
            .await;
        answer(&world, "grant", &id(&waits));
        project.ok("merge_branch", json!({})).await;
    }
}

#[tokio::test]
async fn what_asks_who_is_calling_needs_no_approval() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    project
        .migrate(
            "private",
            "create table public.notes (id int primary key, owner uuid, team int);
             alter table public.notes enable row level security;
             grant select, insert, update, delete on public.notes to anon, authenticated;
             create policy own on public.notes using (owner = auth.uid()) with check ((select auth.uid()) = owner);
             create policy claims on public.notes for select using (current_setting('request.jwt.claims', true)::json ->> 'team' = team::text);
             create table public.members (team int, id uuid);
             alter table public.members enable row level security;
             create policy mine on public.notes for update using (exists (select from public.members m where m.team = notes.team and m.id = auth.uid()));
             create table public.denied (id int primary key, body text);
             alter table public.denied enable row level security;
             grant select, insert, update on public.denied to anon;
             create policy nobody on public.denied for insert with check (false);
             create policy nobody_reads on public.denied for select using (false);
             create policy all_rows on public.denied for update using (true) with check (true);
             create policy but_none on public.denied as restrictive for update using (false);
             drop policy all_rows on public.denied;
             create table public.secrets (id int primary key, owner uuid, api_key text);
             alter table public.secrets enable row level security;
             grant select on public.secrets to anon, authenticated;
             create policy own on public.secrets for select using (owner = auth.uid());",
        )
        .await;
    let found = exposure(&project).await;
    assert_eq!(
        (&found["status"], &found["details"]),
        (&json!("passed"), &Value::Null),
        "{found}"
    );
    project.ok("merge_branch", json!({})).await;
}

#[tokio::test]
async fn what_the_advisor_overlooks_is_not_opened() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    let point = project.migrate("safe", "create table public.safe (id int primary key); alter table public.safe enable row level security;").await;
    for (open, said) in [
        ("create table public.t (id int) partition by list (id); grant select on public.t to authenticated;", "no policy at all"),
        ("create table public.t (id int, b int); grant update (b) on public.t to anon;", "may update its columns b"),
        ("create table public.t (id int) partition by list (id); alter table public.t enable row level security;
          create policy p on public.t to authenticated using (true); grant insert on public.t to authenticated;", "without asking who they are"),
        ("create table public.t (id int primary key); alter table public.t enable row level security;
          create policy p on public.t for insert with check (auth.uid() is null); grant insert on public.t to anon;", "without asking who they are"),
        ("create materialized view public.t as select 1 as id; grant select (id) on public.t to anon;", "no policy at all"),
        ("create view public.t as select id from public.safe; grant delete on public.t to anon;", "no policy at all"),
        ("create table public.t (id int, \"User-Password\" text); alter table public.t enable row level security;
          create policy p on public.t for select using (id > 0); grant select on public.t to anon;", "User-Password"),
    ] {
        project.migrate("open", open).await;
        let found = exposure(&project).await;
        assert_eq!(found["status"], "failed", "{open}: {found}");
        assert!(found["message"].as_str().unwrap().contains(said), "{open}: {found}");
        assert_eq!(found["next"]["tool"], "apply_migration");
        project.ok("apply_migration", found["next"]["arguments"].clone()).await;
        let found = exposure(&project).await;
        assert_ne!(found["status"], "failed", "{open}: {found}");
        project.revert(&format!("rp-{point}")).await;
    }
    // The operator's waiver counts, with its reason and its end.
    let waiver = "[[gate.waivers]]\nlint = \"exposure\"\nobject = \"public.t\"\nreason = \"a drop box\"\nexpires = 2999-01-01\n";
    put(&world, waiver);
    let waived = world.serve().await;
    let project = waived.project(&project.id);
    project
        .migrate(
            "open",
            "create table public.t (id int); grant insert on public.t to anon;",
        )
        .await;
    assert_eq!(exposure(&project).await["status"], "passed");
}

#[tokio::test]
async fn what_lies_behind_a_door_that_is_shown_is_open_as_well() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    project
        .migrate(
            "private",
            "create schema private; grant usage on schema private to anon, authenticated;
             create table public.t (id int primary key, body text);
             alter table public.t enable row level security;
             grant select on public.t to authenticated;
             create function private.may() returns boolean language sql stable security definer set search_path = '' as $$ select true $$;
             grant execute on function private.may() to authenticated;
             create policy own on public.t for select to authenticated using (private.may())",
        )
        .await;
    // A policy asks it: nobody calls it by way of the API.
    let found = exposure(&project).await;
    assert_eq!(found["status"], "passed", "{found}");
    let back = format!("rp-{}", project.ledger("dev").await.pop().unwrap());
    for (sql, object, what) in [
        (
            "create function private.all_of_it() returns setof public.t language sql security definer set search_path = '' as $$ select * from public.t $$;
             grant execute on function private.all_of_it() to anon;
             create function public.feed() returns setof public.t language sql set search_path = '' as $$ select * from private.all_of_it() $$;
             grant execute on function public.feed() to anon",
            "private.all_of_it()",
            "by way of public.feed()",
        ),
        (
            "create function private.inner_one(n int) returns bigint language sql security definer set search_path = '' as $$ select count(*) from public.t where id = n $$;
             create function private.between(n int) returns bigint language plpgsql set search_path = '' as $$ begin return private.inner_one(n); end $$;
             grant execute on function private.inner_one(int), private.between(int) to authenticated;
             create view public.counted with (security_invoker = on) as select private.between(1) as n;
             grant select on public.counted to authenticated",
            "private.inner_one(n integer)",
            "by way of public.counted",
        ),
        (
            "create table private.kept (id int primary key, said text); grant select on private.kept to anon;
             create function public.kept() returns bigint language sql set search_path = '' as $$ select count(*) from private.kept $$;
             grant execute on function public.kept() to anon",
            "private.kept",
            "no policy at all",
        ),
    ] {
        project.migrate("door", sql).await;
        let found = exposure(&project).await;
        assert_eq!(found["status"], "failed", "{sql}\n{found}");
        let message = found["message"].as_str().unwrap();
        assert!(message.contains(object) && message.contains(what), "{message}");
        project
            .refused("merge_branch", json!({}), "exposure_failed")
            .await;
        // The way on closes it.
        let closed = found["next"]["arguments"].clone();
        mcp.ok("apply_migration", closed).await;
        let found = exposure(&project).await;
        assert_eq!(found["status"], "passed", "{sql}\n{found}");
        project.revert(&back).await;
    }
}
