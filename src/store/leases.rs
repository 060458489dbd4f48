//! Leases: one at a time, across processes, with an end.
//!
//! A lease has a holder and a moment at which it ends by itself. It is renewed while it is held
//! and given back when dropped. A lease whose process is gone from this machine is free at once.
//! Its end is told by a clock that nobody can set: one on the wall that jumps would let two in.

use std::time::Duration;

use rusqlite::{OptionalExtension, params};

use super::{Store, StoreError};
use crate::chance;
use crate::clock;

/// For how long a lease is taken at a time.
const TERM: Duration = Duration::from_secs(30);
/// How often it is renewed.
const RENEWAL: Duration = Duration::from_secs(10);

/// A lease that is held. Dropping it gives it back.
#[derive(Debug)]
pub struct Lease {
    store: Store,
    name: String,
    holder: String,
    renewal: tokio::task::JoinHandle<()>,
}

impl Store {
    /// Takes the lease `name`, waiting up to `patience` for it; `None` if it stays taken.
    ///
    /// Between processes there is no signal to wait for, so the wait looks again, at first soon
    /// and then less often.
    pub async fn lease(&self, name: &str, patience: Duration) -> Result<Option<Lease>, StoreError> {
        let holder = chance::unseen_hex::<16>();
        let deadline = tokio::time::Instant::now() + patience;
        let mut pause = Duration::from_millis(2);
        loop {
            if self.take_lease(name, &holder).await? {
                return Ok(Some(Lease {
                    store: self.clone(),
                    name: name.to_owned(),
                    holder: holder.clone(),
                    renewal: tokio::spawn(renew(self.clone(), name.to_owned(), holder)),
                }));
            }
            if tokio::time::Instant::now() >= deadline {
                return Ok(None);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(100));
        }
    }

    async fn take_lease(&self, name: &str, holder: &str) -> Result<bool, StoreError> {
        let (name, holder) = (name.to_owned(), holder.to_owned());
        self.run(move |connection| {
            let now = clock::steady_millis();
            let held: Option<(i32, i64)> = connection
                .prepare_cached("select pid, until_ms from leases where name = ?1")?
                .query_row(params![name], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            // One that ends later than any can is from before the machine was started.
            let may_hold = now..=now + term_millis();
            if let Some((pid, until)) = held
                && may_hold.contains(&until)
                && is_alive(pid)
            {
                return Ok(false);
            }
            connection.execute(
                "insert or replace into leases (name, holder, pid, until_ms) values (?1, ?2, ?3, ?4)",
                params![name, holder, own_pid(), now + term_millis()],
            )?;
            Ok(true)
        })
        .await
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.renewal.abort();
        let (name, holder) = (self.name.clone(), self.holder.clone());
        self.store
            .run_later("the end of a lease", move |connection| {
                connection.execute(
                    "delete from leases where name = ?1 and holder = ?2",
                    params![name, holder],
                )?;
                Ok(())
            });
    }
}

async fn renew(store: Store, name: String, holder: String) {
    loop {
        tokio::time::sleep(RENEWAL).await;
        let (name, holder) = (name.clone(), holder.clone());
        store.run_later("a lease's renewal", move |connection| {
            connection.execute(
                "update leases set until_ms = ?3 where name = ?1 and holder = ?2",
                params![name, holder, clock::steady_millis() + term_millis()],
            )?;
            Ok(())
        });
    }
}

fn term_millis() -> i64 {
    i64::try_from(TERM.as_millis()).unwrap_or(i64::MAX)
}

fn own_pid() -> i32 {
    rustix::process::getpid().as_raw_nonzero().get()
}

/// Whether the process works on; one that may not be signalled does.
fn is_alive(pid: i32) -> bool {
    use rustix::io::Errno;
    use rustix::process::{Pid, test_kill_process};
    Pid::from_raw(pid).is_some_and(|pid| test_kill_process(pid) != Err(Errno::SRCH))
        && !has_ended(pid)
}

/// Whether the process has ended and only waits for its parent to take note, where the system
/// tells.
fn has_ended(pid: i32) -> bool {
    // `pid (name) state …`; a name may hold anything, brackets included.
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
        stat.rsplit_once(") ")
            .is_some_and(|(_, rest)| rest.starts_with(['Z', 'X']))
    })
}
