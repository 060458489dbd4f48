//! Backups, and recovery to a point in time.

use serde::{Deserialize, Serialize};

use super::endpoint::endpoints;
use super::reference::Ref;

/// Where a backup stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum BackupStatus {
    /// It is there.
    Completed,
    /// It could not be made.
    Failed,
    /// It is being made.
    Pending,
    /// It was, and is no more.
    Removed,
    /// It is kept apart.
    Archived,
    /// It was given up.
    Cancelled,
}

impl BackupStatus {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
            Self::Pending => "PENDING",
            Self::Removed => "REMOVED",
            Self::Archived => "ARCHIVED",
            Self::Cancelled => "CANCELLED",
        }
    }
}

/// One backup.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Backup {
    /// The platform's number for it.
    pub id: i64,
    /// Whether it is one of files, and not a dump.
    pub is_physical_backup: bool,
    /// Where it stands.
    pub status: BackupStatus,
    /// When it was made; RFC 3339.
    pub inserted_at: String,
}

/// Between which moments a recovery can choose; empty where there is nothing to choose from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhysicalBackupData {
    /// Seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earliest_physical_backup_date_unix: Option<i64>,
    /// Seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latest_physical_backup_date_unix: Option<i64>,
}

/// A project's backups.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Backups {
    /// Where they lie: `us-east-1`, for instance.
    pub region: String,
    /// Whether backups are of files, with the log that leads on from them.
    pub walg_enabled: bool,
    /// Whether the project can be restored to a point in time.
    pub pitr_enabled: bool,
    /// What there is.
    pub backups: Vec<Backup>,
    /// Between which moments a recovery can choose.
    pub physical_backup_data: PhysicalBackupData,
}

/// Which moment to restore to.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct RestorePitrBody {
    /// Seconds since 1970; what was committed later is gone afterwards.
    pub recovery_time_target_unix: i64,
}

endpoints! {
    /// A project's backups, and between which moments a recovery can choose.
    ListBackups: Looks GET "/v1/projects/{ref}/database/backups" (Ref) => 200 Backups, needs "backups_read";
    /// Restores a project to a point in time. Answered when it begins; the project is `RESTORING` until it is done.
    RestorePitr: Releases POST "/v1/projects/{ref}/database/backups/restore-pitr" (Ref) { RestorePitrBody } => 201 (), needs "backups_write";
}
