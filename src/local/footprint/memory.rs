//! Memory of the platform's processes, by what the system tells of them.
//!
//! PostgreSQL's processes share much of theirs. Linux tells each one's part of what is shared (PSS), so that a sum is
//! what would be free without them; elsewhere shared memory counts for each (RSS), and a sum is more than that.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Serialize;

use crate::local::process::{PlatformError, home};
use crate::local::ready::serving;

/// Memory, and how many databases run.
#[derive(Debug, Clone, Serialize)]
pub struct MemoryUse {
    /// What was measured: `pss` or `rss`.
    pub measure: &'static str,
    /// The platform's own process; nothing if none serves.
    pub platform_bytes: Option<u64>,
    /// All processes of all databases.
    pub postgres_bytes: u64,
    /// Databases whose server runs.
    pub awake: usize,
    /// Databases whose server is stopped until it is needed.
    pub asleep: usize,
    /// Whether some process could not be looked at, and there is more.
    pub is_partial: bool,
}

/// A process of interest.
#[derive(Debug, PartialEq, Eq)]
struct Process {
    pid: u32,
    /// Nothing if it may not be asked.
    bytes: Option<u64>,
    /// The directory of the cluster whose server's process it is.
    cluster: Option<PathBuf>,
}

impl MemoryUse {
    /// Measures the platform of a data directory.
    pub fn measure(data_dir: &Path) -> Result<Self, PlatformError> {
        let clusters = home(data_dir).join("postgres/c");
        let clusters = fs::canonicalize(&clusters).unwrap_or(clusters);
        let platform = serving(data_dir)?.map(|ready| ready.pid);
        let processes = if cfg!(target_os = "linux") {
            from_proc(&clusters, platform)
        } else {
            let listed = Command::new("ps")
                .args(["-axo", "pid=,ppid=,rss=,command="])
                .output()
                .map_err(PlatformError::file(Path::new("ps")))?;
            from_ps(
                &String::from_utf8_lossy(&listed.stdout),
                &clusters,
                platform,
            )
        };
        let awake: HashSet<&PathBuf> = processes
            .iter()
            .filter_map(|process| process.cluster.as_ref())
            .collect();
        let there = fs::read_dir(&clusters).into_iter().flatten().flatten();
        let all = there.filter(|entry| entry.path().join("cluster.json").exists());
        let of = |wanted: &dyn Fn(&Process) -> bool| {
            let wanted = processes.iter().filter(|process| wanted(process));
            wanted.filter_map(|process| process.bytes).sum()
        };
        Ok(Self {
            measure: if cfg!(target_os = "linux") {
                "pss"
            } else {
                "rss"
            },
            platform_bytes: platform.map(|pid| of(&|process| process.pid == pid)),
            postgres_bytes: of(&|process| process.cluster.is_some()),
            asleep: all.count().saturating_sub(awake.len()),
            awake: awake.len(),
            is_partial: processes.iter().any(|process| process.bytes.is_none()),
        })
    }
}

/// Server processes work in their data directory.
fn from_proc(clusters: &Path, platform: Option<u32>) -> Vec<Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid: u32| {
        let process = PathBuf::from(format!("/proc/{pid}"));
        let is_postgres =
            || fs::read_to_string(process.join("comm")).is_ok_and(|name| name.trim() == "postgres");
        let cluster = fs::read_link(process.join("cwd"))
            .ok()
            .and_then(|cwd| cluster_of(&cwd, clusters))
            .filter(|_| is_postgres());
        if cluster.is_none() && platform != Some(pid) {
            return None;
        }
        let parts = match fs::read_to_string(process.join("smaps_rollup")) {
            Err(error) if is_gone(&error) => return None,
            other => other.ok(),
        };
        Some(Process {
            pid,
            bytes: parts.and_then(|parts| proportional(&parts)),
            cluster,
        })
    })
    .collect()
}

/// Whether a process has ended since it was listed.
fn is_gone(error: &io::Error) -> bool {
    let no_such_process = rustix::io::Errno::SRCH.raw_os_error();
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(no_such_process)
}

/// The cluster's directory on the way to `path`.
fn cluster_of(path: &Path, clusters: &Path) -> Option<PathBuf> {
    let number = path.strip_prefix(clusters).ok()?.iter().next()?;
    Some(clusters.join(number))
}

/// `Pss: 1234 kB`
fn proportional(parts: &str) -> Option<u64> {
    let line = parts.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes * 1024)
}

/// A server is told its data directory on its command line, and is the parent of its processes. A line holds process,
/// parent, kilobytes and command.
fn from_ps(listed: &str, clusters: &Path, platform: Option<u32>) -> Vec<Process> {
    let rows: Vec<(u32, u32, u64, &str)> = listed
        .lines()
        .filter_map(|line| {
            let (pid, rest) = line.trim_start().split_once(' ')?;
            let (parent, rest) = rest.trim_start().split_once(' ')?;
            let (kilobytes, command) = rest.trim_start().split_once(' ')?;
            Some((
                pid.parse().ok()?,
                parent.parse().ok()?,
                kilobytes.parse().ok()?,
                command.trim(),
            ))
        })
        .collect();
    let server = |pid: u32| {
        let (.., command) = rows.iter().find(|(own, ..)| *own == pid)?;
        let (_, data) = command.split_once(" -D ")?;
        cluster_of(Path::new(data), clusters)
    };
    rows.iter()
        .map(|(pid, parent, kilobytes, _)| Process {
            pid: *pid,
            bytes: Some(kilobytes * 1024),
            cluster: server(*pid).or_else(|| server(*parent)),
        })
        .filter(|process| process.cluster.is_some() || platform == Some(process.pid))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_and_their_processes_are_found_in_a_list_of_processes() {
        let listed = "    1     0   900 /sbin/init
  20     1 14000 drydock platform --background
  31    20  9000 /opt/postgresql/bin/postgres -D /d/platform/postgres/c/3/g1 -c hot_standby=off
  32    31  1000 postgres: checkpointer
  40     1  9000 /opt/postgresql/bin/postgres -D /elsewhere/c/3/g1
  41    40  1000 postgres: checkpointer\n";
        let cluster = Some(PathBuf::from("/d/platform/postgres/c/3"));
        let found = from_ps(listed, Path::new("/d/platform/postgres/c"), Some(20));
        let found: Vec<_> = found
            .into_iter()
            .map(|process| (process.pid, process.bytes, process.cluster))
            .collect();
        let expected = [
            (20, Some(14000 * 1024), None),
            (31, Some(9000 * 1024), cluster.clone()),
            (32, Some(1000 * 1024), cluster),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn the_proportional_part_is_read_and_no_other() {
        let parts = "55d0-7ffe ---p 00000000 00:00 0    [rollup]\nRss:  2000 kB\nPss:  1234 kB\nPss_Anon:  7 kB\n";
        assert_eq!(proportional(parts), Some(1234 * 1024));
        assert_eq!(proportional("Rss: 1 kB"), None);
    }
}
