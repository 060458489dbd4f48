//! Any text at all as SQL: the judge answers, and what it lets read holds no write behind it.
#![no_main]

use drydock::sql::{Decision, Place, Tool, decide, judge};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(batch) = judge(text) else {
        return;
    };
    for place in [Place::Dev, Place::Production] {
        for tool in [Tool::ExecuteSql, Tool::ApplyMigration] {
            let decision = decide(&batch, tool, place);
            if decision == Decision::Read {
                assert_eq!(batch.statements().len(), 1);
            }
        }
    }
});
