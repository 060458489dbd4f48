//! Drydock
pub mod api;
mod clock;
pub mod guard;
mod hex;
pub mod local;
pub mod mcp;
pub mod prompts;
pub mod sql;
mod sqlite;
pub mod store;
pub mod tools;
