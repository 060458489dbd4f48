//! One PostgreSQL server process: start, adopt, watch, stop.
//!
//! ```text
//!             spawn                 pid file says "ready"             SIGINT, SIGQUIT
//!   nothing ─────────► starting ─────────────────────────► ready ─────────────────────► gone
//!                         │                                  │                            ▲
//!                         └── ended early: the log's tail ───┴── kill -9: seen by ────────┘
//!                                                                the next `is_alive`
//! ```
//!
//! Readiness is read from `postmaster.pid`, which the server keeps for its own tools: asking by connecting would fork
//! a server process per question.
//!
//! A process is signalled only after a check that it works in this data directory, because a process number in a file
//! may by now belong to somebody else.

use std::fs::{self, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

use super::error::{EngineError, IoContext};
use super::files;
use super::shared_memory::Segment;
use super::user::RunAs;

/// The file in which a server keeps notes about itself for its own tools.
const NOTES: &str = "postmaster.pid";
/// How often a file or a process is looked at while waiting for it.
const TICK: Duration = Duration::from_millis(1);
/// How long a server that was asked politely may take before it is told.
const POLITE: Duration = Duration::from_secs(15);
/// A log beyond this many bytes is set aside at the next start, and the one set aside before is dropped.
const LOG_BYTES: u64 = 4 * 1024 * 1024;
/// Bytes of the log that an error carries.
const TAIL_BYTES: u64 = 2 * 1024;

/// How to run servers.
#[derive(Debug, Clone)]
pub(super) struct Program {
    /// The absolute path of `postgres`.
    pub(super) postgres: PathBuf,
    pub(super) run_as: RunAs,
    /// How long a start or a stop may take.
    pub(super) patience: Duration,
}

/// How to end a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// Sessions end, a checkpoint is written, and the next start is quick.
    Fast,
    /// At once, without a checkpoint: for a directory that will be removed.
    Immediate,
}

/// A server that runs, or ran when it was last looked at.
#[derive(Debug)]
pub(super) struct Postmaster {
    pid: Pid,
    data: PathBuf,
    log: PathBuf,
    /// Where this start's lines begin in the log.
    log_start: u64,
    /// `None` if an earlier engine started it.
    child: Option<Child>,
}

impl Program {
    /// Starts a server on `data`, its output appended to `log`. `socket` is where its configuration puts its socket;
    /// `extra` are settings that outrank the file's.
    pub(super) async fn spawn(
        &self,
        data: &Path,
        socket: &Path,
        log: &Path,
        extra: &[(&str, &str)],
    ) -> Result<Postmaster, EngineError> {
        clean_up(data, self.patience).await?;
        // The socket belonged to this directory, or to an earlier generation whose server was ended before.
        if !data.join(NOTES).exists() {
            files::remove_file(socket)?;
            files::remove_file(&socket.with_added_extension("lock"))?;
        }
        if fs::metadata(log).is_ok_and(|meta| meta.len() > LOG_BYTES) {
            fs::rename(log, log.with_extension("old")).doing("set aside", log)?;
        }
        let output = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(log)
            .doing("open", log)?;
        let log_start = output.metadata().doing("look at", log)?.size();
        let mut command = Command::new(&self.postgres);
        command.arg("-D").arg(data);
        for (name, value) in extra {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        scrub(&mut command);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(output)
            // A terminal's interrupt reaches only us, and we decide when servers end.
            .process_group(0);
        self.run_as.apply(&mut command);
        let child = command.spawn().doing("run", &self.postgres)?;
        let pid = child.id().and_then(|pid| Pid::from_raw(pid.cast_signed()));
        let pid = pid
            .ok_or_else(|| std::io::Error::other("it ended at once"))
            .doing("run", &self.postgres)?;
        Ok(Postmaster {
            pid,
            data: data.to_owned(),
            log: log.to_owned(),
            log_start,
            child: Some(child),
        })
    }
}

/// Leaves a child nothing of our environment but the way to programs and libraries: tokens live there, and `PG*`
/// variables would change a server's behaviour.
pub(super) fn scrub(command: &mut Command) {
    command.env_clear().current_dir("/").env("LC_ALL", "C");
    for name in ["PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TZDIR"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
}

impl Postmaster {
    /// Finds the server that an earlier engine left running on `data`.
    pub(super) fn adopt(data: &Path, log: &Path) -> Option<Self> {
        let pid = Notes::read(data)?.pid;
        works_in(pid, data).then(|| Self {
            pid,
            data: data.to_owned(),
            log: log.to_owned(),
            log_start: 0,
            child: None,
        })
    }

    /// The process number.
    pub(super) fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// Whether the process still runs. Also collects a child that ended.
    pub(super) fn is_alive(&mut self) -> bool {
        match &mut self.child {
            Some(child) => matches!(child.try_wait(), Ok(None)),
            None => works_in(self.pid, &self.data),
        }
    }

    /// Whether the server accepts sessions (or did when it wrote its notes).
    pub(super) fn is_ready(&self) -> bool {
        Notes::read(&self.data).is_some_and(|notes| notes.pid == self.pid && notes.ready)
    }

    /// Waits until sessions are accepted, or says why they never will be. `doing` is for the error.
    pub(super) async fn wait_ready(
        &mut self,
        doing: &'static str,
        limit: Duration,
    ) -> Result<(), EngineError> {
        let start = Instant::now();
        loop {
            if self.is_ready() {
                return Ok(());
            }
            if !self.is_alive() {
                return Err(EngineError::StartFailed {
                    data: self.data.clone(),
                    log: self.log_tail(),
                });
            }
            if start.elapsed() > limit {
                return Err(EngineError::TooSlow {
                    doing,
                    data: self.data.clone(),
                    waited: limit,
                });
            }
            sleep(TICK).await;
        }
    }

    /// Ends the server and waits until it is gone. One that does not end when asked is told more firmly.
    pub(super) async fn stop(&mut self, how: Stop, limit: Duration) -> Result<(), EngineError> {
        if how == Stop::Fast && self.end_with(Signal::INT, limit.min(POLITE)).await {
            return Ok(());
        }
        if self.end_with(Signal::QUIT, limit).await {
            return Ok(());
        }
        Err(EngineError::TooSlow {
            doing: "stopping",
            data: self.data.clone(),
            waited: limit,
        })
    }

    /// Sends a signal and waits; tells whether the process is gone.
    async fn end_with(&mut self, signal: Signal, limit: Duration) -> bool {
        let start = Instant::now();
        if self.is_alive()
            && let Err(error) = kill_process(self.pid, signal)
        {
            tracing::debug!(%error, pid = self.pid(), "a server was gone before it could be signalled");
        }
        while self.is_alive() {
            if start.elapsed() > limit {
                return false;
            }
            sleep(TICK).await;
        }
        true
    }

    /// The end of what the server printed since this start.
    fn log_tail(&self) -> String {
        let read = || {
            let mut file = fs::File::open(&self.log)?;
            let length = file.metadata()?.len();
            file.seek(SeekFrom::Start(
                self.log_start.max(length.saturating_sub(TAIL_BYTES)),
            ))?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            Ok::<_, std::io::Error>(String::from_utf8_lossy(&bytes).trim().to_owned())
        };
        read().unwrap_or_else(|error| format!("(its log could not be read: {error})"))
    }
}

/// What a server writes about itself into [`NOTES`].
struct Notes {
    pid: Pid,
    ready: bool,
    segment: Option<Segment>,
}

impl Notes {
    /// Line 1 is the process number, line 7 the shared memory, line 8 the status.
    fn read(data: &Path) -> Option<Self> {
        let text = fs::read_to_string(data.join(NOTES)).ok()?;
        let mut lines = text.lines();
        let pid = Pid::from_raw(lines.next()?.trim().parse().ok()?)?;
        let segment = lines.nth(5).and_then(Segment::parse);
        let ready = lines.next().is_some_and(|status| status.trim() == "ready");
        Some(Self {
            pid,
            ready,
            segment,
        })
    }
}

/// Whether a process is a PostgreSQL server process of this data directory: they all work inside it.
#[cfg(target_os = "linux")]
fn works_in(pid: Pid, data: &Path) -> bool {
    let process = PathBuf::from(format!("/proc/{}", pid.as_raw_nonzero()));
    fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd == data)
        // An operator's shell may stand in the directory, too.
        && fs::read_to_string(process.join("comm")).is_ok_and(|name| name.trim() == "postgres")
}

/// Whether a process is the server of this data directory: its command line names it.
#[cfg(not(target_os = "linux"))]
fn works_in(pid: Pid, data: &Path) -> bool {
    let output = std::process::Command::new("ps")
        .args(["-o", "command=", "-p", &pid.as_raw_nonzero().to_string()])
        .output();
    output.is_ok_and(|output| {
        String::from_utf8_lossy(&output.stdout).contains(&format!("-D {}", data.display()))
    })
}

/// Cleans up after a server that was killed: ends processes that outlived it, gives back its shared memory, and removes
/// its notes. Call it only when no server is meant to run on `data`.
///
/// A new server would refuse to start beside such processes, and one that is busy notices its postmaster's death only
/// at its next pause. It would also take the notes' process number for a living server's if that number belongs to
/// somebody else by now, or to a dead process that nobody has collected yet.
///
/// Only on Linux can it be known who works in a directory. Elsewhere the notes stay, and a start fails until the old
/// processes have noticed.
pub(super) async fn clean_up(data: &Path, limit: Duration) -> Result<(), EngineError> {
    let start = Instant::now();
    // A server that ended in order has removed its notes.
    let Some(notes) = Notes::read(data) else {
        return Ok(());
    };
    while let Some(pids) = workers(data) {
        if pids.is_empty() {
            if let Some(segment) = notes.segment {
                segment.release().await;
            }
            return files::remove_file(&data.join(NOTES));
        }
        for pid in pids {
            let number = pid.as_raw_nonzero().get();
            tracing::debug!(
                pid = number,
                "ending a server process that lost its postmaster"
            );
            // The memory that it shared is gone: there is nothing that it could still finish.
            if let Err(error) = kill_process(pid, Signal::KILL) {
                tracing::debug!(pid = number, %error, "it was gone already");
            }
        }
        if start.elapsed() > limit {
            return Err(EngineError::TooSlow {
                doing: "ending old processes",
                data: data.to_owned(),
                waited: limit,
            });
        }
        sleep(TICK).await;
    }
    Ok(())
}

/// The server processes that work in a data directory; `None` where the system does not tell.
#[cfg(target_os = "linux")]
fn workers(data: &Path) -> Option<Vec<Pid>> {
    let number = |name: std::ffi::OsString| Pid::from_raw(name.to_str()?.parse().ok()?);
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let pids = processes.filter_map(|process| number(process.file_name()));
    Some(pids.filter(|pid| works_in(*pid, data)).collect())
}

#[cfg(not(target_os = "linux"))]
fn workers(_data: &Path) -> Option<Vec<Pid>> {
    None
}
