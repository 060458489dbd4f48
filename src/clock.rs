//! Time as it is shown, and as migrations are versioned.

use std::time::Duration;

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};

/// The present as RFC 3339, UTC, to the millisecond: `2026-11-23T14:30:05.678Z`.
pub(crate) fn now() -> String {
    Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// The present day, UTC.
pub(crate) fn today() -> NaiveDate {
    Utc::now().date_naive()
}

/// Milliseconds since the Unix epoch as RFC 3339, UTC; empty beyond the calendar.
pub(crate) fn at(millis: i64) -> String {
    DateTime::from_timestamp_millis(millis)
        .map(|time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Millis, true))
        .unwrap_or_default()
}

/// How long ago an RFC 3339 time was; zero if it is to come, or no time at all.
pub(crate) fn since(then: &str) -> Duration {
    DateTime::parse_from_rfc3339(then)
        .ok()
        .and_then(|then| (Utc::now() - then.to_utc()).to_std().ok())
        .unwrap_or_default()
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
