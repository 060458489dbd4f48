//! How much projects' own APIs are used: counted from the requests that the logs hold.

use std::collections::BTreeMap;

use axum::Router;

use super::{Asked, Platform, serve};
use crate::api::Ref;
use crate::api::usage::{
    ApiCounts, GetApiCounts, GetRequestCount, RequestCount, Usage, UsageInterval,
};
use crate::clock;
use crate::local::fault::Fault;
use crate::local::logs::{Line, Source};

/// In microseconds.
const MINUTE: i64 = 60_000_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

pub(super) fn routes(routes: Router<Platform>) -> Router<Platform> {
    let routes = serve::<GetApiCounts, _, _>(routes, api_counts);
    serve::<GetRequestCount, _, _>(routes, request_count)
}

/// How far back an interval goes, and the stretches that it is counted in.
fn stretch(interval: UsageInterval) -> (i64, i64) {
    match interval {
        UsageInterval::QuarterOfAnHour => (15 * MINUTE, MINUTE),
        UsageInterval::HalfAnHour => (30 * MINUTE, MINUTE),
        UsageInterval::Hour => (HOUR, MINUTE),
        UsageInterval::ThreeHours => (3 * HOUR, MINUTE),
        UsageInterval::Day => (DAY, HOUR),
        UsageInterval::ThreeDays => (3 * DAY, HOUR),
        UsageInterval::Week => (7 * DAY, DAY),
    }
}

/// Stretches without a request are left out.
async fn api_counts(asked: Asked<GetApiCounts>) -> Result<Usage<ApiCounts>, Fault> {
    let interval = asked.query.interval.unwrap_or(UsageInterval::Day);
    let (back, step) = stretch(interval);
    let mut stretches: BTreeMap<i64, ApiCounts> = BTreeMap::new();
    for line in requests(&asked.platform, &asked.path, back).await? {
        let service: fn(&mut ApiCounts) -> &mut f64 = match path(&line).split('/').nth(1) {
            Some("auth") => |counts| &mut counts.total_auth_requests,
            Some("realtime") => |counts| &mut counts.total_realtime_requests,
            Some("rest") => |counts| &mut counts.total_rest_requests,
            Some("storage") => |counts| &mut counts.total_storage_requests,
            // Functions are not among what is counted here.
            _ => continue,
        };
        let begin = line.at - line.at.rem_euclid(step);
        let counts = stretches.entry(begin).or_insert_with(|| ApiCounts {
            timestamp: clock::at(begin / 1000),
            total_auth_requests: 0.0,
            total_realtime_requests: 0.0,
            total_rest_requests: 0.0,
            total_storage_requests: 0.0,
        });
        *service(counts) += 1.0;
    }
    Ok(counted(stretches.into_values().collect()))
}

/// Those of the last day, functions among them.
async fn request_count(asked: Asked<GetRequestCount>) -> Result<Usage<RequestCount>, Fault> {
    let requests = requests(&asked.platform, &asked.path, DAY).await?;
    let count = requests.iter().fold(0.0, |count, _| count + 1.0);
    Ok(counted(vec![RequestCount { count }]))
}

fn counted<T>(counts: Vec<T>) -> Usage<T> {
    Usage {
        result: Some(counts),
        error: None,
    }
}

async fn requests(platform: &Platform, reference: &Ref, back: i64) -> Result<Vec<Line>, Fault> {
    let known = platform.registry().project(reference).await?;
    known.ok_or_else(Fault::no_project)?;
    let sources = vec![Source::Edge.as_str().to_owned()];
    let from = clock::unix_micros() - back;
    Ok(platform
        .logs()
        .window(reference, from, i64::MAX, Some(sources))
        .await?)
}

fn path(line: &Line) -> &str {
    let found = line
        .attributes
        .iter()
        .find(|(key, _)| key == "request.path");
    found.map_or("", |(_, path)| path)
}
