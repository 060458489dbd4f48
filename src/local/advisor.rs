//! The security advisor: one `.sql` file a lint, in `advisor/`.
//!
//! Each is a query that gives a finding a row, read by a role that can see everything and write
//! nothing, with an empty `search_path` so that names print whole. The schemas that the API
//! exposes come as the setting `pgrst.db_schemas`.

use serde_json::Value;

use super::engine::{ClusterId, Engine, Limits, Login};
use super::fault::Fault;
use crate::api::advisors::{Lint, Lints};

macro_rules! lints {
    ($($stem:literal,)*) => {
        /// The security lints, by the numbers that the platform's linter gives them.
        const SECURITY: &[&str] = &[$(include_str!(concat!("advisor/", $stem, ".sql")),)*];
    };
}

lints! {
    "0002_auth_users_exposed",
    "0007_policy_exists_rls_disabled",
    "0008_rls_enabled_no_policy",
    "0010_security_definer_view",
    "0011_function_search_path_mutable",
    "0013_rls_disabled_in_public",
    "0014_extension_in_public",
    "0015_rls_references_user_metadata",
    "0016_materialized_view_in_api",
    "0024_rls_policy_always_true",
    "0028_anon_security_definer_function_executable",
    "0029_authenticated_security_definer_function_executable",
}

/// One batch: a transaction that cannot write, the settings, every lint.
fn batch(exposed: &str) -> String {
    let mut batch = format!(
        "begin read only;\nset local search_path = '';\nset local pgrst.db_schemas = '{}';\n",
        exposed.replace('\'', "''")
    );
    for lint in SECURITY {
        batch.push_str(lint);
        batch.push_str("\n;\n");
    }
    batch.push_str("rollback;");
    batch
}

/// Runs every security lint on a cluster whose Data API exposes these schemas, between commas.
pub(super) async fn security(
    engine: &Engine,
    cluster: ClusterId,
    exposed: &str,
) -> Result<Lints, Fault> {
    let batch = batch(exposed);
    let mut session = engine.connect(cluster, Login::ReadOnly).await?;
    let results = session.run(&batch, Limits::default()).await;
    session.close().await;
    let results = results.map_err(|error| Fault::of_sql(error, &batch))?;
    let lints = results
        .iter()
        .flat_map(|result| result.to_json())
        .map(|row| serde_json::from_value::<Lint>(Value::Object(row)))
        .collect::<Result<_, _>>()
        .map_err(|error| Fault::new(500, format!("a lint cannot be read: {error}")))?;
    Ok(Lints { lints })
}
