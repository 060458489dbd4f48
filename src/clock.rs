//! Time as it is shown, and as migrations are versioned.

use chrono::{SecondsFormat, Utc};

/// The present as RFC 3339, UTC, to the millisecond: `2026-11-23T14:30:05.678Z`.
pub(crate) fn now() -> String {
    Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// The present as a migration's version: `20261123143005`.
pub(crate) fn version_now() -> u64 {
    Utc::now()
        .format("%Y%m%d%H%M%S")
        .to_string()
        .parse()
        .unwrap_or(0)
}

/// Milliseconds since the Unix epoch; 0 if the clock stands before it.
pub(crate) fn unix_millis() -> i64 {
    Utc::now().timestamp_millis().max(0)
}
