//! Strangers: rows of a branch's ledger that no migration through Drydock made.
//!
//! The transaction of a migration checks the ledger before it commits, but what a user's triggers
//! queue can run after that, and a function that a data change calls can insert as well. So the
//! ledger is read again after every write, and a row is accepted only if a migration has its
//! restore point, if production has it, or if it was there when the branch was made, adopted,
//! reset or rebased.

use serde_json::json;

use super::ledger::Ledger;
use super::{Code, Dev, Next, Refusal};
use crate::fence::quote;
use crate::store::Point;

/// Points whose ledger was not made by Drydock's migrations alone.
const FOUNDED: [&str; 2] = ["baseline", "rebased-"];

impl Dev {
    /// Versions in `ledger` that nothing accounts for.
    pub(super) async fn strangers(&self, ledger: &Ledger) -> Result<Vec<String>, Refusal> {
        let guard = &self.call.guard;
        let points = guard.store().points(self.branch.reference()).await?;
        let unknown: Vec<String> = ledger
            .versions()
            .into_iter()
            .filter(|version| !points.iter().any(|point| accounts_for(point, version)))
            .collect();
        if unknown.is_empty() {
            return Ok(unknown);
        }
        let production = guard.ledger(self.branch.project()).await?;
        Ok(unknown
            .into_iter()
            .filter(|version| {
                production.find(version).map(|entry| &entry.digest)
                    != ledger.find(version).map(|entry| &entry.digest)
            })
            .collect())
    }

    /// Refuses to build on a ledger that holds strangers.
    pub(super) async fn refuse_strangers(&self, ledger: &Ledger) -> Result<(), Refusal> {
        let strangers = self.strangers(ledger).await?;
        if strangers.is_empty() {
            return Ok(());
        }
        Err(self.estranged(&strangers).await)
    }

    /// After a migration's commit: the ledger is the expected one, or the migration did more than
    /// it may.
    pub(super) async fn refuse_more_than(
        &self,
        expected: &[String],
        point: &str,
    ) -> Result<(), Refusal> {
        let guard = &self.call.guard;
        let found = guard.ledger(self.branch.reference()).await?.versions();
        let more: Vec<String> = found
            .into_iter()
            .filter(|version| !expected.contains(version))
            .collect();
        if more.is_empty() {
            return Ok(());
        }
        // Its own row becomes a stranger as well: nothing is built on any of it.
        guard
            .store()
            .forget_point(self.branch.reference(), point)
            .await?;
        Err(self.estranged(&more).await)
    }

    /// The refusal, with the newest point from before the strangers came.
    pub(super) async fn estranged(&self, strangers: &[String]) -> Refusal {
        let points = self
            .call
            .guard
            .store()
            .points(self.branch.reference())
            .await
            .unwrap_or_default();
        let refusal = Refusal::new(
            Code::LedgerIsProtected,
            format!(
                "the branch's ledger holds rows that no migration made ({}); nothing migrates or merges until it is reverted to a point from before",
                quote(strangers.join(", "))
            ),
        )
        .details(json!({ "versions": strangers }));
        let before = points.iter().rev().find(|point| {
            point.reachable
                && point.status.is_made()
                && !point
                    .ledger
                    .iter()
                    .any(|version| strangers.contains(version))
        });
        match before {
            Some(point) => refusal.next(Next::new(
                "revert_to_restore_point",
                json!({
                    "project_id": self.branch.project(),
                    "branch": self.branch.name(),
                    "name": point.name,
                }),
                "returns to the newest point from before; then apply what is needed as migrations",
            )),
            None => refusal.operator(
                "look at the branch; what is in its ledger came past Drydock, and there is no point from before to return to",
            ),
        }
    }
}

fn accounts_for(point: &Point, version: &str) -> bool {
    let made = point.migration_version.as_deref() == Some(version);
    // A revert frees versions: what it cut off accounts for nothing any more.
    !point.cut_off
        && (made
            || (FOUNDED.iter().any(|stem| point.name.starts_with(stem))
                && point.ledger.iter().any(|one| one == version)))
}
