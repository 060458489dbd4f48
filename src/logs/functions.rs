//! Functions by their names in both dialects.

use super::query::{Aggregate, Bucket, Function};

/// A function under one of its names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Named {
    OfOne(Function),
    OfMany(Aggregate),
    /// `datetime(x)` and its like: the moment itself, or a text that stands for one.
    Moment,
    /// `timestamp_trunc(x, minute)`
    Truncate,
    /// `timestamp_sub(x, interval …)`
    Earlier,
    /// `timestamp_add(x, interval …)`
    Later,
}

/// The first name of each is the one that is printed.
const OF_ONE: [(Function, &[&str]); 27] = [
    (Function::ToInt32OrZero, &["toInt32OrZero", "toInt32"]),
    (Function::ToInt64OrZero, &["toInt64OrZero", "toInt64"]),
    (Function::ToFloat64OrZero, &["toFloat64OrZero", "toFloat64"]),
    (Function::ToString, &["toString"]),
    (Function::Lower, &["lower", "lowerUTF8", "lcase"]),
    (Function::Upper, &["upper", "upperUTF8", "ucase"]),
    (Function::Length, &["length", "byte_length", "octet_length"]),
    (
        Function::Position,
        &["positionCaseInsensitiveUTF8", "positionCaseInsensitive"],
    ),
    (Function::Match, &["match", "regexp_contains"]),
    (Function::StartsWith, &["startsWith", "starts_with"]),
    (Function::EndsWith, &["endsWith", "ends_with"]),
    (Function::MapContains, &["mapContains"]),
    (Function::MapKeys, &["mapKeys"]),
    (Function::ArrayJoin, &["arrayJoin"]),
    (Function::StartOf(Bucket::Second), &["toStartOfSecond"]),
    (Function::StartOf(Bucket::Minute), &["toStartOfMinute"]),
    (
        Function::StartOf(Bucket::FiveMinutes),
        &["toStartOfFiveMinutes", "toStartOfFiveMinute"],
    ),
    (
        Function::StartOf(Bucket::TenMinutes),
        &["toStartOfTenMinutes"],
    ),
    (
        Function::StartOf(Bucket::FifteenMinutes),
        &["toStartOfFifteenMinutes"],
    ),
    (Function::StartOf(Bucket::Hour), &["toStartOfHour"]),
    (Function::StartOf(Bucket::Day), &["toStartOfDay"]),
    (
        Function::Now,
        &["now", "now64", "current_timestamp", "current_datetime"],
    ),
    (Function::UnixMillis, &["toUnixTimestamp64Milli"]),
    (Function::If, &["if"]),
    (Function::MultiIf, &["multiIf"]),
    (Function::Coalesce, &["coalesce", "ifNull"]),
    (Function::Round, &["round"]),
];
const OF_MANY: [(Aggregate, &[&str]); 8] = [
    (Aggregate::Count, &["count"]),
    (Aggregate::CountIf, &["countIf"]),
    (
        Aggregate::UniqExact,
        &["uniqExact", "uniq", "approx_count_distinct"],
    ),
    (Aggregate::Min, &["min"]),
    (Aggregate::Max, &["max"]),
    (Aggregate::Avg, &["avg"]),
    (Aggregate::Sum, &["sum"]),
    (Aggregate::Any, &["any", "any_value"]),
];
const OTHERS: [(Named, &[&str]); 4] = [
    (
        Named::Moment,
        &[
            "datetime",
            "timestamp",
            "toDateTime",
            "toDateTime64",
            "parseDateTimeBestEffort",
            "parseDateTime64BestEffort",
        ],
    ),
    (
        Named::Truncate,
        &["timestamp_trunc", "datetime_trunc", "date_trunc"],
    ),
    (
        Named::Earlier,
        &["timestamp_sub", "datetime_sub", "date_sub"],
    ),
    (Named::Later, &["timestamp_add", "datetime_add", "date_add"]),
];

/// The function of that name, whatever its letters' case.
pub(super) fn find(name: &str) -> Option<Named> {
    let is = |names: &&[&str]| names.iter().any(|known| known.eq_ignore_ascii_case(name));
    let one = OF_ONE.iter().find(|(_, names)| is(names));
    let many = OF_MANY.iter().find(|(_, names)| is(names));
    let other = OTHERS.iter().find(|(_, names)| is(names));
    one.map(|(function, _)| Named::OfOne(*function))
        .or(many.map(|(function, _)| Named::OfMany(*function)))
        .or(other.map(|(named, _)| *named))
}

/// What there is, for a message.
pub(super) fn known() -> String {
    let one = OF_ONE.iter().map(|(_, names)| names);
    let many = OF_MANY.iter().map(|(_, names)| names);
    let names: Vec<&str> = one
        .chain(many)
        .filter_map(|names| names.first().copied())
        .collect();
    names.join(", ")
}

impl Function {
    pub(super) fn name(self) -> &'static str {
        let found = OF_ONE.iter().find(|(function, _)| *function == self);
        found.and_then(|(_, names)| names.first()).unwrap_or(&"")
    }

    /// How many arguments it takes, at least and at most.
    pub(super) fn arguments(self) -> (usize, usize) {
        match self {
            Self::Now => (0, 0),
            Self::Match
            | Self::StartsWith
            | Self::EndsWith
            | Self::MapContains
            | Self::Position => (2, 2),
            Self::If => (3, 3),
            Self::MultiIf => (3, 41),
            Self::Coalesce => (2, 8),
            Self::Round => (1, 2),
            _ => (1, 1),
        }
    }
}

impl Aggregate {
    pub(super) fn name(self) -> &'static str {
        let found = OF_MANY.iter().find(|(function, _)| *function == self);
        found.and_then(|(_, names)| names.first()).unwrap_or(&"")
    }
}
