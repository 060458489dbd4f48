//! The merge gate, and the merge, with five migrations.

use std::time::Instant;

use serde_json::json;

use super::Failure;
use super::client::OverStdio;
use super::report::{Figure, Report};
use super::world::World;

/// Unmerged migrations.
const MIGRATIONS: usize = 5;

pub(crate) async fn run(world: &World, report: &mut Report) -> Result<(), Failure> {
    let (project, _) = world.project("merge").await?;
    let mut server = OverStdio::start(&world.dir).await?;
    let (mut applied, mut checked, mut merged) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..world.runs(4) {
        for number in 0..MIGRATIONS {
            let table = format!("public.t{round}_{number}");
            let query = format!(
                "create table {table} (id bigint primary key, owner uuid not null, body text);\n\
                 alter table {table} enable row level security;\n\
                 create policy own on {table} to authenticated using (owner = (select auth.uid()));\n\
                 grant select, insert on {table} to authenticated;"
            );
            let name = format!("t{round}_{number}");
            let arguments = json!({ "project_id": project, "name": name, "query": query });
            let begun = Instant::now();
            server.call("apply_migration", arguments).await?;
            // The very first makes the DEV branch.
            if round + number > 0 {
                applied.push(begun.elapsed());
            }
        }
        let begun = Instant::now();
        let verdict = server
            .call("check_merge", json!({ "project_id": project }))
            .await?;
        checked.push(begun.elapsed());
        if verdict["passes"] != true {
            return Err(format!("the gate does not pass: {verdict}").into());
        }
        let begun = Instant::now();
        let done = server
            .call("merge_branch", json!({ "project_id": project }))
            .await?;
        merged.push(begun.elapsed());
        if done["merged"]["migrations"].as_array().map(Vec::len) != Some(MIGRATIONS) {
            return Err(format!("other migrations were merged: {done}").into());
        }
    }
    server.end().await?;
    report.add(Figure::times(
        "apply_migration, with its restore point",
        &applied,
    ));
    report.add(Figure::times("check_merge, 5 migrations", &checked));
    report.add(Figure::times(
        "merge_branch, 5 migrations, gate included",
        &merged,
    ));
    world.delete_project(&project).await
}
