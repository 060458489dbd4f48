use super::*;

fn refused_as_too_large(sql: &str) {
    let code = judge(sql).err().map(|error| error.code());
    assert_eq!(code, Some("sql_too_large"), "{}", &sql[..80.min(sql.len())]);
}

/// Runs on a thread with the stack of a worker thread: an overflow aborts the whole test run.
fn survives(sql: String) {
    let worker = std::thread::Builder::new().stack_size(2 * 1024 * 1024);
    let handle = worker.spawn(move || judge(&sql).is_ok());
    assert!(handle.is_ok_and(|handle| handle.join().is_ok()));
}

#[test]
fn more_than_a_megabyte_is_refused_unread() {
    refused_as_too_large(&"select 1;".repeat(600_000));
    refused_as_too_large(&format!("select '{}'", "x".repeat(MAX_BYTES)));
}

#[test]
fn a_nul_byte_is_refused() {
    assert_eq!(judge("select 1\0; drop table t"), Err(SqlError::Nul));
}

#[test]
fn nothing_to_run_is_said_so() {
    for sql in ["", "  \n", ";;", "-- nothing", "/* nothing */ ;"] {
        assert_eq!(judge(sql), Err(SqlError::Empty), "{sql}");
    }
}

#[test]
fn runs_that_would_overflow_the_parser_never_reach_it() {
    let runs = [
        "not ",
        "- ",
        "+ ",
        "~ ",
        "case ",
        "case when 1 then ",
        "explain ",
        "[",
        "(",
        "{",
        "array[",
        "exists (",
        "prepare p as ",
        "create schema s ",
        "with a as (",
        "cast(",
        "select * from (",
        "f(",
        "row(",
        "1 + ",
        "1 ^ ",
        "a and ",
        "a or ",
        "a = ",
        "a.",
        "a join ",
        "lateral ",
        "coalesce(1, ",
        "in (1, (",
        "a[1, ",
        "between 1 and ",
        "values ((",
        "interval ",
        "not a, - not ",
        "create function f() begin atomic select 1; ",
    ];
    for run in runs {
        for start in [
            "",
            "select ",
            "select a from b where ",
            "explain ",
            "create table t as ",
        ] {
            refused_or_unparsable(&format!(
                "{start}{}",
                run.repeat(50_000.min(900_000 / run.len()))
            ));
        }
    }
    for chain in [
        "::int",
        " union select 1",
        " union select 1, 2",
        "[1]",
        "()",
        ".a",
        " + (1)",
        " collate c",
        " or (a)",
    ] {
        let sql = format!(
            "select a{}",
            chain.repeat(50_000.min(900_000 / chain.len()))
        );
        refused_as_too_large(&sql);
    }
}

/// Short runs of commas may pass the bound and fail in the parser; what counts is that nothing is accepted or dies.
fn refused_or_unparsable(sql: &str) {
    assert!(judge(sql).is_err(), "{}", &sql[..80.min(sql.len())]);
}

#[test]
fn the_parser_survives_the_deepest_text_that_is_let_through() {
    let nests = [
        ("select ", "(", "1", ")"),
        ("select ", "f(", "1", ")"),
        ("select ", "f(a, b, ", "1", ")"),
        ("select ", "not (", "1", ")"),
        ("select ", "case when 1 then (", "1", ") end"),
        ("select ", "array[", "1", "]"),
        ("select ", "a[", "1", "]"),
        ("select ", "row(1, ", "1", ")"),
        ("select ", "case (not not not ", "1", ") when 1 then 1 end"),
        ("select ", "exists (select ", "1", ")"),
        ("select 1 in ", "(select 1 in ", "(1)", ")"),
        ("select * from ", "(select * from ", "a", ") x"),
        ("select * from ", "(", "a cross join b", " cross join b)"),
        (
            "select * from a join ",
            "(a join ",
            "b on true",
            " on true)",
        ),
        ("", "(", "select 1", ")"),
        ("", "with a as (", "select 1", ") select 1"),
        ("select ", "cast(", "1", " as int)"),
        ("select sum(1) filter (where ", "(1 = 1 and ", "true", ")"),
        ("create table t (a int check ", "(not ", "true", "))"),
        (
            "create function f() returns int language sql ",
            "begin atomic create function g() returns int ",
            "return 1;",
            " end;",
        ),
    ];
    for (start, open, middle, close) in nests {
        for depth in [40, 100, 150, 199] {
            let sql = format!(
                "{start}{}{middle}{}",
                open.repeat(depth),
                close.repeat(depth)
            );
            survives(sql);
        }
    }
    for (start, run, end) in [
        ("select ", "not ", "1"),
        ("select ", "- ", "1"),
        ("select ", "case 1 when 1 then ", "1"),
        ("", "explain ", "select 1"),
        ("select 1", " ^ 1", ""),
        ("select 1", "::int", ""),
        ("select a", ".b", ""),
        ("select 1", " union select 1", ""),
        ("select * from a", " join b", " on x"),
    ] {
        for times in [100, 150, 199, 240, 300, 400, 490, 800, 990] {
            survives(format!("{start}{}{end}", run.repeat(times)));
        }
    }
}

#[test]
fn a_long_prefix_before_every_bracket_is_one_path() {
    let sql = format!(
        "select {}1{}",
        format!("{}(", "not ".repeat(100)).repeat(150),
        ")".repeat(150)
    );
    refused_as_too_large(&sql);
}

#[test]
fn the_body_of_an_sql_function_is_bounded_like_the_text_around_it() {
    let deep = "(".repeat(20_000);
    for sql in [
        format!("create function f() returns int language sql as $$ select {deep} $$"),
        format!("create function f() returns int as 'select {deep}' language sql"),
        format!("create function f() returns int as 'select '\n'{deep}' language 'sql'"),
        format!("create function f() returns int as $a$ select {deep} $a$ language \"sql\""),
        format!("create procedure f() language SQL as $$ select {deep} $$"),
    ] {
        refused_as_too_large(&sql);
    }
    let escaped = format!("create function f() returns int language sql as E'select {deep}'");
    assert_eq!(refusal(&escaped, APPLY_MIGRATION), "sql_unparsable");
}

#[test]
fn long_lists_and_long_bodies_pass() {
    let rows = ", (2, 'two', array[1,2], now())".repeat(30_000);
    assert!(
        judge(&format!(
            "insert into t values (1, 'one', null, now()){rows}"
        ))
        .is_ok()
    );
    let statements = "update t set a = coalesce(b, 1) where id in (1, 2, 3);\n".repeat(10_000);
    assert!(judge(&statements).is_ok());
    let body = "  x := x + 1 and not y or z\n".repeat(2_000);
    let function =
        format!("create function f() returns int language plpgsql as $$ begin {body} end $$");
    assert!(judge(&function).is_ok());
    let columns: Vec<String> = (0..1_500)
        .map(|n| format!("c{n} numeric(10,2) not null default 0 check (c{n} >= 0)"))
        .collect();
    assert!(judge(&format!("create table wide ({})", columns.join(", "))).is_ok());
    let conditions = " or (a = 1 and b = 2)".repeat(200);
    assert!(judge(&format!("select * from t where false{conditions}")).is_ok());
}

#[test]
fn an_error_names_its_line_and_column() {
    let error = judge("select 1;\nselect from from t");
    assert!(
        matches!(&error, Err(SqlError::Unparsable { line: 2, column, .. }) if *column > 1),
        "{error:?}"
    );
}
