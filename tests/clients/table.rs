//! The table of clients and operations, and what is checked in of it.

use std::fs;
use std::path::Path;

use serde::Deserialize;

use super::Failure;
use super::install::with_version;
use super::platform::Platform;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const TABLE: &str = "tests/clients/table.md";
/// After it stands the summary.
const IN_README: &str = "<!-- clients -->\n";
const HEAD: &str = "# What clients that nobody here wrote can do

Written by `DRYDOCK_UPDATE_CLIENTS=1 cargo test --test clients`, and compared with what they do by every `cargo test`.
*Not yet*: the local platform does not serve what the operation asks for.
";

/// What a driver says of one operation.
#[derive(Deserialize)]
struct Said {
    client: String,
    operation: String,
    works: bool,
    why: Option<String>,
}

/// One operation of one client.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Row {
    client: String,
    operation: String,
    outcome: Outcome,
}

#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Works,
    NotYet,
    No(String),
}

impl Row {
    /// A line of a driver's output.
    pub(crate) fn read(line: &str, platform: &Platform) -> Result<Self, Failure> {
        let said: Said =
            serde_json::from_str(line).map_err(|error| format!("{error} in: {line}"))?;
        let why = said.why.unwrap_or_default();
        let outcome = if said.works {
            Outcome::Works
        } else if ["does not serve this route", "404", " yet"]
            .iter()
            .any(|words| why.contains(words))
        {
            Outcome::NotYet
        } else {
            Outcome::No(steady(&why.replace(&platform.base, "the platform")))
        };
        Ok(Self {
            client: with_version(&said.client)?,
            operation: said.operation,
            outcome,
        })
    }

    fn line(&self) -> String {
        let outcome = match &self.outcome {
            Outcome::Works => "works".to_owned(),
            Outcome::NotYet => "not yet".to_owned(),
            Outcome::No(why) => format!("no: {why}"),
        };
        format!("| {} | {outcome} |\n", self.operation)
    }
}

/// Words without what is another in every run, on one line.
fn steady(why: &str) -> String {
    let mut steady = String::new();
    let mut letters = String::new();
    // The blank at the end ends what stands before it.
    for one in why.chars().chain([' ']) {
        if one.is_ascii_lowercase() {
            letters.push(one);
            continue;
        }
        let is_ref = letters.len() == 20;
        steady.push_str(if is_ref { "(ref)" } else { &letters });
        letters.clear();
        steady.push(if one == '|' { '/' } else { one });
    }
    steady.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A line for each client: how much of what was driven works.
fn summary(rows: &[Row]) -> String {
    let mut text = "| client | operations | work | not yet | do not work |\n".to_owned();
    text.push_str("|---|---|---|---|---|\n");
    for rows in rows.chunk_by(|one, next| one.client == next.client) {
        let count =
            |holds: fn(&Outcome) -> bool| rows.iter().filter(|row| holds(&row.outcome)).count();
        text.push_str(&format!(
            "| {} | {} | {} | {} | {} |\n",
            rows[0].client,
            rows.len(),
            count(|outcome| *outcome == Outcome::Works),
            count(|outcome| *outcome == Outcome::NotYet),
            count(|outcome| matches!(outcome, Outcome::No(_))),
        ));
    }
    text
}

/// Fails where the rows are not those that are checked in, or README says something else.
pub(crate) fn compare(rows: &[Row]) -> Result<(), Failure> {
    let summary = summary(rows);
    let mut text = format!("{HEAD}\n{summary}");
    for rows in rows.chunk_by(|one, next| one.client == next.client) {
        text.push_str(&format!("\n## {}\n\n", rows[0].client));
        text.push_str("| operation | |\n|---|---|\n");
        text.extend(rows.iter().map(Row::line));
    }
    let path = Path::new(ROOT).join(TABLE);
    let readme = Path::new(ROOT).join("README.md");
    if std::env::var_os("DRYDOCK_UPDATE_CLIENTS").is_some() {
        fs::write(&path, &text)?;
        let known = fs::read_to_string(&readme)?;
        if let Some((before, rest)) = known.split_once(IN_README) {
            let after = rest.find("\n\n").map_or("", |end| &rest[end + 1..]);
            fs::write(&readme, format!("{before}{IN_README}{summary}{after}"))?;
        }
    }
    let known = fs::read_to_string(&path)?;
    let differences: Vec<String> = text
        .lines()
        .filter(|line| !known.lines().any(|known| known == *line))
        .map(|line| format!("now:   {line}"))
        .chain(
            known
                .lines()
                .filter(|known| !text.lines().any(|line| line == *known))
                .map(|line| format!("table: {line}")),
        )
        .collect();
    assert!(
        known == text,
        "{TABLE} does not say what the clients do:\n{}",
        differences.join("\n")
    );
    let readme = fs::read_to_string(readme)?;
    if let Some((_, rest)) = readme.split_once(IN_README) {
        assert!(
            rest.starts_with(&summary),
            "README's table of clients is not that of {TABLE}"
        );
    }
    Ok(())
}
