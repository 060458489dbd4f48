//! Where strings and comments end decides where statements end.

use super::*;
use Class::*;

#[test]
fn a_statement_behind_a_string_or_comment_is_seen() {
    for sql in [
        "select '--'; drop table t",
        "select '/*'; drop table t; --*/",
        "select /* /* */ -- */ 1; drop table t",
        "select 1 /* '*/; drop table t --'",
        "select E'\\'--'; drop table t",
        "select '\\'; drop table t; --'",
        "select $$'$$; drop table t; --'",
        "select $a$ $b$ $a$; drop table t --$b$",
        "select 1 -- comment\r; drop table t",
        "select \"--\" from t; drop table t",
        "select \"a\"\"--\"; drop table t",
        "select U&'\\0027'; drop table t",
        "select a$$b, $$;$$; drop table t; --$$",
        "select 'a'\n'--'; drop table t",
        "select n'--'; drop table t",
        "select 1 @-- x\n1; drop table t",
    ] {
        assert_eq!(classes(sql).len(), 2, "{sql}");
        assert_eq!(refusal(sql, EXECUTE_SQL), "multi_statement", "{sql}");
    }
}

#[test]
fn frightening_words_in_text_are_harmless() {
    for sql in [
        "select 'drop table t; delete from u' as \"drop table\"",
        "select 1 /* ; drop table t */ -- ; truncate t",
        "select $q$; do $$ begin end $$; $q$",
        "select E'it\\'s; drop table t'",
        "select \"pg_read_file\" from t where \"copy\" = 'to program ''rm'''",
        "select '\\'",
        "select 'pg_terminate_backend(1)', note from t where note like '%begin;%'",
    ] {
        assert_eq!(classes(sql), [Read], "{sql}");
        assert_eq!(refusal(sql, READ_ONLY), "ok", "{sql}");
    }
    let insert = "insert into notes (body) values ('; drop table notes; -- supabase_migrations, copy x to program ''y''')";
    assert_eq!(
        decision(insert, EXECUTE_SQL),
        Decision::WriteData { mass: false }
    );
}

#[test]
fn what_postgres_would_read_otherwise_is_refused() {
    for sql in [
        // PostgreSQL goes on with escapes in the second line: its string ends before the drop.
        "select E'a'\n'\\'' ; drop table t; --'",
        "select U&'a'\n'b'",
        "select b'0'\n'1'",
        "select b'0''; drop table t; --'",
        "select * from U&\"\\0061uth\".users",
        "select 1 \\; drop table t",
        "select 'open",
        "select $$open",
        "select /* /* */ 1",
        "select \"open",
    ] {
        assert_eq!(refusal(sql, APPLY_MIGRATION), "sql_unparsable", "{sql}");
    }
}

#[test]
fn names_are_folded_as_postgres_folds_them() {
    let batch = judged("select * from Auth.\"Users\", PUBLIC.Todos, db.\"S\".\"a\"\"b\"");
    let names: Vec<String> = batch.statements()[0]
        .relations
        .iter()
        .map(Name::to_string)
        .collect();
    assert_eq!(names, ["auth.Users", "public.todos", "S.a\"b"]);
    let long = "x".repeat(80);
    let batch = judged(&format!("select * from {long}"));
    assert_eq!(batch.statements()[0].relations[0].name.len(), 63);
}

#[test]
fn the_text_of_a_statement_has_no_semicolon_and_no_neighbours() {
    let sql = " -- first\n select 1 ; /* second */ insert into t values (1) ; ";
    let batch = judged(sql);
    let texts: Vec<&str> = batch
        .statements()
        .iter()
        .map(|statement| &sql[statement.text.clone()])
        .collect();
    assert_eq!(texts, ["select 1", "insert into t values (1)"]);
}
