//! Harmless SQL with frightening words passes: what a word means depends on where it stands.

use super::*;

const READS: &[&str] = &[
    "select 'drop table users; delete from auth.users' as note",
    "select 'it''s; truncate t; --' from t",
    "select $$; drop schema public cascade; $$ as text",
    "select $delete$ update t set a = 1 $delete$",
    r"select e'\'; drop table t; --' as a",
    r"select E'\\', 'x' from t",
    "select 1 -- ; drop table t",
    "select 1 /* ; delete from t; /* nested */ commit */ + 1",
    "-- alter system set x = 1\nselect 1",
    "select \"drop table\", \"delete\", \"grant\" from \"truncate\"",
    "select \"select * from auth.users\" from t",
    "select t.\"update\" from \"insert\" as t",
    "select * from \"pg_authid_backup\"",
    "select \"Vault\".id from \"Vault\"",
    "select vault from public.settings",
    "select s.vault, s.token, s.secret from public.settings s",
    "select token, secret, parent from public.sessions",
    "select encrypted_password from public.archive",
    "select u.encrypted_password from public.users u",
    "select deleted_at, created_at, updated_by, dropped from t",
    "select is_admin as \"superuser\", role from members where role = 'postgres'",
    "select data -> 'delete', data ->> 'drop', data #> '{truncate,table}' from t",
    "select data ? 'password', data ?| array['a'], data ?& array['b'] from t",
    "select data @> '{\"sql\": \"drop table t\"}'::jsonb from t",
    "select data -> 'a' ->> 'b' from t where data @? '$.delete'",
    "select a - -1, a --1\n from t",
    "select 'a' || ';' || 'b' from t",
    "select * from t where query like '%delete from%' or body ilike 'DROP%'",
    "select count(*) filter (where action = 'DELETE') from audit_log",
    "select case action when 'update' then 1 when 'delete' then 2 end from audit_log",
    "select date '2024-01-01', interval '1 day', time '12:00'",
    "select x'1F', b'101', n'text'",
    "select array['grant', 'revoke'], row('commit', 'rollback')",
    "select t.* from t where exists (select 1 from u where u.copy = t.\"do\")",
    "select execute, prepare, call from statements",
    "select commit, rollback, savepoint, release from git_log",
    "select lock, notify, listen, load, refresh, reset from switches",
    "with \"delete\" as (select 1 as a) select * from \"delete\"",
    "with moved as (select id from t) select * from moved",
    "with inserted(id) as (values (1)) select id from inserted",
    "select position('drop' in body), trim(both ';' from body) from t",
    "select extract(epoch from created_at), overlay('abc' placing 'x' from 2) from t",
    "select regexp_replace(body, '(drop|delete)\\s+table', '', 'gi') from t",
    "select format('delete from %I', name) from t",
    "select quote_literal('; drop table t'), quote_ident('drop table')",
    "select string_agg('grant select on ' || name, '; ') from t",
    "select pg_get_viewdef('v'::regclass), pg_get_functiondef(1)",
    "select 'auth.users'::regclass, to_regclass('vault.secrets')",
    "select has_table_privilege('anon', 'auth.users', 'delete')",
    "select table_name from information_schema.tables where table_schema = 'auth'",
    "select column_name from information_schema.columns where table_name = 'pg_authid'",
    "select * from pg_catalog.pg_policies where tablename = 'users'",
    "select version, name from supabase_migrations.schema_migrations",
    "select relname from pg_class where relname ~ 'authid'",
    "explain select 'delete from t'",
    "values ('drop'), ('table')",
    "table public.\"delete\"",
    "select 1 as \"--\", 2 as \"/*\", 3 as \"*/\", 4 as \"$$\"",
    "select '/*', '*/', '--', '$$', ';'",
    "select $a1$ no $1 parameter $a1$",
    "select current_setting('request.jwt.claims', true)",
    "select row_number() over (order by id rows between unbounded preceding and current row) from t",
    "select (select max(id) from t), all_of, some_of, any_of from u",
    "select \"Größe\", \"naïve\", \"表\" from \"données\"",
];

const CHANGES: &[&str] = &[
    "insert into t (a) values ('drop table t; grant all to anon')",
    "insert into t (\"delete\", \"truncate\") values (1, 2)",
    "insert into audit_log (action) values ('DELETE'), ('TRUNCATE')",
    "insert into t select 'create role x' from u",
    "update t set note = 'alter system' where id = 1",
    "update t set \"role\" = 'admin', \"grant\" = true where id = 1",
    "update t set body = $q$do $x$ begin end $x$;$q$ where id = 1",
    "delete from t where action = 'select' and id = 1",
    "insert into t values (e'line\\nbreak; \\'quoted\\'') on conflict do nothing",
    "insert into snippets (sql) values ('copy t to program ''rm -rf /''')",
];

const SCHEMA: &[&str] = &[
    "create table \"drop table\" (\"delete\" int, \"grant\" text)",
    "create table t (action text check (action in ('insert', 'update', 'delete', 'truncate')))",
    "create table t (role text default 'postgres', secret text, token text, vault int)",
    "comment on table t is 'do not drop; delete from t where true'",
    "comment on column t.a is 'copied from auth.users.encrypted_password'",
    "create type action as enum ('drop', 'delete', 'commit')",
    "create policy \"delete own rows\" on t for delete using (true)",
    "create index drop_index on t (a) where action = 'delete'",
    "create view deleted as select * from t where action = 'delete'",
    "create function delete_note() returns text language sql as 'select ''drop table t'''",
    "create function f() returns text language sql as $$ select 'supabase' || '_admin' $$",
];

#[test]
fn reads_with_frightening_words_are_reads_everywhere() {
    for sql in READS {
        assert_eq!(decision(sql, EXECUTE_SQL), Decision::Read, "{sql}");
        assert_eq!(decision(sql, READ_ONLY), Decision::Read, "{sql}");
        assert_eq!(refusal(sql, APPLY_MIGRATION), "ok", "{sql}");
    }
}

#[test]
fn changes_with_frightening_words_are_changes_of_few_rows() {
    for sql in CHANGES {
        let few = Decision::WriteData { mass: false };
        assert_eq!(decision(sql, EXECUTE_SQL), few, "{sql}");
        assert_eq!(refusal(sql, APPLY_MIGRATION), "ok", "{sql}");
    }
}

#[test]
fn schema_changes_with_frightening_words_are_migrations_that_lose_nothing() {
    for sql in SCHEMA {
        assert_eq!(
            decision(sql, EXECUTE_SQL),
            Decision::RunAsMigration,
            "{sql}"
        );
        assert_eq!(decision(sql, APPLY_MIGRATION), Decision::Migrate, "{sql}");
        assert!(
            !judged(sql).effects().any(|effect| effect.loses_data),
            "{sql}"
        );
    }
}

#[test]
fn none_of_it_reaches_a_secret() {
    for sql in READS.iter().chain(CHANGES) {
        for purpose in [Purpose::Show, Purpose::Write] {
            assert_eq!(find(&judged(sql), purpose, &[]), None, "{sql}");
        }
    }
    for sql in SCHEMA.iter().chain(READS).chain(CHANGES) {
        assert_eq!(find(&judged(sql), Purpose::Migrate, &[]), None, "{sql}");
    }
}
