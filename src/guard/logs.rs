//! Logs: queries in both dialects, and a service's latest lines.
//!
//! A query is parsed and printed anew ([`crate::logs`]); what the platform gets is never the caller's
//! text. PostgreSQL's messages repeat the values of statements that failed: on production these are rows
//! by another way. There the fields that hold them take the road of production's rows, and values in
//! messages are masked, unless the policy lets rows be read.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::masking::mask;
use super::reading::cut;
use super::{Code, Environment, ProductionRows, Read, Refusal};
use crate::api::logs::{LogsQuery, QueryLogs};
use crate::clock;
use crate::fence::quote;
use crate::logs::{self, Column, Expr, Function, Query};
use crate::redact;

/// The longest window that the platform takes, in minutes; and the one that is looked at where none is given.
const LONGEST: i64 = 24 * 60;
/// Sources whose lines quote SQL and its values: what a merge failed on among them.
const QUOTES_ROWS: [&str; 5] = [
    "postgres_logs",
    "workflow_run_logs",
    "supavisor_logs",
    "pgbouncer_logs",
    "pg_upgrade_logs",
];
/// Fields of theirs that hold rows, or the statements that wrote them.
const ROWS: [&str; 5] = [
    "parsed.detail",
    "parsed.query",
    "parsed.internal_query",
    "parsed.context",
    "parsed.hint",
];
/// Sources of what functions say, who know their secrets.
const SAYS_SECRETS: [&str; 2] = ["function_logs", "function_edge_logs"];
/// Sources of services that the local platform does not run.
const NOT_RUN_LOCALLY: [&str; 8] = [
    "postgrest_logs",
    "auth_logs",
    "auth_audit_logs",
    "storage_logs",
    "realtime_logs",
    "supavisor_logs",
    "pgbouncer_logs",
    "pg_upgrade_logs",
];

/// A window of time, as it was sent to the platform.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct LogWindow {
    /// From when; RFC 3339.
    pub from: String,
    /// Until when; RFC 3339.
    pub to: String,
}

/// Lines, or what was counted of them.
#[derive(Debug, Clone)]
pub struct FoundLogs {
    /// The rows.
    pub rows: Vec<Value>,
    /// Whether there may be more.
    pub truncated: bool,
    /// The window that was looked at.
    pub window: LogWindow,
    /// The query that was run.
    pub sql: String,
    /// What a reader has to know.
    pub notes: Vec<String>,
}

/// From when, until when; RFC 3339, as they were given.
#[derive(Debug, Clone, Copy, Default)]
pub struct AskedWindow<'a> {
    /// A day before the end without.
    pub start: Option<&'a str>,
    /// The present without.
    pub end: Option<&'a str>,
}

impl Read {
    /// Runs a query over the logs of one environment.
    pub async fn query_logs(
        &self,
        sql: &str,
        window: AskedWindow<'_>,
    ) -> Result<FoundLogs, Refusal> {
        let parsed = logs::parse(sql).map_err(|refused| {
            Refusal::invalid(format!("sql, {}", words(&refused))).details(json!({
                "position": refused.at,
                "instead": refused.instead,
            }))
        })?;
        let mut notes = Vec::new();
        if parsed.dialect == logs::Dialect::Older {
            notes.push(
                "the query was written in the platform's older dialect and was translated; sql is what was run"
                    .to_owned(),
            );
        }
        for correction in &parsed.corrections {
            notes.push(format!("corrected, {}", words(correction)));
        }
        self.run(parsed.query, window, notes).await
    }

    /// A service's lines, as its own query of ours asks for them.
    pub async fn service_logs(
        &self,
        sql: &str,
        window: AskedWindow<'_>,
    ) -> Result<FoundLogs, Refusal> {
        let parsed = logs::parse(sql)
            .map_err(|refused| Refusal::new(Code::InternalError, refused.to_string()))?;
        self.run(parsed.query, window, Vec::new()).await
    }

    /// Whether PostgreSQL's statements and the rows that its messages repeat are shown without
    /// asking: on a branch always, on production where the policy lets rows be read.
    pub fn may_show_rows(&self) -> bool {
        self.environment() == Environment::Dev
            || self.call.guard.policy().production.rows == ProductionRows::Read
    }

    async fn run(
        &self,
        mut query: Query,
        asked: AskedWindow<'_>,
        mut notes: Vec<String>,
    ) -> Result<FoundLogs, Refusal> {
        let guard = &self.call.guard;
        let limits = &guard.policy().limits;
        query.limit = query
            .limit
            .min(u64::try_from(limits.rows).unwrap_or(u64::MAX));
        let window = window(asked)?;
        let sql = query.to_clickhouse();
        let mut masks = false;
        if !self.may_show_rows() && reaches(&query, &QUOTES_ROWS) {
            match names_rows(&query) {
                true => self.may_read_rows(&sql).await?,
                false => masks = true,
            }
        }
        let answer = guard
            .client()
            .look::<QueryLogs>(
                self.reference()?.clone(),
                &LogsQuery {
                    sql: Some(sql.clone()),
                    iso_timestamp_start: Some(window.from.clone()),
                    iso_timestamp_end: Some(window.to.clone()),
                },
            )
            .await?;
        if let Some(error) = answer.error {
            return Err(Refusal::new(
                Code::PlatformError,
                format!(
                    "the platform did not run the query: {}",
                    quote(error.message())
                ),
            )
            .details(json!({ "sql": sql, "window": window })));
        }
        let rows: Vec<Map<String, Value>> = answer
            .result
            .unwrap_or_default()
            .into_iter()
            .map(|row| match row {
                Value::Object(members) => members,
                other => Map::from_iter([("value".to_owned(), other)]),
            })
            .collect();
        let full = u64::try_from(rows.len()).unwrap_or(u64::MAX) >= query.limit;
        let mut found = cut(rows, limits);
        if reaches(&query, &SAYS_SECRETS) {
            let digests = guard.digests(self.reference()?).await?;
            for row in &found.rows {
                redact::keep_by_digest(&row.to_string(), &digests);
            }
        }
        if masks {
            let mut masked = false;
            found.rows.iter_mut().for_each(|row| mask(row, &mut masked));
            if masked {
                notes.push("values in PostgreSQL's messages are shown as [value]: this is production, and the policy (production.rows) does not let its rows be read".to_owned());
            }
        }
        notes.extend(self.absent(&query, found.rows.is_empty()).await?);
        Ok(FoundLogs {
            truncated: found.truncated || full,
            rows: found.rows,
            window,
            sql,
            notes,
        })
    }

    /// Why there is nothing, and where else to look.
    async fn absent(&self, query: &Query, is_empty: bool) -> Result<Option<String>, Refusal> {
        if !is_empty {
            return Ok(None);
        }
        let sources = query.sources();
        let base = self.call.guard.client().place().await?.base;
        let named = sources.as_deref().unwrap_or_default();
        let not_run: Vec<&str> = named
            .iter()
            .map(String::as_str)
            .filter(|name| NOT_RUN_LOCALLY.contains(name))
            .collect();
        if base.starts_with("http://127.0.0.1") && !not_run.is_empty() {
            return Ok(Some(format!(
                "{} is always empty here: the local platform does not run that service; it keeps edge_logs, postgres_logs, function_logs, function_edge_logs and workflow_run_logs",
                not_run.join(", ")
            )));
        }
        let unknown: Vec<&str> = named
            .iter()
            .map(String::as_str)
            .filter(|name| !logs::is_source(name))
            .collect();
        if !unknown.is_empty() {
            return Ok(Some(format!(
                "there is no source {}; sources are {}",
                quote(unknown.join(", ")),
                logs::SOURCES.join(", ")
            )));
        }
        Ok(Some(
            "nothing in this window; widen it (at most 24 hours), look at the other environment, or ask `select source, count() from logs group by source` what there is"
                .to_owned(),
        ))
    }
}

/// A refusal of the language in words; what to write instead repeats the caller's text.
fn words(refused: &logs::Refused) -> String {
    let mut words = format!("at character {}: {}", refused.at, refused.what);
    if let Some(instead) = &refused.instead {
        words.push_str(&format!("; write {}", quote(instead)));
    }
    words
}

/// The window that is sent: whole minutes that hold what was asked for, because the platform rounds.
fn window(asked: AskedWindow<'_>) -> Result<LogWindow, Refusal> {
    let read = |name: &str, text: Option<&str>| {
        text.map(|text| {
            DateTime::parse_from_rfc3339(text)
                .map(|moment| moment.to_utc())
                .map_err(|_| {
                    Refusal::invalid(format!(
                        "{name} is a time as 2026-11-23T20:54:00Z, not {}",
                        quote(text)
                    ))
                })
        })
        .transpose()
    };
    let start = read("iso_timestamp_start", asked.start)?;
    let end = read("iso_timestamp_end", asked.end)?;
    let now = DateTime::from_timestamp_micros(clock::unix_micros()).unwrap_or_default();
    let end = end.unwrap_or(now);
    let longest = TimeDelta::minutes(LONGEST);
    if let Some(start) = start {
        if start >= end {
            return Err(Refusal::invalid(
                "iso_timestamp_start is before iso_timestamp_end, and in the past",
            ));
        }
        if end - start > longest {
            let last = shown(start + longest);
            return Err(Refusal::invalid(format!(
                "the platform looks at 24 hours at most: give iso_timestamp_end {last} or earlier, and go on from there"
            )));
        }
    }
    let to = minute(end + TimeDelta::seconds(60) - TimeDelta::microseconds(1));
    let from = minute(start.unwrap_or(end - longest)).max(to - longest);
    Ok(LogWindow {
        from: shown(from),
        to: shown(to),
    })
}

/// The beginning of a minute.
fn minute(moment: DateTime<Utc>) -> DateTime<Utc> {
    let seconds = moment.timestamp();
    DateTime::from_timestamp(seconds - seconds.rem_euclid(60), 0).unwrap_or(moment)
}

fn shown(moment: DateTime<Utc>) -> String {
    moment.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Whether a query may reach one of these sources.
fn reaches(query: &Query, sources: &[&str]) -> bool {
    query
        .sources()
        .is_none_or(|named| named.iter().any(|name| sources.contains(&name.as_str())))
}

/// Whether a query names a field that holds rows, be it to show it or to ask about it.
fn names_rows(query: &Query) -> bool {
    query.expressions().any(holds_rows)
}

fn holds_rows(expression: &Expr) -> bool {
    match expression {
        Expr::Attribute(key) => ROWS.contains(&key.as_str()),
        Expr::Column(column) => *column == Column::LogAttributes,
        // The names of fields say nothing of what is in them.
        Expr::Call(Function::MapKeys | Function::MapContains, _) => false,
        other => other.parts().into_iter().any(holds_rows),
    }
}

impl FoundLogs {
    /// For a person: how much, of which time, and what else there is to know.
    pub fn say(&self) -> String {
        let mut text = format!(
            "{} row(s) between {} and {}{}.",
            self.rows.len(),
            self.window.from,
            self.window.to,
            if self.truncated {
                ", there may be more"
            } else {
                ""
            }
        );
        for note in &self.notes {
            text.push_str(&format!(" Note: {note}."));
        }
        text
    }
}
