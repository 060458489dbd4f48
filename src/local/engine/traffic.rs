//! Who is using a cluster, and how to make them pause.
//!
//! Statements hold a [`Running`] while they run, and never while they wait for the cluster's lock. A stop, a revert or a destroy closes the gate: what runs may finish
//! for a while, what comes waits outside. Waiting has an end: a statement that does not finish is ended with its
//! server, so nobody hangs behind an open transaction, and a caller that forgot a statement half-way delays nobody
//! for longer than the grace.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::timeout;

#[derive(Debug)]
struct Counts {
    running: usize,
    connections: usize,
    closed: bool,
    last_used: Instant,
}

/// The gate of one cluster.
#[derive(Debug, Clone)]
pub(super) struct Traffic(Arc<watch::Sender<Counts>>);

/// How busy a cluster is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Activity {
    /// Connections that callers hold.
    pub connections: usize,
    /// Statements that run now.
    pub running: usize,
    /// Time since a statement began or ended, or a connection was opened or dropped.
    pub idle: Duration,
}

impl Traffic {
    pub(super) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(Counts {
            running: 0,
            connections: 0,
            closed: false,
            last_used: Instant::now(),
        })))
    }

    fn change(&self, change: impl FnOnce(&mut Counts)) {
        self.0.send_modify(|counts| {
            change(counts);
            counts.last_used = Instant::now();
        });
    }

    /// Waits until the gate is open and counts a statement.
    pub(super) async fn enter(&self) -> Running {
        loop {
            let mut entered = false;
            self.0.send_if_modified(|counts| {
                entered = !counts.closed;
                counts.running += usize::from(entered);
                counts.last_used = Instant::now();
                entered
            });
            if entered {
                return Running(self.clone());
            }
            // The sender lives in `self`, so waiting cannot fail.
            let _ = self.0.subscribe().wait_for(|counts| !counts.closed).await;
        }
    }

    /// Counts a connection.
    pub(super) fn connected(&self) -> Connected {
        self.change(|counts| counts.connections += 1);
        Connected(self.clone())
    }

    /// Closes the gate until the answer is dropped. One at a time: the cluster's lock sees to that.
    pub(super) fn close(&self) -> Closed {
        self.0.send_modify(|counts| counts.closed = true);
        Closed(self.clone())
    }

    pub(super) fn activity(&self) -> Activity {
        let counts = self.0.borrow();
        Activity {
            connections: counts.connections,
            running: counts.running,
            idle: counts.last_used.elapsed(),
        }
    }
}

/// A statement is running.
#[derive(Debug)]
pub(super) struct Running(Traffic);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.change(|counts| counts.running -= 1);
    }
}

/// A caller holds a connection.
#[derive(Debug)]
pub(super) struct Connected(Traffic);

impl Connected {
    /// Waits until the gate is open.
    pub(super) async fn pass(&self) {
        drop(self.0.enter().await);
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.change(|counts| counts.connections -= 1);
    }
}

/// The gate is closed.
#[derive(Debug)]
pub(super) struct Closed(Traffic);

impl Closed {
    /// Waits until nothing runs any more; tells whether that happened within `limit`.
    pub(super) async fn quiet(&self, limit: Duration) -> bool {
        let mut counts = self.0.0.subscribe();
        timeout(limit, counts.wait_for(|counts| counts.running == 0))
            .await
            .is_ok()
    }
}

impl Drop for Closed {
    fn drop(&mut self) {
        self.0.0.send_modify(|counts| counts.closed = false);
    }
}
