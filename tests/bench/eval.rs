//! Episodes of agent evals: a reset with a world in waiting, and a fork without one.

use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Child;

use super::Failure;
use super::report::{Figure, Report};
use super::world::{PATIENCE, World, program, rest};

/// A fleet of worlds, and its control plane.
struct Fleet {
    child: Child,
    http: reqwest::Client,
    url: String,
    token: String,
}

impl Fleet {
    async fn start(world: &World) -> Result<Self, Failure> {
        let dir = world.dir.join("fleet");
        let mut command = program();
        command
            .args(["eval", "serve", "--spares", "1", "--dir"])
            .arg(&dir)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        let mut child = command.spawn()?;
        let output = child.stdout.take().ok_or("the fleet has no output")?;
        let line = BufReader::new(output).lines().next_line().await?;
        let ready: Value = serde_json::from_str(&line.unwrap_or_default())?;
        let text = |name: &str| ready[name].as_str().unwrap_or_default().to_owned();
        Ok(Self {
            child,
            http: world.http.clone(),
            url: text("control_url"),
            token: text("control_token"),
        })
    }

    async fn post(&self, path: &str, body: Value) -> Result<Value, Failure> {
        let request = self.http.post(format!("{}{path}", self.url));
        let answer = request.bearer_auth(&self.token).json(&body).send().await?;
        Ok(answer.error_for_status()?.json().await?)
    }

    /// Waits for what was made.
    async fn until_healthy(&self, url: &str, token: &str) -> Result<(), Failure> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            let shown = self.http.get(url).bearer_auth(token).send().await?;
            let shown: Value = shown.error_for_status()?.json().await?;
            if shown["status"] == "ACTIVE_HEALTHY" {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Err(format!("{url} did not become healthy").into())
    }

    async fn end(mut self) -> Result<(), Failure> {
        let pid = self.child.id().and_then(|pid| i32::try_from(pid).ok());
        if let Some(pid) = pid.and_then(rustix::process::Pid::from_raw) {
            rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        }
        self.child.wait().await?;
        Ok(())
    }
}

pub(crate) async fn run(world: &World, report: &mut Report) -> Result<(), Failure> {
    let fleet = Fleet::start(world).await?;
    let workspace = fleet.post("/workspaces", json!({})).await?;
    let id = workspace["id"].as_str().ok_or("no workspace")?.to_owned();
    // A project with a DEV branch, as most episodes begin with.
    let api = |path: &str| {
        format!(
            "{}{path}",
            workspace["api_url"].as_str().unwrap_or_default()
        )
    };
    let token = workspace["access_token"].as_str().unwrap_or_default();
    let body = json!({ "name": "app", "organization_slug": "local", "region": "us-east-1", "db_pass": "a-long-password-of-a-bench" });
    let made = fleet
        .http
        .post(api("/v1/projects"))
        .bearer_auth(token)
        .json(&body)
        .send()
        .await?;
    let made: Value = made.error_for_status()?.json().await?;
    let project = made["ref"].as_str().ok_or("no project")?.to_owned();
    fleet
        .until_healthy(&api(&format!("/v1/projects/{project}")), token)
        .await?;
    let branches = format!("/v1/projects/{project}/branches");
    let body = json!({ "branch_name": "DEV" });
    let made = fleet
        .http
        .post(api(&branches))
        .bearer_auth(token)
        .json(&body)
        .send()
        .await?;
    let made: Value = made.error_for_status()?.json().await?;
    let branch = made["project_ref"].as_str().ok_or("no branch")?;
    fleet
        .until_healthy(&api(&format!("/v1/projects/{branch}")), token)
        .await?;
    fleet
        .post(
            &format!("/workspaces/{id}/snapshot"),
            json!({ "name": "app" }),
        )
        .await?;
    let (mut resets, mut queries) = (Vec::new(), Vec::new());
    for _ in 0..world.runs(10) {
        // Worlds in waiting are made between episodes.
        rest().await;
        rest().await;
        let begun = Instant::now();
        let shown = fleet
            .post(&format!("/workspaces/{id}/reset"), json!({}))
            .await?;
        resets.push(begun.elapsed());
        let query = format!(
            "{}/v1/projects/{project}/database/query",
            shown["api_url"].as_str().unwrap_or_default()
        );
        let begun = Instant::now();
        let asked = fleet
            .http
            .post(query)
            .bearer_auth(shown["access_token"].as_str().unwrap_or_default())
            .json(&json!({ "query": "select 1" }))
            .send()
            .await?;
        asked.error_for_status()?;
        queries.push(begun.elapsed());
    }
    report.add(
        Figure::times("eval: reset of a workspace, a world in waiting", &resets).at_most(60.0),
    );
    report.add(Figure::times(
        "eval: its first query of a database",
        &queries,
    ));
    let mut forks = Vec::new();
    for number in 0..world.runs(5) {
        rest().await;
        let begun = Instant::now();
        fleet
            .post(
                &format!("/workspaces/{id}/fork"),
                json!({ "name": format!("f{number}") }),
            )
            .await?;
        forks.push(begun.elapsed());
    }
    report.add(Figure::times("eval: a workspace saved and forked", &forks));
    fleet.end().await
}
