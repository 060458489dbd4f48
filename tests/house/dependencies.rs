//! A module uses only what stands below it.

use std::fs;
use std::path::Path;

use crate::top;

/// The top modules with what each may use of the others.
const MAY_USE: [(&str, &[&str]); 22] = [
    ("chance", &["hex"]),
    ("clock", &[]),
    ("hex", &[]),
    ("sqlite", &[]),
    ("sql", &[]),
    ("logs", &[]),
    ("redact", &["hex"]),
    ("fence", &["chance", "redact"]),
    ("spans", &["redact"]),
    ("otel", &["redact", "spans"]),
    ("log", &["fence", "otel"]),
    ("api", &["chance", "fence", "redact", "spans"]),
    ("prompts", &[]),
    ("webhook", &["clock"]),
    (
        "store",
        &["api", "chance", "clock", "hex", "redact", "sqlite"],
    ),
    (
        "guard",
        &[
            "api", "chance", "clock", "fence", "hex", "logs", "redact", "spans", "sql", "store",
            "webhook",
        ],
    ),
    ("tools", &["api", "fence", "guard", "sql"]),
    (
        "mcp",
        &[
            "clock", "fence", "guard", "otel", "prompts", "spans", "tools",
        ],
    ),
    (
        "local",
        &[
            "api", "chance", "clock", "hex", "logs", "redact", "sql", "sqlite",
        ],
    ),
    (
        "eval",
        &[
            "api", "chance", "clock", "fence", "guard", "hex", "local", "mcp", "redact", "store",
            "tools",
        ],
    ),
    ("config", &["api", "eval", "guard", "local", "tools"]),
    (
        "cli",
        &[
            "api", "chance", "clock", "config", "eval", "fence", "guard", "local", "mcp", "redact",
            "store", "tools", "webhook",
        ],
    ),
];
/// What a tool must not name: it has a grant, and needs nothing else.
const NOT_IN_TOOLS: [&str; 7] = [
    "api::Client",
    "ReleasePermit",
    "DevBranch",
    "reqwest",
    "std::process",
    "tokio::process",
    "rusqlite",
];

#[test]
fn modules_look_downwards_only() {
    for (module, allowed) in MAY_USE {
        for (file, text) in sources(module) {
            for used in names_after(&text, "crate::") {
                let own = used == module;
                let is_module = MAY_USE.iter().any(|(name, _)| *name == used);
                assert!(
                    own || !is_module || allowed.contains(&used.as_str()),
                    "{file} uses crate::{used}, and {module} may not"
                );
            }
        }
    }
}

#[test]
fn every_top_module_has_its_place_in_the_order() {
    let lib = crate::read("src/lib.rs");
    for line in lib.lines() {
        let name = line
            .trim_start_matches("pub ")
            .strip_prefix("mod ")
            .and_then(|rest| rest.strip_suffix(';'));
        if let Some(name) = name {
            assert!(
                MAY_USE.iter().any(|(module, _)| *module == name),
                "{name} is not in the table"
            );
        }
    }
}

#[test]
fn tools_reach_nothing_but_their_grant() {
    for (file, text) in sources("tools") {
        for word in NOT_IN_TOOLS {
            assert!(!text.contains(word), "{file} names {word}");
        }
    }
}

#[test]
fn permits_are_issued_with_leave_alone() {
    let mut issuers = Vec::new();
    for (module, _) in MAY_USE {
        for (file, text) in sources(module) {
            if text.contains("ReleasePermit::issue") {
                issuers.push(file);
            }
        }
    }
    assert!(
        issuers.len() == 1 && issuers[0].ends_with("src/guard/approval.rs"),
        "permits are issued in {issuers:?}"
    );
}

/// What a platform does wrong on purpose is planned by trials' own code: nothing that serves an agent or an
/// operator, and no setting, leads there.
#[test]
fn no_server_and_no_setting_plans_faults() {
    let mut all: Vec<(String, String)> = ["tools", "prompts", "mcp", "guard", "api", "config"]
        .iter()
        .flat_map(|module| sources(module))
        .collect();
    for file in [
        "src/cli/serve.rs",
        "src/cli/platform.rs",
        "src/cli/demo/mod.rs",
    ] {
        all.push((file.to_owned(), crate::read(file)));
    }
    for (file, text) in all {
        assert!(!text.contains("Faults"), "{file} names Faults");
        assert!(
            !text.contains("local::faults"),
            "{file} names local::faults"
        );
    }
}

/// A top module's files with their text.
fn sources(module: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let file = top().join(format!("src/{module}.rs"));
    if file.exists() {
        collect(&file, &mut found);
    }
    let folder = top().join(format!("src/{module}"));
    if folder.exists() {
        collect(&folder, &mut found);
    }
    assert!(!found.is_empty(), "{module} has no file");
    found
}

fn collect(path: &Path, found: &mut Vec<(String, String)>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            collect(&entry.unwrap().path(), found);
        }
    } else if path.extension().is_some_and(|ending| ending == "rs") {
        let text = fs::read_to_string(path).unwrap();
        found.push((path.display().to_string(), text));
    }
}

/// The first path segment after each occurrence of `prefix`.
fn names_after(text: &str, prefix: &str) -> Vec<String> {
    text.match_indices(prefix)
        .map(|(at, _)| {
            text[at + prefix.len()..]
                .chars()
                .take_while(|one| one.is_ascii_lowercase() || *one == '_')
                .collect()
        })
        .collect()
}
