//! What stays in memory.

use std::time::Duration;

use serde_json::json;

use super::Failure;
use super::client::OverStdio;
use super::cloud::Cloud;
use super::report::{Figure, Report};
use super::world::{World, drydock, proportional_memory, resident_memory};

/// Calls after which a server's memory is looked at.
const CALLS: usize = 200;
/// Projects whose clusters are looked at.
const PROJECTS: usize = 3;

pub(crate) async fn run(world: &World, report: &mut Report) -> Result<(), Failure> {
    let cloud = Cloud::open().await?;
    let dir = world.dir.join("cloud");
    let mut server = OverStdio::of(cloud.serve(&[], &dir)).await?;
    let idle = resident_memory(server.pid()?)?;
    for _ in 0..CALLS {
        server.call("list_projects", json!({})).await?;
    }
    let used = resident_memory(server.pid()?)?;
    server.end().await?;
    report.add(Figure::one("resident after initialize", "MB", idle));
    report.add(Figure::one("resident after 200 calls, cloud mode", "MB", used).at_most(15.0));

    let mut projects = Vec::new();
    for number in 0..PROJECTS {
        let (project, _) = world.project(&format!("memory {number}")).await?;
        projects.push(project);
    }
    // Its operator lets production be read, so that the calls need no branches.
    let command = drydock(&["serve", "--production-rows", "read"], &world.dir);
    let mut server = OverStdio::of(command).await?;
    for number in 0..CALLS {
        let project = &projects[number % PROJECTS];
        let arguments = json!({
            "project_id": project, "query": "select 1", "environment": "production",
        });
        server.call("execute_sql", arguments).await?;
    }
    let used = resident_memory(server.pid()?)?;
    server.end().await?;
    report.add(Figure::one(
        "resident after 200 calls, local mode",
        "MB",
        used,
    ));

    // What was forked for the calls is gone by then.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let servers = world.servers()?;
    let mut total = 0.0;
    for (_, pid) in &servers {
        total += proportional_memory(*pid)?;
    }
    let mut clusters: Vec<_> = servers.into_iter().map(|(dir, _)| dir).collect();
    clusters.sort();
    clusters.dedup();
    // A handful of clusters.
    let each = total / clusters.len() as f64;
    report.add(Figure::one("idle local project (PSS of its processes)", "MB", each).at_most(15.0));
    let platform = resident_memory(world.platform_pid()?)?;
    report.add(Figure::one(
        "the local platform's process, resident",
        "MB",
        platform,
    ));
    for project in &projects {
        world.delete_project(project).await?;
    }
    Ok(())
}
