//! Secrets are found whatever stands before them: views, functions, triggers, copies. The secret of these tests has no
//! shape that redaction would know.

use serde_json::json;

use crate::harness::{Mcp, Project, World};

/// What must never come out.
const SECRET: &str = "hash-of-alice";

/// A project whose DEV has one user.
pub(crate) async fn project_with_a_user(mcp: &Mcp) -> Project<'_> {
    let project = mcp.launch("P").await;
    project
        .migrate(
            "notes",
            "create table public.notes (id int primary key, body text);",
        )
        .await;
    project
        .sql(&format!(
            "insert into auth.users (id, email, encrypted_password) \
             values ('00000000-0000-4000-8000-000000000001', 'alice@test', '{SECRET}')"
        ))
        .await;
    project
        .sql("insert into public.notes values (1, 'plain')")
        .await;
    project
}

/// A call that must be refused as reading secrets; the secret is nowhere in the answer. Gives the error.
pub(crate) async fn withheld(project: &Project<'_>, tool: &str, query: &str) -> serde_json::Value {
    let arguments = match tool {
        "apply_migration" => json!({ "name": "x", "query": query }),
        _ => json!({ "query": query }),
    };
    let answer = project.call(tool, arguments).await;
    assert!(!answer.text.contains(SECRET), "{query}\n{answer:?}");
    assert!(
        answer.refused && answer.value["error"]["code"] == "sensitive_relation",
        "{query}\n{}",
        answer.value
    );
    answer.refused_as("sensitive_relation")
}

#[tokio::test]
async fn a_view_over_harmless_columns_is_read_and_one_over_secrets_is_not() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = project_with_a_user(&mcp).await;
    project
        .migrate(
            "views",
            "create view public.people as select id, email from auth.users;
             create view public.hashes as select u.id, u.encrypted_password as h from auth.users u;
             create view public.filtered as select id from auth.users where encrypted_password <> '';
             create view public.rows as select u as whole from auth.users u;
             create view public.documents as select to_jsonb(u) as d from auth.users u;
             create view public.count_of as select count(*) as n from auth.users;
             create view public.over_hashes as select h from public.hashes;
             create view public.joined as select n.id, p.email from public.notes n, public.people p;
             create view public.secrets as select tablename, most_common_vals::text from pg_catalog.pg_stats;
             create view public.roles as select rolname from pg_catalog.pg_roles;",
        )
        .await;
    for harmless in [
        "select email from public.people",
        "select * from people",
        "select n from public.count_of",
        "select email from public.joined",
        "select rolname from public.roles limit 1",
    ] {
        project.sql(harmless).await;
    }
    for query in [
        "select h from public.hashes",
        "select id from hashes",
        "select * from public.filtered",
        "select whole from public.rows",
        "select d from public.documents",
        "select * from public.over_hashes",
        "select x.h from public.over_hashes as x (h)",
        "with a as (select * from public.over_hashes) select count(*) from a",
        "select n.id from public.notes n where exists (select from public.over_hashes)",
        "explain select * from public.hashes",
        "table public.hashes",
        "select * from public.secrets",
    ] {
        withheld(&project, "execute_sql", query).await;
    }
    let error = withheld(&project, "execute_sql", "select * from over_hashes").await;
    assert_eq!(
        error["details"]["via"],
        json!(["public.over_hashes", "public.hashes"])
    );
    assert_eq!(error["details"]["reads"], "auth.users.encrypted_password");
}

#[tokio::test]
async fn functions_operators_casts_and_aggregates_hide_nothing() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = project_with_a_user(&mcp).await;
    project
        .migrate(
            "functions",
            "create function public.sql_leak() returns text language sql as 'select encrypted_password from auth.users';
             create function public.new_style() returns text language sql begin atomic
                 select encrypted_password from auth.users; end;
             create function public.new_whole() returns jsonb language sql
                 return (select to_jsonb(u) from auth.users u limit 1);
             create function public.pl_leak() returns text language plpgsql as $$
                 declare h text; begin select u.encrypted_password into strict h from auth.users u; return h; end $$;
             create function public.row_leak() returns text language plpgsql as $$
                 declare r auth.users%rowtype; begin select * into r from auth.users; return r.email; end $$;
             create function public.loop_leak() returns setof text language plpgsql as $$
                 declare r record; begin for r in select * from auth.users loop return next r.id; end loop; end $$;
             create function public.by_path() returns text language plpgsql set search_path = auth as $$
                 begin return (select encrypted_password from users limit 1); end $$;
             create function public.moves() returns text language plpgsql as $$
                 begin perform set_config('search_path', 'auth', true);
                 return (select encrypted_password from users limit 1); end $$;
             create function public.calls() returns text language sql as 'select public.pl_leak()';
             create function public.raises() returns int language plpgsql as $$
                 begin raise exception '%', (select encrypted_password from auth.users limit 1); end $$;
             create function public.dynamic(s text) returns text language plpgsql as $$
                 declare r text; begin execute s into r; return r; end $$;
             create function public.literal() returns text language plpgsql as $$
                 declare r text; begin execute 'select encrypted_password from auth.users' into r; return r; end $$;
             create function public.xml() returns xml language plpgsql as $$
                 begin return null; end $$;
             create function public.of_row(n public.notes) returns text language sql stable as
                 'select encrypted_password from auth.users limit 1';
             create view public.by_function as select public.pl_leak() as x;
             create function public.add_leak(a text, b int) returns text language sql as
                 'select a || encrypted_password from auth.users limit 1';",
        )
        .await;
    for query in [
        "select public.sql_leak()",
        "select sql_leak()",
        "select public.new_style()",
        "select new_whole()",
        "select * from public.pl_leak()",
        "select row_leak()",
        "select loop_leak()",
        "select by_path()",
        "select moves()",
        "select calls()",
        "select raises()",
        "select dynamic('select encrypted_' || 'password from auth.users')",
        "select literal()",
        "select n.of_row from public.notes n",
        "select (n).of_row from public.notes n",
        "select x from public.by_function",
        "select public.dynamic(body) from public.notes",
        "insert into public.notes values (2, public.pl_leak()) returning body",
        "insert into public.notes select 3, x from public.by_function",
        "update public.notes set body = public.sql_leak() where id = 1",
        "update public.notes n set body = n.of_row where id = 1",
    ] {
        withheld(&project, "execute_sql", query).await;
    }
    project.sql("select body from public.notes").await;
    project
        .migrate(
            "operator",
            "create operator public.### (leftarg = text, rightarg = int, function = public.add_leak);",
        )
        .await;
    withheld(&project, "execute_sql", "select 'a'::text ### 1").await;
    // An operator is found by the types of its operands, so it counts wherever one could stand.
    withheld(&project, "execute_sql", "select body from public.notes").await;
    project
        .migrate("without", "drop operator public.### (text, int);")
        .await;
    assert_eq!(
        project.value("select body from public.notes").await,
        "plain"
    );
    project
        .migrate(
            "more",
            "create aggregate public.leaks (int) (sfunc = add_leak, stype = text, initcond = '');
             create type public.box_of as (a int);
             create function public.unbox(b public.box_of) returns text language sql as
                 'select encrypted_password from auth.users limit 1';",
        )
        .await;
    withheld(
        &project,
        "execute_sql",
        "select public.leaks(id) from public.notes",
    )
    .await;
    project.sql("select count(*) from public.notes").await;
    project
        .migrate(
            "cast",
            "create cast (public.box_of as text) with function public.unbox(public.box_of) as implicit;",
        )
        .await;
    withheld(
        &project,
        "execute_sql",
        "select row(1)::public.box_of || ''",
    )
    .await;
}

#[tokio::test]
async fn what_a_write_sets_off_hands_no_secret_on() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = project_with_a_user(&mcp).await;
    project
        .migrate(
            "triggers",
            "create table public.a (id int primary key, s text);
             create function public.fill() returns trigger language plpgsql as $$
                 begin new.s := (select u.encrypted_password from auth.users u limit 1); return new; end $$;
             create trigger fill before insert on public.a for each row execute function public.fill();
             create table public.child (id int references public.a on delete cascade, s text);
             create table public.b (id int, s text);
             create rule copy as on insert to public.b do also
                 insert into public.notes select 9, encrypted_password from auth.users;
             create function public.hash() returns text language sql as 'select encrypted_password from auth.users limit 1';
             create table public.c (id int, s text default public.hash());
             create view public.door as select id, body from public.notes;
             create function public.instead() returns trigger language plpgsql as $$
                 begin insert into public.notes select 8, encrypted_password from auth.users; return new; end $$;
             create trigger instead instead of insert on public.door for each row execute function public.instead();
             create table public.d (id int, s text);
             create function public.any_sql() returns trigger language plpgsql as $$
                 begin execute 'select ' || new.s into new.s; return new; end $$;
             create trigger any_sql before insert on public.d for each row execute function public.any_sql();",
        )
        .await;
    for query in [
        "insert into public.a values (1, 'x')",
        "insert into public.a values (1, 'x') returning s",
        "with i as (insert into public.a values (1, 'x') returning s) insert into public.notes select 3, s from i",
        "insert into public.b values (1, 'x')",
        "insert into public.c (id) values (1)",
        "insert into public.door values (1, 'x')",
        "insert into public.d values (1, '1') returning s",
    ] {
        withheld(&project, "execute_sql", query).await;
    }
    // Harmless where nothing of it is shown.
    project.sql("insert into public.d values (1, '1')").await;
    project.sql("select * from public.a").await;
}

#[tokio::test]
async fn migrations_copy_no_secrets() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = project_with_a_user(&mcp).await;
    project
        .migrate(
            "defined",
            "create view public.hashes as select encrypted_password as h from auth.users;
             create function public.copies() returns void language plpgsql as $$
                 begin insert into public.notes select 7, encrypted_password from auth.users; end $$;",
        )
        .await;
    for query in [
        "create table public.mine as select encrypted_password from auth.users",
        "create table public.mine as select h from public.hashes",
        "select encrypted_password as h into public.mine from auth.users",
        "create materialized view public.mine as select encrypted_password from auth.users",
        "create materialized view public.mine as select * from public.hashes",
        "insert into public.notes select 2, encrypted_password from auth.users",
        "insert into public.notes select 2, h from public.hashes",
        "update public.notes set body = (select h from public.hashes limit 1)",
        "create view public.v as select encrypted_password as h from auth.users; create table public.mine as select h from public.v",
        "create function public.f() returns text language sql as 'select encrypted_password from auth.users limit 1';
         insert into public.notes values (2, public.f())",
        "create function public.f() returns trigger language plpgsql as $$
             begin new.body := (select encrypted_password from auth.users limit 1); return new; end $$;
         create trigger t before insert on public.notes for each row execute function public.f();
         insert into public.notes values (2, 'x')",
        "select public.copies()",
        "do $$ begin perform public.copies(); end $$",
        "do $$ begin insert into public.notes select 2, encrypted_password from auth.users; end $$",
        "do $$ declare h text; begin select encrypted_password into h from auth.users; raise exception '%', h; end $$",
        "do $$ begin execute 'create table public.mine as select encrypted_password from auth.users'; end $$",
        "do $$ begin create function public.g() returns text language sql as 'select encrypted_password from auth.users';
             perform public.g(); end $$",
        "create function public.loud(t text) returns text language plpgsql immutable as $$ begin raise exception '%', t; end $$;
         create index loud on auth.users (public.loud(encrypted_password))",
        "alter table public.notes alter column body type text using (select h from public.hashes limit 1)",
        "set search_path = auth; create table public.mine as select encrypted_password from users",
    ] {
        withheld(&project, "apply_migration", query).await;
    }
    assert_eq!(project.tables("dev").await, ["hashes", "notes"]);
    project
        .migrate(
            "away",
            "drop view public.hashes; drop function public.copies();",
        )
        .await;
}

#[tokio::test]
async fn a_trigger_on_the_users_hands_on_what_is_harmless_only() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = project_with_a_user(&mcp).await;
    project
        .migrate(
            "profiles",
            "create table public.profiles (id uuid primary key references auth.users on delete cascade, email text, name text);
             alter table public.profiles enable row level security;
             create function public.handle_new_user() returns trigger language plpgsql security definer set search_path = '' as $$
             begin
                 if new.email is not null then
                     insert into public.profiles (id, email, name)
                     values (new.id, new.email, new.raw_user_meta_data ->> 'name')
                     on conflict (id) do update set email = excluded.email;
                 end if;
                 return new;
             end $$;
             create trigger on_auth_user_created after insert on auth.users
                 for each row execute procedure public.handle_new_user();
             insert into public.profiles (id, email) select id, email from auth.users;",
        )
        .await;
    project
        .sql(
            "insert into auth.users (id, email, encrypted_password) \
             values ('00000000-0000-4000-8000-000000000002', 'bob@test', crypt('x', gen_salt('bf')))",
        )
        .await;
    assert_eq!(
        project.value("select count(*) from public.profiles").await,
        2
    );
    project
        .sql("delete from auth.users where email = 'bob@test'")
        .await;
    project
        .migrate(
            "seed",
            "do $$ declare user_id uuid := gen_random_uuid(); begin
                 insert into auth.users (id, email, encrypted_password)
                 values (user_id, 'carol@test', crypt('secret', gen_salt('bf')))
                 returning id into user_id;
                 update auth.users set encrypted_password = crypt('other', gen_salt('bf')) where id = user_id;
                 update public.profiles set name = 'Carol' where id = user_id;
             end $$;",
        )
        .await;
    for body in [
        "insert into public.profiles (id, name) values (new.id, new.encrypted_password); return new;",
        "insert into public.profiles select new.id, to_jsonb(new) ->> 'encrypted_password'; return new;",
        "insert into public.notes values (5, new::text); return new;",
        "perform public.note(new); return new;",
        "execute 'insert into public.notes values (6, $1.encrypted_' || 'password)' using new; return new;",
        "declare r auth.users; begin r := new; insert into public.notes values (5, r.encrypted_password); end; return new;",
        "insert into public.notes select 5, encrypted_password from auth.users; return new;",
    ] {
        withheld(
            &project,
            "apply_migration",
            &format!(
                "create or replace function public.handle_new_user() returns trigger language plpgsql as $$ begin {body} end $$;"
            ),
        )
        .await;
    }
    withheld(
        &project,
        "apply_migration",
        "create function public.all_new() returns trigger language plpgsql as $$
             begin insert into public.notes select 5, encrypted_password from fresh; return null; end $$;
         create trigger all_new after insert on auth.users referencing new table as fresh
             for each statement execute function public.all_new();",
    )
    .await;
    project
        .migrate("later", "alter table public.profiles add column bio text;")
        .await;
}
