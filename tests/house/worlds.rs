//! A world of an eval harness can be had again: what is drawn and what time it is come from one place
//! each, and only a world replaces either.

use std::fs;
use std::path::Path;

/// What stands in one place alone: who may name it, and what names it.
const ONE_PLACE: [(&str, &[&str]); 2] = [
    ("src/chance.rs", &["rand::", "getrandom::", "RandomState"]),
    (
        "src/clock.rs",
        &["Utc::now", "Local::now", "SystemTime::now"],
    ),
];
/// What makes a process a world, and nothing that serves real projects may call.
const OF_WORLDS: [&str; 4] = [
    "chance::seed(",
    "chance::Seed",
    "clock::start_at(",
    "clock::advance(",
];
const WORLDS: &str = "src/eval/";

#[test]
fn chance_and_the_time_of_day_come_from_one_place_each() {
    for (file, text) in sources() {
        for (place, names) in ONE_PLACE {
            for name in names {
                assert!(
                    file == place || !names_it(&text, name),
                    "{file} names {name}, which is for {place}"
                );
            }
        }
    }
}

#[test]
fn only_a_world_is_seeded_or_moves_its_clock() {
    for (file, text) in sources() {
        for name in OF_WORLDS {
            assert!(
                file.starts_with(WORLDS) || !names_it(&text, name),
                "{file} names {name}, which is for {WORLDS}"
            );
        }
    }
}

#[test]
fn a_name_counts_where_it_begins_and_not_within_another() {
    assert!(names_it("use rand::Rng;", "rand::"));
    assert!(names_it("(rand::random())", "rand::"));
    assert!(!names_it("operand::Left", "rand::"));
}

/// Whether a text names it, as a word or path of its own.
fn names_it(text: &str, name: &str) -> bool {
    text.match_indices(name).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        before.is_none_or(|before| !before.is_alphanumeric() && before != '_')
    })
}

/// Every file of the crate, by its path in the repository, with its text.
fn sources() -> Vec<(String, String)> {
    let mut found = Vec::new();
    collect(&crate::top().join("src"), &mut found);
    assert!(found.len() > 100, "only {} files were found", found.len());
    found
}

fn collect(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let name = path.strip_prefix(crate::top()).unwrap();
            let text = fs::read_to_string(&path).unwrap();
            found.push((name.display().to_string(), text));
        }
    }
}
