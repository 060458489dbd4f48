use super::*;

fn effects(sql: &str) -> Vec<String> {
    judged(sql)
        .effects()
        .map(|effect| {
            format!(
                "{effect}{}",
                if effect.loses_data {
                    " (loses data)"
                } else {
                    ""
                }
            )
        })
        .collect()
}

#[test]
fn a_migration_is_told_object_by_object() {
    for (sql, expected) in [
        (
            "create table if not exists public.todos (id int)",
            vec!["create table public.todos"],
        ),
        ("create temp table x (id int)", vec!["create table x"]),
        ("create table t as select 1", vec!["create table t"]),
        ("select 1 into t", vec!["create table t"]),
        (
            "drop table a, public.b",
            vec![
                "drop table a (loses data)",
                "drop table public.b (loses data)",
            ],
        ),
        (
            "drop schema if exists s cascade",
            vec!["drop schema s (loses data)"],
        ),
        ("drop view v", vec!["drop view v"]),
        (
            "drop function f(int, text), public.g",
            vec!["drop function f(int, text)", "drop function public.g"],
        ),
        (
            "drop policy if exists \"own rows\" on public.todos",
            vec!["drop policy own rows on public.todos"],
        ),
        (
            "create policy \"own rows\" on public.todos using (true)",
            vec!["create policy own rows on public.todos"],
        ),
        (
            "create trigger t before insert on public.todos execute function f()",
            vec!["create trigger t on public.todos"],
        ),
        (
            "create index if not exists i on only public.todos (a)",
            vec!["create index i on only public.todos"],
        ),
        (
            "create or replace function public.f(a int) returns int language sql as 'select 1'",
            vec!["create function public.f"],
        ),
        (
            "create index on public.todos (a)",
            vec!["create index on public.todos"],
        ),
        ("reindex table t", vec!["reindex object table t"]),
        ("create type mood as enum ('a')", vec!["create type mood"]),
        (
            "create extension if not exists \"uuid-ossp\"",
            vec!["create extension uuid-ossp"],
        ),
        (
            "create schema if not exists s authorization x",
            vec!["create schema s"],
        ),
        (
            "grant select  on public.todos to anon",
            vec!["grant privilege select on public.todos to anon"],
        ),
        (
            "revoke all on all tables in schema public from anon;",
            vec!["revoke privilege all on all tables in schema public from anon"],
        ),
        (
            "alter publication supabase_realtime add table t",
            vec!["alter publication supabase_realtime"],
        ),
        (
            "comment on column t.a is 'x'",
            vec!["comment object column t.a"],
        ),
        (
            "truncate a, b",
            vec![
                "truncate table a (loses data)",
                "truncate table b (loses data)",
            ],
        ),
        (
            "delete from only public.t where id = 1",
            vec!["delete rows public.t (loses data)"],
        ),
        (
            "update t set a = 1 where id = 1; update t set a = 1",
            vec!["update rows t", "update rows t (loses data)"],
        ),
        (
            "with x as (insert into a values (1)) insert into b values (2)",
            vec!["insert rows b", "insert rows a"],
        ),
        ("do $$ begin end $$", vec!["run code block do"]),
        ("select 1", vec![]),
        ("set x = 1", vec![]),
    ] {
        assert_eq!(effects(sql), expected, "{sql}");
    }
}

#[test]
fn alter_table_is_told_action_by_action() {
    let sql = "alter table if exists only public.t
        add column if not exists a int default 1,
        drop column b,
        alter column c type text,
        alter column d type int using d::int,
        alter e set not null,
        rename column f to g";
    assert!(judge(sql).is_ok());
    assert_eq!(
        effects(sql),
        [
            "add column public.t.a",
            "drop column public.t.b (loses data)",
            "change type column public.t.c",
            "change type column public.t.d (loses data)",
            "set not null column public.t.e",
            "rename column public.t.f",
        ]
    );
    for (action, expected) in [
        ("enable row level security", "enable row security table t"),
        ("disable row level security", "disable row security table t"),
        ("force row level security", "force row security table t"),
        ("add constraint c check (a > 0)", "add constraint c on t"),
        (
            "add primary key (id)",
            "add constraint primary key (id) on t",
        ),
        ("drop constraint c", "drop constraint t.c"),
        ("rename to u", "rename table t"),
        ("set schema s", "move to another schema table t"),
        ("owner to postgres", "change owner table t"),
    ] {
        assert_eq!(effects(&format!("alter table t {action}")), [expected]);
    }
}
