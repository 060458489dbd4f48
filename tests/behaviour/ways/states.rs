//! Refusals of a state: branches, points and production as the gate and the recovery meet them.

use serde_json::json;

use super::{Ending, Provoked, WORK, with_work};
use crate::harness::{Mcp, World};
use crate::policy::put;

/// The codes that are provoked here.
pub(super) const CODES: &[&str] = &[
    "point_unreachable",
    "unmerged_migrations",
    "advisor_failed",
    "exposure_failed",
    "drift",
    "unreplayable",
    "constraint_violated",
    "data_loss",
    "unforeseeable_code",
    "partial",
    "unexpected_schema",
    "branch_failed",
    "does_not_compile",
    "secret_in_source",
];

/// What the advisor objects to, in each of the ways in which an app is written so.
const OBJECTIONABLE: &[&str] = &[
    "create table public.open (id int primary key); grant select on public.open to anon;",
    "create table public.t (id int primary key); alter table public.t enable row level security;
     create policy \"Everybody, everything\" on public.t for all to authenticated using (true) with check (true);
     create policy own on public.t for select to authenticated using (id = 1);
     grant select, insert, update on public.t to authenticated;",
    "create table public.t (id int primary key); alter table public.t enable row level security;
     create policy p on public.t for select to authenticated
       using ((auth.jwt() -> 'user_metadata' ->> 'role') = 'admin');
     grant select on public.t to authenticated;",
    "create view public.people as select id, email from auth.users; grant select on public.people to anon;",
    "create table public.t (id int primary key); alter table public.t enable row level security;
     create view public.v as select id from public.t; grant select on public.v to anon;",
    "create materialized view public.m as select 1 as one; grant select on public.m to anon;",
    "create function public.definer(a int, b text default 'x') returns int language sql security definer
     as 'select 1'; grant execute on function public.definer(int, text) to anon;",
    "create function public.g() returns int language sql as 'select 1';
     create function public.g(a int) returns int language sql as 'select 1';
     create procedure public.\"Odd one\"(a int) language sql as 'select 1';",
    "create extension unaccent;",
    "create table public.words (word text); alter table public.words enable row level security;
     create extension pg_trgm; create index on public.words using gin (word gin_trgm_ops);",
    "grant select on auth.users to authenticated; grant select (email) on auth.users to anon;",
    "create policy everyone on auth.users for select to anon using (true);",
];

/// What the advisor objects to, and what is public once that is mended.
const MENDED_TO_PUBLIC: &str = "create table public.t (id int primary key);
     create policy p on public.t using (id = 1); grant select on public.t to anon;";

/// What the advisor overlooks, and everybody could reach.
const OPEN: &[&str] = &[
    "create table public.parts (id int) partition by list (id);
     grant select, insert on public.parts to anon;",
    "create table public.t (id int, body text); grant select (id), insert (body) on public.t to anon;",
    "create table public.\"Drop box\" (id int); grant insert on public.\"Drop box\" to public;",
    "create table public.t (id int, body text); alter table public.t enable row level security;
     create policy box on public.t for insert to anon with check (length(body) < 100);
     grant insert on public.t to anon;",
    "create table public.t (id int, api_key text); alter table public.t enable row level security;
     create policy shown on public.t for select to authenticated using (true);
     grant select on public.t to authenticated;",
];

pub(super) async fn each(world: &World) {
    for open in OPEN {
        let mcp = world.serve().await;
        let project = with_work(&mcp, "open").await;
        mcp.project(&project).migrate("open", open).await;
        merge(mcp, &project, "exposure_failed", Ending::Merged).await;
    }
    let mcp = world.serve().await;
    let project = with_work(&mcp, "public").await;
    mcp.project(&project)
        .migrate("public", MENDED_TO_PUBLIC)
        .await;
    merge(mcp, &project, "advisor_failed", Ending::Approval).await;
    for bad in OBJECTIONABLE {
        let mcp = world.serve().await;
        let project = with_work(&mcp, "bad").await;
        mcp.project(&project).migrate("bad", bad).await;
        merge(mcp, &project, "advisor_failed", Ending::Merged).await;
    }
    recovery(world).await;
    drift(world).await;
    replay(world).await;
    production(world).await;
    functions(world).await;
}

async fn functions(world: &World) {
    let mcp = world.serve().await;
    let project = with_work(&mcp, "functions").await;
    let source = format!("const key = 'sk_{}_0123456789abcdef';", "live");
    for (number, source, code) in [
        (1, "const x: = 3;", "does_not_compile"),
        (2, source.as_str(), "secret_in_source"),
    ] {
        let mcp = world.serve().await;
        let wanted = json!({ "name": "f", "files": [{ "name": "index.ts", "content": source }] });
        Provoked::on_project(mcp, &project, "deploy_edge_function", wanted, code)
            .await
            .leads_to(Ending::Merged)
            .await;
        let mcp = world.serve().await;
        super::more_work(&mcp, &project, number).await;
    }
}

async fn merge(mcp: Mcp, project: &str, code: &str, ending: Ending) {
    Provoked::on_project(mcp, project, "merge_branch", json!({}), code)
        .await
        .leads_to(ending)
        .await;
}

async fn recovery(world: &World) {
    let mcp = world.serve().await;
    let project = with_work(&mcp, "losing").await;
    Provoked::on_project(
        mcp,
        &project,
        "delete_branch",
        json!({}),
        "unmerged_migrations",
    )
    .await
    .leads_to(Ending::Merged)
    .await;

    let mcp = world.serve().await;
    let project = with_work(&mcp, "past").await;
    let there = mcp.project(&project);
    let work = there.point_names().await.pop().unwrap();
    let later = there
        .migrate("later", "create table public.later (id int)")
        .await;
    there.revert(&work).await;
    let gone = json!({ "name": format!("rp-{later}") });
    Provoked::on_project(
        mcp,
        &project,
        "revert_to_restore_point",
        gone,
        "point_unreachable",
    )
    .await
    .leads_to(Ending::Merged)
    .await;
}

/// Work under a version that the platform gives to nothing else.
async fn with_old_work(mcp: &Mcp, name: &str) -> String {
    let project = mcp.launch(name).await;
    let ask = json!({ "name": "work", "query": WORK, "version": "20260101000000" });
    project.ok("apply_migration", ask).await;
    project.id
}

async fn drift(world: &World) {
    let ahead = |name: &str| {
        format!(
            "create table public.{name} (id int); alter table public.{name} enable row level security;"
        )
    };
    let mcp = world.serve().await;
    let project = with_old_work(&mcp, "behind").await;
    world
        .api()
        .migrate(&project, "theirs", &ahead("theirs"))
        .await;
    merge(mcp, &project, "drift", Ending::Merged).await;

    // Production's own migration makes what the branch's makes: no rebase can be carried out.
    let mcp = world.serve().await;
    let project = with_old_work(&mcp, "conflict").await;
    world.api().migrate(&project, "same", WORK).await;
    merge(mcp, &project, "drift", Ending::GaveUpWork).await;

    let mcp = world.serve().await;
    let project = with_work(&mcp, "rogue").await;
    world
        .api()
        .query(&project, "create table public.rogue (id int)")
        .await;
    merge(mcp, &project, "drift", Ending::Operator).await;

    let mcp = world.serve().await;
    let project = with_work(&mcp, "rewritten").await;
    let version = mcp.project(&project).ledger("dev").await.pop().unwrap();
    let other = format!(
        "insert into supabase_migrations.schema_migrations (version, name, statements)
         values ('{version}', 'other', array['select 1'])"
    );
    world.api().query(&project, &other).await;
    merge(mcp, &project, "drift", Ending::GaveUpWork).await;
}

async fn replay(world: &World) {
    let mcp = world.serve().await;
    let project = with_work(&mcp, "by hand").await;
    let dev = mcp.project(&project).dev().await;
    world
        .api()
        .query(&dev, "create table public.by_hand (id int)")
        .await;
    merge(mcp, &project, "unreplayable", Ending::Merged).await;

    for refused in ["unreplayable", "branch_failed"] {
        let mcp = world.serve().await;
        let project = with_work(&mcp, "rows").await;
        let there = mcp.project(&project);
        there.sql("insert into public.work values (1)").await;
        there
            .migrate(
                "needs_rows",
                "create table public.item (work int references public.work);
                 alter table public.item enable row level security;
                 insert into public.item values (1);",
            )
            .await;
        if refused == "unreplayable" {
            merge(mcp, &project, refused, Ending::Merged).await;
        } else {
            Provoked::on_project(mcp, &project, "reset_branch", json!({}), refused)
                .await
                .leads_to(Ending::GaveUpWork)
                .await;
        }
    }
}

/// A project whose work is on production, where somebody has written a row.
async fn with_a_row(world: &World, mcp: &Mcp, name: &str) -> String {
    let project = with_work(mcp, name).await;
    mcp.project(&project).ok("merge_branch", json!({})).await;
    let row = "insert into public.work values (1)";
    world.api().query(&project, row).await;
    project
}

async fn production(world: &World) {
    let mcp = world.serve().await;
    let project = with_a_row(world, &mcp, "halfway").await;
    let there = mcp.project(&project);
    there
        .migrate("fine", "alter table public.work add column body text")
        .await;
    there
        .migrate(
            "strict",
            "alter table public.work alter column body set not null",
        )
        .await;
    merge(mcp, &project, "constraint_violated", Ending::GaveUpWork).await;

    let mcp = world.serve().await;
    let project = with_a_row(world, &mcp, "loses").await;
    let there = mcp.project(&project);
    there.migrate("drops", "drop table public.work").await;
    merge(mcp, &project, "data_loss", Ending::Approval).await;

    let mcp = world.serve().await;
    let project = with_a_row(world, &mcp, "halfway").await;
    let there = mcp.project(&project);
    there
        .migrate("fine", "alter table public.work add column body text")
        .await;
    there
        .migrate(
            "strict",
            "alter table public.work add constraint written check (body is not null)",
        )
        .await;
    merge(mcp, &project, "partial", Ending::GaveUpWork).await;

    let two_faces = "do $$ begin
             if exists (select from public.work) then
                 execute 'create schema surprise';
             end if;
         end $$;";
    let mcp = world.serve().await;
    let project = with_a_row(world, &mcp, "two faces").await;
    mcp.project(&project).migrate("two_faces", two_faces).await;
    merge(mcp, &project, "unforeseeable_code", Ending::Approval).await;

    // Whoever does not want to be asked hears of it afterwards.
    put(world, "[approvals]\nunforeseeable_code = \"none\"\n");
    let mcp = world.serve().await;
    let project = with_a_row(world, &mcp, "unasked").await;
    mcp.project(&project).migrate("two_faces", two_faces).await;
    merge(mcp, &project, "unexpected_schema", Ending::Operator).await;
    std::fs::remove_file(world.dir().join("policy.toml")).unwrap();
}
