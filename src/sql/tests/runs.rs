//! What a migration's statements run, told from the text and a catalogue.

use super::judged;
use crate::sql::{Object, Reference, running, runs_anything};

/// A table of the app.
fn table(id: &str, name: &str) -> Object {
    Object {
        id: id.to_owned(),
        schema: "public".to_owned(),
        name: name.to_owned(),
        visible: true,
        printed: true,
        ..Object::default()
    }
}

fn function(id: &str, name: &str, language: &str, text: &str) -> Object {
    Object {
        is_routine: true,
        visible: false,
        language: language.to_owned(),
        text: text.to_owned(),
        printed: false,
        ..table(id, name)
    }
}

fn to(id: &str) -> Reference {
    Reference {
        to: id.to_owned(),
        ..Reference::default()
    }
}

/// What is taken, in words, of a database that has the tables `t`, `child` and the view `v` of `t`.
fn taken(sql: &str) -> Vec<String> {
    let mut parent = table("r1", "t");
    parent.references.push(Reference {
        on_write: true,
        follows: true,
        ..to("r2")
    });
    let mut view = table("r3", "v");
    view.is_view = true;
    view.text = "select id from t".to_owned();
    view.references.push(to("r1"));
    let wipe = function("f1", "wipe", "plpgsql", "begin delete from child; end");
    let found = running(
        sql,
        &judged(sql),
        &[parent, table("r2", "child"), view, wipe],
    );
    let words = found.taken.iter().map(|taken| {
        let what = match &taken.loss.column {
            Some(column) => format!("{}.{column}", taken.loss.table.name),
            None => taken.loss.table.name.clone(),
        };
        let most = if taken.loss.at_most { "~" } else { "" };
        format!("{most}{what}")
    });
    words.collect()
}

/// Why it cannot be foreseen, if so.
fn why(sql: &str, catalogue: &[Object]) -> Vec<String> {
    let found = running(sql, &judged(sql), catalogue);
    found.unforeseeable.into_iter().map(|one| one.why).collect()
}

#[test]
fn what_is_taken_is_told_with_what_goes_along() {
    for (sql, expected) in [
        ("delete from public.child where id = 1", vec!["~child"]),
        ("delete from child", vec!["child"]),
        ("delete from t where id = 1", vec!["~t", "~child"]),
        ("delete from public.v where id = 1", vec!["~t", "~child"]),
        ("truncate t", vec!["t", "~child"]),
        ("select wipe()", vec!["~child"]),
        ("do $$ begin perform wipe(); end $$", vec!["~child"]),
        (
            "do $$ begin execute 'truncate child'; end $$",
            vec!["~child"],
        ),
        (
            "with x as (delete from child where id = 1 returning id) select id from x",
            vec!["~child"],
        ),
        (
            "merge into child using t as s on child.id = s.id when matched then delete",
            vec!["~child"],
        ),
        (
            "merge into child using t as s on child.id = s.id when matched then update set a = 1",
            vec!["~child.a"],
        ),
        (
            "update child set a = 1, (b, c) = (1, 2)",
            vec!["~child.a", "~child.b", "~child.c"],
        ),
        (
            "do $$ begin update child set a = 1; end $$",
            vec!["~child.a"],
        ),
        (
            "insert into child (id, a) values (1, 2) on conflict (id) do update set a = excluded.a",
            vec!["~child.a"],
        ),
        (
            "create function f() returns void language sql as 'delete from child'",
            vec![],
        ),
        (
            "create function f() returns void language sql as 'delete from child where a = 1'; select f()",
            vec!["~child"],
        ),
        (
            "create function f() returns void language sql begin atomic delete from child where a = 1; end; select f()",
            vec!["~child"],
        ),
        (
            "create table fresh (id int); insert into fresh values (1)",
            vec![],
        ),
    ] {
        assert_eq!(taken(sql), expected, "{sql}");
    }
}

#[test]
fn a_name_that_the_migration_may_have_given_is_marked() {
    for (sql, renamed) in [
        (
            "alter table t rename to u; delete from u; alter table u rename to w",
            true,
        ),
        (
            "do $$ begin execute 'alter table t rename to u'; end $$; delete from u",
            true,
        ),
        ("create table u (id int); delete from u", false),
    ] {
        let found = running(sql, &judged(sql), &[table("r1", "t")]);
        let taken: Vec<_> = found
            .taken
            .iter()
            .map(|one| (one.object.clone(), one.renamed))
            .collect();
        assert_eq!(taken, [(None, renamed)], "{sql}");
    }
}

#[test]
fn code_that_does_not_tell_where_it_deletes_may_do_so_anywhere() {
    for (sql, anywhere) in [
        (
            "do $$ declare t text; begin execute format('delete from %I', t); end $$",
            true,
        ),
        ("do $$ begin execute 'delete from ' || 'a'; end $$", true),
        ("do $$ this is no code that deletes anything $$", true),
        ("do language plperl $$ delete $$", true),
        ("do $$ begin delete from t; end $$", false),
        (
            "do $$ declare t text; begin execute format('drop policy %I on t', t); end $$",
            false,
        ),
    ] {
        assert_eq!(running(sql, &judged(sql), &[]).anywhere, anywhere, "{sql}");
    }
}

#[test]
fn values_that_are_only_filled_in_are_not_taken() {
    for sql in [
        "update child set a = 1 where a is null",
        "update child c set a = 1 where c.a is null and id > 3",
        "update child set a = 1 where a isnull",
        "update child set a = 1 where (a is null)",
        "update child set a = coalesce(a, 1)",
        "update child set a = a",
    ] {
        assert_eq!(taken(sql), Vec::<String>::new(), "{sql}");
    }
    for sql in [
        "update child set a = 1 where a is null or id = 1",
        "update child set a = 1 where a is not null",
        "update child set a = 1 where not (a is null)",
        "update child set a = 1 from (select null as a) o where o.a is null",
        "update child set a = \"coalesce\"(a, 1)",
        "update child set a = coalesce(b, a)",
        "update child set a = 1 where b is null",
        "insert into child as c (id, a) values (1, null) on conflict (id) do update set a = 1 where excluded.a is null",
    ] {
        assert_eq!(taken(sql), ["~child.a"], "{sql}");
    }
}

#[test]
fn code_that_asks_the_catalogue_alone_passes() {
    for sql in [
        "do $$ begin create type mood as enum ('a'); exception when duplicate_object then null; end $$",
        "do $$ begin if not exists (select 1 from pg_type where typname = 'mood') then create type mood as enum ('a'); end if; end $$",
        "do $$ begin if not exists (select * from pg_catalog.pg_policies where tablename = 't' and policyname = 'own') then create policy own on public.t for select using (true); end if; end $$",
        "do $$ begin if to_regclass('public.t') is null then create table public.t (price numeric(10, 2) default 1000, at timestamptz default now()); end if; end $$",
        "do $$ begin alter publication supabase_realtime add table public.t; exception when duplicate_object or undefined_object then raise notice 'there already'; end $$",
        "do $$ begin if (select count(*) from information_schema.columns where table_name = 't') > 0 then alter table t add column b int; end if; end $$",
        "do $$ begin execute 'create schema if not exists app'; end $$",
        "do $$ begin insert into child (id) select id from t; update t set a = lower(b); end $$",
        "do $$ declare n int; begin select count(*) into n from t; insert into child values (n); end $$",
        "insert into child (id) select id from t where made_at < now()",
        "create table c as select id, now() as at from t",
        "do $$ begin alter table t add column at timestamptz default now(); exception when duplicate_column then null; end $$",
        "insert into storage.buckets (id, name) values ('photos', 'photos') on conflict do nothing",
    ] {
        assert_eq!(why(sql, &[]), Vec::<String>::new(), "{sql}");
    }
}

#[test]
fn code_whose_course_can_differ_is_named() {
    for (sql, expected) in [
        (
            "do $$ begin if exists (select 1 from public.t) then alter table t disable row level security; end if; end $$",
            "rows of public.t",
        ),
        (
            "do $$ begin if exists (select 1 from public.t) then execute 'alter table t disable row level security'; end if; end $$",
            "rows of public.t",
        ),
        (
            "do $$ declare n int; begin select count(*) into n from t; if n > 0 then grant select on t to anon; end if; end $$",
            "rows of t",
        ),
        (
            "do $$ begin for i in 1..(select count(*) from t) loop drop table t; end loop; end $$",
            "rows of t",
        ),
        (
            "do $$ begin if now() > '2027-01-01' then drop table t; end if; end $$",
            "now()",
        ),
        (
            "do $$ begin if current_date > '2027-01-01' then drop table t; end if; end $$",
            "current_date",
        ),
        (
            "do $$ begin if current_setting('cluster_name') = '' then drop table t; end if; end $$",
            "current_setting()",
        ),
        (
            "do $$ begin if pg_database_size(5) > 9 then drop table t; end if; end $$",
            "pg_database_size()",
        ),
        (
            "do $$ begin if (select reltuples from pg_class where relname = 't') > 0 then drop table t; end if; end $$",
            "reltuples",
        ),
        (
            "do $$ begin if (select count(*) from pg_stat_user_tables where n_live_tup > 0) > 0 then drop table t; end if; end $$",
            "rows of pg_stat_user_tables",
        ),
        (
            "do $$ begin if (select oid from pg_class where relname = 't') > 20000 then drop table t; end if; end $$",
            "20000",
        ),
        (
            "do $$ begin if (select tgrelid % 2 from pg_trigger) = 0 then drop table t; end if; end $$",
            "%",
        ),
        (
            "do $$ begin if 'public.t'::regclass::text like '%1' then drop table t; end if; end $$",
            "a cast",
        ),
        (
            "do $$ begin alter table t add check (a > 0); exception when check_violation then alter table t disable row level security; end $$",
            "check_violation",
        ),
        (
            "do $$ begin create policy p on t using (true); exception when others then null; end $$",
            "others",
        ),
        (
            "do $$ begin execute 'dele' || 'te from t'; end $$",
            "put together",
        ),
        (
            "do $$ begin execute format('drop table %I', 't'); end $$",
            "put together",
        ),
        (
            "do $$ begin perform query_to_xml('delete from t', true, true, ''); end $$",
            "runs nowhere",
        ),
        ("do language plperl $$ delete $$", "another language"),
        ("do $$ this is no code $$", "cannot be read"),
        (
            "do $$ begin raise warning '%', (select string_agg(body, ' ') from t); end $$",
            "rows of t hold",
        ),
        (
            "do $$ begin raise exception using message = (select body from t limit 1); end $$",
            "rows of t hold",
        ),
        (
            "do $$ begin assert false, (select body from t limit 1); end $$",
            "rows of t hold",
        ),
        (
            "select net.http_post('http://x', (select to_jsonb(t) from t))",
            "sends",
        ),
        (
            "do $$ begin perform pg_notify('c', (select body from t)); end $$",
            "sends",
        ),
        (
            "insert into storage.buckets (id, name) select body, body from t",
            "list of buckets",
        ),
        (
            "do $$ declare said text; begin select body into said from t; update storage.buckets set name = said; end $$",
            "list of buckets",
        ),
        (
            "select cron.schedule('j', '* * * * *', 'select ' || 'x')",
            "schedules",
        ),
        (
            "create event trigger e on ddl_command_end execute function f()",
            "every change of the schema",
        ),
        (
            "create rule r as on insert to t do instead delete from t; insert into t values (1)",
            "a rule",
        ),
    ] {
        let found = why(sql, &[]);
        assert!(
            found.iter().any(|why| why.contains(expected)),
            "{sql}\n{found:?}"
        );
    }
    for sql in [
        "select cron.schedule('j', '* * * * *', 'delete from child where a = 1')",
        "select cron.schedule(job_name => 'j', schedule => '@daily', command => $$delete from child where a = 1$$)",
        "select cron.alter_job(1, command := 'delete from child where a = 1')",
        "do $$ begin perform cron.schedule('j', '@daily', 'delete from child'); end $$",
    ] {
        assert_eq!(taken(sql), ["~child"], "{sql}");
    }
    for sql in [
        "select cron.\"schedule\"('j', '@daily', 'delete from child')",
        "select cron.schedule('j', '@daily', body) from t",
    ] {
        assert!(
            why(sql, &[]).iter().any(|why| why.contains("schedules")),
            "{sql}"
        );
    }
}

#[test]
fn what_is_called_like_the_catalogue_is_not_it() {
    let asks = "do $$ begin if exists (select from pg_policies) then alter table t disable row level security; end if; end $$";
    assert_eq!(why(asks, &[]), Vec::<String>::new());
    for before in [
        "create temp table pg_policies as select id from t",
        "set search_path = public, pg_catalog",
    ] {
        let found = why(&format!("{before}; {asks}"), &[]);
        assert!(
            found
                .iter()
                .any(|why| why.contains("takes for the catalogue")),
            "{found:?}"
        );
        let named = asks.replace("pg_policies", "pg_catalog.pg_policies");
        assert_eq!(
            why(&format!("{before}; {named}"), &[]),
            Vec::<String>::new()
        );
    }
}

#[test]
fn functions_and_triggers_that_a_statement_runs_are_read() {
    let opens = "begin alter table t disable row level security; return null; end";
    let tells = "begin raise log '%', new.body; return new; end";
    let trigger = |code: &str| {
        let mut rows = table("r1", "t");
        rows.references.push(Reference {
            on_write: true,
            fires: true,
            ..to("f1")
        });
        [rows, function("f1", "fired", "plpgsql", code)]
    };
    // Without a row nothing fires.
    for sql in [
        "update t set a = 1",
        "insert into t select 1",
        "update t set a = 1 where a is null",
    ] {
        let found = why(sql, &trigger(opens));
        assert!(
            found.iter().any(|why| why.contains("rows of t")),
            "{sql}: {found:?}"
        );
        let found = why(sql, &trigger(tells));
        assert!(
            found.iter().any(|why| why.contains("messages")),
            "{sql}: {found:?}"
        );
        assert_eq!(
            why(sql, &trigger("begin new.at = now(); return new; end")),
            Vec::<String>::new()
        );
    }
    assert_eq!(
        why("select id from t", &trigger(opens)),
        Vec::<String>::new()
    );
    // A trigger that code makes, of a function that is there.
    let idiom = "do $$ begin create trigger x before update on t for each row execute function fired(); exception when duplicate_object then null; end $$";
    let [rows, fired] = trigger("begin new.at = now(); return new; end");
    let apart = [
        Object {
            references: Vec::new(),
            ..rows
        },
        fired,
    ];
    assert_eq!(why(idiom, &apart), Vec::<String>::new());
    let found = why(
        &format!("{idiom}; update t set a = 1 where a is null"),
        &apart,
    );
    assert!(
        found.iter().any(|why| why.contains("can fire")),
        "{found:?}"
    );
    // A default is computed for each row that is there.
    let closes = [
        table("r1", "t"),
        function(
            "f1",
            "f",
            "plpgsql",
            "begin alter table u disable row level security; return 1; end",
        ),
    ];
    for sql in [
        "alter table t add column n int default f()",
        "do $$ begin alter table t add column n int default f(); end $$",
    ] {
        let found = why(sql, &closes);
        assert!(
            found.iter().any(|why| why.contains("rows of t")),
            "{sql}: {found:?}"
        );
    }
    let put_together = [function("f1", "f", "plpgsql", "begin execute x; end")];
    assert_eq!(why("select f('x')", &put_together).len(), 1);
    let defined = "create function f() returns void language plpgsql as $$ begin if exists (select from t) then drop table t; end if; end $$;";
    assert_eq!(why(defined, &[]), Vec::<String>::new());
    assert_eq!(why(&format!("{defined} select f()"), &[]).len(), 1);
    // The same answer everywhere, and called everywhere.
    let plain = "create function f() returns void language plpgsql as $$ begin create table u (id int); end $$; select f()";
    assert_eq!(why(plain, &[]), Vec::<String>::new());
    let hidden = "create function f() returns void language plpgsql as $$ begin drop table t; end $$; select case when exists (select from t) then f() end";
    assert_eq!(why(hidden, &[]).len(), 1);
}

#[test]
fn what_only_defines_runs_nothing_and_the_catalogue_need_not_be_asked() {
    for sql in [
        "create table t (id int); alter table t enable row level security; create policy p on t using (true);",
        "alter table t enable row level security, force row level security; grant select on t to anon;",
        "create function f() returns int language sql as 'select 1'; comment on table t is 'x';",
    ] {
        assert!(!runs_anything(&judged(sql)), "{sql}");
    }
    for sql in [
        "alter table t enable row level security, add column a int default f()",
        "alter table t add constraint c check (f(id))",
        "alter table t owner to postgres",
        "create index on t (f(id))",
        "select f()",
        "do $$ begin perform f(); end $$",
        "create table u as select f()",
    ] {
        assert!(runs_anything(&judged(sql)), "{sql}");
    }
}
