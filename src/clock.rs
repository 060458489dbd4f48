//! Time as it is shown, and as migrations are versioned.

use std::time::Duration;

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};

/// The present, by the clock on the wall, which can be set and so can jump either way.
fn present() -> DateTime<Utc> {
    Utc::now() + jump()
}

/// How far the clock of a test has jumped: the seconds in the file that `DRYDOCK_TEST_CLOCK` names.
/// There is no such clock in a release.
#[cfg(debug_assertions)]
fn jump() -> chrono::TimeDelta {
    use std::sync::OnceLock;
    static FILE: OnceLock<Option<std::ffi::OsString>> = OnceLock::new();
    FILE.get_or_init(|| std::env::var_os("DRYDOCK_TEST_CLOCK"))
        .as_ref()
        .and_then(|file| std::fs::read_to_string(file).ok()?.trim().parse().ok())
        .and_then(chrono::TimeDelta::try_seconds)
        .unwrap_or_default()
}

/// The same in a release: none.
#[cfg(not(debug_assertions))]
fn jump() -> chrono::TimeDelta {
    chrono::TimeDelta::zero()
}

/// The present as RFC 3339, UTC, to the millisecond: `2026-11-23T14:30:05.678Z`.
pub(crate) fn now() -> String {
    present().to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// The present day, UTC.
pub(crate) fn today() -> NaiveDate {
    present().date_naive()
}

/// Milliseconds since the Unix epoch as RFC 3339, UTC; empty beyond the calendar.
pub(crate) fn at(millis: i64) -> String {
    DateTime::from_timestamp_millis(millis)
        .map(|time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Millis, true))
        .unwrap_or_default()
}

/// Whole seconds since the Unix epoch of an RFC 3339 time, which ends with its offset; what is less
/// than a second is left out.
pub(crate) fn seconds_of(time: &str) -> Option<i64> {
    let time = DateTime::parse_from_rfc3339(time).ok()?;
    Some(time.timestamp())
}

/// Seconds since the Unix epoch of the moment that a migration's version is made of, if it is one.
pub(crate) fn seconds_of_version(version: &str) -> Option<i64> {
    let time = chrono::NaiveDateTime::parse_from_str(version, "%Y%m%d%H%M%S").ok()?;
    (version.len() == 14).then(|| time.and_utc().timestamp())
}

/// How long ago an RFC 3339 time was; zero if it is to come, or no time at all.
pub(crate) fn since(then: &str) -> Duration {
    DateTime::parse_from_rfc3339(then)
        .ok()
        .and_then(|then| (present() - then.to_utc()).to_std().ok())
        .unwrap_or_default()
}

/// The present as a migration's version: `20261123143005`.
pub(crate) fn version_now() -> u64 {
    present()
        .format("%Y%m%d%H%M%S")
        .to_string()
        .parse()
        .unwrap_or(0)
}

/// Milliseconds since the Unix epoch; 0 if the clock stands before it.
pub(crate) fn unix_millis() -> i64 {
    present().timestamp_millis().max(0)
}

/// Microseconds since the Unix epoch; 0 if the clock stands before it.
pub(crate) fn unix_micros() -> i64 {
    present().timestamp_micros().max(0)
}

/// Milliseconds on a clock that nobody can set and that every process of this machine shares. It
/// begins anew with the machine.
pub(crate) fn steady_millis() -> i64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec * 1000 + now.tv_nsec / 1_000_000
}
