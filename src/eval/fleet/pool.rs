//! Worlds that are started before somebody asks for them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Fleet;
use super::child::World;

/// How many snapshots have worlds kept for them: the latest to be used.
const SNAPSHOTS: usize = 4;

/// The worlds in waiting.
#[derive(Debug)]
pub(super) struct Pool {
    goal: usize,
    closed: AtomicBool,
    /// By snapshot, and the order of their latest use.
    waiting: Mutex<Waiting>,
    /// One at a time: two forks on a small machine take twice as long each.
    filling: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Waiting {
    worlds: HashMap<String, Vec<World>>,
    used: Vec<String>,
}

impl Pool {
    pub(super) fn new(goal: usize) -> Self {
        Self {
            goal,
            closed: AtomicBool::new(false),
            waiting: Mutex::default(),
            filling: tokio::sync::Mutex::default(),
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A world of a snapshot, if one waits that is alive.
    pub(super) async fn take(&self, snapshot: &str) -> Option<World> {
        loop {
            let world = self.waiting().worlds.get_mut(snapshot)?.pop()?;
            if world.is_alive().await {
                return Some(world);
            }
        }
    }

    fn wants(&self, snapshot: &str) -> bool {
        let there = self.waiting().worlds.get(snapshot).map_or(0, Vec::len);
        !self.closed.load(Ordering::Acquire) && there < self.goal
    }

    /// Puts a world into waiting. Gives those that have to go: of a snapshot that nobody has used for long,
    /// or all if the fleet is ending.
    fn put(&self, snapshot: &str, world: World) -> Vec<World> {
        let mut waiting = self.waiting();
        waiting.used.retain(|name| name != snapshot);
        waiting.used.push(snapshot.to_owned());
        waiting
            .worlds
            .entry(snapshot.to_owned())
            .or_default()
            .push(world);
        if self.closed.load(Ordering::Acquire) {
            return waiting
                .worlds
                .drain()
                .flat_map(|(_, worlds)| worlds)
                .collect();
        }
        if waiting.used.len() > SNAPSHOTS {
            let oldest = waiting.used.remove(0);
            return waiting.worlds.remove(&oldest).unwrap_or_default();
        }
        Vec::new()
    }

    /// No more are made.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    /// Those of one snapshot, which is being replaced.
    pub(super) fn forget(&self, snapshot: &str) -> Vec<World> {
        let mut waiting = self.waiting();
        waiting.used.retain(|name| name != snapshot);
        waiting.worlds.remove(snapshot).unwrap_or_default()
    }

    /// All of them, once none is being made.
    pub(super) async fn drain(&self) -> Vec<World> {
        let _filling = self.filling.lock().await;
        let mut waiting = self.waiting();
        waiting.used.clear();
        waiting
            .worlds
            .drain()
            .flat_map(|(_, worlds)| worlds)
            .collect()
    }
}

impl Fleet {
    /// Makes worlds of a snapshot in the background until enough wait.
    pub(super) fn refill(&self, snapshot: &str) {
        if !self.0.pool.wants(snapshot) {
            return;
        }
        let (fleet, snapshot) = (self.clone(), snapshot.to_owned());
        tokio::spawn(async move {
            let pool = &fleet.0.pool;
            let _filling = pool.filling.lock().await;
            while pool.wants(&snapshot) {
                match fleet.fork(&snapshot).await {
                    Ok(world) => {
                        for old in pool.put(&snapshot, world) {
                            fleet.discard(&old, "").await;
                        }
                    }
                    // Whoever finds none makes his own, and is told why if that fails as well.
                    Err(error) => {
                        tracing::warn!(%error, "no world could be started ahead");
                        return;
                    }
                }
            }
        });
    }

    /// Waits until as many worlds of a snapshot wait as are kept: for whoever measures.
    pub async fn filled(&self, snapshot: &str) {
        while self.0.pool.wants(snapshot) {
            self.refill(snapshot);
            let _filling = self.0.pool.filling.lock().await;
        }
    }
}
