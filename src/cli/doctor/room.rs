//! What the local platform takes of this machine, and how much is left.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::Finding;
use super::machine::{LITTLE, free};
use crate::config::DoctorArgs;
use crate::fence::plain;
use crate::local::{DiskUse, MemoryUse, Places, ProjectBytes};

/// How many projects are named.
const FEW: usize = 3;

pub(super) fn look(args: &DoctorArgs, data_dir: PathBuf) -> Vec<Finding> {
    let places = Places {
        data_dir: data_dir.clone(),
        templates: args.engine.templates.clone(),
        tools: args.functions.tools.clone(),
    };
    let disk = match places.disk_use() {
        Ok(found) => disk(&found, free(&data_dir)),
        Err(error) => unknown("disk", error.to_string()),
    };
    let memory = match MemoryUse::measure(&data_dir) {
        Ok(found) => memory(&found),
        Err(error) => unknown("memory", error.to_string()),
    };
    vec![disk, memory]
}

fn unknown(what: &str, error: String) -> Finding {
    let remedy = "run drydock doctor as the user that the platform runs as";
    Finding::weaker(what, format!("cannot be told: {error}"), remedy)
}

fn disk(found: &DiskUse, free: Option<u64>) -> Finding {
    let kinds = [
        ("databases", found.databases_bytes),
        ("history", found.history_bytes),
        ("templates", found.templates_bytes),
        ("fetched programs", found.programs_bytes),
        ("functions", found.functions_bytes),
        ("logs", found.logs_bytes),
        ("other", found.other_bytes),
    ];
    let mut words = vec![format!(
        "{}{}",
        at_least(found.is_partial),
        size(found.bytes)
    )];
    words.extend(
        kinds
            .iter()
            .filter(|(_, bytes)| *bytes > 0)
            .map(|(kind, bytes)| format!("{kind} {}", size(*bytes))),
    );
    let largest = &found.projects[..found.projects.len().min(FEW)];
    if !largest.is_empty() {
        let named: Vec<String> = largest.iter().map(shown).collect();
        words.push(format!("largest: {}", named.join(", ")));
    }
    if let Some(free) = free {
        words.push(format!("{} free", size(free)));
    }
    let words = words.join("; ");
    let figures = figures(found, largest, free);
    // A revert builds a copy of the database beside it.
    let most = found.projects.iter().map(|one| one.databases_bytes).max();
    let needed = LITTLE.max(most.unwrap_or_default());
    match free {
        Some(free) if free < needed => Finding::weaker(
            "disk",
            words,
            "free some: delete branches and projects that nobody needs, the largest first, or keep less history (DRYDOCK_HISTORY_DAYS); a revert needs as much as the database takes, and a full disk stops every write",
        ),
        _ => Finding::good("disk", words),
    }
    .with_figures(figures)
}

fn figures(found: &DiskUse, largest: &[ProjectBytes], free: Option<u64>) -> Value {
    let mut figures = json!(found);
    let largest: Vec<Value> = largest
        .iter()
        .map(|project| {
            let mut project = json!(project);
            project["name"] = json!(plain(project["name"].as_str().unwrap_or_default()));
            project
        })
        .collect();
    figures["projects"] = json!(found.projects.len());
    figures["largest"] = json!(largest);
    figures["free_bytes"] = json!(free);
    figures
}

fn shown(project: &ProjectBytes) -> String {
    let branches = match project.branches {
        0 => String::new(),
        1 => " with a branch".to_owned(),
        more => format!(" with {more} branches"),
    };
    format!(
        "{} ({}){branches} {}",
        project.name,
        project.reference,
        size(project.bytes())
    )
}

fn memory(found: &MemoryUse) -> Finding {
    let platform = match found.platform_bytes {
        Some(bytes) => format!("the platform's process {}", size(bytes)),
        None => "no platform is running".to_owned(),
    };
    let words = format!(
        "{platform}; {} database(s) awake, {}{} ({}); {} asleep",
        found.awake,
        at_least(found.is_partial),
        size(found.postgres_bytes),
        found.measure.to_uppercase(),
        found.asleep
    );
    Finding::good("memory", words).with_figures(json!(found))
}

fn at_least(is_partial: bool) -> &'static str {
    if is_partial { "at least " } else { "" }
}

/// For a person: three digits or so.
fn size(bytes: u64) -> String {
    let (kilo, mega, giga) = (1_u64 << 10, 1_u64 << 20, 1_u64 << 30);
    match bytes {
        _ if bytes < mega => format!("{} KB", bytes.div_ceil(kilo)),
        _ if bytes < 10 * giga => format!("{} MB", bytes / mega),
        _ => format!("{} GB", bytes / giga),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::State;

    const MB: u64 = 1 << 20;

    fn project(databases_bytes: u64) -> ProjectBytes {
        ProjectBytes {
            reference: "abcdefghijklmnopqrst".to_owned(),
            name: "shop".to_owned(),
            branches: 1,
            databases_bytes,
            history_bytes: MB,
        }
    }

    #[test]
    fn little_is_left_when_a_revert_of_the_largest_would_not_fit() {
        let small = DiskUse {
            projects: vec![project(20 * MB)],
            ..DiskUse::default()
        };
        let large = DiskUse {
            projects: vec![project(9000 * MB)],
            ..DiskUse::default()
        };
        for (found, free, state) in [
            (&small, 2000 * MB, State::Good),
            (&small, 900 * MB, State::Weaker),
            (&large, 8000 * MB, State::Weaker),
            (&large, 9001 * MB, State::Good),
        ] {
            let finding = disk(found, Some(free));
            assert_eq!(finding.state, state, "{}", finding.found);
            let remedy = finding.remedy.unwrap_or_default();
            assert_eq!(
                remedy.contains("DRYDOCK_HISTORY_DAYS"),
                state == State::Weaker
            );
        }
    }

    #[test]
    fn sizes_are_short() {
        for (bytes, text) in [
            (0, "0 KB"),
            (1, "1 KB"),
            (512 * 1024, "512 KB"),
            (14 * MB, "14 MB"),
            (3 * 1024 * MB, "3072 MB"),
            (30 * 1024 * MB, "30 GB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }
}
