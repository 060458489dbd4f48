//! Restore points, and returning to one.

use std::time::{Duration, Instant};

use serde_json::json;

use super::Failure;
use super::client::OverStdio;
use super::report::{Figure, Report};
use super::world::{World, rest};

/// A table that can be filled to a size.
const TABLE: &str = "create table public.filler (id bigint primary key, body text not null); \
     alter table public.filler enable row level security;";

/// A project's DEV branch, by the server and by the platform alone.
struct Dev<'a> {
    world: &'a World,
    server: OverStdio,
    project: String,
    reference: String,
    /// Whether reverts start from a base of its own.
    is_large: bool,
}

pub(crate) async fn run(world: &World, report: &mut Report) -> Result<(), Failure> {
    let (project, _) = world.project("points").await?;
    let mut server = OverStdio::start(&world.dir).await?;
    let arguments = json!({ "project_id": project, "name": "filler", "query": TABLE });
    server.call("apply_migration", arguments).await?;
    let mut dev = Dev {
        world,
        server,
        reference: world.dev(&project).await?,
        project,
        is_large: false,
    };
    dev.points(report).await?;
    let at = format!("at {:.0} MB", dev.megabytes().await?);
    dev.reverts(&at, 6, 100.0, report).await?;
    if world.full {
        for (rows, reach) in [(1..190_000, 150.0), (190_000..1_900_000, 300.0)] {
            dev.fill(rows).await?;
            dev.is_large = true;
            let at = format!("at {:.0} MB", dev.megabytes().await?);
            dev.reverts(&at, 1, reach, report).await?;
        }
    }
    dev.server.end().await?;
    world.delete_project(&dev.project).await
}

impl Dev<'_> {
    async fn megabytes(&self) -> Result<f64, Failure> {
        let sql = "select pg_database_size(current_database())::float8 / 1e6 as size";
        let rows = self.world.query(&self.reference, sql).await?;
        Ok(rows[0]["size"].as_f64().unwrap_or(f64::NAN))
    }

    /// Fills the table, and waits for the base that the next revert takes: it is made once nothing more is written.
    async fn fill(&self, rows: std::ops::Range<u32>) -> Result<(), Failure> {
        // A statement may take a minute; that is the platform's limit.
        let few = rows.len().div_ceil(10);
        for begin in rows.clone().step_by(few) {
            let end = rows.end.min(begin + few as u32);
            let fill = format!(
                "insert into public.filler select n, repeat(md5(n::text), 30) from generate_series({begin}, {end} - 1) n"
            );
            self.world.query(&self.reference, &fill).await?;
        }
        // The platform looks at every database each five seconds.
        self.world.until_bases_stay(Duration::from_secs(16)).await
    }

    async fn points(&mut self, report: &mut Report) -> Result<(), Failure> {
        let (mut bare, mut tool) = (Vec::new(), Vec::new());
        let reference = &self.reference;
        let path = format!("/v1/projects/{reference}/database/backups/restore-point");
        for number in 0..self.world.runs(40) {
            let body = json!({ "name": format!("bare-{number}") });
            let begun = Instant::now();
            self.world.call("POST", &path, Some(body)).await?;
            let first = begun.elapsed();
            let arguments = json!({ "project_id": self.project });
            self.server.call("create_restore_point", arguments).await?;
            bare.push(first);
            tool.push(begun.elapsed() - first);
        }
        report.add(Figure::times("restore point: the platform's", &bare).at_most(2.0));
        report.add(Figure::times("create_restore_point", &tool));
        Ok(())
    }

    async fn reverts(
        &mut self,
        at: &str,
        runs: usize,
        reach: f64,
        report: &mut Report,
    ) -> Result<(), Failure> {
        let arguments = json!({ "project_id": self.project });
        let made = self.server.call("create_restore_point", arguments).await?;
        let point = made["restore_point"]["name"].as_str();
        let point = point.ok_or_else(|| format!("no point: {made}"))?;
        let undo = format!("/v1/projects/{}/database/backups/undo", self.reference);
        let (mut bare, mut tool) = (Vec::new(), Vec::new());
        for _ in 0..self.world.runs(runs) {
            self.change().await?;
            let body = json!({ "name": point });
            let begun = Instant::now();
            self.world.call("POST", &undo, Some(body)).await?;
            bare.push(begun.elapsed());
            self.change().await?;
            let arguments = json!({ "project_id": self.project, "name": point });
            let begun = Instant::now();
            self.server
                .call("revert_to_restore_point", arguments)
                .await?;
            tool.push(begun.elapsed());
        }
        let bare = Figure::times(format!("revert {at}: the platform's"), &bare);
        report.add(bare.at_most(reach));
        let tool = Figure::times(format!("revert_to_restore_point {at}"), &tool);
        report.add(tool);
        Ok(())
    }

    /// Something to undo, after a while: what the last revert left is gone by then, and what the next one takes
    /// is ready.
    async fn change(&self) -> Result<(), Failure> {
        rest().await;
        if self.is_large {
            self.world.until_bases_stay(Duration::ZERO).await?;
        }
        let sql = "insert into public.filler values (0, 'x')";
        self.world.query(&self.reference, sql).await.map(drop)
    }
}
