//! What the clients know: what was acknowledged, and what was tried and may have happened.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};

use serde_json::Value;

/// Shared by all clients.
pub(super) struct Known {
    /// Production's ref.
    pub(super) project: String,
    state: Mutex<State>,
}

#[derive(Default, Clone)]
pub(super) struct State {
    /// Table to version, acknowledged.
    pub(super) tables: BTreeMap<String, String>,
    /// Versions whose restore point was said to be missing.
    pub(super) pointless: BTreeSet<String>,
    /// Names of migrations that were sent, acknowledged or not.
    pub(super) tried: BTreeSet<String>,
    /// Rows, acknowledged.
    pub(super) rows: BTreeSet<(String, u32)>,
    /// Rows that were sent.
    pub(super) tried_rows: BTreeSet<(String, u32)>,
    /// Versions that merges were said to have carried.
    pub(super) merged: BTreeSet<String>,
    /// Whether any merge was sent since production was last looked at.
    pub(super) merge_sent: bool,
    /// Production's ledger and fingerprint when it was last looked at.
    pub(super) production: Option<(Vec<String>, Value)>,
    /// Calls that their server did not live to answer.
    pub(super) lost: usize,
    count: u32,
}

impl Known {
    pub(super) fn new(project: String) -> Self {
        Self {
            project,
            state: Mutex::default(),
        }
    }

    /// The state, to look at or to correct by what is there.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(super) fn next_table(&self) -> String {
        let mut state = self.state();
        state.count += 1;
        format!("t{}", state.count)
    }

    pub(super) fn tries_table(&self, name: &str) {
        self.state().tried.insert(name.to_owned());
    }

    pub(super) fn has_table(&self, table: &str, version: &str, point: &Value) {
        let mut state = self.state();
        state.tables.insert(table.to_owned(), version.to_owned());
        if point["status"] != "available" {
            state.pointless.insert(version.to_owned());
        }
    }

    /// A row for the newest table; none if there is no table yet.
    pub(super) fn next_row(&self) -> Option<(String, u32)> {
        let mut state = self.state();
        state.count += 1;
        let row = state.count;
        let table = state.tables.keys().next_back()?.clone();
        state.tried_rows.insert((table.clone(), row));
        Some((table, row))
    }

    pub(super) fn has_row(&self, table: &str, row: u32) {
        self.state().rows.insert((table.to_owned(), row));
    }

    pub(super) fn tries_merge(&self) {
        self.state().merge_sent = true;
    }

    pub(super) fn has_merged(&self, versions: &Value) {
        let versions: Vec<String> = serde_json::from_value(versions.clone()).unwrap();
        self.state().merged.extend(versions);
    }

    /// A call whose server was killed; there is nothing to go on with.
    pub(super) fn loses_an_answer(&self) -> bool {
        self.state().lost += 1;
        false
    }

    /// How much of what was tried was acknowledged.
    pub(super) fn summary(&self) -> String {
        let state = self.state();
        format!(
            "{} of {} migrations, {} of {} rows acknowledged, {} versions merged",
            state.tables.len(),
            state.tried.len(),
            state.rows.len(),
            state.tried_rows.len(),
            state.merged.len()
        )
    }
}
