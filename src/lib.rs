//! Drydock
pub mod api;
mod clock;
mod hex;
pub mod store;
