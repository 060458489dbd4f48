//! Restore points, and returning to one.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Failure;
use super::client::OverStdio;
use super::report::{Figure, Report};
use super::world::World;

/// A table that can be filled to a size.
const TABLE: &str = "create table public.filler (id bigint primary key, body text not null); \
     alter table public.filler enable row level security;";

pub(crate) async fn run(world: &World, report: &mut Report) -> Result<(), Failure> {
    let (project, _) = world.project("points").await?;
    let mut server = OverStdio::start(&world.dir).await?;
    let arguments = json!({ "project_id": project, "name": "filler", "query": TABLE });
    server.call("apply_migration", arguments).await?;
    let dev = world.dev(&project).await?;

    points(world, &mut server, &project, &dev, report).await?;
    let size = megabytes(world, &dev).await?;
    let what = format!("at {size:.0} MB");
    reverts(
        world,
        &mut server,
        &project,
        &dev,
        &what,
        6,
        Some(100.0),
        report,
    )
    .await?;
    if world.full {
        let fill = "insert into public.filler select n, repeat(md5(n::text), 30) \
             from generate_series(1, 190000) n";
        world.query(&dev, fill).await?;
        let size = megabytes(world, &dev).await?;
        let what = format!("at {size:.0} MB, by copy");
        reverts(
            world,
            &mut server,
            &project,
            &dev,
            &what,
            3,
            Some(400.0),
            report,
        )
        .await?;
    }
    server.end().await?;
    world.delete_project(&project).await
}

async fn megabytes(world: &World, dev: &str) -> Result<f64, Failure> {
    let sql = "select pg_database_size(current_database())::float8 / 1e6 as size";
    let rows = world.query(dev, sql).await?;
    Ok(rows[0]["size"].as_f64().unwrap_or(f64::NAN))
}

async fn points(
    world: &World,
    server: &mut OverStdio,
    project: &str,
    dev: &str,
    report: &mut Report,
) -> Result<(), Failure> {
    let (mut bare, mut tool) = (Vec::new(), Vec::new());
    let path = format!("/v1/projects/{dev}/database/backups/restore-point");
    for number in 0..world.runs(40) {
        let body = json!({ "name": format!("bare-{number}") });
        let begun = Instant::now();
        world.call("POST", &path, Some(body)).await?;
        let first = begun.elapsed();
        let arguments = json!({ "project_id": project });
        server.call("create_restore_point", arguments).await?;
        bare.push(first);
        tool.push(begun.elapsed() - first);
    }
    report.add(Figure::times("restore point: the platform's", &bare).at_most(2.0));
    report.add(Figure::times("create_restore_point", &tool));
    Ok(())
}

#[expect(clippy::too_many_arguments, reason = "the parts of one measurement")]
async fn reverts(
    world: &World,
    server: &mut OverStdio,
    project: &str,
    dev: &str,
    at: &str,
    runs: usize,
    reach: Option<f64>,
    report: &mut Report,
) -> Result<(), Failure> {
    let made = server
        .call("create_restore_point", json!({ "project_id": project }))
        .await?;
    let point = made["restore_point"]["name"].as_str();
    let point = point.ok_or_else(|| format!("no point: {made}"))?.to_owned();
    let undo = format!("/v1/projects/{dev}/database/backups/undo");
    let (mut bare, mut tool) = (Vec::new(), Vec::new());
    for _ in 0..world.runs(runs) {
        bare.push(
            timed(world, dev, async || {
                world
                    .call("POST", &undo, Some(json!({ "name": point })))
                    .await
            })
            .await?,
        );
        change(world, dev).await?;
        let arguments = json!({ "project_id": project, "name": point });
        let begun = Instant::now();
        server.call("revert_to_restore_point", arguments).await?;
        tool.push(begun.elapsed());
    }
    let bare = Figure::times(format!("revert {at}: the platform's"), &bare);
    report.add(match reach {
        Some(bound) => bare.at_most(bound),
        None => bare,
    });
    report.add(Figure::times(
        format!("revert_to_restore_point {at}"),
        &tool,
    ));
    Ok(())
}

/// Something to undo.
async fn change(world: &World, dev: &str) -> Result<(), Failure> {
    world
        .query(dev, "insert into public.filler values (0, 'x')")
        .await
        .map(drop)
}

async fn timed(
    world: &World,
    dev: &str,
    work: impl AsyncFn() -> Result<Value, Failure>,
) -> Result<Duration, Failure> {
    change(world, dev).await?;
    let begun = Instant::now();
    work().await?;
    Ok(begun.elapsed())
}
