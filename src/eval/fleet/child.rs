//! A world as its parent holds it: the process, and the two pipes that it listens and answers on.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::Mutex;

use super::FleetError;
use crate::eval::world::wire::{Answered, Ask, Hello, WorldReady};

/// How long a start may take: PostgreSQL may have to be fetched, and its template made.
const START: Duration = Duration::from_secs(300);
/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(60);
/// How long the end may take before the process is killed.
const END: Duration = Duration::from_secs(30);

/// How worlds are started.
#[derive(Debug, Clone)]
pub(super) struct Program {
    /// Drydock itself.
    pub(super) path: PathBuf,
    /// What every world is given besides its directory.
    pub(super) arguments: Vec<OsString>,
}

/// A world that serves.
#[derive(Debug)]
pub(super) struct World {
    /// Its data directory.
    pub(super) dir: PathBuf,
    /// Where it answers.
    pub(super) ready: WorldReady,
    talk: Mutex<Talk>,
}

#[derive(Debug)]
struct Talk {
    child: Child,
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
}

impl World {
    /// Starts a world on its directory, and waits until it serves.
    pub(super) async fn start(program: &Program, dir: PathBuf) -> Result<Self, FleetError> {
        let log = File::create(dir.join("world.log")).map_err(FleetError::file(&dir))?;
        let mut command = Command::new(&program.path);
        // What this process was given is the harness's: nothing of it is a world's business.
        for (name, _) in std::env::vars_os() {
            let shown = name.to_string_lossy();
            if shown.starts_with("DRYDOCK_") || shown.starts_with("SUPABASE_") {
                command.env_remove(&name);
            }
        }
        let mut child = command
            .args(["eval", "world", "--data-dir"])
            .arg(&dir)
            .args(&program.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            // A terminal's interrupt reaches the parent, which ends its worlds in order.
            .process_group(0)
            .kill_on_drop(false)
            .spawn()
            .map_err(FleetError::file(&program.path))?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(FleetError::World("it has no pipes".to_owned()));
        };
        let mut output = BufReader::new(output).lines();
        let hello = tokio::time::timeout(START, output.next_line()).await;
        let line = match hello {
            Ok(Ok(Some(line))) => line,
            Ok(_) => return Err(FleetError::World(last_words(&dir))),
            Err(_) => return Err(FleetError::World("it did not become ready".to_owned())),
        };
        match serde_json::from_str(&line).map_err(|error| FleetError::World(error.to_string()))? {
            Hello::Ready(ready) => Ok(Self {
                dir,
                ready,
                talk: Mutex::new(Talk {
                    child,
                    input: Some(input),
                    output,
                }),
            }),
            Hello::Failed(reason) => Err(FleetError::World(reason)),
        }
    }

    /// Asks the world for something, and waits for its answer.
    pub(super) async fn ask(&self, ask: &Ask) -> Result<Value, FleetError> {
        let mut talk = self.talk.lock().await;
        talk.tell(ask).await?;
        let line = tokio::time::timeout(ANSWER, talk.output.next_line()).await;
        let line = match line {
            Ok(Ok(Some(line))) => line,
            Ok(_) => return Err(FleetError::World(last_words(&self.dir))),
            Err(_) => return Err(FleetError::World("it does not answer".to_owned())),
        };
        match serde_json::from_str(&line).map_err(|error| FleetError::World(error.to_string()))? {
            Answered::Ok(value) => Ok(value),
            Answered::Error(reason) => Err(FleetError::Asked(reason)),
        }
    }

    /// Ends the calls that are being served with `reason`, stops the databases, and waits for the process.
    /// Its directory stays.
    pub(super) async fn end(&self, reason: &str) -> Result<(), FleetError> {
        let mut talk = self.talk.lock().await;
        let ask = Ask::End {
            reason: reason.to_owned(),
        };
        // One that has died hears nothing, and has ended.
        let _ = talk.tell(&ask).await;
        let ended = tokio::time::timeout(END, talk.child.wait()).await;
        match ended {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(_)) => Err(FleetError::World(last_words(&self.dir))),
            Ok(Err(error)) => Err(FleetError::file(&self.dir)(error)),
            Err(_) => {
                let _ = talk.child.kill().await;
                Err(FleetError::World(
                    "it did not end and was killed".to_owned(),
                ))
            }
        }
    }

    /// Whether the process still runs.
    pub(super) async fn is_alive(&self) -> bool {
        matches!(self.talk.lock().await.child.try_wait(), Ok(None))
    }
}

impl Talk {
    async fn tell(&mut self, ask: &Ask) -> Result<(), FleetError> {
        let Some(input) = self.input.as_mut() else {
            return Err(FleetError::World("it has ended".to_owned()));
        };
        let mut line =
            serde_json::to_vec(ask).map_err(|error| FleetError::World(error.to_string()))?;
        line.push(b'\n');
        let written = async {
            input.write_all(&line).await?;
            input.flush().await
        };
        written
            .await
            .map_err(|error| FleetError::World(error.to_string()))
    }
}

/// The end of what a world has said.
fn last_words(dir: &Path) -> String {
    let text = fs::read_to_string(dir.join("world.log")).unwrap_or_default();
    let lines: Vec<&str> = text.lines().rev().take(5).collect();
    let last: Vec<&str> = lines.into_iter().rev().collect();
    format!("it ended: {}", last.join(" / "))
}
