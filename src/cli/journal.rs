//! `drydock journal`: what was asked and what came of it.

use std::io::{BufRead, BufReader};
use std::path::Path;

use super::{open_store, print_line};
use crate::config::JournalAction;
use crate::store::{Head, Record, Store};

pub(super) async fn run(action: JournalAction) -> Result<(), String> {
    match action {
        JournalAction::Tail { data_dir, count } => {
            let store = open_store(&data_dir.path()?)?;
            print(&store.journal_tail(count).await.map_err(say)?)
        }
        JournalAction::Show { data_dir, call_id } => {
            let store = open_store(&data_dir.path()?)?;
            let records = store.journal_of(&call_id).await.map_err(say)?;
            if records.is_empty() {
                return Err(format!("the journal has no call {call_id}"));
            }
            print(&records)
        }
        JournalAction::Export { data_dir } => export(&open_store(&data_dir.path()?)?).await,
        JournalAction::Verify {
            data_dir,
            file,
            head,
        } => {
            let (reached, written) = match &file {
                Some(file) => (verify_file(file)?, None),
                None => verify(&open_store(&data_dir.path()?)?).await?,
            };
            conclude(&reached, written.as_ref(), head.as_deref())
        }
    }
}

fn say(error: impl ToString) -> String {
    error.to_string()
}

fn print(records: &[Record]) -> Result<(), String> {
    for record in records {
        print_line(&serde_json::to_string(record).map_err(say)?);
    }
    Ok(())
}

async fn export(store: &Store) -> Result<(), String> {
    let mut last = 0;
    loop {
        let page = store.journal_after(last).await.map_err(say)?;
        let Some(newest) = page.last() else {
            return Ok(());
        };
        last = newest.seq;
        print(&page)?;
    }
}

/// Walks the whole chain; its end as it is, and as it was written down.
async fn verify(store: &Store) -> Result<(Head, Option<Head>), String> {
    let mut reached = Head::default();
    loop {
        // The end that was written down first: servers may add entries meanwhile.
        let written = store.journal_head().await.map_err(say)?;
        let page = store.journal_after(reached.seq).await.map_err(say)?;
        for record in &page {
            reached.follow(record).map_err(broken)?;
        }
        if page.is_empty() {
            return Ok((reached, Some(written)));
        }
    }
}

/// Walks the chain of an exported journal.
fn verify_file(path: &Path) -> Result<Head, String> {
    let unreadable = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let file = std::fs::File::open(path).map_err(|error| unreadable(&error))?;
    let mut reached = Head::default();
    for line in BufReader::new(file).lines() {
        let line = line.map_err(|error| unreadable(&error))?;
        let record = serde_json::from_str(&line).map_err(|error| unreadable(&error))?;
        reached.follow(&record).map_err(broken)?;
    }
    Ok(reached)
}

fn broken(seq: i64) -> String {
    format!("entry {seq} does not follow from the one before it: the journal was changed")
}

fn conclude(reached: &Head, written: Option<&Head>, expected: Option<&str>) -> Result<(), String> {
    if let Some(written) = written
        && written != reached
    {
        return Err(format!(
            "the journal ends at entry {}, and {} were written: its end was cut off",
            reached.seq, written.seq
        ));
    }
    let head = format!("{}:{}", reached.seq, reached.hash);
    if let Some(expected) = expected
        && expected != head
    {
        return Err(format!(
            "the journal ends with {head}, and not with {expected}"
        ));
    }
    print_line(&format!(
        "the journal's chain is whole: {} entries, and it ends with {head}",
        reached.seq
    ));
    Ok(())
}
