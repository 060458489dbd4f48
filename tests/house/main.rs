//! The house keeps its own rules: what the model sees is pinned, the catalogue is whole, modules
//! look downwards only, README says what is there.
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod catalogue;
mod dependencies;
mod readme;
mod snapshots;
mod threats;
mod worlds;

use std::fs;
use std::path::{Path, PathBuf};

/// The top of the repository.
fn top() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = top().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// File stems in a folder, with one ending, sorted.
fn stems(folder: &str, ending: &str) -> Vec<String> {
    let mut stems: Vec<String> = fs::read_dir(top().join(folder))
        .unwrap()
        .filter_map(|entry| {
            let name = entry.unwrap().file_name().into_string().unwrap();
            name.strip_suffix(ending).map(str::to_owned)
        })
        .collect();
    stems.sort();
    stems
}
