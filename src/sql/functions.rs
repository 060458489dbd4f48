//! PostgreSQL's functions that are more than a computation, by name.
//!
//! Names are compared without their schema: extensions put theirs anywhere, and a function of the user's own that is
//! called like one of these can be called something else. Functions of users are not judged here; they run under a
//! role that cannot do more than the statement could.

use super::batch::{Class, Reason};

/// The class that calling a function gives to a statement; `None` for functions that only compute or look.
pub(super) fn class_of(function: &str) -> Option<Class> {
    if let Some(reason) = forbidden(function) {
        return Some(Class::Forbidden(reason));
    }
    match function {
        "set_config" | "pg_notify" => Some(Class::Session),
        "nextval" | "setval" | "txid_current" | "pg_current_xact_id" => Some(Class::DataChange),
        _ => None,
    }
}

fn forbidden(function: &str) -> Option<Reason> {
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| function.starts_with(prefix));
    if SERVER_FILES.contains(&function) || starts(SERVER_FILE_FAMILIES) {
        Some(Reason::ServerFile)
    } else if HIDDEN_RELATIONS.contains(&function) || starts(HIDDEN_RELATION_FAMILIES) {
        Some(Reason::HiddenRelation)
    } else if ADMINISTRATION.contains(&function) || starts(ADMINISTRATION_FAMILIES) {
        Some(Reason::Function)
    } else {
        None
    }
}

/// Read, write or list files of the server.
#[rustfmt::skip]
const SERVER_FILES: &[&str] = &[
    "lo_export", "lo_import", "pg_current_logfile", "pg_hba_file_rules", "pg_ident_file_mappings", "pg_logdir_ls",
    "pg_read_binary_file", "pg_read_file", "pg_read_file_old", "pg_read_server_files", "pg_show_all_file_settings",
    "pg_stat_file",
];
const SERVER_FILE_FAMILIES: &[&str] = &["pg_file_", "pg_ls_"];

/// Run SQL that is a string to the parser, or export relations named by a string.
#[rustfmt::skip]
const HIDDEN_RELATIONS: &[&str] = &[
    "connectby", "cursor_to_xml", "cursor_to_xmlschema", "ts_rewrite", "ts_stat", "xpath_table",
];
#[rustfmt::skip]
const HIDDEN_RELATION_FAMILIES: &[&str] = &[
    "crosstab", "database_to_xml", "query_to_xml", "schema_to_xml", "table_to_xml",
];

/// Steer the server or other sessions, take locks that outlive the statement, leave the database, write large objects.
#[rustfmt::skip]
const ADMINISTRATION: &[&str] = &[
    "lo_creat", "lo_create", "lo_from_bytea", "lo_open", "lo_put", "lo_truncate", "lo_truncate64", "lo_unlink",
    "loread", "lowrite", "pg_cancel_backend", "pg_drop_replication_slot", "pg_export_snapshot",
    "pg_extension_config_dump", "pg_import_system_collations", "pg_log_backend_memory_contexts",
    "pg_log_standby_snapshot", "pg_promote", "pg_reload_conf", "pg_rotate_logfile", "pg_rotate_logfile_old",
    "pg_start_backup", "pg_stop_backup", "pg_switch_wal", "pg_switch_xlog", "pg_sync_replication_slots",
    "pg_terminate_backend",
];
#[rustfmt::skip]
const ADMINISTRATION_FAMILIES: &[&str] = &[
    "binary_upgrade_", "dblink", "pg_advisory_", "pg_backup_", "pg_copy_", "pg_create_", "pg_logical_",
    "pg_replication_", "pg_stat_reset", "pg_stat_statements_reset", "pg_try_advisory_", "pg_wal_replay_",
];
