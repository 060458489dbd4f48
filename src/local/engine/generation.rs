//! Building a generation that stands somewhere in the cluster's history, and making it the valid one: the steps that
//! the module `revert` draws.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

use super::SUPERUSER;
use super::backup;
use super::bases::Start;
use super::birth::{self, discard};
use super::cluster::{Cluster, State};
use super::conf::Durability;
use super::error::{EngineError, IoContext};
use super::files::{self, Listing};
use super::history::{Destination, History, Stop as ReplayStop};
use super::house::House;
use super::layout::ClusterDir;
use super::postmaster::{Postmaster, Stop};
use super::record::Record;
use super::session::Login;
use super::template::Template;
use super::timeline::{self, Line, Lsn};
use super::wire::{DEFAULT_RESULT_BYTES, Wire, WireError};
use crate::clock;

const POSITION: &str = include_str!("position.sql");
/// How often a new setting is asked for until the server has taken it.
const TICK: Duration = Duration::from_millis(1);

/// A generation that is ready to become the valid one.
pub(super) struct Built {
    pub(super) server: Postmaster,
    admin: Wire,
    timeline: u32,
    replay: Duration,
    replayed_bytes: u64,
}

/// What a generation's replay took.
pub(super) struct Replay {
    pub(super) took: Duration,
    pub(super) bytes: u64,
}

impl Cluster {
    /// Steps 1 to 4: a generation that stands at `destination`, runs, and is on disk.
    pub(super) async fn build(
        &self,
        old: &Record,
        next: u64,
        destination: &Destination,
    ) -> Result<Built, EngineError> {
        let (house, dir, id, record, target) = (
            Arc::clone(&self.house),
            self.dir.clone(),
            self.id,
            old.clone(),
            destination.clone(),
        );
        let replayed_bytes = spawn_blocking(move || {
            archive(&dir.generation(record.generation), &dir.archive())?;
            let data = dir.generation(next);
            let line = Line::read(&[&dir.archive()], target.timeline)?;
            let redo = lay_start(&house, &dir, &record, &line, &target, &data)?;
            birth::conf(&house, id, next, &record.proven).write(&data, Durability::Unsynced)?;
            let road = line.road(redo.segment(), target.lsn);
            lay_road(&dir.archive(), &data.join("pg_wal"), &road, &target)?;
            let signal = data.join("standby.signal");
            std::fs::write(&signal, "").doing("write", &signal)?;
            house.program.run_as.own(&signal)?;
            Ok::<_, EngineError>(target.lsn.0.saturating_sub(redo.0))
        })
        .await??;

        let begun = Instant::now();
        let timeline = destination.timeline.to_string();
        let (stop, at) = match &destination.stop {
            ReplayStop::At(name) => ("recovery_target_name", name.clone()),
            // Commits of this very moment are replayed: PostgreSQL's target is inclusive unless told otherwise.
            // This setting knows offsets and no names of time zones, `Z` among them.
            ReplayStop::After(moment) => (
                "recovery_target_time",
                clock::at(*moment).replace('Z', "+00"),
            ),
        };
        let mut server = self
            .house
            .program
            .spawn(
                &self.dir.generation(next),
                &self.house.layout.socket(self.id, next),
                &self.dir.log(),
                &[
                    (stop, at.as_str()),
                    ("recovery_target_timeline", timeline.as_str()),
                    ("recovery_target_action", "promote"),
                    ("hot_standby", "off"),
                ],
            )
            .await?;
        match self.replay_and_seal(&mut server, old, next).await {
            Ok((admin, timeline, sealed)) => Ok(Built {
                server,
                admin,
                timeline,
                replay: sealed.duration_since(begun),
                replayed_bytes,
            }),
            Err(error) => {
                server
                    .stop(Stop::Immediate, self.house.settings.patience)
                    .await?;
                Err(error)
            }
        }
    }

    /// Steps 3 and 4. Gives a session, the new timeline, and when the replay was done.
    async fn replay_and_seal(
        &self,
        server: &mut Postmaster,
        old: &Record,
        next: u64,
    ) -> Result<(Wire, u32, Instant), EngineError> {
        let data = self.dir.generation(next);
        server
            .wait_ready("replaying", self.house.settings.replay_limit)
            .await?;
        let replayed = Instant::now();
        let socket = self.house.layout.socket(self.id, next);
        let secret = old.secrets.admin.expose();
        let mut admin = Wire::open(&socket, SUPERUSER, secret, Login::Admin.parameters()).await?;

        // From here on the server syncs what it writes; what it wrote before is synced as a whole. The order matters:
        // the other way round, a page written in between would be synced by nobody.
        birth::conf(&self.house, self.id, next, &old.overrides).write(&data, Durability::Synced)?;
        admin
            .run("select pg_catalog.pg_reload_conf()", DEFAULT_RESULT_BYTES)
            .await?;
        while first_cell(&mut admin, "show fsync").await? != "on" {
            sleep(TICK).await;
        }
        // The database has the password of that time; whoever connects by themselves knows the one of today.
        let password = old.set_password(Login::User);
        admin.run(&password, DEFAULT_RESULT_BYTES).await?;
        admin.run("checkpoint", DEFAULT_RESULT_BYTES).await?;
        files::sync_tree(&data).await?;

        let file = first_cell(&mut admin, POSITION).await?;
        let timeline = timeline::timeline_of(&file)
            .ok_or_else(|| WireError::Protocol(format!("a log file named {file:?}")))?;
        Ok((admin, timeline, replayed))
    }

    /// Steps 6 to 8. On an error the old generation is still the valid one.
    pub(super) async fn switch(
        &self,
        state: &mut State,
        old: &Record,
        history: History,
        built: Built,
    ) -> Result<Replay, EngineError> {
        let next = old.generation + 1;
        let record = Record {
            generation: next,
            timeline: built.timeline,
            history,
            ..old.clone()
        };
        let (dir, left, written) = (self.dir.clone(), old.generation, record.clone());
        spawn_blocking(move || {
            archive(&dir.generation(left), &dir.archive())?;
            files::sync_dir(&dir.archive())?;
            match written.write(&dir.record()) {
                // The rename may have happened although its sync failed: the file itself says which is valid.
                Err(error) => match Record::read(&dir.record())? {
                    Some(found) if found.generation == next => Ok(()),
                    _ => Err(error),
                },
                Ok(()) => Ok(()),
            }
        })
        .await??;
        state.record = record;
        state.server = Some(built.server);
        state.admin = Some(built.admin);
        let (house, dir, id) = (Arc::clone(&self.house), self.dir.clone(), self.id);
        let before = state.leaving.take();
        state.leaving = Some(tokio::spawn(async move {
            if let Some(before) = before
                && let Err(error) = before.await
            {
                tracing::debug!(%error, "an earlier removal ended early");
            }
            if let Err(error) = discard(&house, &dir, left).await {
                tracing::warn!(%error, cluster = %id, "a generation that was left could not be removed yet");
            }
        }));
        Ok(Replay {
            took: built.replay,
            bytes: built.replayed_bytes,
        })
    }
}

/// Puts the base of the shortest road where the generation is to be, and says where its replay begins to read.
fn lay_start(
    house: &House,
    dir: &ClusterDir,
    record: &Record,
    line: &Line,
    destination: &Destination,
    data: &Path,
) -> Result<Lsn, EngineError> {
    match record.bases.start(line, destination) {
        Some(Start::Base(base)) => {
            backup::lay(dir, base, data, house.program.run_as)?;
            Ok(base.redo)
        }
        Some(Start::Birth) => {
            let template = birth_template(house, record, destination)?;
            birth::lay_template(house, &template, data)?;
            Ok(template.control.redo)
        }
        None => Err(unreachable(
            destination,
            "it lies before everything that is kept".to_owned(),
        )),
    }
}

/// The template that the cluster was copied from.
fn birth_template(
    house: &House,
    record: &Record,
    destination: &Destination,
) -> Result<Arc<Template>, EngineError> {
    let current = &house.template;
    let template = if record.template == current.name {
        Some(Arc::clone(current))
    } else {
        Template::open(house.layout.templates(), &record.template)?.map(Arc::new)
    };
    template
        .filter(|template| template.control.system_identifier == record.system_identifier)
        .ok_or_else(|| {
            unreachable(
                destination,
                format!("its base, the template {}, is gone", record.template),
            )
        })
}

/// Links every segment and history file of a data directory into the archive.
fn archive(data: &Path, archive: &Path) -> Result<(), EngineError> {
    let wal = data.join("pg_wal");
    for entry in std::fs::read_dir(&wal).doing("list", &wal)? {
        let entry = entry.doing("list", &wal)?;
        if entry.file_name().to_str().is_some_and(timeline::is_kept) {
            files::link(&entry.path(), &archive.join(entry.file_name()))?;
        }
    }
    Ok(())
}

/// Puts exactly the segments of `road`, and every history file, into `wal`.
fn lay_road(
    archive: &Path,
    wal: &Path,
    road: &[String],
    destination: &Destination,
) -> Result<(), EngineError> {
    // The template's own segment is the cluster's first one before anything was appended to it.
    for name in Listing::read(wal)?.files {
        files::remove_file(&wal.join(name))?;
    }
    for name in road {
        let segment = archive.join(name);
        if !segment.exists() {
            return Err(unreachable(
                destination,
                format!("the log segment {name} is gone"),
            ));
        }
        files::link(&segment, &wal.join(name))?;
    }
    for entry in std::fs::read_dir(archive).doing("list", archive)? {
        let name = entry.doing("list", archive)?.file_name();
        if name.to_str().is_some_and(|name| name.ends_with(".history")) {
            files::link(&archive.join(&name), &wal.join(&name))?;
        }
    }
    Ok(())
}

async fn first_cell(session: &mut Wire, sql: &str) -> Result<String, WireError> {
    let results = session.run(sql, DEFAULT_RESULT_BYTES).await?;
    Ok(results
        .first()
        .and_then(|result| result.text(0, 0))
        .unwrap_or_default())
}

fn unreachable(destination: &Destination, reason: String) -> EngineError {
    EngineError::Unreachable {
        what: destination.to_string(),
        reason,
    }
}
