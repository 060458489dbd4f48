//! What all clusters of an engine share.

use std::fs::File;
use std::sync::Arc;

use super::discover::Installation;
use super::layout::Layout;
use super::postmaster::Program;
use super::settings::Settings;
use super::spares::Spares;
use super::template::Template;

/// Shared by the engine and its clusters.
#[derive(Debug)]
pub(super) struct House {
    pub(super) settings: Settings,
    pub(super) layout: Layout,
    pub(super) installation: Installation,
    pub(super) program: Program,
    /// The template of new clusters. A cluster made earlier may need another; it opens that by name.
    pub(super) template: Arc<Template>,
    pub(super) spares: Spares,
    /// The directory is this engine's as long as anything works in it.
    pub(super) _lock: Lock,
}

/// A lock on the engine's directory, given back when this is dropped.
#[derive(Debug)]
pub(super) struct Lock(pub(super) File);

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing the file would do, but for the moments in which a child that is being started has it open as well.
        if let Err(error) = rustix::fs::flock(&self.0, rustix::fs::FlockOperation::Unlock) {
            tracing::debug!(%error, "the engine's directory is given back when its last file is closed");
        }
    }
}
