//! What sessions cost that nobody uses: clients that initialised over HTTP, and have not come back.

use std::time::Instant;

use serde_json::json;

use super::Failure;
use super::client::OverHttp;
use super::cloud::Cloud;
use super::report::{Figure, Report};
use super::world::{World, resident_memory};

/// Sessions that are opened before the first look: what every server has awake is there by then.
const FIRST: usize = 200;
/// How many sessions are kept, where the operator says nothing.
const MOST: usize = 10_000;

pub(crate) async fn run(world: &World, report: &mut Report) -> Result<(), Failure> {
    let cloud = Cloud::open().await?;
    let dir = world.dir.join("sessions");
    let server = OverHttp::of(cloud.serve(&["--http", "127.0.0.1:0"], &dir)).await?;
    let memory = || resident_memory(server.pid()?);
    // What the first calls take is no session's.
    server.call("list_projects", json!({})).await?;
    let none = memory()?;
    server.open_sessions(FIRST).await?;
    let first = memory()?;
    let some = if world.full { MOST } else { 2_000 } - FIRST;
    let begun = Instant::now();
    server.open_sessions(some).await?;
    let each = begun.elapsed() / u32::try_from(some)?;
    let grown = memory()? - first;
    // Counts of sessions are far below what a float holds exactly.
    let slope = grown / some as f64;
    let all = first + slope * (MOST - FIRST) as f64;
    report.add(Figure::times("a session, opened over HTTP", &[each]));
    let what = format!("{FIRST} sessions, of which the newest are awake");
    report.add(Figure::one(what, "MB", first - none));
    report.add(Figure::one("one that sleeps", "KB", slope * 1e3));
    report.add(Figure::one("resident with 10,000 that rest", "MB", all).at_most(200.0));

    let beyond = some.min(2_000);
    if world.full {
        let before = memory()?;
        server.open_sessions(beyond).await?;
        let what = format!("{beyond} more than are kept add");
        report.add(Figure::one(what, "MB", memory()? - before));
    }
    // Its client has not been heard of since all the others came.
    let begun = Instant::now();
    let oldest_kept = server.call("list_projects", json!({})).await;
    let woken = begun.elapsed();
    if !world.full {
        oldest_kept?;
        report.add(Figure::times("a call in a session that slept", &[woken]));
    }
    server.end().await
}
