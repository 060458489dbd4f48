//! Processes, and waiting for what has no signal.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

/// How long anything may take before a test gives up on it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

fn pid(raw: u32) -> Pid {
    i32::try_from(raw)
        .ok()
        .and_then(Pid::from_raw)
        .expect("a process number")
}

/// Whether a process is there and no zombie.
pub(crate) fn is_alive(raw: u32) -> bool {
    if test_kill_process(pid(raw)).is_err() {
        return false;
    }
    // A zombie answers signals; the state is the field after the name, which may hold anything.
    match std::fs::read_to_string(format!("/proc/{raw}/stat")) {
        Ok(stat) => !stat
            .rsplit_once(") ")
            .is_some_and(|(_, rest)| rest.starts_with('Z')),
        Err(_) => !std::path::Path::new("/proc/self").exists(),
    }
}

/// Sends a signal to a process that this test started; one that has gone is no error.
pub(crate) fn kill(raw: u32, signal: Signal) {
    let _ = kill_process(pid(raw), signal);
}

/// Asks again until `found` gives something; fails after [`PATIENCE`], saying what was waited for.
pub(crate) async fn until<T>(what: &str, mut found: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = found().await {
            return value;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The same where nothing can be awaited.
pub(crate) fn until_blocking(mut done: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    true
}
