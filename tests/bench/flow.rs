//! Launching a project, through the tool and by the platform alone.

use std::time::Instant;

use serde_json::json;

use super::Failure;
use super::client::OverStdio;
use super::report::{Figure, Report};
use super::world::{World, rest};

pub(crate) async fn run(world: &World, report: &mut Report) -> Result<(), Failure> {
    let mut server = OverStdio::start(&world.dir).await?;
    let (mut bare, mut tool) = (Vec::new(), Vec::new());
    for number in 0..world.runs(8) {
        let name = format!("flow {number}");
        rest().await;
        let (project, took) = world.project(&name).await?;
        bare.push(took);
        world.delete_project(&project).await?;
        rest().await;
        let begun = Instant::now();
        let made = server
            .call("create_project", json!({ "name": name }))
            .await?;
        tool.push(begun.elapsed());
        let project = made["project"]["id"].as_str().unwrap_or_default();
        if made["project"]["status"] != "ACTIVE_HEALTHY" {
            return Err(format!("{made}").into());
        }
        world.delete_project(project).await?;
    }
    server.end().await?;
    report.add(Figure::times("create a project: the platform alone", &bare));
    report.add(Figure::times("create_project to ACTIVE_HEALTHY", &tool).at_most(150.0));
    Ok(())
}
