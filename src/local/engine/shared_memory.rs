//! The one thing of a server that lies outside its directory: a System V shared memory segment of 56 bytes, which is
//! how PostgreSQL knows that an earlier server's processes are gone.
//!
//! A server that is killed leaves it behind. The next start on the same directory takes it back, but a directory that
//! is removed has no next start, and a machine has only 4,096 of them.

use tokio::process::Command;

/// A segment as line 7 of `postmaster.pid` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Segment {
    key: i64,
    id: i64,
}

impl Segment {
    /// Reads `<key> <id>`.
    pub(super) fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace().map(str::parse);
        Some(Self {
            key: words.next()?.ok()?,
            id: words.next()?.ok()?,
        })
    }

    /// Gives the segment back if nobody is attached to it. A failure costs 56 bytes and is only logged.
    pub(super) async fn release(self) {
        if !self.is_abandoned() {
            return;
        }
        let output = Command::new("ipcrm")
            .args(["-m", &self.id.to_string()])
            .output()
            .await;
        if !output.is_ok_and(|output| output.status.success()) {
            tracing::debug!(id = self.id, "a shared memory segment stays behind");
        }
    }

    /// The number alone proves nothing: it may have been given to somebody else. The system's list says which key it
    /// has and who is attached.
    #[cfg(target_os = "linux")]
    fn is_abandoned(self) -> bool {
        let list = std::fs::read_to_string("/proc/sysvipc/shm").unwrap_or_default();
        list.lines().skip(1).any(|line| {
            let columns: Vec<i64> = line
                .split_whitespace()
                .map(|word| word.parse().unwrap_or(-1))
                .collect();
            // key, shmid, perms, size, cpid, lpid, nattch
            columns.first() == Some(&self.key)
                && columns.get(1) == Some(&self.id)
                && columns.get(6) == Some(&0)
        })
    }

    /// Without such a list it is left alone.
    #[cfg(not(target_os = "linux"))]
    fn is_abandoned(self) -> bool {
        false
    }
}
