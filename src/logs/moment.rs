//! Moments as they are written and shown.

use chrono::{DateTime, NaiveDate, NaiveDateTime};

/// Reads RFC 3339, or `2026-11-23 20:54:30.123`, or a day, UTC; as microseconds since the Unix epoch.
pub(super) fn read(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Ok(moment) = DateTime::parse_from_rfc3339(text) {
        return Some(moment.timestamp_micros());
    }
    let text = text.strip_suffix(" UTC").unwrap_or(text);
    for form in [
        "%Y-%m-%dT%H:%M:%S%.f",
        "%Y-%m-%d %H:%M:%S%.f",
        "%Y-%m-%d %H:%M",
    ] {
        if let Ok(moment) = NaiveDateTime::parse_from_str(text, form) {
            return Some(moment.and_utc().timestamp_micros());
        }
    }
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    Some(day.and_hms_opt(0, 0, 0)?.and_utc().timestamp_micros())
}

/// As results show it: `2026-11-23T20:54:30.123000`.
pub fn shown(micros: i64) -> String {
    DateTime::from_timestamp_micros(micros)
        .map(|moment| moment.format("%Y-%m-%dT%H:%M:%S%.6f").to_string())
        .unwrap_or_default()
}

/// As queries write it: `2026-11-23 20:54:30.123000`.
pub(super) fn written(micros: i64) -> String {
    shown(micros).replace('T', " ")
}
