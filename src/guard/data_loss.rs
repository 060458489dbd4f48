//! The gate's `data_loss`: what a merge would take away from production, counted there. Dropped tables and
//! columns are told from the temporary branch, whatever SQL dropped them; rows that are deleted, and values that are
//! written over or computed anew, from the statements and the code that they run. How many rows a condition would
//! choose is not asked of production, for the answer would tell about its rows: they count as at most all.
//!
//! Loss is no failure: it takes an approval that is bound to the counts.

use serde_json::json;

use super::code::UnmergedCode;
use super::gate::{Check, CheckStatus, Finding, passed};
use super::rehearsal::Replayed;
use super::shape::{Column, Shape};
use super::{Code, Dev, LostData, Operation, Refusal};
use crate::sql::{Loss, Name, Taken};

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
pub(super) fn taken_away(replayed: &Replayed) -> Vec<Loss> {
    let (columns, tables) = replayed.before.gone(&replayed.after);
    let whole = tables.iter().map(|one| loss(one.table_name(), None));
    let parts = columns
        .iter()
        .map(|one| loss(one.table_name(), Some(one.column.clone())));
    let mut losses: Vec<Loss> = whole.chain(parts).collect();
    let mut anywhere = replayed.code.anywhere;
    for taken in &replayed.code.taken {
        match on_production(taken, replayed) {
            Some(named) => named.into_iter().for_each(|loss| add(&mut losses, loss)),
            None => anywhere = true,
        }
    }
    if anywhere {
        all_of(&replayed.before).for_each(|loss| add(&mut losses, loss));
    }
    losses
}

/// At most every row of every table.
fn all_of(production: &Shape) -> impl Iterator<Item = Loss> {
    production.columns().map(|column| Loss {
        at_most: true,
        ..loss(column.table_name(), None)
    })
}

/// Unless it is there already; the whole of a table is not counted as a part of it as well.
fn add(losses: &mut Vec<Loss>, loss: Loss) {
    let is_there = losses.iter().any(|one| {
        one.table == loss.table
            && (one.column == loss.column || (one.column.is_none() && !one.at_most))
    });
    if !is_there {
        losses.push(loss);
    }
}

/// A loss by production's names, of nothing where production has no such table or column; `None` where it cannot be
/// told which table it is.
fn on_production(taken: &Taken, replayed: &Replayed) -> Option<Vec<Loss>> {
    let Taken {
        loss: taken,
        object,
        renamed,
    } = taken;
    let named = |table: Name, column: Option<String>| {
        Some(vec![Loss {
            at_most: taken.at_most,
            ..loss(table, column)
        }])
    };
    let oid = object.as_deref().and_then(|id| id.strip_prefix('r'));
    let Some(oid) = oid.and_then(|oid| oid.parse::<i64>().ok()) else {
        // The catalogue had no such table when the statement ran: the migration itself has made it, or named it anew.
        let is_meant = |one: &&Column| {
            one.name == taken.table.name
                && taken
                    .table
                    .schema
                    .as_ref()
                    .is_none_or(|it| it == &one.schema)
        };
        let after = replayed.after.columns().find(is_meant);
        return match after.map(|one| replayed.before.table(one.table)) {
            Some(Some(own)) => named(own.table_name(), None),
            Some(None) => Some(Vec::new()),
            // It has had this name in between only, or it was there in between only.
            None => (!renamed).then(Vec::new),
        };
    };
    let Some(table) = replayed.before.table(oid) else {
        return Some(Vec::new());
    };
    let Some(column) = &taken.column else {
        return named(table.table_name(), None);
    };
    let known = [&replayed.after, &replayed.before]
        .into_iter()
        .find_map(|shape| {
            shape
                .columns()
                .find(|one| one.table == oid && &one.column == column)
        });
    match known {
        Some(known) => match replayed.before.column(oid, known.number) {
            Some(own) => named(table.table_name(), Some(own.column.clone())),
            None => Some(Vec::new()),
        },
        // It has had this name in between only.
        None => Some(vec![Loss {
            at_most: true,
            ..loss(table.table_name(), None)
        }]),
    }
}

/// The same where nothing was replayed: what production has and the branch has not, by name. What was
/// only renamed is among it.
pub(super) fn taken_away_by_name(
    production: &Shape,
    branch: &Shape,
    code: &UnmergedCode,
) -> Vec<Loss> {
    let on_branch = |table: &Name, column: Option<&str>| {
        branch.columns().any(|one| {
            &one.table_name() == table && column.is_none_or(|column| column == one.column)
        })
    };
    let mut gone = Vec::new();
    for taken in &code.taken {
        add(&mut gone, taken.loss.clone());
    }
    if code.anywhere || code.taken.iter().any(|taken| taken.renamed) {
        all_of(production).for_each(|loss| add(&mut gone, loss));
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
