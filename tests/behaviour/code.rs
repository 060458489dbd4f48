//! Code in migrations: what a replay without rows does not show of it, and what it takes from production's rows.

use serde_json::{Value, json};

use crate::approvals::{answer, id};
use crate::harness::{Mcp, Project, World};

const DESK: &str = "
create table public.tickets (id int primary key, subject text, body text);
create table public.notes (id int primary key, ticket int references public.tickets on delete cascade, note text);
create table public.trail (id int generated always as identity primary key, said text);
alter table public.tickets enable row level security;
alter table public.notes enable row level security;
alter table public.trail enable row level security;";

/// A desk on production, with rows that DEV does not have.
async fn desk<'a>(world: &World, mcp: &'a Mcp) -> Project<'a> {
    let project = mcp.launch("Desk").await;
    project.migrate("desk", DESK).await;
    project.ok("merge_branch", json!({})).await;
    let path = format!("/v1/projects/{}/database/query", project.id);
    let rows = "insert into public.tickets values (1, 'a', 'secret'), (2, 'b', null);
        insert into public.notes values (1, 1, 'n'); insert into public.trail (said) values ('t')";
    world.api().post(&path, json!({ "query": rows })).await;
    project
}

async fn condition(project: &Project<'_>, name: &str) -> Value {
    let verdict = project.check().await;
    let checks = verdict["checks"].as_array().unwrap();
    let found = checks.iter().find(|check| check["name"] == name);
    found
        .unwrap_or_else(|| panic!("no {name}: {verdict}"))
        .clone()
}

#[tokio::test]
async fn what_the_replay_cannot_show_takes_an_approval_that_names_it() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = desk(&world, &mcp).await;
    let back = format!("rp-{}", project.ledger("dev").await.pop().unwrap());
    for (sql, why) in [
        (
            "do $$ begin if exists (select from public.tickets) then
               execute 'alter table public.tickets disable row level security'; end if; end $$",
            "the rows of public.tickets",
        ),
        (
            "do $$ begin execute convert_from(decode('73656c6563742031', 'hex'), 'utf8'); end $$",
            "put together",
        ),
        (
            "do $$ begin execute format('comment on table public.tickets is %L',
               (select string_agg(body, ' ') from public.tickets)); end $$",
            "put together",
        ),
        (
            "do $$ begin raise warning '%', (select string_agg(body, ' ') from public.tickets); end $$",
            "into messages",
        ),
        (
            "create function public.later() returns trigger language plpgsql set search_path = '' as
               $$ begin alter table public.tickets disable row level security; return new; end $$;
             revoke execute on function public.later() from public, anon, authenticated;
             create trigger later before update on public.tickets for each row execute function public.later();
             update public.tickets set body = 'x' where body is null",
            "the rows of public.tickets",
        ),
        (
            "do $$ begin alter table public.notes add constraint one check (id > 7);
               exception when check_violation then grant all on public.notes to anon; end $$",
            "check_violation",
        ),
    ] {
        project.migrate("tune", sql).await;
        let check = condition(&project, "code").await;
        assert_eq!(check["status"], "needs_approval", "{sql}\n{check}");
        let message = check["message"].as_str().unwrap();
        assert!(message.contains(why), "{sql}\n{message}");
        let refused = project
            .refused("merge_branch", json!({}), "unforeseeable_code")
            .await;
        assert_eq!(
            refused["details"]["code"], check["details"]["code"],
            "{refused}"
        );
        project.revert(&back).await;
    }
    // Who has read it may let it through; exactly that.
    project
        .migrate(
            "tune",
            "do $$ begin execute 'comment on table public.tickets is ' || quote_literal('x'); end $$",
        )
        .await;
    let refused = project
        .refused("merge_branch", json!({}), "unforeseeable_code")
        .await;
    answer(&world, "grant", &id(&refused));
    let merged = project.ok("merge_branch", json!({})).await;
    assert_eq!(merged["status"], "merged");
}

#[tokio::test]
async fn code_that_does_the_same_everywhere_is_merged_unasked() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = desk(&world, &mcp).await;
    project
        .migrate(
            "idioms",
            "do $$ begin create type public.mood as enum ('glad'); exception when duplicate_object then null; end $$;
             do $$ begin if not exists (select 1 from pg_catalog.pg_policies where tablename = 'tickets' and policyname = 'none')
               then create policy none on public.tickets for select to authenticated using (false); end if; end $$;
             alter table public.tickets add column mood public.mood;
             create function public.slug(said text) returns text language sql immutable set search_path = '' as
               $$ select lower(replace(said, ' ', '-')) $$;
             revoke execute on function public.slug(text) from public, anon, authenticated;
             alter table public.tickets add column slug text;
             update public.tickets set slug = public.slug(subject), mood = 'glad';
             update public.tickets set body = '' where body is null;
             do $$ declare n int; begin select count(*) into n from public.tickets;
               insert into public.trail (said) values (n::text); end $$",
        )
        .await;
    for name in ["code", "data_loss"] {
        let check = condition(&project, name).await;
        assert_eq!(check["status"], "passed", "{check}");
    }
    let merged = project.ok("merge_branch", json!({})).await;
    assert_eq!(merged["status"], "merged", "{merged}");
}

#[tokio::test]
async fn what_functions_and_triggers_take_and_updates_write_over_is_counted() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = desk(&world, &mcp).await;
    let back = format!("rp-{}", project.ledger("dev").await.pop().unwrap());
    let lost = |object: &str, rows: u64| json!({ "object": object, "rows": rows, "at_most": true });
    for (sql, expected) in [
        (
            "update public.tickets set subject = '-', body = '-'",
            vec![lost("public.tickets.subject", 2), lost("public.tickets.body", 1)],
        ),
        (
            "insert into public.tickets values (1, 'x', 'y') on conflict (id) do update set subject = excluded.subject",
            vec![lost("public.tickets.subject", 2)],
        ),
        (
            "create function public.tidy() returns void language plpgsql set search_path = '' as
               $$ begin delete from public.trail where id > 0; end $$;
             revoke execute on function public.tidy() from public, anon, authenticated;
             select public.tidy()",
            vec![lost("public.trail", 1)],
        ),
        (
            "create function public.forget() returns trigger language plpgsql set search_path = '' as
               $$ begin delete from public.trail where id > 0; return new; end $$;
             revoke execute on function public.forget() from public, anon, authenticated;
             create trigger forget after update on public.tickets for each row execute function public.forget();
             update public.tickets set body = 'x' where body is null",
            vec![lost("public.trail", 1)],
        ),
        (
            "delete from public.tickets where id = 1",
            vec![lost("public.tickets", 2), lost("public.notes", 1)],
        ),
        (
            "create view public.seen with (security_invoker = on) as select id, said from public.trail;
             delete from public.seen where id = 1; drop view public.seen",
            vec![lost("public.trail", 1)],
        ),
        (
            "alter table public.trail rename to trace; delete from public.trace where id = 1; alter table public.trace rename to trail",
            vec![lost("public.trail", 1)],
        ),
    ] {
        project.migrate("take", sql).await;
        let check = condition(&project, "data_loss").await;
        assert_eq!(check["status"], "needs_approval", "{sql}\n{check}");
        let found = check["details"]["lost"].as_array().unwrap();
        for one in &expected {
            assert!(found.contains(one), "{sql}\n{check}");
        }
        project
            .refused("merge_branch", json!({}), "data_loss")
            .await;
        project.revert(&back).await;
    }
}
