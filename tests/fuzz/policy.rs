//! Any text as a policy file: it is understood whole, or every problem is a sentence.
#![no_main]

use drydock::guard::PolicyFile;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match PolicyFile::parse(text) {
        Ok(file) => assert!(!file.policy.keys().is_empty()),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
