//! The local platform's advisors against the platform's own lints, on databases that chance makes.
//!
//! ```text
//! oracle    the platform's own lints, taken out of the CLI that npm has installed
//! case      one database: statements that chance has drawn, from a seed
//! chance    draws from a seed
//! words     what is drawn from
//! database  where a case is made, and asked about by both
//! ```
//!
//! Compared are the lints that the CLI's version knows; newer ones have their cases in
//! `tests/behaviour/lint_cases`.
//!
//! `DRYDOCK_LINT_SEEDS=850` compares on so many databases instead of a few, `DRYDOCK_LINT_SEEDS=17..18` on
//! one. Where the two differ, the statements that do not matter are taken away, and the rest is printed.

mod case;
mod chance;
mod database;
mod oracle;
mod words;

use std::collections::BTreeSet;
use std::ops::Range;

use case::Case;
use database::{Database, Findings};
use oracle::Oracle;

use crate::Failure;
use crate::install::Installed;
use crate::platform::Platform;

/// How many databases there are without further words.
const FEW: u64 = 20;
/// From how many on every lint must have found something: else what was compared proves little.
const ENOUGH: u64 = FEW;

fn seeds() -> Result<Range<u64>, Failure> {
    let Ok(asked) = std::env::var("DRYDOCK_LINT_SEEDS") else {
        return Ok(0..FEW);
    };
    Ok(match asked.split_once("..") {
        Some((from, to)) => from.parse()?..to.parse()?,
        None => 0..asked.parse()?,
    })
}

/// What one has found and the other has not.
fn difference(ours: &Findings, theirs: &Findings) -> Vec<String> {
    let only = |who: &str, one: &Findings, other: &Findings| -> Vec<String> {
        let mut rest = other.clone();
        one.iter()
            .filter(
                |found| match rest.iter().position(|known| known == *found) {
                    Some(at) => {
                        rest.swap_remove(at);
                        false
                    }
                    None => true,
                },
            )
            .map(|found| format!("{who} alone: {found}"))
            .collect()
    };
    let mut different = only("we", ours, theirs);
    different.extend(only("they", theirs, ours));
    different
}

/// The case with as few statements as still make a difference.
async fn smallest(
    database: &Database<'_>,
    oracle: &Oracle,
    mut case: Case,
) -> Result<Case, Failure> {
    let mut size = case.statements.len().div_ceil(2);
    while size > 0 {
        let mut at = 0;
        while at < case.statements.len() {
            let mut fewer = case.clone();
            let end = (at + size).min(fewer.statements.len());
            fewer.statements.drain(at..end);
            let (ours, theirs) = database.both(&fewer, oracle).await?;
            if difference(&ours, &theirs).is_empty() {
                at += size;
            } else {
                case = fewer;
            }
        }
        size /= 2;
    }
    Ok(case)
}

#[tokio::test]
async fn our_advisors_find_what_the_platforms_own_lints_find() -> Result<(), Failure> {
    let Some(installed) = Installed::ready()? else {
        return Ok(());
    };
    let oracle = Oracle::read(&installed.modules())?;
    let _ = rustls::crypto::ring::default_provider().install_default();
    let platform = Platform::start()?;
    let database = Database::make(&platform).await?;
    let seeds = seeds()?;
    let (mut found, mut lints) = (0, BTreeSet::new());
    for seed in seeds.clone() {
        let case = Case::drawn(seed);
        let (ours, theirs) = database.both(&case, &oracle).await?;
        let different = difference(&ours, &theirs);
        if !different.is_empty() {
            let case = smallest(&database, &oracle, case).await?;
            let (ours, theirs) = database.both(&case, &oracle).await?;
            let different = difference(&ours, &theirs).join("\n");
            panic!("on seed {seed}:\n{different}\nafter\n{case}");
        }
        found += ours.len();
        lints.extend(oracle.names.iter().filter(|name| {
            let name = format!("\"{name}\"");
            ours.iter().any(|one| one.starts_with(&name))
        }));
    }
    let all: BTreeSet<&String> = oracle.names.iter().collect();
    let silent: Vec<_> = all.difference(&lints).collect();
    assert!(
        silent.is_empty() || seeds.end - seeds.start < ENOUGH,
        "found on none of the databases: {silent:?}"
    );
    eprintln!(
        "{found} findings of {} lints on seeds {seeds:?}: no difference",
        lints.len()
    );
    Ok(())
}
