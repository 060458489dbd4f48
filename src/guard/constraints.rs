//! The gate's `constraints`: rows of production that would violate what the migrations demand, counted
//! there before a merge fails on them.
//!
//! Counted is what columns alone say: not null, unique, foreign keys. A check's expression, or an index's,
//! is not looked at: an answer to any question about production's rows would be a way to read them.

use std::collections::HashSet;

use serde_json::json;

use super::gate::{Check, CheckStatus, Finding, passed};
use super::ledger::{LedgerMigration, text};
use super::rehearsal::Replayed;
use super::shape::{Column, Demand, DemandKind, Shape};
use super::{Code, Dev, Next, Refusal};
use crate::fence::quote;
use crate::sql::{self, Class, Name, quoted};

/// The condition's name.
const NAME: &str = "constraints";
/// How many demands are looked at.
const MOST: usize = 100;

/// A question for production: how many rows do not fulfil this.
struct Question {
    /// In words.
    demand: String,
    /// The table that is asked about, as production names it.
    table: Name,
    /// Answers one number, `rows`.
    query: String,
}

impl Dev {
    /// Counts on production the rows that the new demands would be violated by.
    pub(super) async fn check_constraints(
        &self,
        unmerged: &[LedgerMigration],
        replayed: &Replayed,
    ) -> Result<Finding, Refusal> {
        let mut questions = questions(replayed);
        questions.retain(|question| !self.is_waived(NAME, &question.table.to_string()));
        let changed = changed_rows(unmerged);
        let mut violated = Vec::new();
        let mut changing = Vec::new();
        for question in questions.iter().take(MOST) {
            let rows = match self.count(question).await {
                Ok(rows) => rows,
                Err(refusal) => {
                    let check = Check::new(
                        NAME,
                        CheckStatus::Failed,
                        format!(
                            "whether production's rows fulfil {} could not be looked at: {}",
                            quote(&question.demand),
                            refusal.message
                        ),
                    )
                    .next(self.check_again())
                    .details(json!({
                        "operator": format!(
                            "a waiver of {NAME} for {} in the policy lets it be, for instance where the table is too large to be looked through",
                            question.table
                        ),
                    }));
                    return Ok((check, Some(Code::ConstraintViolated)));
                }
            };
            if rows == 0 {
                continue;
            }
            let found = json!({
                "demand": question.demand, "table": question.table.to_string(), "rows": rows,
            });
            // What another statement does to these rows cannot be told without doing it.
            if changed.may_be(&question.table) {
                changing.push(found);
            } else {
                violated.push(found);
            }
        }
        if violated.is_empty() {
            let mut message = "production's rows fulfil what the migrations demand".to_owned();
            if !changing.is_empty() {
                message = "some of production's rows do not fulfil what the migrations demand, and the migrations change rows of these tables as well: see that they change these, and before"
                    .to_owned();
            }
            if questions.len() > MOST {
                message.push_str(&format!(
                    "; of {} demands {MOST} were looked at",
                    questions.len()
                ));
            }
            let (check, code) = passed(NAME, message);
            let check = match changing.is_empty() {
                true => check,
                false => check.details(json!({ "not_yet": changing })),
            };
            return Ok((check, code));
        }
        let words: Vec<String> = violated
            .iter()
            .map(|one| {
                format!(
                    "{} row(s) of {} do not fulfil {}",
                    one["rows"],
                    quote(one["table"].as_str().unwrap_or_default()),
                    quote(one["demand"].as_str().unwrap_or_default())
                )
            })
            .collect();
        let first = unmerged.first().map(|one| one.version.as_str());
        let back = match first {
            Some(version) => self.back_before(version).await,
            None => None,
        };
        let mut check = Check::new(
            NAME,
            CheckStatus::Failed,
            format!("on production {}", words.join(", ")),
        )
        .details(json!({ "violated": violated }));
        check.next = Some(back.map_or_else(|| self.check_again(), |next| Next {
            why: "returns the branch to before these migrations; apply them again with a statement first that puts such rows right, or demand it of new rows alone (not valid)".to_owned(),
            ..next
        }));
        Ok((check, Some(Code::ConstraintViolated)))
    }

    async fn count(&self, question: &Question) -> Result<i64, Refusal> {
        let guard = &self.call.guard;
        let rows = guard
            .client()
            .query_read_only(self.branch.project(), question.query.as_str(), None)
            .await?;
        let rows = rows.first().and_then(|row| {
            let rows = row.get("rows")?;
            rows.as_i64().or_else(|| text(row, "rows")?.parse().ok())
        });
        rows.ok_or_else(|| Refusal::new(Code::PlatformError, "the platform answered no number"))
    }
}

/// Tables whose rows, those that are there, the migrations change.
struct Changed {
    /// By the last part of their names: a statement need not name the schema.
    tables: HashSet<String>,
    /// Code that the text does not show may change any.
    all: bool,
}

impl Changed {
    fn may_be(&self, table: &Name) -> bool {
        self.all || self.tables.contains(&table.name)
    }
}

fn changed_rows(unmerged: &[LedgerMigration]) -> Changed {
    let mut changed = Changed {
        tables: HashSet::new(),
        all: false,
    };
    for migration in unmerged {
        let Ok(batch) = sql::judge(&migration.sql) else {
            changed.all = true;
            continue;
        };
        for statement in batch.statements() {
            match statement.class {
                // New rows put no old ones right.
                Class::DataChange if statement.kind == "INSERT" => {}
                Class::DataChange | Class::MassDataChange => {
                    let names = statement.targets.iter().map(|name| name.name.clone());
                    changed.tables.extend(names);
                }
                Class::Opaque => changed.all = true,
                Class::Read if !statement.functions.is_empty() => changed.all = true,
                _ => {}
            }
        }
    }
    changed
}

/// What is to be asked: each demand that the migrations added to a table that production has.
fn questions(replayed: &Replayed) -> Vec<Question> {
    let mut questions = Vec::new();
    for column in replayed.after.columns().filter(|one| one.not_null) {
        let Some(table) = replayed.before.table(column.table) else {
            continue;
        };
        match replayed.before.column(column.table, column.number) {
            Some(before) if before.not_null => {}
            Some(before) => questions.push(Question {
                demand: format!("{} not null", column.column),
                table: before.table_name(),
                query: format!(
                    "select pg_catalog.count(*) as rows from {} where {} is null",
                    before.table_name().quoted(),
                    quoted(&before.column)
                ),
            }),
            None if column.fills_itself => {}
            None => questions.push(Question {
                demand: format!(
                    "the new column {} not null, without a default",
                    column.column
                ),
                table: table.table_name(),
                query: format!(
                    "select pg_catalog.count(*) as rows from {}",
                    table.table_name().quoted()
                ),
            }),
        }
    }
    questions.extend(
        replayed
            .demands
            .iter()
            .filter_map(|demand| asked(demand, &replayed.before)),
    );
    questions
}

/// The question of one demand; none where columns alone do not say it, or where production has not all of
/// them.
fn asked(demand: &Demand, before: &Shape) -> Option<Question> {
    let columns = named(before, demand.table, demand.columns.as_deref()?)?;
    let name = before.table(demand.table)?.table_name();
    let table = name.quoted();
    if !demand.is_plain || columns.is_empty() {
        return None;
    }
    let list = columns.join(", ");
    let is_there = |of: &str| -> String {
        let each: Vec<String> = columns
            .iter()
            .map(|column| format!("{of}{column} is not null"))
            .collect();
        each.join(" and ")
    };
    match demand.kind {
        DemandKind::Unique => {
            let only = match demand.nulls_are_equal {
                true => String::new(),
                false => format!(" where {}", is_there("")),
            };
            Some(Question {
                demand: format!("unique ({list})"),
                table: name,
                query: format!(
                    "select coalesce(pg_catalog.sum(twice.rows), 0)::pg_catalog.int8 as rows from (select pg_catalog.count(*) as rows from {table}{only} group by {list} having pg_catalog.count(*) > 1) as twice"
                ),
            })
        }
        DemandKind::ForeignKey => {
            let there = is_there("own.");
            let other = demand.other_table.and_then(|other| before.table(other));
            let others = demand
                .other_table
                .zip(demand.other_columns.as_deref())
                .and_then(|(other, numbers)| named(before, other, numbers));
            // A table that the migrations make, or a new column, has no rows that match.
            let unmatched = match (other, others) {
                (Some(other), Some(others)) => {
                    let pairs: Vec<String> = columns
                        .iter()
                        .zip(&others)
                        .map(|(own, other)| format!("other.{other} = own.{own}"))
                        .collect();
                    format!(
                        " and not exists (select from {} as other where {})",
                        other.table_name().quoted(),
                        pairs.join(" and ")
                    )
                }
                _ => String::new(),
            };
            Some(Question {
                demand: format!("the foreign key {}", demand.name),
                query: format!(
                    "select pg_catalog.count(*) as rows from {table} as own where {there}{unmatched}"
                ),
                table: name,
            })
        }
        DemandKind::Check => None,
    }
}

/// Columns by the names that production has, quoted; none if one of them is new.
fn named(before: &Shape, table: i64, numbers: &[i64]) -> Option<Vec<String>> {
    numbers
        .iter()
        .map(|number| {
            let column: &Column = before.column(table, *number)?;
            Some(quoted(&column.column))
        })
        .collect()
}
