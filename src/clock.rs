//! Time as it is shown, and as migrations are versioned.
//!
//! Everywhere but in the worlds of eval harnesses that is the wall's. In a world the clock starts at a
//! given moment ([`start_at`]), stands still, and moves only when a call of a tool is admitted
//! ([`tick`]) and when the harness says so ([`advance`]). What is shown, stored or checked against what
//! is shown is of this clock: stamps, versions, expiries.
//!
//! Three things stay with the time that passes: how long anything waits or takes, messages to and from
//! the operator's backend, and the histories of databases, whose commits PostgreSQL stamps. Between
//! the last and what is shown there are [`to_real`] and [`to_shown`], which on the wall's clock change
//! nothing.

mod mapping;

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};

use mapping::Mapping;
pub(crate) use mapping::{Move, NotStarted};

/// The clock of a world, if this process is one.
static STANDING: OnceLock<Mutex<Mapping>> = OnceLock::new();

fn standing() -> Option<MutexGuard<'static, Mapping>> {
    let clock = STANDING.get()?;
    Some(clock.lock().unwrap_or_else(PoisonError::into_inner))
}

/// From now on the clock stands at `now`, cut to the second. For a world, before anything of it is
/// made or opened; nothing that serves real projects may call it. `earlier` are the moves of earlier
/// processes on the same data, which [`moves`] gave there: without them nobody can be returned to a
/// moment that they showed.
///
/// # Errors
///
/// A process that has such a clock, and a clock that would go back.
pub(crate) fn start_at(now: DateTime<Utc>, earlier: Vec<Move>) -> Result<(), NotStarted> {
    let mapping = Mapping::new(now.timestamp_millis(), wall().timestamp_millis(), earlier)?;
    STANDING
        .set(Mutex::new(mapping))
        .map_err(|_| NotStarted::Before)
}

/// Every move of a world's clock, for the next process on the same data; none on the wall's clock.
pub(crate) fn moves() -> Vec<Move> {
    standing().map_or_else(Vec::new, |mapping| mapping.moves().to_vec())
}

/// Moves a world's clock by whole seconds, a part of one counting as one. Nothing on the wall's clock.
pub(crate) fn advance(by: Duration) {
    let Some(mut mapping) = standing() else {
        return;
    };
    // Histories know milliseconds: what was committed before the move is before the boundary, what
    // will be is after it.
    let now = wall().timestamp_micros();
    let boundary = now.div_euclid(1000) + 1;
    let wait = boundary * 1000 + 1 - now;
    std::thread::sleep(Duration::from_micros(u64::try_from(wait).unwrap_or(0)));
    mapping.advance(by, boundary);
}

/// A call is admitted: a world's clock moves by a second. Nothing on the wall's clock.
pub(crate) fn tick() {
    advance(Duration::from_secs(1));
}

/// A database was returned to somewhere, and what it left is found whole at this real moment, in
/// milliseconds. A world's clock moves past it, so that what is shown tells both apart.
pub(crate) fn part_at(real: i64) {
    if let Some(mut mapping) = standing() {
        mapping.part_at(real);
    }
}

/// The last real moment at which this one or an earlier one was shown; milliseconds since the Unix
/// epoch.
pub(crate) fn to_real(shown: i64) -> i64 {
    standing().map_or(shown, |mapping| {
        // The millisecond that has begun belongs to the present.
        mapping.to_real(shown, real_millis() + 1)
    })
}

/// What is shown of a real moment; milliseconds since the Unix epoch.
pub(crate) fn to_shown(real: i64) -> i64 {
    standing().map_or(real, |mapping| {
        mapping.to_shown_micros(real.saturating_mul(1000)) / 1000
    })
}

/// The same in microseconds.
pub(crate) fn to_shown_micros(real: i64) -> i64 {
    standing().map_or(real, |mapping| mapping.to_shown_micros(real))
}

/// The present as it is shown.
fn present() -> DateTime<Utc> {
    standing()
        .and_then(|mapping| DateTime::from_timestamp_millis(mapping.present()))
        .unwrap_or_else(wall)
}

/// The present by the clock on the wall, which can be set and so can jump either way.
fn wall() -> DateTime<Utc> {
    Utc::now() + jump()
}

/// The real present, for what PostgreSQL or somebody outside stamps: milliseconds since the Unix
/// epoch; 0 if the clock stands before it.
pub(crate) fn real_millis() -> i64 {
    wall().timestamp_millis().max(0)
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

/// How much time has passed since an RFC 3339 time was shown; zero if it is to come, or no time at
/// all.
pub(crate) fn since(then: &str) -> Duration {
    let since = DateTime::parse_from_rfc3339(then)
        .map(|then| real_millis().saturating_sub(to_real(then.timestamp_millis())));
    Duration::from_millis(since.map_or(0, |millis| u64::try_from(millis).unwrap_or(0)))
}

/// The present as a migration's version: `20261123143005`.
pub(crate) fn version_now() -> u64 {
    present()
        .format("%Y%m%d%H%M%S")
        .to_string()
        .parse()
        .unwrap_or(0)
}

/// The present in milliseconds since the Unix epoch; 0 if the clock stands before it.
pub(crate) fn unix_millis() -> i64 {
    present().timestamp_millis().max(0)
}

/// The present in microseconds since the Unix epoch; 0 if the clock stands before it.
pub(crate) fn unix_micros() -> i64 {
    present().timestamp_micros().max(0)
}

/// Milliseconds on a clock that nobody can set and that every process of this machine shares. It
/// begins anew with the machine.
pub(crate) fn steady_millis() -> i64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec * 1000 + now.tv_nsec / 1_000_000
}
