//! Settings of PostgreSQL that a cluster has instead of the engine's.
//!
//! ```text
//!   set ──► each is tried by the server itself (alter system, and back) ──► refused: nothing has changed
//!     └──► cluster.json ──► postgresql.conf ──► reload, or restart ──► in force
//!                                                 └─ it does not start ──► as before, and an error
//! ```
//!
//! What takes a restart waits for the next one where none was asked for. A server that does not start with it then
//! starts with the settings that it last ran with: a setting can be wrong only in company with others, and a database
//! must come up whatever was asked of it.

use std::collections::BTreeMap;

use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

use super::cluster::{Cluster, State};
use super::conf::Durability;
use super::error::EngineError;
use super::postmaster::Stop;
use super::record::Record;

/// Values by name.
pub(crate) type Overrides = BTreeMap<String, String>;

/// Settings that the engine itself stands on: the log that restore points are made of.
const ENGINES_OWN: &[&str] = &["wal_keep_size"];
/// The most that a setting may take of the machine, which all clusters share: a number, or bytes; and how many bytes
/// a plain number counts.
const MOST: &[(&str, u64, u64)] = &[
    ("autovacuum_max_workers", 20, 1),
    ("autovacuum_work_mem", GIB, KIB),
    ("logical_decoding_work_mem", GIB, KIB),
    ("maintenance_work_mem", GIB, KIB),
    ("max_connections", 500, 1),
    ("max_locks_per_transaction", 10_000, 1),
    ("max_logical_replication_workers", 20, 1),
    ("max_replication_slots", 100, 1),
    ("max_wal_senders", 100, 1),
    ("max_wal_size", 16 * GIB, KIB * KIB),
    ("max_worker_processes", 50, 1),
    ("shared_buffers", GIB, 8 * KIB),
    ("work_mem", GIB, KIB),
];
const KIB: u64 = 1 << 10;
const GIB: u64 = 1 << 30;
/// Whether the server knows a setting.
const IS_KNOWN: &str = "select 1 from pg_catalog.pg_settings where name = $1";
/// When the server last read its configuration.
const LOADED: &str = "select pg_catalog.pg_conf_load_time()::text";
/// How often that is asked.
const TICK: std::time::Duration = std::time::Duration::from_millis(1);

impl Cluster {
    /// Replaces all overrides. On an error everything is as it was.
    pub(super) async fn set_overrides(
        &self,
        overrides: Overrides,
        restart: bool,
    ) -> Result<(), EngineError> {
        let mut state = self.lock().await?;
        self.ensure_started(&mut state).await?;
        for (name, value) in &overrides {
            self.try_override(&mut state, name, value).await?;
        }
        let before = state.record.clone();
        let next = Record {
            overrides,
            ..before.clone()
        };
        self.put_record(&mut state, next).await?;
        if !restart {
            return self.reload(&mut state).await;
        }
        self.restart(&mut state).await?;
        if state.record.proven == state.record.overrides {
            return Ok(());
        }
        // It runs with what it had before.
        self.put_record(&mut state, before).await?;
        self.reload(&mut state).await?;
        Err(EngineError::Setting {
            name: "restart".to_owned(),
            reason: "the server does not start with these settings; it runs with those from before"
                .to_owned(),
        })
    }

    /// Lets the server itself judge one value: whatever it says to it, nothing is in force yet.
    async fn try_override(
        &self,
        state: &mut State,
        name: &str,
        value: &str,
    ) -> Result<(), EngineError> {
        let refused = |reason: String| EngineError::Setting {
            name: name.to_owned(),
            reason,
        };
        let plain = |text: &str, more: &[u8]| {
            !text.is_empty()
                && text
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || more.contains(&byte))
        };
        // Written into statements and into a file: whatever could end a value there is no value.
        if !plain(name, b"_.") || !plain(value, b"_.-") {
            return Err(refused(
                "it is not of letters, digits, `_`, `.` and `-`".to_owned(),
            ));
        }
        if ENGINES_OWN.contains(&name) {
            return Err(refused(
                "the local platform's restore points stand on it".to_owned(),
            ));
        }
        if let Some((_, most, plain)) = MOST.iter().find(|(own, ..)| *own == name)
            && amount(value, *plain) > *most
        {
            return Err(refused(format!(
                "the local platform's machine is shared, and this takes at most {most}"
            )));
        }
        let known = self.admin(state, IS_KNOWN, &[name.into()]).await?;
        if known.is_empty() {
            return Err(refused(
                "this server does not have it, or does not load what has it".to_owned(),
            ));
        }
        let tried = self
            .admin(state, &format!("alter system set {name} = '{value}'"), &[])
            .await;
        self.admin(state, &format!("alter system reset {name}"), &[])
            .await?;
        match tried {
            Err(EngineError::Wire(error)) => match error.sql() {
                Some(sql) => Err(refused(sql.message.clone())),
                None => Err(error.into()),
            },
            other => other.map(drop),
        }
    }

    /// Makes a record the valid one.
    pub(super) async fn put_record(
        &self,
        state: &mut State,
        record: Record,
    ) -> Result<(), EngineError> {
        let (written, path) = (record.clone(), self.dir.record());
        spawn_blocking(move || written.write(&path)).await??;
        state.record = record;
        Ok(())
    }

    /// Writes the configuration, and waits until the server has read it.
    async fn reload(&self, state: &mut State) -> Result<(), EngineError> {
        let data = self.dir.generation(state.record.generation);
        let loaded = self.loaded(state).await?;
        self.conf(&state.record, &state.record.overrides)
            .write(&data, Durability::Synced)?;
        self.admin(state, "select pg_catalog.pg_reload_conf()", &[])
            .await?;
        let patience = self.house.settings.patience;
        let start = Instant::now();
        while self.loaded(state).await? == loaded {
            if start.elapsed() > patience {
                return Err(EngineError::TooSlow {
                    doing: "reading its configuration",
                    data,
                    waited: patience,
                });
            }
            sleep(TICK).await;
        }
        Ok(())
    }

    async fn loaded(&self, state: &mut State) -> Result<Option<String>, EngineError> {
        Ok(self.admin(state, LOADED, &[]).await?.text(0, 0))
    }

    /// Ends what runs, and starts the server anew.
    async fn restart(&self, state: &mut State) -> Result<(), EngineError> {
        let closed = self.traffic.close();
        let admin = state.admin.take();
        if let Some(server) = &mut state.server {
            self.drain(&closed, admin).await;
            server
                .stop(Stop::Fast, self.house.settings.patience)
                .await?;
        }
        state.server = None;
        self.ensure_started(state).await
    }
}

/// How much a value asks for: of a size, its bytes. What is no number is left to the server.
fn amount(value: &str, plain: u64) -> u64 {
    let end = value.find(|one: char| one.is_ascii_alphabetic());
    let (number, unit) = value.split_at(end.unwrap_or(value.len()));
    let factor = match unit {
        "B" => 1,
        "kB" => KIB,
        "MB" => KIB * KIB,
        "GB" => GIB,
        "TB" => KIB * GIB,
        _ => plain,
    };
    let whole = number.split_once('.').map_or(number, |(whole, _)| whole);
    let is_number = !whole.is_empty() && whole.bytes().all(|byte| byte.is_ascii_digit());
    match whole.parse::<u64>() {
        Ok(whole) => whole.saturating_mul(factor),
        Err(_) if is_number => u64::MAX,
        Err(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::{GIB, KIB, amount};

    #[test]
    fn an_amount_is_read_as_postgres_reads_it() {
        for (value, plain, expected) in [
            ("500", 1, 500),
            ("64MB", 8 * KIB, 64 * KIB * KIB),
            ("131072", 8 * KIB, GIB),
            ("1.9GB", KIB, GIB),
            ("99999999999999999999", 1, u64::MAX),
            ("99999999999TB", 1, u64::MAX),
            ("-1", KIB, 0),
            ("on", 1, 0),
        ] {
            assert_eq!(amount(value, plain), expected, "{value}");
        }
    }
}
