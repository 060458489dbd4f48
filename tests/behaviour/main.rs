//! Drydock's behaviour: every test speaks to the real program, over stdio or HTTP, and behind it
//! stands real PostgreSQL. Nothing is asserted about time, and nothing is left behind.
//!
//! ```text
//! harness/      a world (data directory), a server, the platform's own API, a fake platform
//! job           the whole job, from launch to merge, over stdio and over HTTP
//! approvals approved_states elicitation webhook: who says yes, and to what
//! habits        an agent with the habits of today's models, call by call
//! storm         clients at work while everything fails, from a seed
//! ways          from every refusal, by `next` alone, to a merge
//! targets scope policy limits lifecycle pooler recovery costs keys cloud doctor sql ledger migrations restore_points advisor gate merge branches
//! access advisors exposure attacks isolation sharing concurrency long_work crashes faults faults_planned http journal json lints resources surface
//! evals/        workspaces for agent eval harnesses
//! vault vault_keys canaries fence functions functions_attacks functions_logs functions_merge
//! config config_attacks config_promotion secrets claim_pages claim_attacks claims claim_settings claim_tokens claim_browser
//! ```
//!
//! `DRYDOCK_TEST_ROUNDS` multiplies the rounds of the crash tests and of floods; `DRYDOCK_TEST_SEED` repeats one.
//! `DRYDOCK_SEED` and `DRYDOCK_ROUNDS` do the same for the storm, the seed also for arbitrary JSON.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod harness;

mod access;
mod advisors;
mod approvals;
mod approved_states;
mod attacks;
mod branches;
mod canaries;
mod cautions;
mod claim_attacks;
mod claim_browser;
mod claim_pages;
mod claim_settings;
mod claim_tokens;
mod claims;
mod cloud;
mod code;
mod concurrency;
mod config;
mod config_attacks;
mod config_promotion;
mod costs;
mod crashes;
mod doctor;
mod elicitation;
mod evals;
mod exposure;
mod exposure_files;
mod faults;
mod faults_planned;
mod fence;
mod fixes;
mod foreign;
mod functions;
mod functions_attacks;
mod functions_logs;
mod functions_merge;
mod gate;
mod grants;
mod habits;
mod http;
mod http_sessions;
mod isolation;
mod job;
mod journal;
mod json;
mod keys;
mod ledger;
mod ledger_edits;
mod lifecycle;
mod limits;
mod lints;
mod logs;
mod logs_wire;
mod long_work;
mod losses;
mod merge;
mod migrations;
mod nexts;
mod policy;
mod pooler;
mod recovery;
mod resources;
mod restore_points;
mod scope;
mod secrets;
mod sensitive;
mod sensitive_rows;
mod sharing;
mod sleep;
mod sql;
mod sql_limits;
mod stdio;
mod storm;
mod surface;
mod targets;
mod trials;
mod typescript;
mod vault;
mod vault_keys;
mod warnings;
mod ways;
mod weaker;
mod webhook;
