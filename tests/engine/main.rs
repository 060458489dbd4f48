//! The engine against real PostgreSQL.
#![expect(clippy::unwrap_used, reason = "a test that fails may say so at once")]

mod bases;
mod clusters;
mod crash;
mod fleet;
mod model;
#[path = "../postgres.rs"]
mod postgres;
mod recovery;
mod support;
mod wire;
