//! Many projects: waking the ones that sleep, and coming back after everything was killed.

use std::time::{Duration, Instant};

use super::Failure;
use super::report::{Figure, Report};
use super::world::World;

/// Projects that are made, asked or killed at once.
const AT_ONCE: usize = 8;

pub(crate) async fn run(outer: &World, report: &mut Report) -> Result<(), Failure> {
    let count = if outer.full { 100 } else { 30 };
    let mut world = World::open(outer.full).await?;
    let measured = measure(&mut world, count, report).await;
    world.close().await?;
    measured
}

async fn measure(world: &mut World, count: usize, report: &mut Report) -> Result<(), Failure> {
    let projects = make(world, 0..count).await?;
    let begun = Instant::now();
    world.stop().await?;
    let stopped = begun.elapsed();
    report.add(Figure::times(
        format!("{count} databases stopped cleanly, in all"),
        &[stopped],
    ));
    let started = world.start().await?;
    report.add(Figure::times(
        format!("the platform started with {count} that sleep"),
        &[started],
    ));
    let woken = query_each(world, &projects).await?;
    let awake = query_each(world, &projects).await?;
    let (woken, awake) = (
        Figure::times("first query on a database that slept", &woken),
        Figure::times("the same query once it is awake", &awake),
    );
    let added = Figure::added("wake", &woken, &awake).at_most(40.0);
    report.add(woken);
    report.add(awake);
    report.add(added);

    world.kill_everything().await?;
    let started = world.start().await?;
    report.add(Figure::times(
        format!("the platform started after kill -9 of {count} and itself"),
        &[started],
    ));
    let begun = Instant::now();
    let times = query_all_at_once(world, &projects).await?;
    let whole = begun.elapsed();
    report.add(Figure::times(
        format!("all {count} asked at once, each recovers and answers"),
        &times,
    ));
    report.add(Figure::times("the same, until the last answer", &[whole]));
    Ok(())
}

/// Makes projects with a table that has rows.
pub(crate) async fn make(
    world: &World,
    numbers: std::ops::Range<usize>,
) -> Result<Vec<String>, Failure> {
    let mut projects = Vec::new();
    let numbers: Vec<_> = numbers.collect();
    for few in numbers.chunks(AT_ONCE) {
        let made = few.iter().map(|number| async move {
            let (project, _) = world.project(&format!("fleet {number}")).await?;
            let sql = "create table public.t(n int primary key); \
                       insert into public.t select generate_series(1, 1000)";
            world.query(&project, sql).await?;
            Ok::<_, Failure>(project)
        });
        projects.extend(futures_util::future::try_join_all(made).await?);
    }
    Ok(projects)
}

async fn query(world: &World, project: &str) -> Result<Duration, Failure> {
    let begun = Instant::now();
    let rows = world
        .query(project, "select count(*)::int as n from public.t")
        .await?;
    if rows[0]["n"] != 1000 {
        return Err(format!("{project} has other rows: {rows}").into());
    }
    Ok(begun.elapsed())
}

/// One after the other.
pub(crate) async fn query_each(
    world: &World,
    projects: &[String],
) -> Result<Vec<Duration>, Failure> {
    let mut times = Vec::new();
    for project in projects {
        times.push(query(world, project).await?);
    }
    Ok(times)
}

async fn query_all_at_once(world: &World, projects: &[String]) -> Result<Vec<Duration>, Failure> {
    let asked = projects.iter().map(|project| query(world, project));
    futures_util::future::try_join_all(asked).await
}
