//! The security advisor on a database of some size.

use std::fmt::Write;
use std::time::Instant;

use serde_json::json;

use super::Failure;
use super::client::OverStdio;
use super::report::{Figure, Report};
use super::world::World;

/// Tables, each with three policies; one of each table's is always true, which the advisor names.
const TABLES: usize = 200;

pub(crate) async fn run(world: &World, report: &mut Report) -> Result<(), Failure> {
    let (project, _) = world.project("advisor").await?;
    let mut server = OverStdio::start(&world.dir).await?;
    let mut sql = String::new();
    for number in 0..TABLES {
        let table = format!("public.t{number}");
        write!(
            sql,
            "create table {table} (id bigint primary key, owner uuid not null, body text);\n\
             alter table {table} enable row level security;\n\
             create policy own on {table} for select to authenticated using (owner = auth.uid());\n\
             create policy add on {table} for insert to authenticated with check (owner = auth.uid());\n\
             create policy edit on {table} for update to authenticated using (true);\n\
             grant select, insert, update on {table} to authenticated;\n"
        )?;
    }
    let arguments = json!({ "project_id": project, "name": "many_tables", "query": sql });
    server.call("apply_migration", arguments).await?;
    let dev = world.dev(&project).await?;
    let path = format!("/v1/projects/{dev}/advisors/security");
    let performance = format!("/v1/projects/{dev}/advisors/performance");
    let (mut bare, mut tool) = (Vec::new(), Vec::new());
    let (mut slow, mut matrix) = (Vec::new(), Vec::new());
    for _ in 0..world.runs(12) {
        let begun = Instant::now();
        let lints = world.call("GET", &path, None).await?;
        let first = begun.elapsed();
        let found = lints["lints"].as_array().map_or(0, Vec::len);
        if found < TABLES {
            return Err(format!("the advisor found {found} lints").into());
        }
        let begun = Instant::now();
        let arguments = json!({ "project_id": project, "type": "security" });
        server.call("get_advisors", arguments).await?;
        bare.push(first);
        tool.push(begun.elapsed());
        let begun = Instant::now();
        world.call("GET", &performance, None).await?;
        slow.push(begun.elapsed());
        let begun = Instant::now();
        let arguments = json!({ "project_id": project });
        server.call("get_access_matrix", arguments).await?;
        matrix.push(begun.elapsed());
    }
    server.end().await?;
    report.add(Figure::times("security advisor, 200 tables: the route", &bare).at_most(50.0));
    report.add(Figure::times("get_advisors on the same", &tool));
    report.add(Figure::times(
        "performance advisor on the same: the route",
        &slow,
    ));
    report.add(Figure::times("get_access_matrix on the same", &matrix));
    world.delete_project(&project).await
}
