use super::*;
use Class::*;

fn all(class: Class, texts: &[&str]) {
    for sql in texts {
        assert_eq!(classes(sql), [class], "{sql}");
    }
}

#[test]
fn queries_are_reads() {
    all(
        Read,
        &[
            "select 1",
            "values (1), (2)",
            "table public.todos",
            "(select 1) union all select 2 order by 1 limit 3",
            "with a as (select 1), b as (table a) select * from b",
            "with recursive r(n) as (select 1 union all select n + 1 from r where n < 9) select * from r",
            "explain select 1",
            "explain (analyze, buffers, format json) select 1",
            "explain analyze verbose select 1",
            "show search_path",
            "show all",
            "select my_function(1), pg_sleep(1), currval('s')",
            "select * from t tablesample system (1)",
            "select a ->> 'b', c #> '{d}', e @> '{}'::jsonb, f ? 'g', h <-> '[1,2]'::vector from t",
        ],
    );
}

#[test]
fn writes_are_seen_wherever_they_stand() {
    all(
        DataChange,
        &[
            "insert into t values (1)",
            "update t set a = 1 where id = 2",
            "update only t set a = 1 where id = 2",
            "delete from t using u where t.id = u.id",
            "with gone as (delete from t where id = 1 returning *) select * from gone",
            "with a as (insert into t values (1) returning id) insert into u select id from a",
            "explain analyze delete from t where id = 1",
            "explain (analyze) insert into t values (1)",
            "explain insert into t values (1)",
            "select * from t for update",
            "select * from (select * from t for no key update skip locked) x",
            "select nextval('s')",
            "select setval('s', 1)",
            "select txid_current()",
            "select (select pg_catalog.nextval('s'))",
            "merge into t using u on t.id = u.id when matched then update set a = u.a when not matched then insert values (u.id)",
            "refresh materialized view concurrently m",
            "analyze t",
            "insert into t values (1) on conflict (id) do update set a = excluded.a",
            "delete from t where current of c",
        ],
    );
}

#[test]
fn writes_without_a_real_condition_are_mass_changes() {
    all(
        MassDataChange,
        &[
            "delete from t",
            "delete from only t",
            "update t set a = 1",
            "update only t set a = 1",
            "update t set a = 1 where true",
            "delete from t where 1=1",
            "delete from t where (1 = 1)",
            "delete from t where 'a' = 'a'",
            "delete from t where id = id",
            "delete from t where not false",
            "delete from t where id = 1 or true",
            "delete from t where true and 1 < 2",
            "delete from t where id is not null",
            "delete from t where id notnull",
            "delete from t where exists (select 1)",
            "delete from t where 't'::boolean",
            "truncate t",
            "truncate table only a, b restart identity cascade",
            "with x as (delete from t returning *) select count(*) from x",
            "merge into t using u on t.id = u.id when matched then delete",
            "merge into t using u on t.id = u.id when not matched by source then delete",
            "explain analyze update t set a = 1",
        ],
    );
}

#[test]
fn changes_of_objects_are_schema() {
    all(
        Schema,
        &[
            "create table t (id int)",
            "create table t as select 1",
            "select 1 as a into t",
            "select * into temp t from u",
            "drop table t cascade",
            "comment on table t is 'x'",
            "create index on t (a)",
            "create policy p on t for select using (auth.uid() = owner)",
            "alter publication supabase_realtime add table t",
            "create extension if not exists vector with schema extensions",
            "create view v with (security_invoker = on) as select nextval('s')",
            "create trigger x before insert on t for each row execute function f()",
            "create rule r as on delete to t do instead (insert into log values (1); update u set a = 1)",
            "alter type mood add value 'new' before 'old'",
            "create table t (id bigint default nextval('s'))",
        ],
    );
    all(
        Privilege,
        &[
            "grant select, insert on t to anon, authenticated",
            "revoke all on all tables in schema public from anon",
            "grant usage on schema public to anon",
            "alter default privileges in schema public grant select on tables to anon",
            "alter default privileges for role postgres revoke execute on functions from public",
        ],
    );
}

#[test]
fn opaque_statements_run_in_migrations_only() {
    let texts = [
        "do $$ begin delete from t; end $$",
        "do language plpgsql 'begin end'",
        "call p(1)",
        "prepare p as select 1",
        "execute p(1)",
        "deallocate all",
        "declare c cursor for select 1",
        "fetch all from c",
        "move 1 in c",
        "close c",
        "explain execute p",
        "explain analyze create table t as select 1",
    ];
    all(Opaque, &texts);
    all_refused("opaque_statement", NOT_IN_MIGRATIONS, &texts);
    all_refused("ok", &[APPLY_MIGRATION], &texts);
}

#[test]
fn session_statements_run_in_migrations_only() {
    let texts = [
        "set search_path = public",
        "set local statement_timeout = 0",
        "set role postgres",
        "set session authorization postgres",
        "reset role",
        "reset all",
        "set time zone 'UTC'",
        "select set_config('search_path', '', false)",
        "select pg_catalog.set_config('role', 'postgres', true) from t",
        "insert into t select set_config('role', 'x', true)",
        "with a as (select set_config('role', 'x', true)) select * from a",
        "discard plans",
        "listen c",
        "notify pgrst, 'reload schema'",
        "unlisten *",
        "lock table t in access exclusive mode",
        "set constraints all deferred",
        "select pg_notify('c', 'x')",
    ];
    all(Session, &texts);
    all_refused("session_setting", NOT_IN_MIGRATIONS, &texts);
    all_refused("ok", &[APPLY_MIGRATION], &texts);
}

#[test]
fn transactions_are_the_servers() {
    all_refused(
        "transaction_control",
        EVERYWHERE,
        &[
            "begin",
            "start transaction read only",
            "commit",
            "end",
            "rollback",
            "abort",
            "savepoint s",
            "release savepoint s",
            "rollback to savepoint s",
            "prepare transaction 'x'",
            "commit prepared 'x'",
            "set transaction isolation level serializable",
            "set session characteristics as transaction read write",
            "begin; create table t (id int); commit",
        ],
    );
}

#[test]
fn what_belongs_to_the_server_runs_nowhere() {
    all_refused(
        "server_file",
        EVERYWHERE,
        &[
            "copy t to program 'sh'",
            "copy t from '/etc/passwd'",
            "copy (select 1) to '/tmp/x' with csv",
            "load 'x'",
            "select pg_read_file('x')",
            "select pg_catalog.pg_read_binary_file('x')",
            "select * from pg_ls_dir('.')",
            "select pg_ls_waldir()",
            "select PG_STAT_FILE('x')",
            "select \"pg_read_file\"('x')",
            "select lo_import('/etc/passwd')",
            "insert into t select lo_export(1, 'x')",
            "create view v as select pg_read_file('x')",
            "create operator === (leftarg = text, rightarg = text, procedure = pg_read_file)",
            "create operator === (leftarg = text, rightarg = text, procedure = 'pg_read_file')",
            "create function f() returns text language sql begin atomic select pg_read_file('x'); end",
            "select * from rows from (pg_ls_dir('.'))",
            "select 1 from t left join lateral pg_read_file(t.a) x on true",
        ],
    );
    all_refused(
        "copy_unsupported",
        EVERYWHERE,
        &["copy t from stdin", "copy (select 1) to stdout"],
    );
    all_refused(
        "forbidden_function",
        EVERYWHERE,
        &[
            "select pg_terminate_backend(1)",
            "select pg_cancel_backend(pid) from pg_stat_activity",
            "select pg_reload_conf()",
            "select pg_rotate_logfile()",
            "select pg_switch_wal()",
            "select pg_create_restore_point('x')",
            "select pg_promote()",
            "select pg_backup_start('x')",
            "select pg_logical_emit_message(true, 'a', 'b')",
            "select pg_create_logical_replication_slot('a', 'b')",
            "select pg_drop_replication_slot('a')",
            "select extensions.dblink('host=x', 'select 1')",
            "select * from dblink_exec('x', 'y')",
            "select pg_advisory_lock(1)",
            "select pg_try_advisory_xact_lock(1)",
            "select lo_unlink(1)",
            "select lowrite(1, 'x')",
            "alter large object 1 owner to x",
        ],
    );
    all_refused(
        "hidden_relation",
        EVERYWHERE,
        &[
            "select query_to_xml('select 1', true, true, '')",
            "select table_to_xml('vault.secrets', true, true, '')",
            "select schema_to_xml_and_xmlschema('auth', true, true, '')",
            "select database_to_xml(true, true, '')",
            "select cursor_to_xml('c', 1, true, true, '')",
            "select * from ts_stat('select to_tsvector(encrypted_password) from auth.users')",
        ],
    );
    all_refused(
        "server_object",
        EVERYWHERE,
        &[
            "alter system set x = 1",
            "create database d",
            "alter database d set x = 1",
            "drop database d",
            "create tablespace t location '/x'",
            "create subscription s connection 'x' publication p",
            "drop subscription s",
            "checkpoint",
            "grant set on parameter x to y",
        ],
    );
    all_refused(
        "role_statement",
        EVERYWHERE,
        &[
            "create role r",
            "create user u password 'x'",
            "create group g",
            "alter role postgres superuser",
            "alter user u set x = 1",
            "drop role r",
            "grant pg_execute_server_program to postgres",
            "grant a, b to c with admin option",
            "revoke a from b",
            "reassign owned by a to b",
            "drop owned by a",
        ],
    );
}

#[test]
fn what_cannot_run_in_a_transaction_is_refused_with_the_fix() {
    let texts = [
        "create index concurrently i on t (a)",
        "create unique index concurrently if not exists i on t (a)",
        "drop index concurrently i",
        "reindex table concurrently t",
        "reindex (concurrently) index i",
        "reindex schema public",
        "alter table t detach partition p concurrently",
    ];
    all_refused("not_transactional", &[APPLY_MIGRATION, EXECUTE_SQL], &texts);
    for sql in texts {
        assert!(matches!(
            decision(sql, APPLY_MIGRATION),
            Decision::Refuse(Objection {
                suggestion: Some(Suggestion::LeaveOutConcurrently),
                ..
            })
        ));
    }
    all_refused(
        "not_transactional",
        &[APPLY_MIGRATION],
        &["vacuum", "vacuum full t", "cluster", "discard all"],
    );
    all_refused(
        "ok",
        &[APPLY_MIGRATION],
        &[
            "create index i on t (a)",
            "reindex table t",
            "cluster t using i",
            "alter table t detach partition p",
            "refresh materialized view concurrently m",
            "alter type t add value 'x'",
            "create index i on t (concurrently(a))",
        ],
    );
}

#[test]
fn settings_that_change_the_reading_of_text_run_nowhere() {
    all_refused(
        "session_setting",
        EVERYWHERE,
        &[
            "set standard_conforming_strings = off",
            "set standard_conforming_strings to 'off'",
            "set session client_encoding = 'SJIS'",
            "select set_config('standard_conforming_strings', 'off', false)",
        ],
    );
    all_refused(
        "ok",
        &[APPLY_MIGRATION],
        &[
            "set standard_conforming_strings = on",
            "set client_encoding = 'UTF8'",
            "set client_encoding to utf8",
        ],
    );
}
