//! What real Supabase projects send must pass: each file is one migration, or one call.

use super::*;

const MIGRATIONS: &[(&str, &str)] = &[
    ("profiles", include_str!("corpus/profiles.sql")),
    ("chat", include_str!("corpus/chat.sql")),
    ("shop", include_str!("corpus/shop.sql")),
    ("storage", include_str!("corpus/storage.sql")),
    ("dump", include_str!("corpus/dump.sql")),
    ("search", include_str!("corpus/search.sql")),
];

#[test]
fn typical_migrations_pass() {
    for (name, sql) in MIGRATIONS {
        assert_eq!(
            refusal(sql, APPLY_MIGRATION),
            "ok",
            "{name}: {:?}",
            judge(sql).err()
        );
    }
}

#[test]
fn typical_queries_pass() {
    for sql in include_str!("corpus/queries.sql").split("\n\n") {
        assert_eq!(decision(sql, EXECUTE_SQL), Decision::Read, "{sql}");
    }
}

#[test]
fn typical_changes_of_rows_pass() {
    for sql in include_str!("corpus/changes.sql").split("\n\n") {
        assert!(
            matches!(decision(sql, EXECUTE_SQL), Decision::WriteData { .. }),
            "{sql}"
        );
    }
}
