//! What one call asks of the platform.

use std::sync::atomic::{AtomicU64, Ordering};

/// The header in which a request to a local platform says which call it belongs to.
pub const CALL_HEADER: &str = "drydock-call";

/// Counts the requests of one call.
#[derive(Debug)]
pub struct Meter {
    call: String,
    requests: AtomicU64,
}

impl Meter {
    /// For the call of this id.
    pub fn new(call: &str) -> Self {
        Self {
            call: call.to_owned(),
            requests: AtomicU64::new(0),
        }
    }

    /// How many requests were sent so far, those that were sent again included.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    pub(super) fn count(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn call(&self) -> &str {
        &self.call
    }
}
