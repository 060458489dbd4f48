use super::*;

const ASKED: &[Door] = &[EXECUTE_SQL, READ_ONLY];

#[test]
fn secrets_are_not_read() {
    all_refused(
        "sensitive_relation",
        ASKED,
        &[
            "select * from vault.decrypted_secrets",
            "select name from vault.secrets",
            "select 1 where exists (select 1 from vault.secrets)",
            "select rolname from pg_authid",
            "select usename from pg_catalog.pg_shadow",
            "select encrypted_password from auth.users",
            "select u.\"encrypted_password\" from auth.users u",
            "select * from auth.users",
            "select u.* from auth.users u",
            "select * from only (auth.users)",
            "select json_agg(t) from (select * from auth.users) t",
            "select users.* from auth.users",
            "select auth.users.* from auth.users",
            "select users from auth.users",
            "select u from auth.users as u",
            "select to_jsonb(u) from auth.users u",
            "select row_to_json(users)::text from auth.users",
            "select (u).email from auth.users u",
            "table auth.users",
            "with u as (table auth.users) select 1 from u",
            "with u as (select * from auth.users) select id from u",
            "select x.a from auth.users as x(a, b, c)",
            "select j.* from (auth.users cross join t) as j",
            "select p.*, s.e from t p, lateral (select encrypted_password as e from auth.users) s",
            "select x from t, lateral (select u.*) x, auth.users u",
            "select id from auth.users where encrypted_password like '$2a$%'",
            "select id from auth.users order by recovery_token",
            "select id from auth.users union select encrypted_password from auth.users",
            "select token from auth.refresh_tokens",
            "select * from auth.one_time_tokens",
            "select secret from auth.mfa_factors",
            "select id from auth.users join t using (encrypted_password)",
            "select * from t join auth.users u on u.id = t.user_id",
        ],
    );
    all_refused(
        "sensitive_relation",
        &[EXECUTE_SQL],
        &[
            "insert into t select encrypted_password from auth.users",
            "insert into t select * from auth.users",
            "insert into t table auth.users",
            "update t set a = u.encrypted_password from auth.users u where u.id = t.id",
            "update auth.users set email = 'x' where id = '1' returning *",
            "delete from auth.users where id = '1' returning encrypted_password",
            "delete from t using auth.users u where u.id = t.id returning u.*",
            "delete from auth.users where id = '1' returning old.*",
            "update auth.users set email = 'x' where id = '1' returning to_jsonb(new)",
            "delete from auth.users where id = '1' returning with (old as o) o.*",
        ],
    );
}

#[test]
fn what_is_not_secret_of_them_is_read_and_written() {
    all_refused(
        "ok",
        &[EXECUTE_SQL],
        &[
            "select id, email from auth.users",
            "select count(*) from auth.users",
            "select u.id, u.raw_user_meta_data ->> 'name' from auth.users as u where u.email = 'a@b.c'",
            "select p.* from public.profiles p join auth.users u on u.id = p.id",
            "with u as (select id, email from auth.users) select * from u",
            "select * from (select id, email from auth.users) x",
            "select * from public.users",
            "select exists (select 1 from auth.users where email = 'a')",
            "insert into auth.users (id, email, encrypted_password) values (gen_random_uuid(), 'a', crypt('x', gen_salt('bf')))",
            "update auth.users set encrypted_password = crypt('x', gen_salt('bf')) where id = '1'",
            "delete from auth.users where email like '%@test' returning id",
            "insert into public.profiles (id) select id from auth.users",
        ],
    );
    all_refused(
        "ok",
        &[APPLY_MIGRATION],
        &[
            "create table p (id uuid references auth.users on delete cascade)",
            "create view v as select * from auth.users",
            "insert into public.profiles (id) select id from auth.users",
        ],
    );
}

#[test]
fn they_are_marked_either_way() {
    let batch = judged("select id from auth.users, t");
    let marked: Vec<String> = batch.statements()[0]
        .sensitive
        .iter()
        .map(Name::to_string)
        .collect();
    assert_eq!(marked, ["auth.users"]);
}

#[test]
fn every_word_that_could_be_a_function_is_known() {
    for (sql, word) in [
        ("select substring(a) from t", "substring"),
        ("select trim(a), overlay(b) from t", "overlay"),
        ("select normalize (a) from t", "normalize"),
        (
            "select json_object(a), xmlelement(name x) from t",
            "json_object",
        ),
        ("select t.leak from t", "leak"),
        ("select (t).\"Leak\" from t", "Leak"),
        ("select * from public.leak()", "leak"),
        ("select 1 from rows from (leak(1)) x", "leak"),
        ("insert into t values (LEAK())", "leak"),
        ("call leak(1)", "leak"),
    ] {
        let batch = judged(sql);
        let words = &batch.statements()[0].words;
        assert!(words.contains(word), "{sql}: {words:?}");
    }
}
