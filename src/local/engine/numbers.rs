//! Numbers for clusters.
//!
//! A number that was given out is not given again soon, even when its cluster is gone: somebody may still hold it.
//! `<root>/next` is moved ahead by whole batches before a batch is used, so that a crash skips numbers and never
//! repeats them. After the last number it starts again with the first.

use std::fs;
use std::path::PathBuf;

use super::ClusterId;
use super::error::EngineError;
use super::files;
use super::layout::Layout;
use super::template::BUILD_NUMBER;

/// Numbers that one write of the file reserves.
const BATCH: u16 = 64;

/// Gives out numbers.
#[derive(Debug)]
pub(super) struct Numbers {
    file: PathBuf,
    next: u16,
    reserved_to: u16,
}

impl Numbers {
    /// Continues where an earlier engine's reservation ended.
    pub(super) fn open(layout: &Layout) -> Self {
        let file = layout.next_file();
        let text = fs::read_to_string(&file).unwrap_or_default();
        let next = text.trim().parse().unwrap_or(1).max(1);
        Self {
            file,
            next,
            reserved_to: next,
        }
    }

    /// The next number for which `taken` is false.
    pub(super) fn draw(
        &mut self,
        taken: impl Fn(ClusterId) -> bool,
    ) -> Result<ClusterId, EngineError> {
        for _ in 0..BUILD_NUMBER.0 {
            if self.next == self.reserved_to {
                let start = if self.next == BUILD_NUMBER.0 {
                    1
                } else {
                    self.next
                };
                let end = start.saturating_add(BATCH);
                files::replace(&self.file, end.to_string().as_bytes())?;
                (self.next, self.reserved_to) = (start, end);
            }
            let id = ClusterId(self.next);
            self.next += 1;
            if !taken(id) {
                return Ok(id);
            }
        }
        Err(EngineError::NoFreeNumber)
    }
}
