//! Logs: queries over what the platform has kept.

use std::time::{Duration, Instant};

use axum::Router;
use chrono::DateTime;
use serde_json::Value;

use super::{Asked, Platform, serve};
use crate::api::Ref;
use crate::api::logs::{
    LogsAnswer, LogsError, LogsErrorPlace, LogsErrorReport, LogsQuery, QueryLogs, QueryLogsAll,
};
use crate::clock;
use crate::local::fault::Fault;
use crate::local::logs::{Line, Source};
use crate::logs::{self, Dialect, Query, Record, Refused};

const MINUTE: i64 = 60_000_000;
const DAY: i64 = 24 * 60 * MINUTE;
/// How long a query may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// What is asked where nothing is.
const REQUESTS: &str = "select id, timestamp, event_message, log_attributes from logs \
    where source = 'edge_logs' order by timestamp desc limit 100";

pub(super) fn routes(routes: Router<Platform>) -> Router<Platform> {
    let routes = serve::<QueryLogs, _, _>(routes, query);
    serve::<QueryLogsAll, _, _>(routes, async |_| {
        Err(Fault::new(
            410,
            "this endpoint has been removed: use GET /v1/projects/{ref}/analytics/endpoints/logs, which takes ClickHouse SQL over the table logs",
        ))
    })
}

async fn query(asked: Asked<QueryLogs>) -> Result<LogsAnswer, Fault> {
    let Asked {
        platform,
        path,
        query,
        ..
    } = asked;
    let project = platform
        .registry()
        .project(&path)
        .await?
        .ok_or_else(Fault::no_project)?;
    let (from, to) = window(&query)?;
    let asked_for = match read(query.sql.as_deref().unwrap_or(REQUESTS)) {
        Ok(asked_for) => asked_for,
        Err(refused) => return Ok(report(&refused)),
    };
    let sources = asked_for.sources();
    let of_postgres = sources
        .as_ref()
        .is_none_or(|names| names.iter().any(|name| name == Source::Postgres.as_str()));
    if of_postgres && let Some(cluster) = project.cluster {
        platform.read_postgres_log(&path, cluster).await?;
    }
    answer(&platform, &path, asked_for, (from, to), sources).await
}

async fn answer(
    platform: &Platform,
    reference: &Ref,
    query: Query,
    (from, to): (i64, i64),
    sources: Option<Vec<String>>,
) -> Result<LogsAnswer, Fault> {
    let lines = platform.logs().window(reference, from, to, sources).await?;
    let now = clock::unix_micros();
    // Away from the threads that answer others.
    let evaluated = tokio::task::spawn_blocking(move || {
        let until = Instant::now() + PATIENCE;
        logs::evaluate(&query, lines.iter().map(record), now, until)
    })
    .await
    .map_err(|failure| Fault::new(500, failure.to_string()))?;
    Ok(match evaluated {
        Ok(rows) => LogsAnswer {
            result: Some(rows.into_iter().map(Value::Object).collect()),
            error: None,
        },
        Err(too_much) => LogsAnswer {
            result: None,
            error: Some(LogsError::Words(too_much.to_string())),
        },
    })
}

fn record(line: &Line) -> Record<'_> {
    Record {
        id: &line.id,
        timestamp: line.at,
        event_message: &line.message,
        severity_text: &line.severity,
        source: line.source.as_str(),
        attributes: &line.attributes,
    }
}

/// The query as the platform takes it: in the present dialect, with nothing to be mended.
fn read(sql: &str) -> Result<Query, Refused> {
    let parsed = logs::parse(sql)?;
    match (parsed.dialect, parsed.corrections.into_iter().next()) {
        (_, Some(correction)) => Err(correction),
        (Dialect::Older, None) => Err(Refused {
            at: 1,
            what: "there is one table, logs, and a source is a value of its column source"
                .to_owned(),
            instead: Some(parsed.query.to_clickhouse()),
        }),
        (Dialect::Unified, None) => Ok(parsed.query),
    }
}

fn report(refused: &Refused) -> LogsAnswer {
    let message = refused.to_string();
    let place = LogsErrorPlace {
        domain: "global".to_owned(),
        location: format!("character {}", refused.at),
        location_type: "query".to_owned(),
        message: message.clone(),
        reason: "invalidQuery".to_owned(),
    };
    LogsAnswer {
        result: None,
        error: Some(LogsError::Report(LogsErrorReport {
            code: 400.0,
            errors: vec![place],
            message,
            status: "INVALID_ARGUMENT".to_owned(),
        })),
    }
}

/// The time that is asked for, in microseconds since the Unix epoch, rounded outwards to the minute:
/// what happened within it must not be cut off. The last minute without any.
fn window(query: &LogsQuery) -> Result<(i64, i64), Fault> {
    let read = |name: &str, text: &Option<String>| match text {
        Some(text) => DateTime::parse_from_rfc3339(text)
            .map(|moment| Some(moment.timestamp_micros()))
            .map_err(|_| Fault::new(400, format!("{name} is a time as 2025-03-01T00:00:00Z"))),
        None => Ok(None),
    };
    let start = read("iso_timestamp_start", &query.iso_timestamp_start)?;
    let end = read("iso_timestamp_end", &query.iso_timestamp_end)?;
    let to = end.unwrap_or_else(clock::unix_micros);
    let from = start.unwrap_or(to - MINUTE);
    if from >= to {
        return Err(Fault::new(
            400,
            "iso_timestamp_start is before iso_timestamp_end",
        ));
    }
    if to - from > DAY {
        return Err(Fault::new(400, "the range of time is at most 24 hours"));
    }
    let up = (to + MINUTE - 1).div_euclid(MINUTE) * MINUTE;
    Ok((from.div_euclid(MINUTE) * MINUTE, up))
}
