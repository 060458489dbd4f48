//! Restore points, and undo. Offered by the platform to selected customers.

use serde::{Deserialize, Serialize};

use super::endpoint::endpoints;
use super::reference::Ref;

/// Whether a restore point can be returned to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RestorePointStatus {
    /// It can.
    Available,
    /// It is being made.
    Pending,
    /// It was, and is no more.
    Removed,
    /// It could not be made.
    Failed,
}

/// A named point in a database's history.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RestorePoint {
    /// At most 20 characters.
    pub name: String,
    /// Whether it can be returned to.
    pub status: RestorePointStatus,
    /// When it was completed; RFC 3339.
    pub completed_on: Option<String>,
}

/// A restore point's name.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RestorePointName {
    /// At most 20 characters.
    pub name: String,
}

/// Which restore point; the latest without.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct RestorePointQuery {
    /// At most 20 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

endpoints! {
    /// Makes a restore point.
    CreateRestorePoint: WritesBranch POST "/v1/projects/{ref}/database/backups/restore-point" (Ref) { RestorePointName } => 201 RestorePoint, needs "backups_write";
    /// One restore point.
    GetRestorePoint: Looks GET "/v1/projects/{ref}/database/backups/restore-point" (Ref) ? RestorePointQuery => 200 RestorePoint, needs "backups_read";
    /// Returns to a restore point.
    Undo: WritesBranch POST "/v1/projects/{ref}/database/backups/undo" (Ref) { RestorePointName } => 201 (), needs "backups_write";
}
