//! `drydock demo`: the whole job, from launch to merge, on a real local platform.
//!
//! The server is the real one, a child of this process over stdio; the platform is the real one,
//! in a temporary data directory. Nothing is left behind, except with `--keep`.

mod client;
mod job;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::Serialize;
use serde_json::json;

use super::{init, print_line};
use crate::chance;
use crate::config::{DemoArgs, EngineArgs};
use crate::local::stop_platform;
use client::Session;

/// What became of one step.
#[derive(Debug, Clone, Serialize)]
struct Step {
    /// What was done, in plain words.
    step: String,
    /// Whether it did what it should.
    ok: bool,
    /// What came of it.
    outcome: String,
    /// How long it took.
    millis: u64,
}

/// Where steps are told.
struct Report {
    steps: Vec<Step>,
    aloud: bool,
}

impl Report {
    fn add(&mut self, step: &str, started: Instant, result: Result<String, String>) -> bool {
        let ok = result.is_ok();
        let step = Step {
            step: step.to_owned(),
            ok,
            outcome: result.unwrap_or_else(|failure| failure),
            millis: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        };
        if self.aloud {
            let mark = if ok { "ok  " } else { "FAIL" };
            print_line(&format!("{mark} {:>6} ms  {}", step.millis, step.step));
            print_line(&format!("                {}", step.outcome));
        }
        self.steps.push(step);
        ok
    }
}

pub(super) async fn run(args: DemoArgs) -> Result<(), String> {
    let started = Instant::now();
    let folder = Folder::make(args.data_dir.as_deref())?;
    let mut report = Report {
        steps: Vec::new(),
        aloud: !args.json,
    };
    if report.aloud {
        print_line("Drydock demo: real MCP server, real PostgreSQL, no account, no network.");
        print_line("");
    }
    let done = tokio::select! {
        done = drive(&folder.path, &args.engine, &mut report) => done,
        _ = tokio::signal::ctrl_c() => Err("stopped".to_owned()),
    };
    let ended = if args.keep && done.is_ok() {
        Ok(())
    } else {
        folder.clear().await
    };
    let ok = done.is_ok() && ended.is_ok();
    let seconds = started.elapsed().as_secs_f64();
    if args.json {
        let document = json!({
            "ok": ok,
            "seconds": seconds,
            "steps": report.steps,
            "data_dir": args.keep.then(|| folder.path.clone()),
        });
        print_line(&document.to_string());
    } else if ok {
        print_line("");
        print_line(&format!(
            "All {} steps did what they should, in {seconds:.1} s.",
            report.steps.len()
        ));
    }
    if args.keep && ok && !args.json {
        keep_words(&folder.path)?;
    }
    done.and(ended)
}

/// Starts the server as an MCP client would, and does the job.
async fn drive(data_dir: &Path, engine: &EngineArgs, report: &mut Report) -> Result<(), String> {
    let started = Instant::now();
    let session = Session::start(data_dir, engine).await;
    let shown = match &session {
        Ok(session) => Ok(format!(
            "it speaks MCP {} and offers {} tools",
            session.protocol(),
            session.tools().await?
        )),
        Err(error) => Err(error.clone()),
    };
    if !report.add("Start the MCP server over stdio", started, shown) {
        return Err("the server did not start".to_owned());
    }
    let session = session?;
    let done = job::run(&session, report).await;
    session.end().await;
    done
}

fn keep_words(data_dir: &Path) -> Result<(), String> {
    let configuration = json!({ "mcpServers": { "drydock": init::entry(data_dir)? } });
    let shown = serde_json::to_string_pretty(&configuration).map_err(|error| error.to_string())?;
    print_line("");
    print_line("The platform keeps running. Paste this into your MCP client's configuration:");
    print_line(&shown);
    print_line("");
    print_line(&format!(
        "When you are done: drydock platform --stop --data-dir {0} && rm -r {0}",
        data_dir.display()
    ));
    Ok(())
}

/// A data directory of the demo's own.
struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Makes the chosen directory, or a temporary one. What is removed at the end was made here.
    fn make(chosen: Option<&Path>) -> Result<Self, String> {
        let path = match chosen {
            Some(path) => std::path::absolute(path).map_err(|error| error.to_string())?,
            None => {
                let name = format!("drydock-demo-{}", chance::unseen_hex::<4>());
                std::env::temp_dir().join(name)
            }
        };
        let unusable = |error: std::io::Error| format!("cannot use {}: {error}", path.display());
        fs::create_dir(&path).map_err(unusable)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o711)).map_err(unusable)?;
        Ok(Self { path })
    }

    /// Ends the platform and removes every file.
    async fn clear(&self) -> Result<(), String> {
        stop_platform(&self.path)
            .await
            .map_err(|error| format!("the platform could not be ended: {error}"))?;
        fs::remove_dir_all(&self.path)
            .map_err(|error| format!("cannot remove {}: {error}", self.path.display()))
    }
}
