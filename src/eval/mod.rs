//! Agent eval harnesses: episodes that start in milliseconds, are the same every time, run side by side,
//! and are judged on what the databases hold afterwards.
//!
//! A *world* is a data directory with a process of its own, which is the local platform and the MCP
//! server over it. A *snapshot* is the directory of a world that was stopped cleanly. A *fork* copies a
//! snapshot and starts a world on the copy. A *workspace* is an address that agents reach: a reset puts
//! another fork behind it. Nothing is rolled back, so nothing can be left over.
//!
//! ```text
//!                      harness                                  agent
//!                         │ HTTP and a token                      │ MCP: a URL, or a command
//!   <dir>/                ▼                                       ▼
//!     fleet.lock       control ───► fleet ───► workspace ═══════ front (the address stays)
//!     templates/                      │            │
//!     snapshots/<name>/ ◄── snapshot ─┤            ▼
//!     worlds/<n>/       ◄── fork ─────┘          world: a process (platform, MCP, referee)
//! ```
//!
//! ```text
//! world/    the process: referee (limits, trace, approvals), wire (what its parent asks of it)
//! fleet/    snapshots, forks, worlds that are started ahead, workspaces and their addresses
//! control/  the control plane of harnesses: HTTP on a port and with a token of its own
//! scenario/ scenarios as data      judge/  what holds at their end      agents/  who does them
//! run/      episodes and their report      platform  a world's API as its dashboard would use it
//! ```
//!
//! Seed and clock belong to a process, so each world has its own: same seed, same snapshot, same calls,
//! same answers.

mod agents;
mod control;
mod fleet;
mod judge;
mod platform;
mod run;
mod scenario;
mod world;

pub use agents::{Agent, Manner};
pub use control::{ControlSettings, serve_control};
pub use fleet::{Fleet, FleetError, FleetSettings, Workspace};
pub use run::{Report, RunSettings, least_utility, list_scenarios, run};
pub use world::{WorldSettings, run_world};
