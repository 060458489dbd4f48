//! The advisors: one `.sql` file a lint, in `advisor/`, and in `advisor/settings.rs` what is
//! found in the configuration.
//!
//! Each file is a query that gives a finding a row, read by a role that can see everything and
//! write nothing, with an empty `search_path` so that names print whole. The schemas that the API
//! exposes come as the setting `pgrst.db_schemas`.

mod settings;

use std::sync::LazyLock;

use serde_json::Value;

use super::engine::{ClusterId, Engine, Limits, Login};
use super::fault::Fault;
use crate::api::advisors::{Lint, Lints};
use crate::clock;

pub(super) use settings::of_auth;

macro_rules! lints {
    ($($(#[$about:meta])* $set:ident: $($stem:literal,)*;)*) => {
        $($(#[$about])* static $set: LazyLock<String> = LazyLock::new(|| {
            [$(include_str!(concat!("advisor/", $stem, ".sql")),)*].join("\n;\n")
        });)*
    };
}

lints! {
    /// The security lints, by the numbers that the platform's linter gives them.
    SECURITY:
        "0002_auth_users_exposed",
        "0007_policy_exists_rls_disabled",
        "0008_rls_enabled_no_policy",
        "0010_security_definer_view",
        "0011_function_search_path_mutable",
        "0013_rls_disabled_in_public",
        "0014_extension_in_public",
        "0015_rls_references_user_metadata",
        "0016_materialized_view_in_api",
        "0017_foreign_table_in_api",
        "0018_unsupported_reg_types",
        "0019_insecure_queue_exposed_in_api",
        "0021_fkey_to_auth_unique",
        "0022_extension_versions_outdated",
        "0023_sensitive_columns_exposed",
        "0024_rls_policy_always_true",
        "0025_public_bucket_allows_listing",
        "0026_pg_graphql_anon_table_exposed",
        "0027_pg_graphql_authenticated_table_exposed",
        "0028_anon_security_definer_function_executable",
        "0029_authenticated_security_definer_function_executable",
    ;
    /// The performance lints.
    PERFORMANCE:
        "0001_unindexed_foreign_keys",
        "0003_auth_rls_initplan",
        "0004_no_primary_key",
        "0005_unused_index",
        "0006_multiple_permissive_policies",
        "0009_duplicate_index",
        "0020_table_bloat",
    ;
}

/// Which advisor.
#[derive(Debug, Clone, Copy)]
pub(super) enum Advisor {
    /// What could be reached by whom it should not be.
    Security,
    /// What makes queries slow.
    Performance,
}

impl Advisor {
    /// One batch: a transaction that cannot write, the settings, every lint.
    fn batch(self, exposed: &str) -> String {
        let lints = match self {
            Self::Security => &*SECURITY,
            Self::Performance => &*PERFORMANCE,
        };
        let exposed = exposed.replace('\'', "''");
        format!(
            "begin read only;\nset local search_path = '';\nset local pgrst.db_schemas = '{exposed}';\n{lints}\n;\nrollback;"
        )
    }
}

/// Asks an advisor about the database of a cluster whose Data API exposes these schemas, between
/// commas.
pub(super) async fn ask(
    engine: &Engine,
    cluster: ClusterId,
    advisor: Advisor,
    exposed: &str,
) -> Result<Lints, Fault> {
    let batch = advisor.batch(exposed);
    let mut session = engine.connect(cluster, Login::ReadOnly).await?;
    let results = session.run(&batch, Limits::default()).await;
    session.close().await;
    let results = results.map_err(|error| Fault::of_sql(error, &batch))?;
    let mut lints = results
        .iter()
        .flat_map(|result| result.to_json())
        .map(|row| serde_json::from_value::<Lint>(Value::Object(row)))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| Fault::new(500, format!("a lint cannot be read: {error}")))?;
    let now = clock::now();
    for lint in &mut lints {
        lint.observed_at = Some(now.clone());
    }
    Ok(Lints { lints })
}
