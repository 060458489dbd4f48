//! Drydock: an MCP server for AI app builders. Every capability of the Supabase Management API as a
//! tool, with guardrails that no agent can talk its way past.
//!
//! The house, from the bottom up; a module uses only what stands below it:
//!
//! ```text
//! cli ── config           the operator's commands; every setting once
//! mcp        local        the server;             the embedded platform
//! tools      prompts      one file each
//! guard ──── store        the one road to an effect; what is remembered
//! api        sql          the Management API as types; the SQL judge
//! logs                    queries of logs, in both of the platform's dialects
//! webhook                 signed messages between Drydock and the operator's backend
//! redact     fence        secrets out of every text; a fence around what comes from outside
//! chance     clock        everything that is drawn; what time it is
//! log        spans        what is logged; what a trace is made of, and `otel`, which exports it
//! ```
//!
//! A request comes in through [`mcp`], finds its tool in [`tools`], passes the pipeline of
//! [`guard`], which hands the tool a grant, and reaches a platform through [`api`]: Supabase's
//! cloud, or [`local`], which serves the same API over real PostgreSQL.

pub mod api;
mod chance;
pub mod cli;
mod clock;
pub mod config;
pub mod eval;
pub mod fence;
pub mod guard;
mod hex;
pub mod local;
pub mod log;
pub mod logs;
pub mod mcp;
#[cfg(feature = "otel")]
mod otel;
pub mod prompts;
pub mod redact;
mod spans;
pub mod sql;
mod sqlite;
pub mod store;
pub mod tools;
pub mod webhook;
