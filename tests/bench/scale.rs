//! How cost grows with the number of projects on one machine: `cargo bench -- --only scale`, some minutes.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;

use super::Failure;
use super::fleet::{make, query_each};
use super::report::{Figure, Report};
use super::world::{World, proportional_memory, resident_memory};

/// Projects on the machine when it is looked at.
const STEPS: &[usize] = &[10, 50, 100, 200, 300];
/// Projects of each step that are made and migrated alone, and timed.
const TIMED: usize = 8;
/// Databases that are asked at each step.
const ASKED: usize = 40;

pub(crate) async fn run(outer: &World, report: &mut Report) -> Result<(), Failure> {
    let mut world = World::open(outer.full).await?;
    let measured = measure(&mut world, report).await;
    world.close().await?;
    measured
}

async fn measure(world: &mut World, report: &mut Report) -> Result<(), Failure> {
    let mut projects = Vec::new();
    for step in STEPS {
        projects.extend(make(world, projects.len()..step - TIMED).await?);
        let (mut create, mut migrate, mut list) = (Vec::new(), Vec::new(), Vec::new());
        for number in projects.len()..*step {
            let (project, took) = world.project(&format!("timed {number}")).await?;
            create.push(took);
            let path = format!("/v1/projects/{project}/database/migrations");
            let query = "create table public.t(n int primary key); insert into public.t select generate_series(1, 1000)";
            let begun = Instant::now();
            let body = json!({ "name": "t", "query": query });
            world.call("POST", &path, Some(body)).await?;
            migrate.push(begun.elapsed());
            projects.push(project);
        }
        for _ in 0..TIMED {
            let begun = Instant::now();
            world.call("GET", "/v1/projects", None).await?;
            list.push(begun.elapsed());
        }
        let asked = &projects[..ASKED.min(projects.len())];
        let query = query_each(world, asked).await?;
        let mut add = |what: &str, times: &[Duration]| {
            report.add(Figure::times(format!("{step} projects: {what}"), times));
        };
        add("create one more", &create);
        add("apply a migration", &migrate);
        add("list all", &list);
        add("query, awake", &query);
        let awake = memory(world)?;
        let begun = Instant::now();
        world.stop().await?;
        add("all stopped cleanly", &[begun.elapsed()]);
        add("the platform started", &[world.start().await?]);
        let disk = megabytes(&world.dir)?;
        let platform = resident_memory(world.platform_pid()?)?;
        add("query, from sleep", &query_each(world, asked).await?);
        let mut add = |what: &str, value: f64| {
            let what = format!("{step} projects: {what}");
            report.add(Figure::one(what, "MB", value));
        };
        add("memory of all servers, awake", awake);
        add("the platform's process, all asleep", platform);
        add("disk", disk);
        // As many as before are awake for the next step.
        query_each(world, &projects).await?;
    }
    Ok(())
}

/// The proportional memory of every server process.
fn memory(world: &World) -> Result<f64, Failure> {
    let mut total = 0.0;
    for (_, pid) in world.servers()? {
        // One that was forked for a query may be gone.
        total += proportional_memory(pid).unwrap_or_default();
    }
    Ok(total)
}

/// What a directory takes on disk, a linked file once.
fn megabytes(dir: &Path) -> Result<f64, Failure> {
    let output = std::process::Command::new("du")
        .arg("-sk")
        .arg(dir)
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    let kilobytes = text.split_whitespace().next().ok_or("du says nothing")?;
    Ok(kilobytes.parse::<f64>()? * 1024.0 / 1e6)
}
