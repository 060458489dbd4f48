//! A grant does not give its client away.
//! Refused with E0616.

use drydock::guard::Dev;

fn reach_past(grant: &Dev) {
    let _ = &grant.call.guard.inner.client;
}

fn main() {}
