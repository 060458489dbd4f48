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
    pub(super) _lock: File,
}
