//! Workspaces for agent eval harnesses: `drydock eval`.
//!
//! ```text
//! fleet     a control plane, and what a harness sends it
//! resets    snapshots, resets, forks: what stays and what goes, connections included
//! judging   hashes, dumps, assertions, scores
//! episodes  limits, approvals, faults, time
//! chance    the same seed gives the same world
//! runs      scenarios run by agents, and their reports
//! ```

mod chance;
mod episodes;
mod fleet;
mod judging;
mod resets;
mod runs;

use fleet::Fleet;
