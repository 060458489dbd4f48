//! `drydock journal`: what was asked and what came of it.

use super::{open_store, print_line};
use crate::config::{JournalAction, JournalArgs};

pub(super) async fn run(args: JournalArgs) -> Result<(), String> {
    let store = open_store(&args.data_dir.path()?)?;
    match args.action {
        JournalAction::Tail => {
            let records = store
                .journal_tail(args.count)
                .await
                .map_err(|error| error.to_string())?;
            for record in records {
                let line = serde_json::to_string(&record).map_err(|error| error.to_string())?;
                print_line(&line);
            }
            Ok(())
        }
        JournalAction::Verify => {
            let broken = store
                .journal_verify()
                .await
                .map_err(|error| error.to_string())?;
            match broken {
                None => {
                    print_line("the journal's chain is whole");
                    Ok(())
                }
                Some(seq) => Err(format!(
                    "entry {seq} does not follow from the one before it: the journal was changed"
                )),
            }
        }
    }
}
