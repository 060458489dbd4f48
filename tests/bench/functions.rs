//! An Edge Function: deployed, called for the first time, and called again.

use std::time::Instant;

use serde_json::json;

use super::Failure;
use super::report::{Figure, Report};
use super::world::{World, rest};

pub(crate) async fn run(world: &World, report: &mut Report) -> Result<(), Failure> {
    let (project, _) = world.project("functions").await?;
    let functions = format!("/v1/projects/{project}/functions");
    let source = |number: usize| format!("Deno.serve(() => Response.json({number}));");
    // The first one also finds Deno, or fetches it.
    let body = json!({ "slug": "f", "name": "f", "body": source(0), "verify_jwt": false });
    world.call("POST", &functions, Some(body)).await?;
    let (mut deployed, mut cold, mut warm) = (Vec::new(), Vec::new(), Vec::new());
    for number in 1..=world.runs(8) {
        rest().await;
        let body = json!({ "body": source(number), "verify_jwt": false });
        let begun = Instant::now();
        let path = format!("{functions}/f");
        world.call("PATCH", &path, Some(body)).await?;
        deployed.push(begun.elapsed());
        for times in [&mut cold, &mut warm] {
            let begun = Instant::now();
            let path = format!("/projects/{project}/functions/v1/f");
            let answer = world.call("GET", &path, None).await?;
            times.push(begun.elapsed());
            if answer != number {
                return Err(format!("the function answers {answer}, and not {number}").into());
            }
        }
    }
    report.add(Figure::times("function: deploy, compiled", &deployed));
    report.add(Figure::times("function: cold start to answer", &cold).at_most(150.0));
    report.add(Figure::times("function: call of one that runs", &warm).at_most(10.0));
    world.delete_project(&project).await
}
