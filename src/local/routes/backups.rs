//! Backups, and recovery to a point in time.
//!
//! Every project is backed up from its first moment on, by its log, for as long as the operator keeps history. What a recovery or a revert has left is listed as an archived backup of the moment at which it
//! is found whole; a recovery to that moment brings it back.
//!
//! The engine knows real time, and callers know what is shown.

use axum::Router;

use super::{Asked, Platform, serve};
use crate::api::backups::{
    Backup, BackupStatus, Backups, ListBackups, PhysicalBackupData, RestorePitr,
};
use crate::clock;
use crate::local::engine::Reach;
use crate::local::fault::Fault;
use crate::local::registry::{Run, RunKind, StoredProject};

pub(super) fn routes(routes: Router<Platform>) -> Router<Platform> {
    let routes = serve::<ListBackups, _, _>(routes, list);
    serve::<RestorePitr, _, _>(routes, restore)
}

/// Whole seconds, as they are shown, between which a recovery can choose.
struct Window {
    earliest: i64,
    latest: i64,
}

impl Window {
    fn of(reach: &Reach) -> Self {
        // What was left last can carry a moment that a clock that was set back has not reached.
        let left = reach.left.last().copied().unwrap_or_default();
        let now = clock::unix_millis().max(clock::to_shown(left));
        Self {
            earliest: clock::to_shown(reach.earliest).saturating_add(999) / 1000,
            latest: now / 1000,
        }
    }
}

async fn list(asked: Asked<ListBackups>) -> Result<Backups, Fault> {
    let Asked { platform, path, .. } = asked;
    let project = platform.project(&path).await?;
    let pitr_enabled = platform.can_recover(&project).await?;
    let mut backups = Vec::new();
    let mut physical_backup_data = PhysicalBackupData::default();
    if let Some(cluster) = project.cluster {
        let reach = platform.engine().reach(cluster).await?;
        let kept = std::iter::once((reach.earliest, BackupStatus::Completed)).chain(
            reach
                .left
                .iter()
                .map(|until| (*until, BackupStatus::Archived)),
        );
        backups.extend(
            kept.zip(1 + i64::try_from(reach.forgotten).unwrap_or_default()..)
                .map(|((moment, status), id)| Backup {
                    id,
                    is_physical_backup: true,
                    status,
                    inserted_at: clock::at(clock::to_shown(moment)),
                }),
        );
        if pitr_enabled {
            let window = Window::of(&reach);
            physical_backup_data = PhysicalBackupData {
                earliest_physical_backup_date_unix: Some(window.earliest),
                latest_physical_backup_date_unix: Some(window.latest),
            };
        }
    }
    Ok(Backups {
        region: project.region,
        walg_enabled: true,
        pitr_enabled,
        backups,
        physical_backup_data,
    })
}

async fn restore(asked: Asked<RestorePitr>) -> Result<(), Fault> {
    let Asked {
        platform,
        path,
        body,
        ..
    } = asked;
    let _turn = platform.turn(&path).await;
    let project = platform.project(&path).await?;
    if !platform.can_recover(&project).await? {
        return Err(Fault::new(
            400,
            "recovery to a point in time is not enabled for this project",
        ));
    }
    let cluster = platform.cluster(&path).await?;
    let reach = platform.engine().reach(cluster).await?;
    let window = Window::of(&reach);
    let target = body.recovery_time_target_unix;
    if !(window.earliest..=window.latest).contains(&target) {
        return Err(Fault::new(
            400,
            format!(
                "recovery_time_target_unix is between {} and {}",
                window.earliest, window.latest
            ),
        ));
    }
    let run = Run::new(RunKind::Recovery, &path, None);
    platform
        .registry()
        .add_recovery(&run, target, reach.times_left())
        .await?;
    platform.begin(run);
    Ok(())
}

impl Platform {
    /// Whether a project can be restored to a point in time. Branches come and go, and have restore points.
    async fn can_recover(&self, project: &StoredProject) -> Result<bool, Fault> {
        Ok(project.parent.is_none() && self.has_pitr(&project.reference).await?)
    }
}
