//! The processes that run: at most one per function, started by the first request, ended when idle.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::OwnedMutexGuard;
use tokio::time::Instant;

use super::worker::Worker;
use crate::api::Ref;

/// How long a process without work is kept.
const IDLE: Duration = Duration::from_secs(60);
/// The most processes at a time.
const MOST: usize = 24;

/// A function of a project or branch.
pub(super) type Name = (Ref, String);

/// The processes that run.
#[derive(Default)]
pub(super) struct Pool {
    workers: Mutex<HashMap<Name, Arc<Worker>>>,
    /// One start of a function at a time.
    starting: Mutex<HashMap<Name, Arc<tokio::sync::Mutex<()>>>>,
}

impl Pool {
    fn workers(&self) -> MutexGuard<'_, HashMap<Name, Arc<Worker>>> {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The turn to start a function's process.
    pub(super) async fn turn(&self, name: &Name) -> OwnedMutexGuard<()> {
        let lock = {
            let mut starting = self.starting.lock().unwrap_or_else(PoisonError::into_inner);
            starting.retain(|_, lock| Arc::strong_count(lock) > 1);
            Arc::clone(starting.entry(name.clone()).or_default())
        };
        lock.lock_owned().await
    }

    /// The process that serves exactly this, if it runs.
    pub(super) fn find(&self, name: &Name, stamp: &str) -> Option<Arc<Worker>> {
        let workers = self.workers();
        let found = workers.get(name)?;
        (found.stamp == stamp && found.is_alive()).then(|| Arc::clone(found))
    }

    /// Takes a new process in. The one before ends when its last request does.
    pub(super) fn put(&self, name: Name, worker: Arc<Worker>) {
        self.workers().insert(name, worker);
    }

    /// Makes room for one more; `false` if every process is at work.
    pub(super) fn make_room(&self) -> bool {
        let mut workers = self.workers();
        workers.retain(|_, worker| {
            let is_fresh = |since: Instant| since.elapsed() < IDLE;
            worker.is_alive() && worker.idle_since().is_none_or(is_fresh)
        });
        if workers.len() < MOST {
            return true;
        }
        let longest = workers
            .iter()
            .filter_map(|(name, worker)| Some((worker.idle_since()?, name.clone())))
            .min();
        match longest {
            Some((_, name)) => workers.remove(&name).is_some(),
            None => false,
        }
    }

    /// Lets go of a process that cannot be used any more.
    pub(super) fn discard(&self, name: &Name, worker: &Arc<Worker>) {
        worker.end();
        let mut workers = self.workers();
        if workers
            .get(name)
            .is_some_and(|known| Arc::ptr_eq(known, worker))
        {
            workers.remove(name);
        }
    }

    /// Ends the processes of a project or branch, or of one of its functions.
    pub(super) fn end(&self, reference: &Ref, slug: Option<&str>) {
        self.workers().retain(|(own, name), worker| {
            let goes = own == reference && slug.is_none_or(|slug| slug == name);
            if goes {
                worker.end();
            }
            !goes
        });
    }

    /// Ends every process, and waits until they have.
    pub(super) async fn end_all(&self) {
        let all: Vec<_> = self.workers().drain().map(|(_, worker)| worker).collect();
        for worker in &all {
            worker.end();
        }
        for worker in all {
            worker.ending().await;
        }
    }
}
