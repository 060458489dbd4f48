//! The sources and the fields that their lines have, as the platform documents them. Lines may have
//! more; a name without its path is looked for here.

/// Every source that the platform knows.
pub const SOURCES: [&str; 13] = [
    "edge_logs",
    "postgres_logs",
    "postgrest_logs",
    "auth_logs",
    "auth_audit_logs",
    "storage_logs",
    "realtime_logs",
    "function_edge_logs",
    "function_logs",
    "supavisor_logs",
    "pgbouncer_logs",
    "pg_upgrade_logs",
    "workflow_run_logs",
];

/// Whether it is a source.
pub fn is_source(name: &str) -> bool {
    SOURCES.contains(&name)
}

const EDGE: [&str; 12] = [
    "identifier",
    "request.method",
    "request.path",
    "request.search",
    "request.host",
    "request.url",
    "request.protocol",
    "request.headers.user_agent",
    "request.headers.cf_connecting_ip",
    "request.headers.x_client_info",
    "response.status_code",
    "response.origin_time",
];
const POSTGRES: [&str; 14] = [
    "identifier",
    "host",
    "parsed.error_severity",
    "parsed.sql_state_code",
    "parsed.user_name",
    "parsed.database_name",
    "parsed.command_tag",
    "parsed.backend_type",
    "parsed.process_id",
    "parsed.session_id",
    "parsed.query",
    "parsed.detail",
    "parsed.hint",
    "parsed.context",
];
const FUNCTION_EDGE: [&str; 9] = [
    "deployment_id",
    "execution_time_ms",
    "function_id",
    "version",
    "request.method",
    "request.pathname",
    "request.host",
    "request.url",
    "response.status_code",
];
const FUNCTION: [&str; 8] = [
    "event_type",
    "level",
    "function_id",
    "execution_id",
    "deployment_id",
    "region",
    "version",
    "timestamp",
];
const AUTH: [&str; 11] = [
    "level",
    "status",
    "path",
    "method",
    "msg",
    "error",
    "duration",
    "component",
    "host",
    "remote_addr",
    "auth_event.action",
];
const STORAGE: [&str; 8] = [
    "level",
    "project",
    "req.method",
    "req.url",
    "req.hostname",
    "res.statusCode",
    "responseTime",
    "rawError",
];
const OTHERS: [&str; 5] = ["identifier", "host", "level", "external_id", "workflow_run"];

/// The fields of a source's lines; of any source without one.
fn known(source: Option<&str>) -> Vec<&'static str> {
    match source {
        Some("edge_logs") => EDGE.to_vec(),
        Some("postgres_logs") => POSTGRES.to_vec(),
        Some("function_edge_logs") => FUNCTION_EDGE.to_vec(),
        Some("function_logs") => FUNCTION.to_vec(),
        Some("auth_logs" | "auth_audit_logs") => AUTH.to_vec(),
        Some("storage_logs") => STORAGE.to_vec(),
        Some(_) => OTHERS.to_vec(),
        None => [
            EDGE.as_slice(),
            &POSTGRES,
            &FUNCTION_EDGE,
            &FUNCTION,
            &AUTH,
            &STORAGE,
            &OTHERS,
        ]
        .concat(),
    }
}

/// The field that a name without its path means, below one of `prefixes` first: they are tried from the
/// last. Then anywhere, if there is one alone.
pub(super) fn find(source: Option<&str>, prefixes: &[String], name: &str) -> Option<String> {
    let known = known(source);
    for prefix in prefixes.iter().rev() {
        let path = format!("{prefix}{name}");
        if known.contains(&path.as_str()) {
            return Some(path);
        }
    }
    let ending = format!(".{name}");
    let mut matching = known
        .iter()
        .filter(|key| **key == name || key.ends_with(&ending));
    // Several sources may have the same field.
    let first = matching.next()?;
    matching
        .all(|other| other == first)
        .then(|| (*first).to_owned())
}
