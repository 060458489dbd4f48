//! The gate's `data_loss`: what a merge would take away from production, counted there. Dropped tables and
//! columns are told from the temporary branch, whatever SQL dropped them; rows that a statement deletes,
//! or values that it computes anew, from the statement. How many rows a condition would choose is not asked of
//! production, for the answer would tell about its rows: they count as at most all of the table.
//!
//! Loss is no failure: it takes an approval that is bound to the counts.

use serde_json::json;

use super::gate::{Check, CheckStatus, Finding, passed};
use super::ledger::LedgerMigration;
use super::rehearsal::Replayed;
use super::shape::{Column, Shape};
use super::{Code, Dev, LostData, Operation, Refusal};
use crate::sql::{self, Loss, Name};

/// The condition's name.
const NAME: &str = "data_loss";
/// How many losses a message names.
const NAMED: usize = 10;

fn loss(table: Name, column: Option<String>) -> Loss {
    Loss {
        table,
        column,
        at_most: false,
    }
}

/// What the replayed migrations took away, by the names that production has.
pub(super) fn taken_away(replayed: &Replayed, unmerged: &[LedgerMigration]) -> Vec<Loss> {
    let (columns, tables) = replayed.before.gone(&replayed.after);
    let whole = tables.iter().map(|one| loss(one.table_name(), None));
    let parts = columns
        .iter()
        .map(|one| loss(one.table_name(), Some(one.column.clone())));
    let mut losses: Vec<Loss> = whole.chain(parts).collect();
    for spelled in spelled_out(unmerged, &replayed.before) {
        // It may have been written after a renaming.
        for named in [on_production(&spelled, replayed), Some(spelled)]
            .into_iter()
            .flatten()
        {
            add(&mut losses, named);
        }
    }
    losses
}

/// Unless it is there already; the whole of a table is not counted as a part of it as well.
fn add(losses: &mut Vec<Loss>, loss: Loss) {
    let is_there = losses
        .iter()
        .any(|one| (&one.table, &one.column) == (&loss.table, &loss.column));
    if !is_there {
        losses.push(loss);
    }
}

/// A loss by production's names, where the statement has those that the migrations gave.
fn on_production(spelled: &Loss, replayed: &Replayed) -> Option<Loss> {
    let is_meant = |one: &&Column| {
        let schema = spelled.table.schema.as_ref();
        one.name == spelled.table.name
            && schema.is_none_or(|schema| schema == &one.schema)
            && spelled
                .column
                .as_ref()
                .is_none_or(|name| name == &one.column)
    };
    let after = replayed.after.columns().find(is_meant)?;
    let table = replayed.before.table(after.table)?.table_name();
    let column = match &spelled.column {
        Some(_) => Some(
            replayed
                .before
                .column(after.table, after.number)?
                .column
                .clone(),
        ),
        None => None,
    };
    Some(Loss {
        at_most: spelled.at_most,
        ..loss(table, column)
    })
}

/// The same where nothing was replayed: what production has and the branch has not, by name. What was
/// only renamed is among it.
pub(super) fn taken_away_by_name(
    production: &Shape,
    branch: &Shape,
    unmerged: &[LedgerMigration],
) -> Vec<Loss> {
    let on_branch = |table: &Name, column: Option<&str>| {
        branch.columns().any(|one| {
            &one.table_name() == table && column.is_none_or(|column| column == one.column)
        })
    };
    let mut gone = Vec::new();
    for spelled in spelled_out(unmerged, production) {
        add(&mut gone, spelled);
    }
    for column in production.columns() {
        let table = column.table_name();
        let lost = if !on_branch(&table, None) {
            loss(table, None)
        } else if !on_branch(&table, Some(&column.column)) {
            loss(table, Some(column.column.clone()))
        } else {
            continue;
        };
        add(&mut gone, lost);
    }
    gone
}

/// What the migrations' statements say that they take away: first what they do for certain, then where they delete
/// rows that a condition chooses, which may be all of them. Code that does not tell where may do so in every table of
/// production.
fn spelled_out(unmerged: &[LedgerMigration], production: &Shape) -> Vec<Loss> {
    let mut certain = Vec::new();
    let mut chosen = Vec::new();
    let at_most = |table: Name| Loss {
        at_most: true,
        ..loss(table, None)
    };
    for batch in unmerged.iter().filter_map(|one| sql::judge(&one.sql).ok()) {
        for statement in batch.statements() {
            certain.extend(statement.taken_away());
            let deletions = statement.deletions();
            chosen.extend(deletions.tables.into_iter().map(at_most));
            if deletions.anywhere {
                let tables = production.columns().map(Column::table_name);
                chosen.extend(tables.map(at_most));
            }
        }
    }
    certain.extend(chosen);
    certain
}

impl Dev {
    /// Counts on production what a merge would take away there.
    pub(super) async fn check_data_loss(
        &self,
        losses: &[Loss],
    ) -> Result<(Finding, Vec<LostData>), Refusal> {
        let project = self.branch.project();
        let lost = match self.call.guard.count_losses(project, losses).await {
            Ok(lost) => lost,
            // What cannot be counted may be anything.
            Err(error) => {
                let check = Check::new(
                    NAME,
                    CheckStatus::Failed,
                    format!("what production would lose could not be counted: {error}"),
                )
                .next(self.check_again());
                return Ok(((check, Some(Code::DataLoss)), Vec::new()));
            }
        };
        if lost.is_empty() {
            return Ok((passed(NAME, "production loses no rows"), lost));
        }
        let check = Check::new(
            NAME,
            self.status_with(Operation::DataLoss),
            format!("production would lose {}", in_words(&lost)),
        )
        .next(self.asks_for_approval())
        .details(json!({ "lost": lost }));
        Ok(((check, None), lost))
    }
}

/// Losses as a sentence can hold them.
pub(super) fn in_words(lost: &[LostData]) -> String {
    let mut words: Vec<String> = lost.iter().take(NAMED).map(LostData::words).collect();
    if lost.len() > NAMED {
        words.push(format!("and more in {} others", lost.len() - NAMED));
    }
    words.join(", ")
}
