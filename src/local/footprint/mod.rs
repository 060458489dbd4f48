//! What the platform takes of its machine: bytes on disk, and memory.
//!
//! Both are read from outside, from the data directory and the system's list of processes: so they can be told of a
//! platform that is not running, or does not answer, and nothing is woken for them.

mod disk;
mod memory;

pub use disk::{DiskUse, Places, ProjectBytes};
pub use memory::MemoryUse;
