//! Reverts: returning a branch to a restore point, with a way back, and saying truthfully what
//! that undid.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::ledger::text;
use super::{Code, Dev, DroppedMigration, Guard, MadePoint, Next, Refusal};
use crate::api::database::Row;
use crate::api::{ApiError, Ref};

use crate::api::restore_points::{RestorePointName, Undo};
use crate::fence::quote;
use crate::store::{Point, PointStatus};

/// The status with which the platform says that a point's history is not kept any more.
const GONE: u16 = 410;

/// A table's rows before and after a revert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RowCount {
    /// The table.
    pub table: String,
    /// Rows before; none if the table was not there.
    pub before: Option<i64>,
    /// Rows after; none if the table is gone.
    pub after: Option<i64>,
}

/// What a revert undid.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Reverted {
    /// The point that was returned to.
    pub to: String,
    /// Versions of the migrations that were undone, newest first.
    pub migrations: Vec<String>,
    /// Versions of migrations that came back, by going back on an earlier revert.
    pub restored_migrations: Vec<String>,
    /// Tables whose number of rows changed, auth.users and storage.objects among them.
    pub rows: Vec<RowCount>,
}

/// A revert that is done.
#[derive(Debug)]
pub struct Revert {
    /// What it undid.
    pub reverted: Reverted,
    /// The way back; none on the weaker road.
    pub undo_point: Option<MadePoint>,
    /// Migrations that exist nowhere else any more, on the weaker road.
    pub dropped: Vec<DroppedMigration>,
}

impl Dev {
    /// Returns to a restore point, and says what was undone and what was not.
    pub async fn revert(&self, name: &str) -> Result<Revert, Refusal> {
        let guard = &self.call.guard;
        let branch = self.branch.reference();
        let _turn = guard.branch_turn(branch).await?;
        self.repair().await?;
        let points = guard.store().points(branch).await?;
        let point = self.find_point(&points, name)?;
        let ledger = guard.ledger(branch).await?;
        if point.status == PointStatus::BranchReset {
            return self.revert_by_reset(&point, &ledger).await;
        }
        let before = ledger.versions();
        self.leave_to_revert(&point, &ledger).await?;
        let rows_before = row_counts(guard, branch).await;
        self.call.step("making the way back");
        let undo_point = self.numbered_point("undo").await?;
        guard
            .store()
            .intend_revert(branch, name, &undo_point.name)
            .await?;
        self.call.step(format!("returning to {}", quote(name)));
        let body = RestorePointName {
            name: name.to_owned(),
        };
        let answer = guard.client().write::<Undo>(&self.branch, &(), &body).await;
        if let Err(error) = &answer
            && !error.may_have_happened()
        {
            guard.store().forget_revert(branch).await?;
            if error.status() == Some(GONE) {
                guard.store().mark_expired(branch, name).await?;
                return Err(self.is_gone(name, error));
            }
            return Err(Refusal::new(
                Code::PlatformError,
                format!("the platform refused to return to {name}: {error}; nothing was changed"),
            ));
        }
        guard.until_healthy(branch).await?;
        let after = guard.ledger(branch).await?.versions();
        if after != point.ledger || answer.is_err() {
            return Err(Refusal::new(
                Code::RevertUnverified,
                format!("the revert to {name} was asked for, and the ledger is not known to be that point's; reverting to the same point again is safe"),
            )
            .next(Next::new(
                "revert_to_restore_point",
                json!({ "project_id": self.branch.project(), "branch": self.branch.name(), "name": name }),
                "returns to the same point again",
            ))
            .details(json!({ "expected": point.ledger, "found": after })));
        }
        guard
            .store()
            .mark_reverted(branch, name, &undo_point.name)
            .await?;
        let rows_after = row_counts(guard, branch).await;
        Ok(Revert {
            reverted: Reverted {
                to: name.to_owned(),
                migrations: undone(&before, &after),
                restored_migrations: undone(&after, &before),
                rows: compare(&rows_before, &rows_after),
            },
            undo_point: Some(undo_point),
            dropped: Vec::new(),
        })
    }

    /// A revert whose server died: what the ledger says is what happened. Where both moments have
    /// the same ledger the points are the same either way, and all of them can be returned to.
    pub(super) async fn settle_revert(&self) -> Result<(), Refusal> {
        let store = self.call.guard.store();
        let branch = self.branch.reference();
        let Some((target, undo)) = store.intended_revert(branch).await? else {
            return Ok(());
        };
        self.call.guard.until_healthy(branch).await?;
        let points = store.points(branch).await?;
        let now = self.call.guard.ledger(branch).await?.versions();
        let target_point = points.iter().find(|point| point.name == target);
        if let Some(point) = target_point.filter(|one| one.status == PointStatus::BranchReset) {
            if point.ledger == now {
                store.mark_replayed(branch, &target).await?;
            } else {
                store.forget_revert(branch).await?;
            }
            return Ok(());
        }
        let ledger_of = |name: &str| {
            points
                .iter()
                .find(|point| point.name == name)
                .map(|point| point.ledger.clone())
        };
        let happened =
            ledger_of(&target).as_ref() == Some(&now) && ledger_of(&undo).as_ref() != Some(&now);
        if happened {
            store.mark_reverted(branch, &target, &undo).await?;
        } else {
            store.forget_revert(branch).await?;
        }
        Ok(())
    }

    fn find_point(&self, points: &[Point], name: &str) -> Result<Point, Refusal> {
        let Some(point) = points.iter().find(|point| point.name == name) else {
            let known: Vec<&str> = points
                .iter()
                .filter(|point| point.reachable)
                .map(|point| point.name.as_str())
                .collect();
            return Err(Refusal::new(
                Code::NotFound,
                format!(
                    "branch {} has no restore point of that name",
                    quote(self.branch.name())
                ),
            )
            .next(self.list_points())
            .details(json!({ "restore_points": known })));
        };
        if !point.reachable || !point.status.is_made() {
            let why = if point.cut_off || !point.status.is_made() {
                "a later revert or reset went past it"
            } else {
                "the platform does not keep its history any more"
            };
            return Err(Refusal::new(
                Code::PointUnreachable,
                format!("{} can no longer be returned to: {why}", quote(name)),
            )
            .next(self.list_points()));
        }
        Ok(point.clone())
    }

    /// The platform does not keep what a point needs any more.
    fn is_gone(&self, name: &str, error: &ApiError) -> Refusal {
        Refusal::new(
            Code::PointUnreachable,
            format!(
                "{} can no longer be returned to: {error}; nothing was changed",
                quote(name)
            ),
        )
        .next(self.list_points())
    }

    pub(super) fn list_points(&self) -> Next {
        Next::new(
            "list_restore_points",
            json!({ "project_id": self.branch.project(), "branch": self.branch.name() }),
            "shows the points that can be returned to",
        )
    }
}

/// Versions that are in `from` and not in `to`, newest first.
pub(super) fn undone(from: &[String], to: &[String]) -> Vec<String> {
    from.iter()
        .rev()
        .filter(|version| !to.contains(version))
        .cloned()
        .collect()
}

/// Rows of every table that a revert could change. Nothing if they cannot be counted in time:
/// a count is worth less than the revert.
pub(super) async fn row_counts(guard: &Guard, reference: &Ref) -> Vec<(String, i64)> {
    let counted = guard
        .client()
        .query_read_only(reference, include_str!("row_counts.sql"), None)
        .await;
    match counted {
        Ok(rows) => rows.iter().filter_map(counted_row).collect(),
        Err(error) => {
            tracing::warn!(%error, "rows could not be counted");
            Vec::new()
        }
    }
}

fn counted_row(row: &Row) -> Option<(String, i64)> {
    Some((text(row, "table_name")?, row.get("row_count")?.as_i64()?))
}

pub(super) fn compare(before: &[(String, i64)], after: &[(String, i64)]) -> Vec<RowCount> {
    let count = |counts: &[(String, i64)], table: &str| {
        counts
            .iter()
            .find(|(name, _)| name == table)
            .map(|(_, rows)| *rows)
    };
    let mut tables: Vec<&String> = before.iter().chain(after).map(|(table, _)| table).collect();
    tables.sort();
    tables.dedup();
    tables
        .into_iter()
        .map(|table| RowCount {
            table: table.clone(),
            before: count(before, table),
            after: count(after, table),
        })
        .filter(|row| row.before != row.after)
        .collect()
}
