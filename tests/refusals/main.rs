//! What must not compile: a write to production, and a grant that a tool makes for itself.
//!
//! Each file in `cases/` names the one error that the compiler must give. The compiler is run on the
//! library that this test was built with: error codes are stable, where whole messages change with
//! every release.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

#[test]
fn neither_a_write_to_production_nor_a_home_made_grant_compiles() {
    let library = library();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/refusals/cases");
    let mut cases = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let case = entry.unwrap().path();
        let text = fs::read_to_string(&case).unwrap();
        let expected = text
            .lines()
            .find_map(|line| line.strip_prefix("//! Refused with ")?.strip_suffix('.'))
            .unwrap_or_else(|| panic!("{} names no error", case.display()));
        let found = errors(&compile(&library, &case));
        assert_eq!(
            found,
            BTreeSet::from([expected.to_owned()]),
            "{}",
            case.display()
        );
        cases += 1;
    }
    assert!(cases > 5, "the cases are gone");
}

#[test]
fn what_a_tool_may_do_compiles() {
    // Without this the cases above could fail for want of the library.
    let diagnostics = compile(
        &library(),
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/refusals/allowed.rs"),
    );
    assert!(errors(&diagnostics).is_empty(), "{diagnostics}");
}

/// The library as cargo has just built it; nothing is built anew.
fn library() -> PathBuf {
    let output = Command::new(env!("CARGO"))
        .args(["build", "--lib", "--message-format=json", "--quiet"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == "drydock")
        .flat_map(|message| message["filenames"].as_array().cloned().unwrap_or_default())
        .filter_map(|name| name.as_str().map(PathBuf::from))
        .find(|path| path.extension().is_some_and(|ending| ending == "rlib"))
        .unwrap()
}

/// What the compiler says of a file, one JSON object a line.
fn compile(library: &Path, case: &Path) -> String {
    let dependencies = library.parent().unwrap().join("deps");
    let out = std::env::temp_dir().join(format!("drydock-refusals-{}", std::process::id()));
    let output = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
        .args(["--edition=2024", "--crate-type=bin", "--emit=metadata"])
        .arg("--error-format=json")
        .arg("--extern")
        .arg(format!("drydock={}", library.display()))
        .arg("-L")
        .arg(format!("dependency={}", dependencies.display()))
        .arg("-o")
        .arg(&out)
        .arg(case)
        .output()
        .unwrap();
    let _ = fs::remove_file(out);
    String::from_utf8(output.stderr).unwrap()
}

fn errors(diagnostics: &str) -> BTreeSet<String> {
    diagnostics
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["level"] == "error")
        .filter_map(|message| Some(message["code"]["code"].as_str()?.to_owned()))
        .collect()
}
