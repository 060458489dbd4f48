//! A small client for PostgreSQL's wire protocol over a Unix socket, with text results.
//!
//! It exists because the usual driver asks for binary results only and hides the transaction status, and the
//! platform's query route needs both: values as PostgreSQL prints them, and proof that a read stayed inside its
//! transaction.
//!
//! ```text
//!            connect                 run / run_with               close, drop
//!   socket ──────────► Wire ───────────────────────► ResultSet…  ────────────► gone
//!            SCRAM        │  ▲                          │
//!                         │  └── ReadyForQuery ─────────┘
//!                         └── future dropped, answer lost, too large: the connection is unusable
//! ```
//!
//! - `connection` opens, authenticates, and moves messages; `query` runs statements on it; `cancel` stops one.
//! - `result` keeps rows as the bytes that arrived and turns them to JSON on demand; `values` and `arrays` say
//!   how; `params` is the other direction.
//! - `error` holds [`SqlError`] and the platform's wording of it.
//!
//! Deliberately not handled: TLS and passwords in the clear (the socket lies in a private directory and only SCRAM is
//! spoken), `COPY … FROM STDIN` (answered with a failure), replication, prepared statements that outlive one call.

mod arrays;
mod cancel;
mod connection;
mod error;
mod params;
mod query;
mod result;
mod values;

pub use cancel::CancelToken;
pub use connection::{TransactionStatus, Wire};
pub use error::{SqlError, WireError};
pub use result::{Column, ResultSet, answer};

/// Bytes that the results of one call may take in memory, unless told otherwise.
pub const DEFAULT_RESULT_BYTES: usize = 32 * 1024 * 1024;
