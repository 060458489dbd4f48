//! Rows, kept as the bytes that arrived and turned to JSON on demand.
//!
//! A row of ten small numbers is sixty bytes on the wire and a kilobyte as a map of JSON values. So a result keeps
//! the bytes, its size is known exactly, and [`ResultSet`] is written as JSON row by row.

use fallible_iterator::FallibleIterator;
use postgres_protocol::message::backend::{DataRowBody, RowDescriptionBody};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::{Map, Value};

use super::error::WireError;
use super::values;

/// Bytes that one row costs in memory beside its text.
const ROW_BYTES: usize = 64;

/// A column of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name; names may repeat.
    pub name: String,
    /// Its type's number in `pg_type`.
    pub type_oid: u32,
}

/// What one statement answered. Serialises as the platform's array of objects: columns in order, and of columns with
/// the same name the last.
#[derive(Default)]
pub struct ResultSet {
    columns: Vec<Column>,
    /// Per column, whether a later one has its name.
    shadowed: Vec<bool>,
    rows: Vec<DataRowBody>,
    tag: String,
}

impl std::fmt::Debug for ResultSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ResultSet")
            .field("tag", &self.tag)
            .field("columns", &self.columns)
            .field("rows", &self.rows.len())
            .finish()
    }
}

impl ResultSet {
    /// The columns; empty for a statement that returns no rows.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The command tag, such as `INSERT 0 3`; empty for an empty statement.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// One value as PostgreSQL printed it; `None` is SQL's null, or a place outside the result.
    pub fn text(&self, row: usize, column: usize) -> Option<String> {
        let row = self.rows.get(row)?;
        let range = row.ranges().nth(column).ok()???;
        Some(String::from_utf8_lossy(row.buffer().get(range)?).into_owned())
    }

    /// The rows as JSON objects.
    pub fn to_json(&self) -> Vec<Map<String, Value>> {
        let object = |row: &DataRowBody| {
            let mut map = Map::new();
            self.each(row, |name, value| {
                map.insert(name.to_owned(), value);
                Ok::<(), std::convert::Infallible>(())
            })
            .unwrap_or_default();
            map
        };
        self.rows.iter().map(object).collect()
    }

    fn each<E>(
        &self,
        row: &DataRowBody,
        mut put: impl FnMut(&str, Value) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut ranges = row.ranges();
        for (column, shadowed) in self.columns.iter().zip(&self.shadowed) {
            let Ok(Some(range)) = ranges.next() else {
                break;
            };
            if *shadowed {
                continue;
            }
            let bytes = range.and_then(|range| row.buffer().get(range));
            let value = bytes.map_or(Value::Null, |bytes| {
                values::to_json(&String::from_utf8_lossy(bytes), column.type_oid)
            });
            put(&column.name, value)?;
        }
        Ok(())
    }
}

impl Serialize for ResultSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut rows = serializer.serialize_seq(Some(self.rows.len()))?;
        for row in &self.rows {
            rows.serialize_element(&Row { result: self, row })?;
        }
        rows.end()
    }
}

struct Row<'a> {
    result: &'a ResultSet,
    row: &'a DataRowBody,
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.result
            .each(self.row, |name, value| map.serialize_entry(name, &value))?;
        map.end()
    }
}

/// The result that the platform answers a batch with: the last one that has rows, else one without.
pub fn answer(results: Vec<ResultSet>) -> ResultSet {
    results
        .into_iter()
        .rev()
        .find(|result| !result.is_empty())
        .unwrap_or_default()
}

/// Gathers results and counts what they take.
pub(super) struct Collector {
    limit: usize,
    taken: usize,
    current: ResultSet,
    done: Vec<ResultSet>,
}

impl Collector {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            taken: 0,
            current: ResultSet::default(),
            done: Vec::new(),
        }
    }

    pub(super) fn columns(&mut self, body: &RowDescriptionBody) -> Result<(), WireError> {
        let columns = body
            .fields()
            .map(|field| {
                Ok(Column {
                    name: field.name().to_owned(),
                    type_oid: field.type_oid(),
                })
            })
            .collect::<Vec<_>>()
            .map_err(|error| WireError::Protocol(error.to_string()))?;
        let mut later = std::collections::HashSet::new();
        let mut shadowed: Vec<bool> = columns
            .iter()
            .rev()
            .map(|column| !later.insert(column.name.as_str()))
            .collect();
        shadowed.reverse();
        self.current.columns = columns;
        self.current.shadowed = shadowed;
        Ok(())
    }

    pub(super) fn row(&mut self, row: DataRowBody) -> Result<(), WireError> {
        self.count(row.buffer().len() + ROW_BYTES)?;
        self.current.rows.push(row);
        Ok(())
    }

    /// Counts bytes against the limit.
    pub(super) fn count(&mut self, bytes: usize) -> Result<(), WireError> {
        self.taken = self.taken.saturating_add(bytes);
        if self.taken > self.limit {
            return Err(WireError::TooLarge { limit: self.limit });
        }
        Ok(())
    }

    pub(super) fn complete(&mut self, tag: &str) {
        let mut result = std::mem::take(&mut self.current);
        tag.clone_into(&mut result.tag);
        self.done.push(result);
    }

    pub(super) fn finish(self) -> Vec<ResultSet> {
        self.done
    }
}
