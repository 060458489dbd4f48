use super::*;

#[test]
fn the_ledger_can_be_read() {
    let sql = "select version, name from supabase_migrations.schema_migrations order by 1";
    assert_eq!(decision(sql, EXECUTE_SQL), Decision::Read);
}

#[test]
fn nothing_else_may_name_it() {
    all_refused(
        "ledger_is_protected",
        EVERYWHERE,
        &[
            "insert into supabase_migrations.schema_migrations values ('1')",
            "delete from \"supabase_migrations\".schema_migrations",
            "delete from SUPABASE_MIGRATIONS.schema_migrations where true",
            "delete from postgres.supabase_migrations.schema_migrations",
            "update supabase_migrations . schema_migrations set name = 'x'",
            "truncate t, supabase_migrations.schema_migrations",
            "merge into supabase_migrations.schema_migrations m using t on true when matched then delete",
            "with x as (delete from supabase_migrations.schema_migrations returning *) select * from x",
            "select * from supabase_migrations.schema_migrations for update",
            "select * into supabase_migrations.y from t",
            "explain analyze delete from supabase_migrations.schema_migrations",
            "drop schema supabase_migrations cascade",
            "drop table if exists supabase_migrations.schema_migrations",
            "alter table supabase_migrations.schema_migrations add column x int",
            "alter schema supabase_migrations rename to x",
            "alter schema x rename to supabase_migrations",
            "alter table t set schema supabase_migrations",
            "create table supabase_migrations.t (id int)",
            "create trigger x before insert on supabase_migrations.schema_migrations for each row execute function f()",
            "create policy p on supabase_migrations.schema_migrations using (true)",
            "create rule r as on insert to t do also delete from supabase_migrations.schema_migrations",
            "create view v as select * from supabase_migrations.schema_migrations",
            "grant all on all tables in schema supabase_migrations to anon",
            "grant usage on schema supabase_migrations to anon",
            "lock table supabase_migrations.schema_migrations",
            "comment on table supabase_migrations.schema_migrations is 'x'",
            "set search_path = supabase_migrations, public",
            "set search_path = 'supabase_migrations'",
            "set search_path = E'supabase\\x5fmigrations'",
            "select set_config('search_path', 'supabase_migrations', false)",
            "do $$ begin delete from supabase_migrations.schema_migrations; end $$",
            "do $$ begin execute 'delete from supabase_migrations.schema_migrations'; end $$",
            "create function f() returns void language sql as $$ delete from supabase_migrations.schema_migrations $$",
            "create function f() returns void language sql begin atomic delete from supabase_migrations.schema_migrations; end",
            "alter publication p add table supabase_migrations.schema_migrations",
            "alter publication p add tables in schema supabase_migrations",
            "create table t (v text references supabase_migrations.schema_migrations)",
        ],
    );
}

#[test]
fn its_name_in_plain_text_is_harmless() {
    all_refused(
        "ok",
        &[EXECUTE_SQL, APPLY_MIGRATION],
        &[
            "insert into t values ('supabase_migrations.schema_migrations')",
            "select 'supabase_migrations' -- supabase_migrations",
            "create table supabase_migrations_log (id int)",
            "create function f() returns int language sql as $$ select 1 -- like supabase_migrations\n $$",
        ],
    );
}
