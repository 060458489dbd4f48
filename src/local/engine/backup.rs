//! Making a base: a copy of the data directory, taken while its server serves.
//!
//! The server is told that a backup begins, the files are copied as they are met, and the server says how the copy
//! becomes whole (`backup_label`): by replaying the log of the meantime. So nobody has to pause.
//!
//! ```text
//!   base/<k>.draft/        being copied  ── sync, rename ──►  base/<k>/        counts once cluster.json names it
//!   base/<k>.spare.draft/  copied again  ── sync, rename ──►  base/<k>.spare/  renamed into the next generation
//! ```
//!
//! A revert would take as long as the copy of its base, so that copy is made ahead.
//!
//! A revert, a stop or a removal of the cluster does not wait for a base: it ends the backup's session, and what was
//! copied so far is thrown away.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

use super::SUPERUSER;
use super::bases::{Base, Bases, Start};
use super::cluster::Cluster;
use super::control::{self, CONTROL_FILE, Control};
use super::error::{EngineError, IoContext};
use super::files::{self, Listing};
use super::house::House;
use super::layout::ClusterDir;
use super::postmaster::Postmaster;
use super::record::Record;
use super::session::Login;
use super::spares;
use super::timeline::{self, Line, Lsn, SEGMENT_BYTES};
use super::user::RunAs;
use super::wire::{DEFAULT_RESULT_BYTES, Wire, WireError};

const BEGIN: &str = include_str!("backup_begin.sql");
const END: &str = include_str!("backup_end.sql");
/// A smaller base is copied about as fast as it is renamed.
const SPARE_FROM_BYTES: u64 = 16 * 1024 * 1024;
/// Directories whose contents say nothing to another server: the log is taken from the archive, the rest is of
/// sessions and replication.
const LEFT_OUT: &[&str] = &[
    "pg_wal",
    "pg_replslot",
    "pg_subtrans",
    "pg_stat_tmp",
    "pg_notify",
    "pg_serial",
    "pg_snapshots",
    "pg_dynshmem",
];

/// The work that goes on beside everything else, one piece at a time.
#[derive(Debug)]
pub(super) struct Tending {
    /// Holds where the log ended when it was looked at before.
    pub(super) turn: Mutex<Lsn>,
    /// Whether copying goes on.
    goes_on: Arc<AtomicBool>,
}

impl Tending {
    pub(super) fn new() -> Self {
        Self {
            turn: Mutex::new(Lsn(0)),
            goes_on: Arc::default(),
        }
    }

    /// Lets copying end after the file that is being copied.
    pub(super) fn halt(&self) {
        self.goes_on.store(false, Ordering::Release);
    }
}

impl Cluster {
    /// Does what is due: a new base where much was written since the last one, removal of history that nobody can ask
    /// for any more, and the copy for the next revert.
    pub(super) async fn tend(self: &Arc<Self>) -> Result<(), EngineError> {
        let Ok(mut log_end) = self.tending.turn.try_lock() else {
            return Ok(());
        };
        self.tending.goes_on.store(true, Ordering::Release);
        if let Some(record) = self.base_is_due(&mut log_end).await?
            && let Err(error) = self.make_base(&record).await
        {
            if !self.was_left(&record).await? {
                return Err(error);
            }
            tracing::debug!(%error, cluster = %self.id, "a base was given up");
        }
        self.collect().await?;
        self.make_spare().await
    }

    /// Makes ahead, in the background, what the next revert needs.
    pub(super) fn refill(self: &Arc<Self>) {
        spares::refill(&self.house);
        let cluster = Arc::clone(self);
        tokio::spawn(async move {
            if let Err(error) = cluster.tend().await {
                tracing::debug!(%error, cluster = %cluster.id, "the next revert will have to copy its base");
            }
        });
    }

    /// Whether a cluster was stopped or returned somewhere since its record was this one.
    async fn was_left(&self, record: &Record) -> Result<bool, EngineError> {
        let now = self.serving().await?;
        Ok(now.is_none_or(|now| now.generation != record.generation))
    }

    /// The record of a cluster that serves and should have another base: it has written much since the last one, or
    /// less, and writes nothing at the moment. `log_end` is where its log ended before, and is where it ends now.
    async fn base_is_due(&self, log_end: &mut Lsn) -> Result<Option<Record>, EngineError> {
        let Some(record) = self.serving().await? else {
            return Ok(None);
        };
        let (dir, house, before) = (self.dir.clone(), Arc::clone(&self.house), *log_end);
        let (due, end) = spawn_blocking(move || {
            let data = dir.generation(record.generation);
            let wal = data.join("pg_wal");
            let line = Line::read(&[&dir.archive(), &wal], record.timeline)?;
            let begin = match record.bases.latest_on(&line) {
                Some(Start::Base(base)) => base.redo,
                Some(Start::Birth) => birth_redo(&house, &record)?,
                None => Lsn(0),
            };
            let end = end_of_log(&wal)?;
            let written = end.0.saturating_sub(begin.0);
            let after = house.settings.base_after;
            if written <= after / 4 {
                return Ok((None, end));
            }
            let size = files::disk_usage(&data.join("base"))?;
            let is_much = written > after && written > size / 2;
            let is_quiet = end == before && written > size / 10;
            Ok::<_, EngineError>(((is_much || is_quiet).then_some(record), end))
        })
        .await??;
        *log_end = end;
        Ok(due)
    }

    /// The record, if the server runs.
    async fn serving(&self) -> Result<Option<Record>, EngineError> {
        let mut state = self.lock().await?;
        let serves = state.server.as_mut().is_some_and(Postmaster::is_alive);
        Ok(serves.then(|| state.record.clone()))
    }

    async fn make_base(&self, record: &Record) -> Result<(), EngineError> {
        let number = record.bases.next_number();
        let draft = self.dir.base(number).with_added_extension("draft");
        let made = self.copy_and_count(record, number, &draft).await;
        if made.is_err() {
            spawn_blocking(move || files::remove_tree(&draft)).await??;
        }
        made
    }

    async fn copy_and_count(
        &self,
        record: &Record,
        number: u64,
        draft: &Path,
    ) -> Result<(), EngineError> {
        let data = self.dir.generation(record.generation);
        let socket = self.house.layout.socket(self.id, record.generation);
        let secret = record.secrets.admin.expose();
        let mut session = Wire::open(&socket, SUPERUSER, secret, Login::Admin.parameters()).await?;
        // A server that makes a base is not idle.
        let _connected = self.traffic.connected();
        let begun = session.run(BEGIN, DEFAULT_RESULT_BYTES).await?;
        let redo = begun.first().and_then(|row| row.text(0, 0)?.parse().ok());
        let (from, to) = (data, draft.to_owned());
        let (owner, goes_on) = (self.house.program.run_as, Arc::clone(&self.tending.goes_on));
        spawn_blocking(move || copy_in_use(&from, &to, owner, &goes_on)).await??;
        let ended = session.run(END, DEFAULT_RESULT_BYTES).await?;
        session.close().await;
        let cell = |column| ended.first().and_then(|row| row.text(0, column));
        let (Some(redo), Some(consistent), Some(at), Some(label)) = (
            redo,
            cell(0).and_then(|lsn| lsn.parse().ok()),
            cell(1).and_then(|at| at.parse().ok()),
            cell(2),
        ) else {
            return Err(WireError::Protocol("a backup without a position".into()).into());
        };
        let base = Base {
            number,
            timeline: record.timeline,
            redo,
            consistent,
            at,
        };
        write_label(draft, &label, owner)?;
        files::sync_tree(draft).await?;
        let made = self.dir.base(number);
        std::fs::rename(draft, &made).doing("finish", &made)?;
        files::sync_parent(&made)?;
        self.count(record.generation, base).await
    }

    /// From here on the base counts, unless its generation was left meanwhile: then it is a leftover.
    async fn count(&self, generation: u64, base: Base) -> Result<(), EngineError> {
        let mut state = self.lock().await?;
        if state.record.generation != generation {
            return Ok(());
        }
        let mut record = state.record.clone();
        record.bases.own.push(base);
        tracing::debug!(cluster = %self.id, base = base.number, redo = %base.redo, "a base was made");
        self.put_record(&mut state, record).await
    }

    /// Makes the copy that the next revert takes, if it is worth it.
    async fn make_spare(&self) -> Result<(), EngineError> {
        let newest = self
            .serving()
            .await?
            .and_then(|record| record.bases.newest());
        let Some(newest) = newest else {
            return Ok(());
        };
        let (base, spare) = (self.dir.base(newest.number), self.dir.spare(newest.number));
        let draft = spare.with_added_extension("draft");
        let (owner, goes_on) = (self.house.program.run_as, Arc::clone(&self.tending.goes_on));
        let (copy, is_there) = (draft.clone(), spare.exists());
        let copied = spawn_blocking(move || {
            if is_there || files::disk_usage(&base)? < SPARE_FROM_BYTES {
                return Ok(false);
            }
            files::remove_tree(&copy)?;
            let listing = Listing::read(&base)?;
            match listing.copy_while(&base, &copy, owner, &goes_on) {
                Err(_) if !goes_on.load(Ordering::Acquire) => Ok(false),
                copied => copied.map(|()| true),
            }
        })
        .await??;
        if copied {
            files::sync_tree(&draft).await?;
            std::fs::rename(&draft, &spare).doing("finish", &spare)?;
        }
        Ok(())
    }
}

/// Puts a base, its spare copy if there is one, where a generation is to be.
pub(super) fn lay(
    dir: &ClusterDir,
    base: Base,
    data: &Path,
    owner: RunAs,
) -> Result<(), EngineError> {
    if std::fs::rename(dir.spare(base.number), data).is_ok() {
        return Ok(());
    }
    let from = dir.base(base.number);
    Listing::read(&from)?.copy(&from, data, owner)
}

/// Removes what lies among the bases and does not count. Nothing may be being made.
pub(super) fn remove_unknown(dir: &ClusterDir, bases: &Bases) -> Result<(), EngineError> {
    let top = dir.bases();
    if !top.exists() {
        return Ok(());
    }
    let mut known: Vec<_> = bases.own.iter().map(|base| dir.base(base.number)).collect();
    known.extend(bases.newest().map(|base| dir.spare(base.number)));
    for entry in std::fs::read_dir(&top).doing("list", &top)? {
        let path = entry.doing("list", &top)?.path();
        if !known.contains(&path) {
            files::remove_tree(&path)?;
        }
    }
    Ok(())
}

/// Where the log of a cluster's birth begins; nowhere if its template is gone.
fn birth_redo(house: &House, record: &Record) -> Result<Lsn, EngineError> {
    if record.template == house.template.name {
        return Ok(house.template.control.redo);
    }
    let data = house.layout.templates().join(&record.template).join("data");
    if !data.exists() {
        return Ok(Lsn(0));
    }
    Ok(Control::read(&data)?.redo)
}

/// The end of the log, to the segment.
fn end_of_log(wal: &Path) -> Result<Lsn, EngineError> {
    let mut end = 0;
    for entry in std::fs::read_dir(wal).doing("list", wal)? {
        let name = entry.doing("list", wal)?.file_name();
        let segment = name.to_str().and_then(timeline::segment_of);
        end = end.max(segment.map_or(0, |(_, segment)| segment + 1));
    }
    Ok(Lsn(end * SEGMENT_BYTES))
}

/// Copies a data directory whose server runs. The control file goes last: nothing in the copy may be older than it
/// says.
fn copy_in_use(
    from: &Path,
    to: &Path,
    owner: RunAs,
    goes_on: &AtomicBool,
) -> Result<(), EngineError> {
    files::remove_tree(to)?;
    if let Some(parent) = to.parent() {
        files::make_dir(parent)?;
    }
    let mut listing = Listing::read_in_use(from)?;
    listing.files.retain(|file| {
        let top = file.iter().next().and_then(|name| name.to_str());
        let name = file.file_name().and_then(|name| name.to_str());
        let is_servers_own = name.is_some_and(|name| {
            name.starts_with("postmaster.") || name.starts_with("pg_internal.init")
        });
        !is_servers_own
            && !top.is_some_and(|top| LEFT_OUT.contains(&top))
            && file.as_path() != Path::new(CONTROL_FILE)
            && !file.starts_with("backup_label.old")
    });
    listing.directories.retain(|dir| {
        let top = dir.iter().next().and_then(|name| name.to_str());
        dir.iter().count() == 1
            || dir.starts_with("pg_wal/archive_status")
            || !top.is_some_and(|top| LEFT_OUT.contains(&top))
    });
    listing.copy_while(from, to, owner, goes_on)?;
    let copy = to.join(CONTROL_FILE);
    std::fs::write(&copy, control::bytes(from)?).doing("write", &copy)?;
    private(&copy)?;
    owner.own(&copy)
}

fn write_label(data: &Path, label: &str, owner: RunAs) -> Result<(), EngineError> {
    let path = data.join("backup_label");
    std::fs::write(&path, label).doing("write", &path)?;
    private(&path)?;
    owner.own(&path)
}

fn private(path: &Path) -> Result<(), EngineError> {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(path, mode).doing("close", path)
}
