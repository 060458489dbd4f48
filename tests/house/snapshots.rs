//! What the model sees of each tool is pinned: one file a tool, in `tests/snapshots`.
//!
//! `DRYDOCK_UPDATE_SNAPSHOTS=1 cargo test --test house` writes them anew.

use std::fs;

use drydock::mcp::listed_tools;

use crate::{stems, top};

#[test]
fn what_clients_see_of_each_tool_is_as_pinned() {
    let update = std::env::var_os("DRYDOCK_UPDATE_SNAPSHOTS").is_some();
    for tool in listed_tools() {
        let path = top().join(format!("tests/snapshots/{}.json", tool.name));
        let seen = serde_json::to_string_pretty(&tool).unwrap() + "\n";
        if update {
            fs::write(&path, &seen).unwrap();
        }
        let pinned = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            pinned == seen,
            "{} is not as pinned; if that is meant: DRYDOCK_UPDATE_SNAPSHOTS=1 cargo test --test house",
            tool.name
        );
    }
}

#[test]
fn every_snapshot_has_its_tool() {
    let mut names: Vec<String> = listed_tools()
        .into_iter()
        .map(|tool| tool.name.into_owned())
        .collect();
    names.sort();
    assert_eq!(stems("tests/snapshots", ".json"), names);
}
