//! Whether a database is as it was: a hash over catalogue, row counts and ledger.

use serde_json::Value;

use super::api::Api;

/// The fingerprint of a project or branch.
pub(crate) async fn fingerprint(api: &Api, reference: &str) -> Value {
    let rows = api.read(reference, include_str!("fingerprint.sql")).await;
    rows[0]["fingerprint"].clone()
}
