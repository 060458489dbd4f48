use super::*;

#[test]
fn the_lists_of_the_catalogue_are_sorted() {
    assert!(catalogue::is_harmless(&name(None, "version")));
    assert!(catalogue::is_harmless(&name(None, "abs")));
    assert!(catalogue::is_sorted());
}

fn name(schema: Option<&str>, name: &str) -> Name {
    Name {
        schema: schema.map(str::to_owned),
        name: name.to_owned(),
    }
}

#[test]
fn reads_of_definitions_are_metadata() {
    for sql in [
        "select 1",
        "select version()",
        "show server_version",
        "select * from pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace",
        "select table_name from information_schema.tables",
        "select * from supabase_migrations.schema_migrations",
        "with c as (select oid from pg_class) select * from c",
        "with c as (select 1 as x union select 2) select * from c union select * from c",
        "with recursive c as (select 1 as n union all select n + 1 from c) select pg_get_viewdef(n) from c",
    ] {
        assert!(judged(sql).touches_only_metadata(), "{sql}");
    }
}

#[test]
fn anything_that_may_show_rows_is_not() {
    for sql in [
        "select * from todos",
        "select * from public.pg_class",
        "select all_users()",
        "select public.version()",
        "select most_common_vals from pg_stats",
        "select query from pg_stat_activity",
        "with todos as (select * from todos) select * from todos",
        "select (with t as (select 1) select count(*) from t), a from t",
        "insert into t values (1)",
        "select 1; select 2",
        "select * from pg_class for update",
    ] {
        assert!(!judged(sql).touches_only_metadata(), "{sql}");
    }
}

#[test]
fn names_of_common_tables_are_not_relations() {
    let relations = |sql: &str| -> Vec<String> {
        judged(sql).statements()[0]
            .relations
            .iter()
            .map(Name::to_string)
            .collect()
    };
    assert_eq!(
        relations("with a as (select * from t), b as (select * from a) select * from a, b"),
        ["t"]
    );
    assert_eq!(
        relations("with a as (select * from b), b as (select 1) select * from b"),
        ["b"]
    );
    assert_eq!(
        relations("with t as (select 1) insert into t select * from t"),
        ["t"]
    );
    assert_eq!(
        relations("with a as (select 1) select * from a union select * from public.a"),
        ["public.a"]
    );
}
