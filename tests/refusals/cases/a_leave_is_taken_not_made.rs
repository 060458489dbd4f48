//! Leave comes from the policy or from an approval in the store, never from a tool.
//! Refused with E0603.

use drydock::guard::approval::Leave;

fn forge() -> Option<Leave> {
    None
}

fn main() {
    let _ = forge();
}
