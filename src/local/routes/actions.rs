//! Runs of branch actions.

use axum::Router;

use super::{Asked, Platform, serve};
use crate::api::Ref;
use crate::api::actions::{
    ActionRun, CountActionRuns, GetActionRun, GetActionRunLogs, ListActionRuns, RunCount,
};
use crate::clock;
use crate::local::actions::waiting;
use crate::local::fault::Fault;
use crate::local::logs::Source;

/// How many runs are listed where nobody says.
const PAGE: u32 = 20;
/// How many are listed at most.
const LARGEST_PAGE: u32 = 100;

pub(super) fn routes(routes: Router<Platform>) -> Router<Platform> {
    let routes = serve::<ListActionRuns, _, _>(routes, list);
    let routes = serve::<CountActionRuns, _, _>(routes, count);
    let routes = serve::<GetActionRun, _, _>(routes, get);
    serve::<GetActionRunLogs, _, _>(routes, logs)
}

async fn list(asked: Asked<ListActionRuns>) -> Result<Vec<ActionRun>, Fault> {
    let registry = asked.platform.registry();
    registry
        .project(&asked.path)
        .await?
        .ok_or_else(Fault::no_project)?;
    let limit = asked.query.limit.unwrap_or(PAGE);
    if limit < 10 {
        return Err(Fault::new(400, "limit is 10 or more"));
    }
    let offset = asked.query.offset.unwrap_or_default();
    Ok(registry
        .actions(&asked.path, offset, limit.min(LARGEST_PAGE))
        .await?)
}

async fn count(asked: Asked<CountActionRuns>) -> Result<RunCount, Fault> {
    asked.platform.project(&asked.path).await?;
    let registry = asked.platform.registry();
    Ok(RunCount(registry.count_actions(&asked.path).await?))
}

async fn get(asked: Asked<GetActionRun>) -> Result<ActionRun, Fault> {
    let (reference, id) = asked.path;
    find(&asked.platform, &reference, &id).await
}

async fn find(platform: &Platform, reference: &Ref, id: &str) -> Result<ActionRun, Fault> {
    let registry = platform.registry();
    if let Some(run) = registry.action(reference, id).await? {
        return Ok(run);
    }
    let unknown = || Fault::new(404, "Action run not found");
    // A workflow's id is answered before it has its turn.
    let open = registry.open_runs().await?;
    let run = open.iter().find(|run| run.id == id).ok_or_else(unknown)?;
    let branch = registry.branch(run.reference.as_str()).await?;
    branch
        .filter(|branch| [&branch.project_ref, &branch.parent_project_ref].contains(&reference))
        .map(|branch| waiting(run, &branch))
        .ok_or_else(unknown)
}

async fn logs(asked: Asked<GetActionRunLogs>) -> Result<String, Fault> {
    let platform = &asked.platform;
    let (reference, id) = &asked.path;
    let run = find(platform, reference, id).await?;
    // What it said stands with the branch, whichever ref was asked.
    let branch = platform
        .registry()
        .branch(&run.branch_id)
        .await?
        .ok_or_else(Fault::no_branch)?;
    let sources = vec![Source::WorkflowRun.as_str().to_owned()];
    let lines = platform
        .logs()
        .window(&branch.project_ref, 0, i64::MAX, Some(sources))
        .await?;
    let mut text = String::new();
    for line in lines {
        let is_its = line
            .attributes
            .iter()
            .any(|(key, value)| key == "workflow_run" && value == id);
        if is_its {
            let at = clock::at(line.at / 1000);
            text.push_str(&format!("{at} {} {}\n", line.severity, line.message));
        }
    }
    Ok(text)
}
