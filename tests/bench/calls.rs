//! What a call takes, in turns with the bare platform call that it makes: over stdio and over
//! HTTP, on a platform that only answers and on the local one. And how many calls a second.

use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use serde_json::{Value, json};

use super::Failure;
use super::client::{OverHttp, OverStdio};
use super::cloud::Cloud;
use super::report::{Figure, Report};
use super::world::{World, drydock, processor_time};

/// Calls before the first that counts: connections are open and pages are in.
const WARM_UP: usize = 30;

pub(crate) async fn run(world: &World, report: &mut Report) -> Result<(), Failure> {
    // In a thread and a runtime of its own: it must not wait for the clients here.
    let (told, cloud) = tokio::sync::oneshot::channel();
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let thread = std::thread::spawn(move || serve_cloud(told, ended));
    let cloud = cloud.await?;
    on_cloud(world, &cloud, report).await?;
    drop(end);
    thread
        .join()
        .map_err(|_| "the stand-in for the cloud failed")??;
    drop(cloud);

    let (project, _) = world.project("calls").await?;
    on_local(world, &project, report).await?;
    throughput(world, &project, report).await?;
    world.delete_project(&project).await
}

fn serve_cloud(
    told: tokio::sync::oneshot::Sender<Cloud>,
    ended: tokio::sync::oneshot::Receiver<()>,
) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let _ = told.send(Cloud::open().await?);
        // It ends when the other side is dropped.
        let _ = ended.await;
        Ok(())
    })
}

/// The times of three ways to the same answer.
struct Ways {
    bare: Vec<Duration>,
    stdio: Vec<Duration>,
    http: Vec<Duration>,
}

impl Ways {
    /// Takes them in turns.
    async fn measure(
        runs: usize,
        bare: impl AsyncFn() -> Result<(), Failure>,
        stdio: &mut OverStdio,
        http: &OverHttp,
        tool: &str,
        arguments: &Value,
    ) -> Result<Self, Failure> {
        let mut ways = Self {
            bare: Vec::new(),
            stdio: Vec::new(),
            http: Vec::new(),
        };
        for run in 0..WARM_UP + runs {
            let begun = Instant::now();
            bare().await?;
            let first = begun.elapsed();
            stdio.call(tool, arguments.clone()).await?;
            let second = begun.elapsed();
            http.call(tool, arguments.clone()).await?;
            let third = begun.elapsed();
            if run >= WARM_UP {
                ways.bare.push(first);
                ways.stdio.push(second - first);
                ways.http.push(third - second);
            }
        }
        Ok(ways)
    }

    /// Bare, stdio, HTTP, and what the last two add.
    fn figures(&self, what: &str) -> [Figure; 5] {
        let bare = Figure::times(format!("{what}: the bare platform call"), &self.bare);
        let stdio = Figure::times(format!("{what} over stdio"), &self.stdio);
        let http = Figure::times(format!("{what} over HTTP"), &self.http);
        let over_stdio = Figure::added("  what Drydock adds over stdio", &stdio, &bare);
        let over_http = Figure::added("  what Drydock adds over HTTP", &http, &bare);
        [bare, stdio, over_stdio, http, over_http]
    }
}

async fn on_cloud(world: &World, cloud: &Cloud, report: &mut Report) -> Result<(), Failure> {
    let dir = world.dir.join("cloud");
    let mut stdio = OverStdio::of(cloud.serve(&[], &dir)).await?;
    let http = OverHttp::of(cloud.serve(&["--http", "127.0.0.1:0"], &dir)).await?;
    let url = format!("{}/v1/projects", cloud.base);
    let bare = async || {
        world.http.get(&url).send().await?.bytes().await?;
        Ok(())
    };
    let runs = world.runs(1000);
    let ways = Ways::measure(runs, bare, &mut stdio, &http, "list_projects", &json!({})).await?;
    let [bare, over_stdio, adds, over_http, http_adds] = ways.figures("list_projects, cloud");
    report.add(bare);
    report.add(over_stdio);
    report.add(adds.at_most(0.3).p99_at_most(1.0));
    report.add(over_http);
    report.add(http_adds);
    stdio.end().await?;
    http.end().await
}

async fn on_local(world: &World, project: &str, report: &mut Report) -> Result<(), Failure> {
    let mut stdio = OverStdio::start(&world.dir).await?;
    let http = OverHttp::of(drydock(&["serve", "--http", "127.0.0.1:0"], &world.dir)).await?;
    let bare = async || world.call("GET", "/v1/projects", None).await.map(drop);
    let runs = world.runs(500);
    let ways = Ways::measure(runs, bare, &mut stdio, &http, "list_projects", &json!({})).await?;
    for figure in ways.figures("list_projects, local") {
        report.add(figure);
    }
    // The first write makes the DEV branch; the reads that count go there.
    stdio
        .call("create_branch", json!({ "project_id": project }))
        .await?;
    let dev = world.dev(project).await?;
    let path = format!("/v1/projects/{dev}/database/query");
    let bare = async || {
        let body = json!({ "query": "select 1", "read_only": true });
        world.call("POST", &path, Some(body)).await.map(drop)
    };
    let arguments = json!({ "project_id": project, "query": "select 1" });
    let runs = world.runs(300);
    let ways = Ways::measure(runs, bare, &mut stdio, &http, "execute_sql", &arguments).await?;
    for figure in ways.figures("execute_sql select 1, local") {
        report.add(figure);
    }
    stdio.end().await?;
    http.end().await
}

/// Calls a second of a tool that asks Drydock's own store, on one and on several connections.
async fn throughput(world: &World, project: &str, report: &mut Report) -> Result<(), Failure> {
    let server = OverHttp::of(drydock(&["serve", "--http", "127.0.0.1:0"], &world.dir)).await?;
    let pid = server.pid()?;
    let arguments = json!({ "project_id": project });
    // A DEV branch with a point, as an agent has it.
    let migration = json!({ "project_id": project, "name": "t", "query": "create table t ()" });
    server.call("apply_migration", migration).await?;
    let time = Duration::from_millis(if world.full { 10_000 } else { 2_500 });
    for connections in [1, 16] {
        let mut clients = Vec::new();
        for _ in 0..connections {
            let client = server.another().await?;
            client
                .call("list_restore_points", arguments.clone())
                .await?;
            clients.push(client);
        }
        let (begun, used) = (Instant::now(), processor_time(pid)?);
        let calls = try_join_all(clients.iter().map(async |client| {
            let mut calls = 0_u32;
            while begun.elapsed() < time {
                client
                    .call("list_restore_points", arguments.clone())
                    .await?;
                calls += 1;
            }
            Ok::<u32, Failure>(calls)
        }))
        .await?;
        let calls = f64::from(calls.iter().sum::<u32>());
        let (seconds, busy) = (begun.elapsed().as_secs_f64(), processor_time(pid)? - used);
        let what = format!("list_restore_points over HTTP, {connections} connection(s)");
        report.add(Figure::one(what, "calls/s", calls / seconds));
        // The client takes its share of the machine, too: this is what one core would serve.
        let what = "  the same per second of the server's processor";
        report.add(Figure::one(what, "calls/s", calls / busy).at_least(5000.0));
    }
    server.end().await
}
