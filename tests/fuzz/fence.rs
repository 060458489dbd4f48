//! Any JSON through the fence: it stays JSON, and nothing invisible is left in it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|text: &str| {
    let shown = drydock::fence::plain(text);
    assert_eq!(drydock::fence::plain(&shown), shown);
    let Ok(mut value) = serde_json::from_str::<Value>(text) else {
        return;
    };
    drydock::fence::plain_value(&mut value);
    let again = value.clone();
    drydock::fence::plain_value(&mut value);
    assert_eq!(value, again);
});
