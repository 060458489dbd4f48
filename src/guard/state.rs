//! The state of a branch as hashes: `schema_hash`, `ledger_hash` and, over both and the functions'
//! digests, `state_hash`.
//!
//! `schema_hash` is taken over one catalogue query: definitions, privileges, policies, row
//! security, extensions, publications; no OIDs and no rows.

use std::collections::BTreeMap;

use super::ledger::{Ledger, text};
use super::{Guard, Refusal};
use crate::api::Ref;
use crate::hex;

/// What a database is made of, and its hashes.
#[derive(Debug, Clone)]
pub(super) struct State {
    pub(super) ledger: Ledger,
    /// (kind, identity, SHA-256 of the definition), ordered.
    pub(super) catalogue: Vec<(String, String, String)>,
    pub(super) schema_hash: String,
    pub(super) ledger_hash: String,
    pub(super) state_hash: String,
}

/// The hashes of one database's state, for whoever compares states without changing them.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct StateHashes {
    /// Over everything that a migration can change.
    pub schema_hash: String,
    /// Over the applied migrations.
    pub ledger_hash: String,
    /// Over both, and the functions.
    pub state_hash: String,
}

/// One difference between two catalogues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) change: &'static str,
    pub(super) kind: String,
    pub(super) identity: String,
}

impl Guard {
    /// The hashes of the state of a project's or a branch's database.
    pub async fn state_hashes(&self, reference: &Ref) -> Result<StateHashes, Refusal> {
        let state = self.state(reference).await?;
        Ok(StateHashes {
            schema_hash: state.schema_hash,
            ledger_hash: state.ledger_hash,
            state_hash: state.state_hash,
        })
    }

    /// Reads ledger and catalogue of one database, and what is deployed beside it.
    pub(super) async fn state(&self, reference: &Ref) -> Result<State, Refusal> {
        let ledger = self.ledger(reference).await?;
        let catalogue = self.catalogue(reference).await?;
        let schema_hash = catalogue_hash(&catalogue);
        let ledger_hash = ledger.hash();
        let functions = self.function_digests(reference).await?;
        let functions = functions
            .iter()
            .flat_map(|(slug, digest)| [slug.as_str(), digest]);
        let state_hash = hex::sha256_of(
            [schema_hash.as_str(), ledger_hash.as_str()]
                .into_iter()
                .chain(functions),
        );
        Ok(State {
            ledger,
            catalogue,
            schema_hash,
            ledger_hash,
            state_hash,
        })
    }

    pub(super) async fn catalogue(
        &self,
        reference: &Ref,
    ) -> Result<Vec<(String, String, String)>, Refusal> {
        let rows = self
            .client()
            .query_read_only(reference, include_str!("catalogue.sql"), None)
            .await?;
        let mut catalogue = BTreeMap::new();
        for row in &rows {
            let key = (
                text(row, "kind").unwrap_or_default(),
                text(row, "identity").unwrap_or_default(),
            );
            let definition = text(row, "definition").unwrap_or_default();
            catalogue
                .entry(key)
                .and_modify(|digest: &mut String| {
                    *digest = hex::sha256_of([digest.as_str(), definition.as_str()]);
                })
                .or_insert_with(|| hex::sha256_of([definition.as_str()]));
        }
        Ok(listed(catalogue))
    }

    /// Reads production's state and records its hashes.
    pub(super) async fn record_production(
        &self,
        project: &Ref,
        reason: &'static str,
    ) -> Result<(), Refusal> {
        let state = self.state(project).await?;
        self.record_state(project, &state, reason).await
    }

    /// Records a state of production as the one that is known to be right.
    pub(super) async fn record_state(
        &self,
        project: &Ref,
        state: &State,
        reason: &'static str,
    ) -> Result<(), Refusal> {
        self.store()
            .record_hashes(
                project,
                &state.schema_hash,
                &state.ledger_hash,
                &state.catalogue,
                reason,
            )
            .await?;
        Ok(())
    }

    /// For the operator: production is right as it is, whatever was recorded before.
    pub async fn accept_production(&self, project: &str) -> Result<(), Refusal> {
        let project = self.parse_ref(project).await?;
        self.record_production(&project, "operator").await
    }
}

/// Catalogue entries by (kind, identity).
type Indexed = BTreeMap<(String, String), String>;

fn listed(catalogue: Indexed) -> Vec<(String, String, String)> {
    catalogue
        .into_iter()
        .map(|((kind, identity), digest)| (kind, identity, digest))
        .collect()
}

fn indexed(catalogue: &[(String, String, String)]) -> Indexed {
    catalogue
        .iter()
        .map(|(kind, identity, digest)| ((kind.clone(), identity.clone()), digest.clone()))
        .collect()
}

/// The `schema_hash` that production must have after a merge: what leads from `base`, production's
/// ledger replayed, to `branch`, applied to `production` as it is. The three differ where an
/// operator has accepted what was changed outside of the ledger.
pub(super) fn expected_schema(
    production: &[(String, String, String)],
    base: &[(String, String, String)],
    branch: &[(String, String, String)],
) -> String {
    let (base, branch) = (indexed(base), indexed(branch));
    let mut expected = indexed(production);
    for (key, digest) in &branch {
        if base.get(key) != Some(digest) {
            expected.insert(key.clone(), digest.clone());
        }
    }
    for key in base.keys().filter(|key| !branch.contains_key(*key)) {
        expected.remove(key);
    }
    catalogue_hash(&listed(expected))
}

fn catalogue_hash(catalogue: &[(String, String, String)]) -> String {
    hex::sha256_of(
        catalogue
            .iter()
            .flat_map(|(kind, identity, digest)| [kind.as_str(), identity, digest]),
    )
}

/// What must happen to `before` so that it becomes `after`.
pub(super) fn differences(
    before: &[(String, String, String)],
    after: &[(String, String, String)],
) -> Vec<Difference> {
    let (before, after) = (indexed(before), indexed(after));
    let difference = |change, (kind, identity): &(String, String)| Difference {
        change,
        kind: kind.clone(),
        identity: identity.clone(),
    };
    let mut found = Vec::new();
    for (key, digest) in &after {
        match before.get(key) {
            None => found.push(difference("added", key)),
            Some(other) if other != digest => found.push(difference("changed", key)),
            Some(_) => {}
        }
    }
    found.extend(
        before
            .keys()
            .filter(|key| !after.contains_key(*key))
            .map(|key| difference("removed", key)),
    );
    found
}
