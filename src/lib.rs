//! Drydock
pub mod api;
