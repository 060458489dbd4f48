//! What a change does besides what was asked: tables that wait for it, rows that are gone, tables
//! that nobody reaches. Words for the caller; nothing is refused here, and what cannot be looked up
//! is not said.

use std::collections::HashSet;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::ledger::text;
use super::{Change, Dev, Guard};
use crate::api::{ApiError, Ref};
use crate::fence::quote;
use crate::sql::{self, Batch, LockWarning, Loss, Name};

/// Something that an agent should know of a change that was carried out.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Warning {
    /// A stable word.
    pub rule: String,
    /// The statement, from 1.
    pub statement: usize,
    /// The table that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub table: Option<String>,
    /// What happens.
    pub message: String,
    /// What to do instead.
    pub instead: String,
}

/// Rows or values that a change took away.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct LostData {
    /// The table or column.
    pub object: String,
    /// How many rows, or values that were not null.
    pub rows: i64,
    /// Whether a condition chooses among them, so that it may be fewer.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub at_most: bool,
}

impl LostData {
    /// In words that a sentence can hold.
    pub(super) fn words(&self) -> String {
        let at_most = if self.at_most { "at most " } else { "" };
        format!("{at_most}{} row(s) of {}", self.rows, quote(&self.object))
    }
}

impl Dev {
    /// What tables that hold rows, here or on production, wait for. Asked before anything runs.
    pub(super) async fn lock_warnings(&self, query: &str, batch: &Batch) -> Vec<Warning> {
        let found = sql::lock_warnings(query, batch);
        let tables: Vec<String> = found
            .iter()
            .filter_map(|warning| warning.table.as_ref())
            .map(Name::quoted)
            .collect();
        if found.is_empty() {
            return Vec::new();
        }
        let with_rows = self.tables_with_rows(&tables).await;
        found
            .into_iter()
            .filter(|warning| match (&warning.table, &with_rows) {
                (Some(table), Some(with_rows)) => with_rows.contains(&table.quoted()),
                _ => true,
            })
            .map(Warning::from)
            .collect()
    }

    /// Those of the tables that hold rows on the branch or on production; `None` where it cannot be
    /// told.
    async fn tables_with_rows(&self, tables: &[String]) -> Option<HashSet<String>> {
        let client = self.call.guard.client();
        let ask = |reference| {
            client.query_read_only(
                reference,
                include_str!("table_sizes.sql"),
                Some(vec![json!(json!(tables).to_string())]),
            )
        };
        let (branch, production) =
            tokio::join!(ask(self.branch.reference()), ask(self.branch.project()));
        let rows = branch.ok()?.into_iter().chain(production.ok()?);
        Some(rows.filter_map(|row| text(&row, "name")).collect())
    }

    /// The rows that data changes would take away unseen, a TRUNCATE's, counted while they are there.
    pub async fn rows_to_be_lost(&self, query: &str) -> Vec<LostData> {
        match sql::judge(query) {
            Ok(batch) => self.losses(&batch).await,
            Err(_) => Vec::new(),
        }
    }

    /// The rows and values that a batch would take away, counted while they are there.
    pub(super) async fn losses(&self, batch: &Batch) -> Vec<LostData> {
        let losses: Vec<Loss> = batch
            .statements()
            .iter()
            .flat_map(|statement| statement.losses.iter().cloned())
            .collect();
        let counted = self
            .call
            .guard
            .count_losses(self.branch.reference(), &losses)
            .await;
        counted.unwrap_or_else(|error| {
            tracing::debug!(%error, "what is lost could not be counted");
            Vec::new()
        })
    }

    /// Which of the tables made just now no application role can reach.
    pub(super) async fn unreachable_tables(&self, batch: &Batch) -> Vec<Warning> {
        let made: Vec<(usize, &sql::Effect)> = batch
            .statements()
            .iter()
            .enumerate()
            .flat_map(|(index, statement)| {
                let made = |effect: &&sql::Effect| {
                    effect.action == "create" && effect.object_kind == "table"
                };
                statement
                    .effects
                    .iter()
                    .filter(made)
                    .map(move |effect| (index, effect))
            })
            .collect();
        if made.is_empty() {
            return Vec::new();
        }
        let names: Vec<&str> = made
            .iter()
            .map(|(_, effect)| effect.object.as_str())
            .collect();
        let rows = self
            .call
            .guard
            .client()
            .query_read_only(
                self.branch.reference(),
                include_str!("unreachable.sql"),
                Some(vec![json!(names.join("\n"))]),
            )
            .await
            .unwrap_or_else(|error| {
                tracing::debug!(%error, "the privileges of new tables could not be read");
                Vec::new()
            });
        let unreachable: HashSet<String> =
            rows.iter().filter_map(|row| text(row, "name")).collect();
        made.iter()
            .filter(|(_, effect)| unreachable.contains(&effect.object))
            .map(|(index, effect)| Warning {
                rule: "no_role_reaches_the_table".to_owned(),
                statement: index + 1,
                table: Some(effect.object.clone()),
                message: "no application role can reach it: neither anon nor authenticated nor service_role".to_owned(),
                instead: format!(
                    "grant what the app needs, for instance `grant select, insert, update, delete on {} to authenticated;`",
                    quote(&effect.object)
                ),
            })
            .collect()
    }
}

impl Guard {
    /// How many rows, or values that are not null, of what would be lost there are on a project or
    /// branch; what is empty, or not there, is left out.
    pub(super) async fn count_losses(
        &self,
        reference: &Ref,
        losses: &[Loss],
    ) -> Result<Vec<LostData>, ApiError> {
        if losses.is_empty() {
            return Ok(Vec::new());
        }
        let pairs: Vec<_> = losses
            .iter()
            .map(|loss| (loss.table.quoted(), &loss.column))
            .collect();
        let parameters = vec![json!(json!(pairs).to_string())];
        let counted = self
            .client()
            .query_read_only(reference, include_str!("losses.sql"), Some(parameters))
            .await?;
        Ok(counted
            .iter()
            .filter_map(|row| {
                let rows = row.get("rows")?.as_i64().filter(|rows| *rows > 0)?;
                let (table, column) = (text(row, "table")?, text(row, "column"));
                let loss = losses
                    .iter()
                    .find(|loss| loss.table.quoted() == table && loss.column == column)?;
                let object = match &loss.column {
                    Some(column) => format!("{}.{column}", loss.table),
                    None => loss.table.to_string(),
                };
                Some(LostData {
                    object,
                    rows,
                    at_most: loss.at_most,
                })
            })
            .collect())
    }
}

impl From<LockWarning> for Warning {
    fn from(found: LockWarning) -> Self {
        Self {
            rule: found.rule.to_owned(),
            statement: found.statement + 1,
            table: found.table.map(|table| table.to_string()),
            message: found.message.to_owned(),
            instead: found.instead.to_owned(),
        }
    }
}

/// Warnings and losses as sentences, one a line.
pub fn say_consequences(text: &mut String, warnings: &[Warning], lost: &[LostData]) {
    for lost in lost {
        text.push_str(&format!("\nLost: {}.", lost.words()));
    }
    for warning in warnings {
        let table = match &warning.table {
            Some(table) => quote(table).to_string(),
            None => "the database".to_owned(),
        };
        text.push_str(&format!(
            "\nWarning: statement {}, {table}: {}. Instead: {}.",
            warning.statement, warning.message, warning.instead
        ));
    }
}

/// What of a batch's effects a result lists.
pub(super) fn changes_of(batch: &Batch) -> Vec<Change> {
    batch
        .effects()
        .map(|effect| Change {
            action: effect.action.to_owned(),
            kind: effect.object_kind.to_owned(),
            object: effect.object.clone(),
            loses_data: effect.loses_data,
        })
        .collect()
}
