//! Every cell of the decision table, by a statement of the class.

use super::*;

/// What a text of one class comes to: execute_sql on DEV and on production, apply_migration on both.
const CELLS: &[(&str, Class, [&str; 4])] = &[
    (
        "select a from t",
        Class::Read,
        ["read", "read", "migrate", "production_is_protected"],
    ),
    (
        "insert into t values (1)",
        Class::DataChange,
        ["write", "read_only", "migrate", "production_is_protected"],
    ),
    (
        "delete from t",
        Class::MassDataChange,
        [
            "write after point",
            "read_only",
            "migrate",
            "production_is_protected",
        ],
    ),
    (
        "create table t (a int)",
        Class::Schema,
        [
            "as migration",
            "read_only",
            "migrate",
            "production_is_protected",
        ],
    ),
    (
        "grant select on t to anon",
        Class::Privilege,
        [
            "as migration",
            "read_only",
            "migrate",
            "production_is_protected",
        ],
    ),
    (
        "do $$ begin end $$",
        Class::Opaque,
        [
            "opaque_statement",
            "opaque_statement",
            "migrate",
            "production_is_protected",
        ],
    ),
    (
        "set statement_timeout = 0",
        Class::Session,
        [
            "session_setting",
            "session_setting",
            "migrate",
            "production_is_protected",
        ],
    ),
    (
        "commit",
        Class::Transaction,
        [
            "transaction_control",
            "transaction_control",
            "transaction_control",
            "production_is_protected",
        ],
    ),
    (
        "delete from supabase_migrations.schema_migrations",
        Class::Forbidden(Reason::Ledger),
        ["ledger_is_protected"; 4],
    ),
    (
        "create role r",
        Class::Forbidden(Reason::Role),
        ["role_statement"; 4],
    ),
    (
        "load 'x'",
        Class::Forbidden(Reason::ServerFile),
        ["server_file"; 4],
    ),
    (
        "copy t from stdin",
        Class::Forbidden(Reason::CopyStream),
        ["copy_unsupported"; 4],
    ),
    (
        "select pg_reload_conf()",
        Class::Forbidden(Reason::Function),
        ["forbidden_function"; 4],
    ),
    (
        "select query_to_xml('select 1', true, true, '')",
        Class::Forbidden(Reason::HiddenRelation),
        ["hidden_relation"; 4],
    ),
    (
        "alter system set work_mem = '1MB'",
        Class::Forbidden(Reason::Server),
        ["server_object"; 4],
    ),
    (
        "set standard_conforming_strings = off",
        Class::Forbidden(Reason::TextReading),
        ["session_setting"; 4],
    ),
    (
        "drop property graph g",
        Class::Forbidden(Reason::Unsupported),
        ["unsupported_statement"; 4],
    ),
];

const DOORS: [Door; 4] = [
    (Tool::ExecuteSql, Place::Dev),
    (Tool::ExecuteSql, Place::Production),
    (Tool::ApplyMigration, Place::Dev),
    (Tool::ApplyMigration, Place::Production),
];

fn word(decision: &Decision) -> &'static str {
    match decision {
        Decision::Read => "read",
        Decision::ReadAs(_) => "read as a user",
        Decision::WriteData { mass: false } => "write",
        Decision::WriteData { mass: true } => "write after point",
        Decision::RunAsMigration => "as migration",
        Decision::Migrate => "migrate",
        Decision::Refuse(objection) => objection.code,
    }
}

#[test]
fn every_cell_of_the_table_is_what_it_says() {
    for (sql, class, cells) in CELLS {
        assert_eq!(classes(sql), [*class], "{sql}");
        for (door, expected) in DOORS.iter().zip(cells) {
            assert_eq!(word(&decision(sql, *door)), *expected, "{door:?}: {sql}");
        }
    }
}

/// How many classes there are. No wildcard: one that is added does not compile until it is counted, and walked, here.
fn number_of_classes(any: Class) -> usize {
    match any {
        Class::Read
        | Class::DataChange
        | Class::MassDataChange
        | Class::Schema
        | Class::Privilege
        | Class::Opaque
        | Class::Session
        | Class::Transaction => 8 + 9,
        Class::Forbidden(
            Reason::Ledger
            | Reason::Role
            | Reason::ServerFile
            | Reason::CopyStream
            | Reason::Function
            | Reason::HiddenRelation
            | Reason::Server
            | Reason::TextReading
            | Reason::Unsupported,
        ) => 8 + 9,
    }
}

#[test]
fn every_class_is_walked() {
    let walked: std::collections::HashSet<Class> =
        CELLS.iter().map(|(_, class, _)| *class).collect();
    assert_eq!(walked.len(), number_of_classes(Class::Read));
}

#[test]
fn a_batch_is_refused_for_any_of_its_statements() {
    for (sql, _, cells) in CELLS {
        for (door, expected) in DOORS.iter().zip(cells) {
            let is_refused = ![
                "read",
                "write",
                "write after point",
                "as migration",
                "migrate",
            ]
            .contains(expected);
            if is_refused {
                let batch = format!("insert into t values (1); {sql}");
                assert!(
                    matches!(decision(&batch, *door), Decision::Refuse(_)),
                    "{door:?}: {batch}"
                );
            }
        }
    }
}
