//! A query over lines: what the cloud's service does, for the local platform.
//!
//! ```text
//! lines ─► arrayJoin ─► where ─┬─► columns ────────────────────────┬─► distinct ─► order ─► limit
//!                              └─► groups ─► aggregates ─► having ─┘
//! ```

mod gather;
mod scalar;

use std::collections::HashSet;
use std::time::Instant;

use serde_json::{Map, Value as Json};

use super::query::{Expr, Function, Query};
use super::value::Value;
use gather::Groups;
use scalar::Scope;

/// How many rows or groups are held at once.
const HELD: usize = 200_000;
/// Lines between two looks at the clock.
const PAUSE: usize = 256;

/// One line.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// Its own id.
    pub id: &'a str,
    /// When it was written, in microseconds since the Unix epoch.
    pub timestamp: i64,
    /// Its text.
    pub event_message: &'a str,
    /// How bad it is.
    pub severity_text: &'a str,
    /// Which service wrote it.
    pub source: &'a str,
    /// Its fields.
    pub attributes: &'a [(String, String)],
}

/// Why an evaluation ended before it had an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TooMuch {
    /// It took too long.
    #[error("the query takes too long; narrow the time, or say which source")]
    Time,
    /// It has too many rows or groups.
    #[error("the query has too many rows or groups; narrow it by where")]
    Rows,
}

/// A row of the result on its way: its columns, and what it is ordered by.
struct Row {
    columns: Vec<Value>,
    keys: Vec<Value>,
}

/// Evaluates a query over lines, as of `now` (microseconds since the Unix epoch); gives up at `until`.
///
/// # Errors
///
/// A query that takes more time or memory than it may.
pub fn evaluate<'a>(
    query: &Query,
    records: impl Iterator<Item = Record<'a>>,
    now: i64,
    until: Instant,
) -> Result<Vec<Map<String, Json>>, TooMuch> {
    let is_join = |part: &Expr| matches!(part, Expr::Call(Function::ArrayJoin, _));
    let joins = query.expressions().any(|one| one.any_part(&is_join));
    let patterns = scalar::Patterns::of(query);
    let mut groups = query.is_gathered().then(|| Groups::of(query));
    let mut rows = Vec::new();
    for (count, record) in records.enumerate() {
        if count % PAUSE == 0 && Instant::now() >= until {
            return Err(TooMuch::Time);
        }
        let keys: Vec<Option<&str>> = match joins {
            true => record
                .attributes
                .iter()
                .map(|(key, _)| Some(key.as_str()))
                .collect(),
            false => vec![None],
        };
        for joined in keys {
            let scope = Scope {
                record: &record,
                joined,
                now,
                patterns: &patterns,
            };
            let counts = query
                .filter
                .as_ref()
                .is_none_or(|one| scope.value(one).is_true());
            if !counts {
                continue;
            }
            match &mut groups {
                Some(groups) => groups.add(&scope),
                None => rows.push(row(query, |one| scope.value(one))),
            }
            if rows.len() > HELD || groups.as_ref().is_some_and(|groups| groups.len() > HELD) {
                return Err(TooMuch::Rows);
            }
        }
    }
    if let Some(groups) = groups {
        rows = groups.rows(&patterns, now);
    }
    Ok(finish(query, rows))
}

fn row(query: &Query, value: impl Fn(&Expr) -> Value) -> Row {
    Row {
        columns: query.select.iter().map(|one| value(&one.value)).collect(),
        keys: query.order_by.iter().map(|one| value(&one.value)).collect(),
    }
}

fn finish(query: &Query, mut rows: Vec<Row>) -> Vec<Map<String, Json>> {
    if query.distinct {
        let mut seen = HashSet::new();
        rows.retain(|row| seen.insert(format!("{:?}", row.columns)));
    }
    // Stable: where nothing else is asked for, lines stay in the order in which they came.
    rows.sort_by(|one, other| {
        let pairs = query.order_by.iter().zip(one.keys.iter().zip(&other.keys));
        for (key, (one, other)) in pairs {
            let order = match (key.descending, one, other) {
                (true, Value::Null, _) | (true, _, Value::Null) | (false, ..) => one.order(other),
                (true, ..) => other.order(one),
            };
            if order.is_ne() {
                return order;
            }
        }
        std::cmp::Ordering::Equal
    });
    let names: Vec<String> = query.select.iter().map(super::Selected::name).collect();
    let (offset, limit) = (
        usize::try_from(query.offset).unwrap_or(usize::MAX),
        usize::try_from(query.limit).unwrap_or(usize::MAX),
    );
    rows.into_iter()
        .skip(offset)
        .take(limit)
        .map(|row| {
            let values = row.columns.into_iter().map(Value::into_json);
            names.iter().cloned().zip(values).collect()
        })
        .collect()
}
