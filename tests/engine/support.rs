//! What the tests share: a home that removes itself, and short ways to run SQL.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use drydock::local::engine::wire::answer;
use drydock::local::engine::{ClusterId, Engine, EngineError, Limits, Login, Script, Settings};
use serde_json::Value;

pub(crate) const BOOTSTRAP: &[Script] = &[Script {
    name: "bootstrap.sql",
    sql: include_str!("bootstrap.sql"),
}];

/// What a later version might prepare databases with.
pub(crate) const NEWER_BOOTSTRAP: &[Script] = &[
    BOOTSTRAP[0],
    Script {
        name: "newer.sql",
        sql: "create schema newer",
    },
];

static COUNT: AtomicU32 = AtomicU32::new(0);

/// Where the tests' homes lie: not below the target directory, which the unprivileged user that
/// PostgreSQL runs as may not be able to pass through.
pub(crate) fn base() -> PathBuf {
    let uid = rustix::process::getuid().as_raw();
    let base = std::env::temp_dir().join(format!("drydock-engine-tests-{uid}"));
    std::fs::create_dir_all(&base).unwrap();
    base
}

pub(crate) struct Home {
    pub(crate) path: PathBuf,
}

impl Home {
    pub(crate) fn new() -> Self {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = base().join(format!("{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self { path }
    }

    pub(crate) fn settings(&self) -> Settings {
        settings(&self.path)
    }

    pub(crate) async fn open(&self) -> Engine {
        Engine::open(self.settings()).await.unwrap()
    }
}

pub(crate) fn settings(root: &Path) -> Settings {
    let mut settings = Settings::new(root, BOOTSTRAP);
    settings.postgres = super::postgres::chosen();
    settings.templates = Some(base().join("templates"));
    // Dozens of engines at once would copy more than they use.
    settings.spares = 0;
    settings
}

impl Drop for Home {
    fn drop(&mut self) {
        // An engine that was dropped may still be making a spare.
        while self.path.exists() && std::fs::remove_dir_all(&self.path).is_err() {}
    }
}

pub(crate) async fn try_run(
    engine: &Engine,
    id: ClusterId,
    sql: &str,
) -> Result<Value, EngineError> {
    let mut connection = engine.connect(id, Login::User).await?;
    let results = connection.run(sql, Limits::default()).await?;
    connection.close().await;
    Ok(serde_json::to_value(answer(results)).unwrap())
}

pub(crate) async fn rows(engine: &Engine, id: ClusterId, sql: &str) -> Value {
    try_run(engine, id, sql).await.unwrap()
}

pub(crate) async fn run(engine: &Engine, id: ClusterId, sql: &str) {
    rows(engine, id, sql).await;
}

/// Writes so many megabytes of log that mean nothing.
pub(crate) async fn write_log(engine: &Engine, id: ClusterId, megabytes: u32) {
    let sql = format!(
        "select pg_logical_emit_message(false, 'filler', repeat('x', 1 << 20)) from generate_series(1, {megabytes})"
    );
    run(engine, id, &sql).await;
}

pub(crate) fn kill_9(pid: i32) {
    use rustix::process::{Pid, Signal, kill_process};
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
}

pub(crate) fn alive(pid: i32) -> bool {
    std::fs::read_link(format!("/proc/{pid}/cwd")).is_ok()
}

/// Every server process that works below `root`.
pub(crate) fn servers_in(root: &Path) -> Vec<i32> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| {
        std::fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd.starts_with(root))
    })
    .collect()
}

/// The names of all sockets below `root`, sorted.
pub(crate) fn sockets(root: &Path) -> Vec<String> {
    let mut names: Vec<_> = ["run/0", "run/1"]
        .iter()
        .flat_map(|dir| std::fs::read_dir(root.join(dir)).unwrap().flatten())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Signals a server that may be gone.
pub(crate) fn signal(pid: i32, signal: rustix::process::Signal) {
    use rustix::process::{Pid, kill_process};
    kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap_or_default();
}
