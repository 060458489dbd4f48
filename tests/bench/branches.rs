//! Making a branch of a project that has migrations.

use std::time::Instant;

use serde_json::json;

use super::Failure;
use super::client::OverStdio;
use super::report::{Figure, Report};
use super::world::{World, rest};

/// Migrations that are replayed.
const MIGRATIONS: usize = 20;

pub(crate) async fn run(world: &World, report: &mut Report) -> Result<(), Failure> {
    let (project, _) = world.project("branches").await?;
    let path = format!("/v1/projects/{project}/database/migrations");
    for number in 0..MIGRATIONS {
        let query = format!(
            "create table public.t{number} (id bigint generated always as identity primary key, \
             owner uuid references auth.users (id), body text not null); \
             alter table public.t{number} enable row level security; \
             create policy own on public.t{number} to authenticated using (owner = auth.uid()); \
             create index on public.t{number} (owner);"
        );
        let body = json!({ "name": format!("t{number}"), "query": query });
        world.call("POST", &path, Some(body)).await?;
    }
    let mut server = OverStdio::start(&world.dir).await?;
    let mut times = Vec::new();
    for number in 0..world.runs(6) {
        let name = format!("branch-{number}");
        rest().await;
        let begun = Instant::now();
        let arguments = json!({ "project_id": project, "name": name });
        let made = server.call("create_branch", arguments).await?;
        times.push(begun.elapsed());
        let reference = made["target"]["ref"].as_str().unwrap_or_default();
        let tables = "select count(*)::int as n from pg_tables where schemaname = 'public'";
        let rows = world.query(reference, tables).await?;
        if rows[0]["n"] != MIGRATIONS {
            return Err(format!("the branch has other tables: {rows}").into());
        }
        let arguments = json!({ "project_id": project, "branch": name });
        server.call("delete_branch", arguments).await?;
    }
    server.end().await?;
    report.add(Figure::times("create_branch, 20 migrations replayed", &times).at_most(250.0));
    world.delete_project(&project).await
}
