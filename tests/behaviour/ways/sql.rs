//! Refusals of SQL: by the judge, before anything is sent, and by the database.

use std::sync::Arc;

use serde_json::json;

use super::{Ending, Provoked, more_work, with_work};
use crate::harness::World;

/// Code, tool, SQL.
const REFUSED: &[(&str, &str, &str)] = &[
    (
        "opaque_statement",
        "execute_sql",
        "do $$ begin perform 1; end $$",
    ),
    ("session_setting", "execute_sql", "set role anon"),
    (
        "session_setting",
        "execute_sql",
        "set search_path = app; select 1",
    ),
    (
        "session_setting",
        "apply_migration",
        "set client_encoding = 'latin1'; create table public.x (id int)",
    ),
    (
        "transaction_control",
        "execute_sql",
        "begin; insert into public.work values (1); commit",
    ),
    (
        "transaction_control",
        "apply_migration",
        "begin; create table public.x (id int); commit;",
    ),
    ("transaction_control", "execute_sql", "rollback"),
    (
        "ledger_is_protected",
        "execute_sql",
        "delete from supabase_migrations.schema_migrations",
    ),
    ("role_statement", "apply_migration", "create role boss"),
    (
        "server_file",
        "execute_sql",
        "copy public.work to program 'sh'",
    ),
    (
        "copy_unsupported",
        "execute_sql",
        "copy public.work from stdin",
    ),
    (
        "forbidden_function",
        "execute_sql",
        "select pg_terminate_backend(1)",
    ),
    ("server_file", "execute_sql", "select pg_read_file('x')"),
    (
        "hidden_relation",
        "execute_sql",
        "select query_to_xml('select 1', true, true, '')",
    ),
    (
        "server_object",
        "apply_migration",
        "alter system set work_mem = '1GB'",
    ),
    (
        "mixed_batch",
        "execute_sql",
        "create table public.tags (id int); insert into public.tags values (1)",
    ),
    (
        "multi_statement",
        "execute_sql",
        "select 1; insert into public.work values (1)",
    ),
    ("not_transactional", "apply_migration", "vacuum public.work"),
    (
        "not_transactional",
        "apply_migration",
        "create index concurrently on public.work (id)",
    ),
    (
        "not_transactional",
        "execute_sql",
        "create index concurrently i on public.work (id)",
    ),
    (
        "sensitive_relation",
        "execute_sql",
        "select * from auth.users",
    ),
    ("sql_empty", "execute_sql", "-- nothing"),
    ("sql_nul", "execute_sql", "select '\0'"),
    ("sql_unparsable", "execute_sql", "selekt 1"),
    ("sql_unparsable", "apply_migration", "create tabel x"),
    ("sql_error", "execute_sql", "select * from public.nowhere"),
    (
        "sql_error",
        "execute_sql",
        "insert into public.work values ('x')",
    ),
    (
        "sql_error",
        "apply_migration",
        "alter table public.nowhere add column x int",
    ),
];

/// The codes that are provoked here.
pub(super) const CODES: &[&str] = &[
    "opaque_statement",
    "session_setting",
    "transaction_control",
    "ledger_is_protected",
    "role_statement",
    "server_file",
    "copy_unsupported",
    "forbidden_function",
    "hidden_relation",
    "server_object",
    "unsupported_statement",
    "mixed_batch",
    "multi_statement",
    "not_transactional",
    "sensitive_relation",
    "sql_empty",
    "sql_too_large",
    "sql_nul",
    "sql_unparsable",
    "sql_error",
];

pub(super) async fn each(world: &World) {
    let mcp = Arc::new(world.serve().await);
    let project = with_work(&mcp, "sql").await;
    for (number, (code, tool, query)) in REFUSED.iter().enumerate() {
        more_work(&mcp, &project, number).await;
        let mut arguments = json!({ "query": query });
        if *tool == "apply_migration" {
            arguments["name"] = json!("change");
        }
        Provoked::on_project(Arc::clone(&mcp), &project, tool, arguments, code)
            .await
            .leads_to(Ending::Merged)
            .await;
    }
    more_work(&mcp, &project, REFUSED.len()).await;
    let large = format!("select '{}'", "x".repeat(2 << 20));
    Provoked::on_project(
        mcp,
        &project,
        "execute_sql",
        json!({ "query": large }),
        "sql_too_large",
    )
    .await
    .leads_to(Ending::Merged)
    .await;
}
