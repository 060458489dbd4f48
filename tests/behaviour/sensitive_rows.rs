//! What the database computes of rows by itself hands no secret on: indexes, checks, partitions, statistics, domains.

use crate::harness::World;
use crate::sensitive::{project_with_a_user, withheld};

#[tokio::test]
async fn what_rows_are_indexed_partitioned_and_described_by_hands_no_secret_on() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = project_with_a_user(&mcp).await;
    project
        .migrate(
            "tables",
            "create function public.loud(i int) returns int language plpgsql immutable as $$ begin return i; end $$;
             create table public.indexed (id int);
             create index on public.indexed (public.loud(id));
             create table public.parted (id int) partition by list (public.loud(id));
             create table public.described (id int, other int);
             create statistics public.s on (public.loud(id)), other from public.described;",
        )
        .await;
    project.sql("insert into public.indexed values (1)").await;
    project
        .migrate(
            "loud",
            "create or replace function public.loud(i int) returns int language plpgsql immutable as $$
                 begin raise exception '%', (select encrypted_password from auth.users limit 1); end $$;",
        )
        .await;
    for query in [
        "insert into public.indexed values (1)",
        "insert into public.parted values (1)",
        "analyze public.described",
        "analyze public.indexed",
    ] {
        withheld(&project, "execute_sql", query).await;
    }
    for query in [
        "create index on public.notes (public.loud(id))",
        "alter table public.notes add constraint c check (public.loud(id) = 0)",
        "alter table public.indexed add column more int",
    ] {
        withheld(&project, "apply_migration", query).await;
    }
    project.sql("select id from public.indexed").await;
}

#[tokio::test]
async fn a_domain_runs_its_check_wherever_a_value_is_made() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = project_with_a_user(&mcp).await;
    project
        .migrate(
            "domain",
            "create function public.is_fine(t text) returns bool language plpgsql as $$
                 begin raise exception '%', (select encrypted_password from auth.users limit 1); end $$;
             create domain public.fine as text check (public.is_fine(value));",
        )
        .await;
    for query in [
        "select 'a'::public.fine",
        "select cast(body as public.fine) from public.notes",
        "select body from public.notes",
    ] {
        withheld(&project, "execute_sql", query).await;
    }
    project.migrate("away", "drop domain public.fine;").await;
    project.sql("select body from public.notes").await;
}
