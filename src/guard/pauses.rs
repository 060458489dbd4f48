//! How long to wait between two looks at something that takes its time.

use std::time::Duration;

/// Pauses that grow by a quarter: whatever it takes, its end is seen at most a quarter too late,
/// and a wait of 45 seconds asks some forty times.
pub(super) struct Pauses {
    next: Duration,
    longest: Duration,
}

impl Pauses {
    /// From `first` up to `longest`.
    pub(super) fn new(first: Duration, longest: Duration) -> Self {
        Self {
            next: first,
            longest,
        }
    }

    /// Waits.
    pub(super) async fn rest(&mut self) {
        tokio::time::sleep(self.next).await;
        self.next = (self.next * 5 / 4).min(self.longest);
    }
}
