//! Names, types and dialects: a raw tree as a [`Query`], or why it is none.
//!
//! In the older dialect a source is a table, its fields lie in nested arrays, and
//! `cross join unnest(metadata) as m` opens one. Here the joins only say which path a name stands for.
//!
//! ```text
//! clauses (here) ─► expressions ─► names, calls, kinds ─► the whole is checked
//! ```

mod calls;
mod expressions;
mod kinds;
mod names;

use super::check;
use super::fields;
use super::query::{Aggregate, Column, Comparison, Expr, Ordered, Query, Selected};
use super::raw::{Node, Raw, Select};
use super::value::Kind;
use super::{MAX_ROWS, Refused};

/// How deep a tree may be, names replaced by what they stand for.
const DEPTH: usize = 100;
/// How many expressions a query may be made of, names replaced by what they stand for.
const NODES: usize = 5000;
/// How many bytes a name that a query gives may have.
const ALIAS_BYTES: usize = 64;

/// Which dialect a query is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// ClickHouse over the table `logs`.
    Unified,
    /// BigQuery with a table for each source; the platform takes it no more.
    Older,
}

/// What was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    /// The query.
    pub query: Query,
    /// The dialect that it was written in.
    pub dialect: Dialect,
    /// What the platform would have refused as it was written, and what was made of it.
    pub corrections: Vec<Refused>,
}

pub(super) fn resolve(select: Select) -> Result<Parsed, Refused> {
    let mut resolver = Resolver::of(&select)?;
    let mut query = resolver.query(&select)?;
    check::whole(&query)?;
    if let Some(source) = &resolver.source {
        let of_source = Expr::Compare(
            Comparison::Equal,
            Box::new(Expr::Column(Column::Source)),
            Box::new(Expr::Text(source.clone())),
        );
        let filter = std::iter::once(of_source).chain(query.filter.take());
        query.filter = Some(Expr::all(filter.collect()));
    }
    Ok(Parsed {
        query,
        dialect: resolver.dialect,
        corrections: resolver.corrections,
    })
}

pub(super) struct Resolver<'a> {
    pub(super) dialect: Dialect,
    /// The older dialect's table.
    source: Option<String>,
    /// What the table is called.
    table: Vec<String>,
    /// Opened arrays: their aliases, and the paths that these stand for, with a dot at the end.
    opened: Vec<(String, String)>,
    /// Names that the query gives.
    aliases: Vec<(&'a str, &'a Node)>,
    /// Those that are being replaced at the moment.
    replacing: Vec<&'a str>,
    nodes: usize,
    depth: usize,
    pub(super) corrections: Vec<Refused>,
}

impl<'a> Resolver<'a> {
    fn of(select: &'a Select) -> Result<Self, Refused> {
        let (at, table) = (select.table.0, select.table.1.to_lowercase());
        let dialect = if table == "logs" {
            Dialect::Unified
        } else if fields::is_source(&table) {
            Dialect::Older
        } else {
            let instead = format!(
                "`from logs where source = '…'` with one of: {}",
                fields::SOURCES.join(", ")
            );
            return Err(Refused::new(at, "there is no such table").instead(instead));
        };
        if dialect == Dialect::Unified
            && let Some(unnest) = select.unnests.first()
        {
            return Err(Refused::new(unnest.at, "fields are not nested in the table logs")
                .instead("log_attributes['…'] with the whole path, such as log_attributes['request.path']"));
        }
        let aliases = select
            .items
            .iter()
            .filter_map(|item| Some((item.alias.as_ref()?.1.as_str(), &item.value)))
            .collect();
        let mut resolver = Self {
            dialect,
            source: (dialect == Dialect::Older).then(|| table.clone()),
            table: std::iter::once(table)
                .chain(select.table_alias.clone())
                .collect(),
            opened: Vec::new(),
            aliases,
            replacing: Vec::new(),
            nodes: 0,
            depth: 0,
            corrections: Vec::new(),
        };
        for unnest in &select.unnests {
            resolver.open(unnest)?;
        }
        Ok(resolver)
    }

    pub(super) fn query(&mut self, select: &'a Select) -> Result<Query, Refused> {
        let mut columns = Vec::new();
        for item in &select.items {
            if matches!(item.value.kind, Raw::Star) {
                self.correct(Refused::new(item.value.at, "`*` is not taken").instead(
                    "the columns by name: id, timestamp, source, severity_text, event_message",
                ));
                columns.extend(every_column());
                continue;
            }
            let alias = item.alias.as_ref();
            self.replacing = alias.iter().map(|(_, name)| name.as_str()).collect();
            let value = self.expression(&item.value)?;
            self.replacing.clear();
            if let Some((at, name)) = alias {
                check_alias(*at, name, &value)?;
            }
            let alias = match alias {
                Some((_, name)) => Some(name.clone()),
                None => self.own_name(&item.value, &value),
            };
            columns.push(Selected { value, alias });
        }
        check::names_differ(
            &columns,
            select.items.first().map_or(1, |item| item.value.at),
        )?;
        let filter = self.condition(select.filter.as_ref(), "where")?;
        let group_by = select
            .group_by
            .iter()
            .map(|node| self.key(node, &columns))
            .collect::<Result<_, _>>()?;
        let having = self.condition(select.having.as_ref(), "having")?;
        let order_by = select
            .order_by
            .iter()
            .map(|(node, descending)| {
                Ok(Ordered {
                    value: self.key(node, &columns)?,
                    descending: *descending,
                })
            })
            .collect::<Result<_, Refused>>()?;
        Ok(Query {
            distinct: select.distinct,
            select: columns,
            filter,
            group_by,
            having,
            order_by,
            limit: Self::limit(select.limit)?,
            offset: match select.offset {
                Some((at, number)) => {
                    u64::try_from(number).map_err(|_| Refused::new(at, "an offset is 0 or more"))?
                }
                None => 0,
            },
        })
    }

    pub(super) fn limit(given: Option<(usize, i64)>) -> Result<u64, Refused> {
        let Some((at, number)) = given else {
            return Ok(MAX_ROWS);
        };
        let limit = u64::try_from(number)
            .ok()
            .filter(|number| *number > 0)
            .ok_or_else(|| Refused::new(at, "a limit is 1 or more"))?;
        Ok(limit.min(MAX_ROWS))
    }

    pub(super) fn condition(
        &mut self,
        node: Option<&'a Node>,
        clause: &str,
    ) -> Result<Option<Expr>, Refused> {
        let Some(node) = node else {
            return Ok(None);
        };
        let condition = self.expression(node)?;
        if !matches!(Kind::of(&condition), Kind::Bool | Kind::Any) {
            return Err(Refused::new(node.at, format!("{clause} takes a condition"))
                .instead("a comparison"));
        }
        Ok(Some(condition))
    }

    /// What lines are grouped or ordered by: an expression, a name, or a column's number.
    pub(super) fn key(&mut self, node: &'a Node, columns: &[Selected]) -> Result<Expr, Refused> {
        if let Raw::Integer(number) = node.kind {
            let place = usize::try_from(number)
                .ok()
                .and_then(|number| number.checked_sub(1));
            let column = place.and_then(|place| columns.get(place));
            return column
                .map(|column| column.value.clone())
                .ok_or_else(|| Refused::new(node.at, format!("there is no column {number}")));
        }
        self.expression(node)
    }

    /// What the older dialect calls a column without an alias.
    pub(super) fn own_name(&self, node: &Node, value: &Expr) -> Option<String> {
        if self.dialect == Dialect::Unified {
            return None;
        }
        match (&node.kind, value) {
            (_, Expr::Column(Column::Timestamp)) => Some("timestamp".to_owned()),
            (Raw::Name(parts), _) => parts.last().cloned(),
            (_, Expr::Aggregate(Aggregate::Count, None)) => Some("count".to_owned()),
            _ => None,
        }
    }

    /// Notes what the platform would have refused.
    pub(super) fn correct(&mut self, correction: Refused) {
        if self.dialect == Dialect::Unified && !self.corrections.contains(&correction) {
            self.corrections.push(correction);
        }
    }

    pub(super) fn expression(&mut self, node: &'a Node) -> Result<Expr, Refused> {
        self.nodes += 1;
        if self.nodes > NODES || self.depth >= DEPTH {
            return Err(Refused::new(
                node.at,
                "the query is too large, names replaced by what they stand for",
            ));
        }
        self.depth += 1;
        let resolved = self.resolved(node);
        self.depth -= 1;
        resolved
    }
}

fn every_column() -> impl Iterator<Item = Selected> {
    [
        Column::Id,
        Column::Timestamp,
        Column::Source,
        Column::SeverityText,
        Column::EventMessage,
    ]
    .into_iter()
    .map(|column| Selected {
        value: Expr::Column(column),
        alias: None,
    })
}

/// A name that a query gives must not hide a column, nor be anything but a name.
fn check_alias(at: usize, alias: &str, value: &Expr) -> Result<(), Refused> {
    let plain = alias.len() <= ALIAS_BYTES
        && alias
            .chars()
            .next()
            .is_some_and(|one| one.is_ascii_alphabetic() || one == '_')
        && alias
            .chars()
            .all(|one| one.is_ascii_alphanumeric() || matches!(one, '_' | '.' | ' '));
    if !plain {
        return Err(Refused::new(
            at,
            format!("a name is at most {ALIAS_BYTES} letters, digits, `_`, `.` and blanks"),
        ));
    }
    let hides = Column::ALL
        .iter()
        .any(|(column, name)| *name == alias && *value != Expr::Column(*column));
    match hides {
        true => Err(
            Refused::new(at, "this name would hide the column of that name")
                .instead("another name"),
        ),
        false => Ok(()),
    }
}
