//! What a world and its parent say to each other: one JSON document a line, over the world's standard
//! input and output. The end of the input is the end of the world.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::referee::{ApprovalRule, Limits};
use crate::api::Ref;
use crate::local::faults::Fault;

/// What a world says first.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::eval) enum Hello {
    /// It serves.
    Ready(WorldReady),
    /// It does not, and why.
    Failed(String),
}

/// Where a world answers. All of it on loopback.
#[derive(Clone, Serialize, Deserialize)]
pub(in crate::eval) struct WorldReady {
    /// MCP over streamable HTTP, at `/mcp`.
    pub http: SocketAddr,
    /// MCP as lines of JSON over a connection, as over standard input and output.
    pub stream: SocketAddr,
    /// The base URL of the Management API.
    pub api_url: String,
    /// Its bearer token.
    pub access_token: String,
    /// Where psql and drivers connect.
    pub pooler_port: u16,
}

impl std::fmt::Debug for WorldReady {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WorldReady")
            .field("http", &self.http)
            .field("stream", &self.stream)
            .field("api_url", &self.api_url)
            .finish_non_exhaustive()
    }
}

/// What a parent asks.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub(in crate::eval) enum Ask {
    /// Begins an episode: an empty trace, these limits, these answers of the operator's.
    Begin {
        /// What the episode may take.
        limits: Limits,
        /// How the operator answers approvals.
        approvals: Vec<ApprovalRule>,
    },
    /// The calls since the episode began.
    Trace,
    /// Plans what the platform is to do wrong, in place of what was planned before.
    PlanFaults {
        /// The plan.
        faults: Vec<Fault>,
    },
    /// What it has done wrong since.
    FaultHits,
    /// The hashes of one database's state.
    Hashes {
        /// The project's or branch's ref.
        reference: Ref,
    },
    /// Moves the clock.
    AdvanceClock {
        /// Seconds forward.
        seconds: u64,
    },
    /// The names of the restore points that a branch can be returned to.
    Points {
        /// The branch's ref.
        reference: Ref,
    },
    /// Ends the calls that are being served, and every connection once it is answered.
    Stop {
        /// What agents whose calls are ended are told.
        reason: String,
    },
    /// Ends the calls that are being served, stops the databases cleanly, and ends the process.
    End {
        /// What agents whose calls are ended are told.
        reason: String,
    },
}

/// What a world answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::eval) enum Answered {
    /// What was asked for.
    Ok(Value),
    /// Why not.
    Error(String),
}
