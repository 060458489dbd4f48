//! The configuration of a server, written by the engine before every start.
//!
//! What may differ between a replay and normal service (`fsync`) stands in the file, because only there it can be
//! changed without a restart. `postgresql.auto.conf` is empty, except while a value is tried: only a superuser could
//! change it.

use std::fs;
use std::path::Path;

use super::ClusterId;
use super::error::{EngineError, IoContext};
use super::layout::Layout;
use super::overrides::Overrides;

/// Only scram, for everybody, over the socket only. Logical replication is covered by `all` as well.
const HBA: &str = "local all all scram-sha-256\n";

/// Settings that every server shares.
const FIXED: &str = "\
listen_addresses = ''
unix_socket_permissions = 0700
password_encryption = 'scram-sha-256'
shared_buffers = 8MB
# In files of the data directory, so that nothing outlives the directory after a crash.
dynamic_shared_memory_type = mmap
max_parallel_workers_per_gather = 0
max_prepared_transactions = 0
jit = off
autovacuum_max_workers = 1
wal_level = logical
max_logical_replication_workers = 0
max_wal_size = 256MB
min_wal_size = 2MB
# A segment is never rewritten for another purpose: the archive holds hard links to it.
wal_recycle = off
wal_init_zero = off
# Only the platform removes the log; without this the first clean stop would take every restore point with it.
wal_keep_size = 1TB
logging_collector = off
log_timezone = 'UTC'
timezone = 'UTC'
";

/// Settings that servers of 18 and later share besides; earlier ones refuse to start with them.
const SINCE_18: &str = "\
# Otherwise every server would keep three more processes, to read for it.
io_method = sync
";

/// What stands before every message that a server prints: time, process, session, line of the session, SQLSTATE,
/// transaction, query id, kind of process, command, where from; and, of a session, its user and database.
pub const LOG_LINE_PREFIX: &str = "%m|%p|%c|%l|%e|%x|%Q|%b|%i|%r|%q%u|%d| ";

/// Whether writes reach the disk before they are acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Durability {
    /// Normal service.
    Synced,
    /// A replay: worthless until it is finished and synced as a whole.
    Unsynced,
}

/// The settings of one server.
#[derive(Debug, Clone, Copy)]
pub(super) struct Conf<'a> {
    pub(super) layout: &'a Layout,
    /// The server's major version.
    pub(super) major: u32,
    pub(super) id: ClusterId,
    pub(super) generation: u64,
    pub(super) max_connections: u16,
    /// What the cluster has instead; each value is plain (see [`super::overrides`]).
    pub(super) overrides: &'a Overrides,
}

impl Conf<'_> {
    /// Writes `postgresql.conf` and `pg_hba.conf` into a data directory. Not synced: they are written again before
    /// the next start.
    pub(super) fn write(&self, data: &Path, durability: Durability) -> Result<(), EngineError> {
        self.layout.make_sockets()?;
        let sockets = self.layout.socket_dir(self.generation);
        let mut text = format!(
            "{FIXED}log_line_prefix = '{LOG_LINE_PREFIX}'\nport = {}\nunix_socket_directories = '{}'\nmax_connections = {}\nfsync = {}\n{}",
            self.id,
            sockets.display().to_string().replace('\'', "''"),
            self.max_connections,
            if durability == Durability::Synced {
                "on"
            } else {
                "off"
            },
            // One call instead of one per file at the start after a crash.
            if cfg!(target_os = "linux") {
                "recovery_init_sync_method = syncfs\n"
            } else {
                ""
            },
        );
        if self.major >= 18 {
            text.push_str(SINCE_18);
        }
        for (name, value) in self.overrides {
            text.push_str(&format!("{name} = '{value}'\n"));
        }
        let conf = data.join("postgresql.conf");
        fs::write(&conf, text).doing("write", &conf)?;
        // A crash while a value was tried may have left it there, where it would outrank the file.
        let auto = data.join("postgresql.auto.conf");
        fs::write(&auto, "").doing("write", &auto)?;
        let hba = data.join("pg_hba.conf");
        fs::write(&hba, HBA).doing("write", &hba)
    }
}
