//! Copies of the template that are made before they are needed.
//!
//! Copying a few hundred small files is the longest step of a create and of a small revert, and the only one that can
//! be done ahead. A spare is used up by renaming it into its cluster; a new one is made in the background.
//!
//! ```text
//! <root>/spare/
//!   <template>.<random>          whole and on disk: may be used, by a later engine too
//!   <template>.<random>.draft    being made; a leftover if no engine is at it
//! ```

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::task::spawn_blocking;

use super::error::{EngineError, IoContext};
use super::files;
use super::house::House;
use crate::chance;

/// The spares of one engine.
#[derive(Debug)]
pub(super) struct Spares {
    dir: PathBuf,
    goal: usize,
    ready: Mutex<Vec<PathBuf>>,
    filling: AtomicBool,
    filled: Notify,
}

impl Spares {
    /// Keeps what an earlier engine made of the same template, and removes the rest.
    pub(super) fn open(dir: PathBuf, template: &str, goal: usize) -> Result<Self, EngineError> {
        files::make_dir(&dir)?;
        let mut ready = Vec::new();
        for entry in fs::read_dir(&dir).doing("list", &dir)? {
            let path = entry.doing("list", &dir)?.path();
            let whole = path
                .extension()
                .is_some_and(|extension| extension != "draft");
            if whole && path.file_stem().is_some_and(|stem| stem == template) && ready.len() < goal
            {
                ready.push(path);
            } else {
                files::remove_tree(&path)?;
            }
        }
        Ok(Self {
            dir,
            goal,
            ready: Mutex::new(ready),
            filling: AtomicBool::new(false),
            filled: Notify::new(),
        })
    }

    /// Moves a spare to `to`; tells whether there was one.
    pub(super) fn take(&self, to: &Path) -> Result<bool, EngineError> {
        let Some(spare) = self.ready().pop() else {
            return Ok(false);
        };
        fs::rename(&spare, to).doing("move a spare to", to)?;
        Ok(true)
    }

    /// Waits until no spare is being made: then the directory may be removed.
    pub(super) async fn settle(&self) {
        loop {
            let filled = self.filled.notified();
            if !self.filling.load(Ordering::Acquire) {
                return;
            }
            filled.await;
        }
    }

    fn ready(&self) -> MutexGuard<'_, Vec<PathBuf>> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes spares in the background until there are enough. A failure is logged: whoever finds no spare copies for
/// himself, and meets the same failure with somebody to tell it to.
pub(super) fn refill(house: &Arc<House>) {
    if house.spares.filling.swap(true, Ordering::AcqRel) {
        return;
    }
    let house = Arc::clone(house);
    tokio::spawn(async move {
        let spares = &house.spares;
        while spares.ready().len() < spares.goal {
            if let Err(error) = make_one(&house).await {
                tracing::warn!(%error, "no spare could be made");
                break;
            }
        }
        spares.filling.store(false, Ordering::Release);
        spares.filled.notify_waiters();
    });
}

async fn make_one(house: &Arc<House>) -> Result<(), EngineError> {
    let name = format!("{}.{}", house.template.name, chance::unseen_hex::<8>());
    let spare = house.spares.dir.join(name);
    let draft = spare.with_added_extension("draft");
    let (copier, to) = (Arc::clone(house), draft.clone());
    spawn_blocking(move || {
        let template = &copier.template;
        template
            .listing
            .copy(&template.data, &to, copier.program.run_as)
    })
    .await??;
    files::sync_tree(&draft).await?;
    fs::rename(&draft, &spare).doing("finish", &spare)?;
    house.spares.ready().push(spare);
    Ok(())
}
