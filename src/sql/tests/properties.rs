//! Properties that hold for any text. `DRYDOCK_TEST_CASES` says how many texts each is tried with; it never takes
//! long, and many are worth it after a change of the judge.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use squawk_lexer::{TokenKind, tokenize};

use super::*;

/// Valid statements of every class, and those that hide something.
const STATEMENTS: &[&str] = &[
    "select a, b from t where c = 'it''s' and d <> $$;$$ order by 1",
    "select * from auth.users",
    "select id from auth.users",
    "with w as (select 1) select * from w",
    "with d as (delete from t where a = 1 returning *) select count(*) from d",
    "values (1, 'two'), (3, null)",
    "table t",
    "explain select 1",
    "explain analyze delete from t",
    "insert into t (a, b) values (1, 'x') on conflict (a) do update set b = excluded.b",
    "update t set a = a + 1 where b in (select b from u)",
    "update t set a = 1 where true",
    "delete from t",
    "merge into t using u on t.a = u.a when matched then delete",
    "truncate t cascade",
    "create table t (a int primary key, b text default 'x' check (b <> ''))",
    "create view v as select encrypted_password from auth.users",
    "create function f(a int) returns int language sql as 'select a'",
    "create function f() returns trigger language plpgsql as $b$ begin new.a := 1; return new; end $b$",
    "create trigger g before insert on t for each row execute function f()",
    "alter table t add column c int, drop column d",
    "drop table if exists t cascade",
    "create policy p on t for select to anon using (true)",
    "grant select on t to anon",
    "revoke all on t from anon",
    "do $$ begin delete from t; end $$",
    "call p(1)",
    "set local role anon",
    "set search_path = auth",
    "reset all",
    "listen c",
    "begin",
    "commit",
    "create role r",
    "alter system set work_mem = '1MB'",
    "copy t to program 'id'",
    "select pg_terminate_backend(1)",
    "select query_to_xml('select 1', true, true, '')",
    "select set_config('a.b', 'c', true)",
    "insert into supabase_migrations.schema_migrations (version) values ('1')",
    "create index concurrently i on t (a)",
    "vacuum t",
];

const WORDS: &[&str] = &[
    "select",
    "from",
    "where",
    "insert",
    "into",
    "values",
    "update",
    "set",
    "delete",
    "merge",
    "using",
    "when",
    "then",
    "with",
    "as",
    "create",
    "table",
    "view",
    "function",
    "returns",
    "language",
    "sql",
    "plpgsql",
    "begin",
    "atomic",
    "end",
    "if",
    "loop",
    "case",
    "not",
    "exists",
    "union",
    "all",
    "explain",
    "analyze",
    "execute",
    "do",
    "grant",
    "drop",
    "alter",
    "role",
    "join",
    "on",
    "returning",
    "auth",
    "users",
    ".",
    ",",
    ";",
    "(",
    ")",
    "[",
    "]",
    "*",
    "=",
    "::",
    "int",
    "-",
    "+",
    "'x'",
    "$$",
    "$$ begin end $$",
    "e'\\''",
    "\"a\"\"b\"",
    "--",
    "/*",
    "*/",
    "\n",
    "1",
    "a",
    "t",
    "encrypted_password",
    "new",
    "old",
    "u&\"x\"",
    "{",
    "}",
    "null",
    "$1",
    ":=",
    "in",
    "for",
];

fn config() -> ProptestConfig {
    let cases = std::env::var("DRYDOCK_TEST_CASES");
    ProptestConfig {
        cases: cases
            .ok()
            .and_then(|cases| cases.parse().ok())
            .unwrap_or(96),
        // Nothing is written beside the sources.
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

const DOORS: [Door; 3] = [EXECUTE_SQL, APPLY_MIGRATION, READ_ONLY];

/// What every tool answers to a text.
fn answers(sql: &str) -> Vec<&'static str> {
    DOORS.iter().map(|door| refusal(sql, *door)).collect()
}

fn is_refused(sql: &str, door: Door) -> bool {
    refusal(sql, door) != "ok"
}

/// Whatever is done with a text: judged, decided, asked about, followed, looked through for locks, read as a body.
fn everything(sql: &str) {
    if let Ok(batch) = judge(sql) {
        assert!(!batch.statements().is_empty());
        for door in DOORS {
            let _ = decide(&batch, door.0, door.1);
        }
        for statement in batch.statements() {
            assert!(sql.get(statement.text.clone()).is_some(), "{sql}");
        }
        for purpose in [Purpose::Show, Purpose::Write, Purpose::Migrate] {
            let _ = question(&batch, purpose);
            let _ = find(&batch, purpose, &[]);
        }
        let _ = lock_warnings(sql, &batch);
        let _ = split_mixed(sql, &batch);
    }
    for language in ["sql", "plpgsql"] {
        let read = on_own_stack(bodies::STACK, || bodies::read(language, sql));
        assert!(read.is_some(), "{language}: {sql}");
    }
}

/// The same statement, with other white space, comments and cases: what only looks different.
fn disguised(sql: &str, choices: &[u8]) -> String {
    let mut out = String::from("/* ; drop table t */ ");
    let mut at = 0;
    let mut choice = choices.iter().copied().cycle();
    for token in tokenize(sql) {
        let text = &sql[at..at + token.len as usize];
        at += token.len as usize;
        let chosen = choice.next().unwrap_or_default();
        match token.kind {
            TokenKind::Whitespace => out.push_str(match chosen % 5 {
                0 => " ",
                1 => "\n\t",
                2 => " /* select '; */ ",
                3 => " -- it's \"here\"\n",
                _ => "\r\n/* /* ; */ */",
            }),
            TokenKind::Ident if chosen % 2 == 0 => out.push_str(&text.to_ascii_uppercase()),
            _ => out.push_str(text),
        }
    }
    out
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_text_is_judged_without_a_panic(text in any::<String>()) {
        everything(&text);
    }

    #[test]
    fn any_heap_of_words_is_judged_without_a_panic(words in vec(select(WORDS), 0..120)) {
        everything(&words.join(" "));
    }

    #[test]
    fn a_damaged_statement_is_judged_without_a_panic(
        sql in select(STATEMENTS),
        at in any::<prop::sample::Index>(),
        length in 0usize..12,
        word in select(WORDS),
    ) {
        let mut chars: Vec<char> = sql.chars().collect();
        let start = at.index(chars.len());
        let end = (start + length).min(chars.len());
        chars.splice(start..end, word.chars());
        everything(&chars.into_iter().collect::<String>());
    }

    #[test]
    fn any_nesting_is_judged_without_a_panic(
        openers in vec(select(WORDS), 1..5),
        depth in 1usize..3000,
        middle in select(STATEMENTS),
        closers in vec(select(WORDS), 0..5),
    ) {
        let text = format!(
            "{} {middle} {}",
            (openers.join(" ") + " ").repeat(depth),
            (closers.join(" ") + " ").repeat(depth),
        );
        everything(&text);
    }

    #[test]
    fn looks_never_change_a_decision(sql in select(STATEMENTS), choices in vec(any::<u8>(), 1..40)) {
        let other = disguised(sql, &choices);
        prop_assert_eq!(classes(sql), classes(&other), "{}", &other);
        prop_assert_eq!(answers(sql), answers(&other), "{}", &other);
        let (before, after) = (judged(sql), judged(&other));
        prop_assert_eq!(before.effects().count(), after.effects().count());
        prop_assert_eq!(&before.statements()[0].relations, &after.statements()[0].relations);
        prop_assert_eq!(before.statements()[0].reads_secrets, after.statements()[0].reads_secrets);
    }

    #[test]
    fn a_batch_is_what_its_statements_are(texts in vec(select(STATEMENTS), 1..5)) {
        let batch = texts.join(";\n");
        let each: Vec<Class> = texts.iter().flat_map(|sql| classes(sql)).collect();
        prop_assert_eq!(classes(&batch), each);
        for door in DOORS {
            // Its role and claims are refused where no read follows them.
            if matches!(decision(&batch, door), Decision::ReadAs(_)) {
                continue;
            }
            if texts.iter().any(|sql| is_refused(sql, door)) {
                prop_assert!(is_refused(&batch, door), "{:?}: {}", door, &batch);
            }
        }
    }

    #[test]
    fn nothing_that_follows_a_read_is_read_with_it(first in select(STATEMENTS), second in select(STATEMENTS)) {
        for joint in [";", "; ", ";--\n", ";/* */"] {
            let batch = format!("{first}{joint}{second}");
            for door in DOORS {
                prop_assert!(decision(&batch, door) != Decision::Read, "{}", &batch);
            }
        }
    }

    #[test]
    fn words_in_a_string_or_comment_never_change_a_decision(words in vec(select(WORDS), 1..12)) {
        let words = words.join(" ");
        let quoted = format!("select '{}' as a from t", words.replace('\'', "''"));
        prop_assert_eq!(answers(&quoted), vec!["ok"; 3], "{}", &quoted);
        let named = format!("select a as \"{}\" from t", words.replace('"', "\"\""));
        prop_assert_eq!(answers(&named), vec!["ok"; 3], "{}", &named);
        let dollar = format!("select $q${words}$q$ as a from t");
        prop_assert_eq!(answers(&dollar), vec!["ok"; 3], "{}", &dollar);
        let comment = words.replace("*/", "").replace("/*", "").replace('\n', " ");
        let commented = format!("select a /* {comment} */ from t -- {comment}");
        prop_assert_eq!(answers(&commented), vec!["ok"; 3], "{}", &commented);
    }
}
