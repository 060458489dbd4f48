//! Where statements delete rows that a condition, or code, chooses.

use super::judged;
use crate::sql::Statement;

/// The tables, and whether it may be anywhere.
fn deletions(sql: &str) -> (Vec<String>, bool) {
    let batch = judged(sql);
    let found = batch.statements().iter().map(Statement::deletions);
    let mut tables = Vec::new();
    let mut anywhere = false;
    for one in found {
        tables.extend(one.tables.iter().map(ToString::to_string));
        anywhere |= one.anywhere;
    }
    (tables, anywhere)
}

#[test]
fn what_deletes_is_told_with_its_tables() {
    for (sql, tables) in [
        ("delete from public.t where id = 1", vec!["public.t"]),
        (
            "with x as (delete from a where id = 1 returning id) select id from x",
            vec!["a"],
        ),
        (
            "merge into t using s on t.id = s.id when matched then delete",
            vec!["t"],
        ),
        (
            "merge into t using s on t.id = s.id when matched then update set a = 1",
            vec![],
        ),
        (
            "do $$ begin delete from a where id = 1; truncate b; end $$",
            vec!["a", "b"],
        ),
        (
            "do $$ begin execute 'delete from a where id = 1'; end $$",
            vec!["a"],
        ),
        (
            "do $$ begin execute 'truncate a, b'; end $$",
            vec!["a", "b"],
        ),
        ("do $$ begin update a set b = 1; end $$", vec![]),
        ("update a set b = 1", vec![]),
        ("prepare p as delete from a where id = $1", vec!["a"]),
        (
            "create function f() returns void language sql as 'delete from a'",
            vec![],
        ),
    ] {
        assert_eq!(
            deletions(sql),
            (tables.iter().map(ToString::to_string).collect(), false),
            "{sql}"
        );
    }
}

#[test]
fn code_that_does_not_tell_where_it_deletes_may_do_so_anywhere() {
    for sql in [
        "do $$ declare t text; begin execute format('delete from %I', t); end $$",
        "do $$ begin execute 'delete from ' || 'a'; end $$",
        "do $$ this is no code that deletes anything $$",
        "do language plperl $$ delete $$",
        "call tidy()",
    ] {
        assert!(deletions(sql).1, "{sql}");
    }
}
