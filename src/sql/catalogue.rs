//! What is known of PostgreSQL's own relations and functions: which show definitions only, never values of rows.

use super::names::Name;

/// The schema of the migrations' ledger.
pub(super) const LEDGER: &str = "supabase_migrations";

/// Relations of `pg_catalog` that hold secrets, values sampled from rows, or other sessions' statements.
const NOT_METADATA: &[&str] = &[
    "pg_authid",
    "pg_largeobject",
    "pg_prepared_statements",
    "pg_shadow",
    "pg_stat_activity",
    "pg_statistic",
    "pg_statistic_ext_data",
    "pg_stats",
    "pg_stats_ext",
    "pg_stats_ext_exprs",
    "pg_subscription",
    "pg_user_mapping",
    "pg_user_mappings",
];

/// Functions that read definitions, or compute on what they are given.
#[rustfmt::skip]
const HARMLESS: &[&str] = &[
    "abs", "acldefault", "aclexplode", "array_agg", "array_append", "array_length", "array_position",
    "array_remove", "array_to_json", "array_to_string", "avg", "bool_and", "bool_or", "cardinality", "ceil",
    "char_length", "coalesce", "col_description", "concat", "concat_ws", "count", "current_catalog",
    "current_database", "current_schema", "current_schemas", "current_user", "date_part", "date_trunc", "dense_rank",
    "every", "first_value", "floor", "format", "format_type", "generate_series", "generate_subscripts", "greatest",
    "has_any_column_privilege", "has_column_privilege", "has_database_privilege", "has_function_privilege",
    "has_schema_privilege", "has_sequence_privilege", "has_table_privilege", "has_type_privilege", "json_agg",
    "json_array_elements", "json_build_array", "json_build_object", "json_object_agg", "jsonb_agg",
    "jsonb_array_elements", "jsonb_array_elements_text", "jsonb_build_array", "jsonb_build_object", "jsonb_each",
    "jsonb_each_text", "jsonb_object_agg", "jsonb_pretty", "lag", "last_value", "lead", "least", "left", "length",
    "lower", "ltrim", "max", "min", "now", "nullif", "obj_description", "parse_ident", "pg_backend_pid",
    "pg_client_encoding", "pg_column_size", "pg_database_size", "pg_encoding_to_char", "pg_function_is_visible",
    "pg_get_constraintdef", "pg_get_expr", "pg_get_function_arguments", "pg_get_function_identity_arguments",
    "pg_get_function_result", "pg_get_functiondef", "pg_get_indexdef", "pg_get_keywords", "pg_get_partition_constraintdef",
    "pg_get_partkeydef", "pg_get_ruledef", "pg_get_serial_sequence", "pg_get_statisticsobjdef", "pg_get_triggerdef",
    "pg_get_userbyid", "pg_get_viewdef", "pg_has_role", "pg_identify_object", "pg_index_column_has_property",
    "pg_indexes_size", "pg_is_in_recovery", "pg_opclass_is_visible", "pg_partition_tree", "pg_postmaster_start_time",
    "pg_relation_is_publishable", "pg_relation_size", "pg_size_pretty", "pg_sleep", "pg_table_is_visible",
    "pg_table_size", "pg_tablespace_size", "pg_total_relation_size", "pg_type_is_visible", "pg_typeof", "quote_ident",
    "quote_literal", "quote_nullable", "rank", "regexp_match", "regexp_matches", "regexp_replace",
    "regexp_split_to_array", "regexp_split_to_table", "replace", "right", "round", "row_number", "row_to_json",
    "rtrim", "shobj_description", "split_part", "starts_with", "string_agg", "string_to_array", "strpos", "substr",
    "substring", "sum", "to_char", "to_json", "to_jsonb", "to_regclass", "to_regproc", "to_regprocedure",
    "to_regtype", "trim", "txid_status", "unnest", "upper", "version",
];

/// Whether a relation shows definitions, or the ledger. Unqualified `pg_…` names mean `pg_catalog`, which PostgreSQL
/// searches first.
pub(super) fn is_metadata(relation: &Name) -> bool {
    let name = relation.name.as_str();
    match relation.schema.as_deref() {
        Some("information_schema") => !name.contains("user_mapping"),
        Some(LEDGER) => true,
        Some("pg_catalog") => !NOT_METADATA.contains(&name),
        None => name.starts_with("pg_") && !NOT_METADATA.contains(&name),
        Some(_) => false,
    }
}

/// Whether a function is a known one of `pg_catalog` that reaches no rows by itself.
pub(super) fn is_harmless(function: &Name) -> bool {
    matches!(function.schema.as_deref(), None | Some("pg_catalog"))
        && HARMLESS.binary_search(&function.name.as_str()).is_ok()
}

/// Whether the lists are in the order that the search in them needs.
#[cfg(test)]
pub(super) fn is_sorted() -> bool {
    HARMLESS.is_sorted()
}
