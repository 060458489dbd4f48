//! Restore points: one after every migration, their repair after a crash, and reverts.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::weaker::is_not_offered;
use super::{Code, Dev, Guard, MadePoint, Next, PATIENCE, Read, Refusal};
use crate::api::restore_points::{
    CreateRestorePoint, GetRestorePoint, RestorePointName, RestorePointQuery, RestorePointStatus,
};
use crate::api::{ApiError, DevBranch, Ref};
use crate::fence::quote;
use crate::store::{Point, PointStatus};

/// The platform's limit.
const NAME_CHARACTERS: usize = 20;
/// How many numbers are tried for a name that the platform may know already.
pub(super) const NUMBERS_TRIED: u64 = 20;
/// The platform has a point of that name.
pub(super) const CONFLICT: u16 = 409;
/// The platform has none.
const NOT_FOUND: u16 = 404;

/// A restore point in a listing.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ListedPoint {
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created_at: String,
    /// The migration that it follows.
    pub migration_version: Option<String>,
    /// `available`, `branch_reset` (the platform offers none: returning here replays migrations and
    /// loses all rows), `intended` or `missing`.
    pub status: String,
    /// Whether a revert can return to it.
    pub reachable: bool,
}

impl Read {
    /// The branch's restore points, oldest first.
    pub async fn restore_points(&self) -> Result<Vec<ListedPoint>, Refusal> {
        let reference = self.reference()?;
        Ok(self
            .call
            .guard
            .store()
            .points(reference)
            .await?
            .into_iter()
            .map(|point| ListedPoint {
                status: point.status.as_str().to_owned(),
                name: point.name,
                created_at: point.created_at,
                migration_version: point.migration_version,
                reachable: point.reachable,
            })
            .collect())
    }
}

impl Dev {
    /// Makes a restore point under a name of the caller's choice, or `point-<n>`.
    pub async fn create_restore_point(&self, name: Option<String>) -> Result<MadePoint, Refusal> {
        let guard = &self.call.guard;
        let _turn = guard.branch_turn(self.branch.reference()).await?;
        self.repair().await?;
        let ledger = guard.ledger(self.branch.reference()).await?;
        self.refuse_strangers(&ledger).await?;
        let points = guard.store().points(self.branch.reference()).await?;
        let Some(name) = name else {
            return self.numbered_point("point").await;
        };
        let nameless = Next::new(
            "create_restore_point",
            json!({ "project_id": self.branch.project(), "branch": self.branch.name() }),
            "without a name the server chooses one that is free",
        );
        let name = checked_name(name).map_err(|refusal| refusal.next(nameless.clone()))?;
        if points.iter().any(|point| point.name == name) {
            return Err(Refusal::new(
                Code::AlreadyExists,
                format!(
                    "there is a restore point {} already; choose another name, or none",
                    quote(name)
                ),
            )
            .next(nameless));
        }
        self.new_point(&name).await
    }

    /// Makes a point for the state as it is, with its intent on disk first.
    pub(super) async fn new_point(&self, name: &str) -> Result<MadePoint, Refusal> {
        let guard = &self.call.guard;
        let ledger = guard.ledger(self.branch.reference()).await?.versions();
        guard
            .store()
            .put_point(
                self.branch.project(),
                self.branch.reference(),
                name,
                None,
                PointStatus::Intended,
                &ledger,
            )
            .await?;
        match make(guard, &self.branch, name, Attempt::First).await {
            Ok(()) => self.set(name, PointStatus::Available).await,
            Err(error) if is_not_offered(&error) => {
                let consent = self.consent_to_weaker(&error).await;
                if consent.is_err() {
                    guard
                        .store()
                        .forget_point(self.branch.reference(), name)
                        .await?;
                }
                consent?;
                self.set(name, PointStatus::BranchReset).await
            }
            Err(error) => {
                guard
                    .store()
                    .forget_point(self.branch.reference(), name)
                    .await?;
                let code = if error.status() == Some(CONFLICT) {
                    Code::AlreadyExists
                } else {
                    Code::RestorePointMissing
                };
                Err(Refusal::new(
                    code,
                    format!(
                        "the restore point {} could not be made: {error}",
                        quote(name)
                    ),
                ))
            }
        }
    }

    /// Makes `<stem>-<n>` for the state as it is, with the first number that is free here and on
    /// the platform, which may know points that others made.
    pub(super) async fn numbered_point(&self, stem: &str) -> Result<MadePoint, Refusal> {
        let store = self.call.guard.store();
        let points = store.points(self.branch.reference()).await?;
        let first = next_number(&points, stem);
        for number in first..first + NUMBERS_TRIED {
            match self.new_point(&format!("{stem}-{number}")).await {
                Err(refusal) if refusal.code == Code::AlreadyExists => {}
                other => return other,
            }
        }
        Err(Refusal::new(
            Code::RestorePointMissing,
            format!(
                "the platform has too many restore points called {stem}-… that Drydock did not make"
            ),
        ))
    }

    /// Makes the point that a committed migration waits for; a failure is part of the answer.
    pub(super) async fn finish_point(&self, name: &str) -> Result<MadePoint, Refusal> {
        match make(&self.call.guard, &self.branch, name, Attempt::First).await {
            Ok(()) => self.set(name, PointStatus::Available).await,
            Err(error) if is_not_offered(&error) && self.takes_weaker_road().await? => {
                self.set(name, PointStatus::BranchReset).await
            }
            Err(error) => {
                tracing::error!(%error, name, "a restore point could not be made");
                self.set(name, PointStatus::Missing).await
            }
        }
    }

    async fn set(&self, name: &str, status: PointStatus) -> Result<MadePoint, Refusal> {
        self.call
            .guard
            .store()
            .set_point_status(self.branch.reference(), name, status)
            .await?;
        Ok(MadePoint::new(name, status))
    }

    /// Settles every point that is intended or missing, under the branch's turn; refuses while
    /// one stays so.
    pub(super) async fn repair(&self) -> Result<(), Refusal> {
        let guard = &self.call.guard;
        let branch = self.branch.reference();
        self.settle_revert().await?;
        let open: Vec<Point> = guard
            .store()
            .points(branch)
            .await?
            .into_iter()
            .filter(|point| point.reachable && !point.status.is_made())
            .collect();
        if open.is_empty() {
            return Ok(());
        }
        let ledger = guard.ledger(branch).await?;
        let newest = ledger.0.last().map(|entry| entry.version.clone());
        for point in open {
            let Some(version) = &point.migration_version else {
                self.settle_own_point(&point.name).await?;
                continue;
            };
            let happened = ledger.find(version).is_some();
            if !happened {
                tracing::info!(
                    point = point.name,
                    "an intended restore point is dropped: its migration did not happen"
                );
                guard.store().forget_point(branch, &point.name).await?;
            } else if point.migration_version == newest {
                let status = match make(guard, &self.branch, &point.name, Attempt::Again).await {
                    Ok(()) => PointStatus::Available,
                    Err(error) if is_not_offered(&error) => {
                        self.consent_to_weaker(&error).await?;
                        PointStatus::BranchReset
                    }
                    Err(error) => return Err(self.still_missing(&point.name, &error)),
                };
                self.set(&point.name, status).await?;
            } else {
                // Later migrations came by another road: that moment is gone, this one is not.
                guard.store().forget_point(branch, &point.name).await?;
                let made = self.numbered_point("point").await?;
                tracing::warn!(
                    lost = point.name,
                    made = made.name,
                    "a restore point could not be made in time; another was made for the present state"
                );
            }
        }
        Ok(())
    }

    /// A point of its own account, whose making was cut short: the platform knows whether it is
    /// there. If it is, it is the moment that was meant, and the ledger stored with it is that moment's.
    async fn settle_own_point(&self, name: &str) -> Result<(), Refusal> {
        let guard = &self.call.guard;
        let branch = self.branch.reference();
        match look_up(guard, branch, name).await {
            Ok(RestorePointStatus::Available) => {
                self.set(name, PointStatus::Available).await?;
            }
            Ok(RestorePointStatus::Pending) => {}
            Ok(RestorePointStatus::Removed | RestorePointStatus::Failed) => {
                guard.store().forget_point(branch, name).await?;
            }
            Err(error) if error.status() == Some(NOT_FOUND) => {
                guard.store().forget_point(branch, name).await?;
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    fn still_missing(&self, name: &str, error: &ApiError) -> Refusal {
        Refusal::new(
            Code::RestorePointMissing,
            format!("the restore point {name} of the last migration is missing and cannot be made: {error}; until it is there, nothing migrates or merges on this branch"),
        )
        .next(Next::new(
            "create_restore_point",
            json!({ "project_id": self.branch.project(), "branch": self.branch.name() }),
            "tries again to make the missing point",
        ))
        .operator("see to it that the platform offers restore points to this project")
    }
}

/// Whether the same point may have been made by an attempt whose answer was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attempt {
    First,
    Again,
}

/// Makes a point and waits until the platform says that it is there.
async fn make(
    guard: &Guard,
    branch: &DevBranch,
    name: &str,
    attempt: Attempt,
) -> Result<(), ApiError> {
    let body = RestorePointName {
        name: name.to_owned(),
    };
    let client = guard.client();
    let made = client.write::<CreateRestorePoint>(branch, &(), &body).await;
    let mut status = match made {
        Ok(point) => point.status,
        // One that is there already is another moment's, unless this attempt or the one before
        // made it.
        Err(error) if attempt == Attempt::First && !error.may_have_happened() => return Err(error),
        Err(error) => match look_up(guard, branch.reference(), name).await {
            Ok(status) => status,
            Err(_) => return Err(error),
        },
    };
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let mut pause = Duration::from_millis(100);
    while status == RestorePointStatus::Pending && tokio::time::Instant::now() < deadline {
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(2));
        status = look_up(guard, branch.reference(), name).await?;
    }
    if status == RestorePointStatus::Available {
        return Ok(());
    }
    Err(ApiError::Unreadable {
        operation: "CreateRestorePoint",
        reason: format!("the platform says {status:?} of the point {name}"),
    })
}

async fn look_up(
    guard: &Guard,
    reference: &Ref,
    name: &str,
) -> Result<RestorePointStatus, ApiError> {
    let query = RestorePointQuery {
        name: Some(name.to_owned()),
    };
    let point = guard
        .client()
        .look::<GetRestorePoint>(reference.clone(), &query)
        .await?;
    if point.name == name {
        Ok(point.status)
    } else {
        Ok(RestorePointStatus::Removed)
    }
}

/// The number after the highest that a point of this stem has.
pub(super) fn next_number(points: &[Point], stem: &str) -> u64 {
    let prefix = format!("{stem}-");
    points
        .iter()
        .filter_map(|point| point.name.strip_prefix(&prefix)?.parse::<u64>().ok())
        .max()
        .unwrap_or(0)
        + 1
}

fn checked_name(name: String) -> Result<String, Refusal> {
    let fits = (1..=NAME_CHARACTERS).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~'));
    let reserved = ["rp-", "undo-", "baseline"]
        .iter()
        .any(|stem| name.starts_with(stem));
    if !fits {
        return Err(Refusal::invalid(format!(
            "a restore point's name is 1 to {NAME_CHARACTERS} letters, digits, `-`, `_`, `.` or `~`"
        )));
    }
    Refusal::unless_harmless("restore point's name", &name)?;
    if reserved {
        return Err(Refusal::invalid(
            "names that begin with rp-, undo- or baseline are the server's own",
        ));
    }
    Ok(name)
}
