//! Tables and columns by what stays when they are renamed: what migrations did to them is told from the
//! temporary branch that they were replayed on, whatever SQL did it.

use std::collections::{BTreeMap, HashSet};

use serde::Deserialize;
use serde_json::Value;

use super::{Code, Guard, Refusal};
use crate::api::Ref;
use crate::sql::Name;

/// One column.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Column {
    /// The table's OID.
    pub(super) table: i64,
    /// The column's number in it.
    pub(super) number: i64,
    pub(super) schema: String,
    pub(super) name: String,
    pub(super) column: String,
    pub(super) r#type: String,
    pub(super) not_null: bool,
    pub(super) fills_itself: bool,
}

/// Every column of every table of an app.
#[derive(Debug, Clone, Default)]
pub(super) struct Shape {
    columns: BTreeMap<(i64, i64), Column>,
}

/// What a table's rows must fulfil.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Demand {
    pub(super) id: i64,
    pub(super) kind: DemandKind,
    pub(super) name: String,
    pub(super) table: i64,
    /// Numbers of its columns; 0 for an expression.
    #[serde(default)]
    pub(super) columns: Option<Vec<i64>>,
    pub(super) other_table: Option<i64>,
    pub(super) other_columns: Option<Vec<i64>>,
    /// Whether columns alone say what is demanded, and no expression.
    pub(super) is_plain: bool,
    pub(super) nulls_are_equal: bool,
}

/// The kinds of demands that a catalogue holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum DemandKind {
    #[serde(rename = "unique")]
    Unique,
    #[serde(rename = "foreign key")]
    ForeignKey,
    #[serde(rename = "check")]
    Check,
}

impl Column {
    pub(super) fn table_name(&self) -> Name {
        Name {
            schema: Some(self.schema.clone()),
            name: self.name.clone(),
        }
    }
}

impl Shape {
    pub(super) fn columns(&self) -> impl Iterator<Item = &Column> {
        self.columns.values()
    }

    /// A column by what stays.
    pub(super) fn column(&self, table: i64, number: i64) -> Option<&Column> {
        self.columns.get(&(table, number))
    }

    /// Any column of a table; `None` where there is no such table.
    pub(super) fn table(&self, table: i64) -> Option<&Column> {
        let mut found = self.columns.range((table, i64::MIN)..=(table, i64::MAX));
        found.next().map(|(_, column)| column)
    }

    /// The columns that `after` does not have any more, of tables that it has; and the tables that it has
    /// not, by one of their columns.
    pub(super) fn gone<'a>(&'a self, after: &Shape) -> (Vec<&'a Column>, Vec<&'a Column>) {
        let mut tables = HashSet::new();
        let (mut columns, mut whole) = (Vec::new(), Vec::new());
        for column in self.columns() {
            if after.table(column.table).is_none() {
                if tables.insert(column.table) {
                    whole.push(column);
                }
            } else if after.column(column.table, column.number).is_none() {
                columns.push(column);
            }
        }
        (columns, whole)
    }
}

impl Guard {
    /// The columns of a project's or branch's tables.
    pub(super) async fn shape(&self, reference: &Ref) -> Result<Shape, Refusal> {
        let columns: Vec<Column> = self.rows_of(reference, include_str!("shape.sql")).await?;
        let keyed = |column: Column| ((column.table, column.number), column);
        Ok(Shape {
            columns: columns.into_iter().map(keyed).collect(),
        })
    }

    /// What a project's or branch's rows must fulfil.
    pub(super) async fn demands(&self, reference: &Ref) -> Result<Vec<Demand>, Refusal> {
        self.rows_of(reference, include_str!("demands.sql")).await
    }

    async fn rows_of<T: for<'de> Deserialize<'de>>(
        &self,
        reference: &Ref,
        query: &str,
    ) -> Result<Vec<T>, Refusal> {
        let rows = self
            .client()
            .query_read_only(reference, query, None)
            .await?;
        rows.into_iter()
            .map(|row| serde_json::from_value(Value::Object(row)))
            .collect::<Result<_, _>>()
            .map_err(|error| {
                Refusal::new(
                    Code::PlatformError,
                    format!("the catalogue of {reference} cannot be read: {error}"),
                )
            })
    }
}
