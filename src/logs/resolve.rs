//! Names, types and dialects: a raw tree as a [`Query`], or why it is none.
//!
//! In the older dialect a source is a table, its fields lie in nested arrays, and
//! `cross join unnest(metadata) as m` opens one. Here the joins only say which path a name stands for.

use super::check;
use super::fields;
use super::functions::{self, Named};
use super::moment;
use super::query::{
    Aggregate, Bucket, Column, Comparison, Expr, Function, Operator, Ordered, Query, Selected, Unit,
};
use super::raw::{Node, Raw, Select, Unnest};
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

    /// Notes what an opened array's alias stands for.
    fn open(&mut self, unnest: &Unnest) -> Result<(), Refused> {
        let path: Vec<&str> = unnest.path.iter().map(String::as_str).collect();
        let mut path = path.as_slice();
        if let [first, rest @ ..] = path
            && self.table.iter().any(|table| table == first)
        {
            path = rest;
        }
        let below = match path {
            ["metadata"] => String::new(),
            [first, rest @ ..] => {
                let parent = self.opened.iter().rev().find(|(alias, _)| alias == first);
                let parts = match parent {
                    Some(_) => rest,
                    None => path,
                };
                let mut below = parent.map(|(_, below)| below.clone()).unwrap_or_default();
                for part in parts {
                    below.push_str(part);
                    below.push('.');
                }
                below
            }
            [] => return Err(Refused::new(unnest.at, "unnest opens a field")),
        };
        self.opened.push((unnest.alias.clone(), below));
        Ok(())
    }

    fn query(&mut self, select: &'a Select) -> Result<Query, Refused> {
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

    fn limit(given: Option<(usize, i64)>) -> Result<u64, Refused> {
        let Some((at, number)) = given else {
            return Ok(MAX_ROWS);
        };
        let limit = u64::try_from(number)
            .ok()
            .filter(|number| *number > 0)
            .ok_or_else(|| Refused::new(at, "a limit is 1 or more"))?;
        Ok(limit.min(MAX_ROWS))
    }

    fn condition(&mut self, node: Option<&'a Node>, clause: &str) -> Result<Option<Expr>, Refused> {
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
    fn key(&mut self, node: &'a Node, columns: &[Selected]) -> Result<Expr, Refused> {
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
    fn own_name(&self, node: &Node, value: &Expr) -> Option<String> {
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

    fn expression(&mut self, node: &'a Node) -> Result<Expr, Refused> {
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

    fn resolved(&mut self, node: &'a Node) -> Result<Expr, Refused> {
        let at = node.at;
        Ok(match &node.kind {
            Raw::Name(parts) => self.name(at, parts)?,
            Raw::Quoted(text) if self.dialect == Dialect::Unified => {
                self.name(at, std::slice::from_ref(text))?
            }
            Raw::Text(text) | Raw::Quoted(text) => Expr::Text(text.clone()),
            Raw::Integer(number) => Expr::Integer(*number),
            Raw::Decimal(number) => Expr::Decimal(*number),
            Raw::Bool(value) => Expr::Bool(*value),
            Raw::Null => Expr::Null,
            Raw::Star => {
                return Err(Refused::new(
                    at,
                    "`*` stands for columns only, and count() counts lines",
                ));
            }
            Raw::Interval(count, unit) => Expr::Interval(*count, unit_of(at, unit)?),
            Raw::Index(map, key) => self.index(at, map, key)?,
            Raw::Call {
                name,
                distinct,
                arguments,
            } => self.call(at, name, *distinct, arguments)?,
            Raw::Cast(value, to) => self.cast(at, value, to)?,
            Raw::Not(part) => Expr::Not(Box::new(self.truth(part)?)),
            Raw::All(parts) => Expr::all(self.truths(parts)?),
            Raw::Any(parts) => Expr::any(self.truths(parts)?),
            Raw::Binary(sign, one, other) => {
                let (one, other) = (self.expression(one)?, self.expression(other)?);
                self.binary(at, sign, one, other)?
            }
            Raw::In {
                negated,
                value,
                list,
            } => {
                let value = self.expression(value)?;
                let list = list
                    .iter()
                    .map(|one| self.expression(one))
                    .collect::<Result<_, _>>()?;
                self.membership(at, *negated, value, list)?
            }
            Raw::Between {
                negated,
                value,
                low,
                high,
            } => {
                let value = self.expression(value)?;
                let (low, high) = (self.expression(low)?, self.expression(high)?);
                let (value, low) = self.alike(at, value, low)?;
                let (value, high) = self.alike(at, value, high)?;
                Expr::Between {
                    negated: *negated,
                    value: Box::new(value),
                    low: Box::new(low),
                    high: Box::new(high),
                }
            }
            Raw::Like {
                negated,
                insensitive,
                value,
                pattern,
            } => {
                let value = self.text(value)?;
                let Expr::Text(pattern) = self.expression(pattern)? else {
                    return Err(Refused::new(pattern.at, "a pattern is a text in quotes"));
                };
                check::like(at, &pattern)?;
                Expr::Like {
                    negated: *negated,
                    insensitive: *insensitive,
                    value: Box::new(value),
                    pattern,
                }
            }
            Raw::IsNull { negated, value } => Expr::IsNull {
                negated: *negated,
                value: Box::new(self.expression(value)?),
            },
            Raw::Case(branches, otherwise) => self.case(at, branches, otherwise.as_deref())?,
        })
    }

    fn case(
        &mut self,
        at: usize,
        branches: &'a [(Node, Node)],
        otherwise: Option<&'a Node>,
    ) -> Result<Expr, Refused> {
        let mut value = match otherwise {
            Some(node) => self.expression(node)?,
            None => Expr::Null,
        };
        for (condition, then) in branches.iter().rev() {
            let condition = self.truth(condition)?;
            let then = self.expression(then)?;
            check::same_kind(at, &then, &value)?;
            value = Expr::Call(Function::If, vec![condition, then, value]);
        }
        Ok(value)
    }

    fn truths(&mut self, nodes: &'a [Node]) -> Result<Vec<Expr>, Refused> {
        nodes.iter().map(|node| self.truth(node)).collect()
    }

    /// Something that is true or false.
    fn truth(&mut self, node: &'a Node) -> Result<Expr, Refused> {
        let value = self.expression(node)?;
        match Kind::of(&value) {
            Kind::Bool | Kind::Any => Ok(value),
            other => Err(Refused::new(
                node.at,
                format!("a condition is expected here, not {}", other.words()),
            )),
        }
    }

    /// Something that is a text.
    fn text(&mut self, node: &'a Node) -> Result<Expr, Refused> {
        let value = self.expression(node)?;
        match Kind::of(&value) {
            Kind::Text | Kind::Any => Ok(value),
            other => Err(Refused::new(
                node.at,
                format!("a text is expected here, not {}", other.words()),
            )
            .instead(format!("toString({})", value.to_clickhouse()))),
        }
    }

    fn name(&mut self, at: usize, parts: &'a [String]) -> Result<Expr, Refused> {
        let mut parts = parts;
        if let [first, rest @ ..] = parts
            && !rest.is_empty()
            && self.table.contains(first)
        {
            parts = rest;
        }
        if let [name] = parts {
            let given = self
                .aliases
                .iter()
                .find(|(alias, _)| alias == name)
                .copied();
            if let Some((alias, node)) = given
                && !self.replacing.contains(&alias)
            {
                self.replacing.push(alias);
                let value = self.expression(node);
                self.replacing.pop();
                return value;
            }
            let column = Column::ALL
                .iter()
                .find(|(_, known)| known.eq_ignore_ascii_case(name));
            if let Some((column, _)) = column {
                return Ok(Expr::Column(*column));
            }
        }
        match self.dialect {
            Dialect::Unified => Err(self.no_column(at, parts)),
            Dialect::Older => self.field(at, parts),
        }
    }

    fn no_column(&self, at: usize, parts: &[String]) -> Refused {
        let name = parts.join(".");
        let path = match parts {
            [map, rest @ ..] if map == "log_attributes" && !rest.is_empty() => Some(rest.join(".")),
            _ => fields::find(None, &[], &name),
        };
        let refused = Refused::new(
            at,
            "there is no such column; there are id, timestamp, event_message, severity_text, source and log_attributes",
        );
        match path {
            Some(path) => {
                refused.instead(Expr::Attribute(path).to_clickhouse())
            }
            None => refused.instead(
                "log_attributes['path.of.field']; `select arrayJoin(mapKeys(log_attributes)) as key, count() from logs where source = '…' group by key` lists the fields",
            ),
        }
    }

    /// A field of the older dialect by its path.
    fn field(&self, at: usize, parts: &[String]) -> Result<Expr, Refused> {
        let [first, rest @ ..] = parts else {
            return Err(Refused::new(at, "a name is expected here"));
        };
        if let Some((_, below)) = self.opened.iter().rev().find(|(alias, _)| alias == first) {
            if rest.is_empty() {
                return Err(Refused::new(at, "this is a whole record").instead("one of its fields"));
            }
            return Ok(Expr::Attribute(format!("{below}{}", rest.join("."))));
        }
        if first == "metadata" && rest.is_empty() {
            return Err(Refused::new(at, "this is a whole record").instead("one of its fields"));
        }
        let path = match first.as_str() {
            "metadata" => rest.join("."),
            _ => parts.join("."),
        };
        let prefixes: Vec<String> = self.opened.iter().map(|(_, below)| below.clone()).collect();
        let found = fields::find(self.source.as_deref(), &prefixes, &path);
        // A whole path that is not documented is taken at its word.
        let found = found.or_else(|| (first == "metadata" || parts.len() > 1).then_some(path));
        found.map(Expr::Attribute).ok_or_else(|| {
            Refused::new(at, "no field of this source is known by this name").instead(
                "its path, such as m.request.path after `cross join unnest(metadata) as m`",
            )
        })
    }

    fn index(&mut self, at: usize, map: &'a Node, key: &'a Node) -> Result<Expr, Refused> {
        if self.expression(map)? != Expr::Column(Column::LogAttributes) {
            return Err(Refused::new(at, "only log_attributes has keys"));
        }
        match &key.kind {
            Raw::Text(key) | Raw::Quoted(key) => Ok(Expr::Attribute(key.clone())),
            _ => Err(Refused::new(key.at, "a key is a text in quotes")
                .instead("log_attributes['request.path']")),
        }
    }

    fn cast(&mut self, at: usize, value: &'a Node, to: &str) -> Result<Expr, Refused> {
        let value = self.expression(value)?;
        let to = to.to_lowercase();
        let kind = Kind::of(&value);
        let function = match to.as_str() {
            "datetime" | "timestamp" | "datetime64" => return self.moment(at, value),
            "string" | "varchar" | "text" => Function::ToString,
            "int" | "integer" | "int32" => Function::ToInt32OrZero,
            "int64" | "bigint" => Function::ToInt64OrZero,
            "float64" | "float" | "numeric" | "double" => Function::ToFloat64OrZero,
            _ => {
                return Err(Refused::new(at, "there is no such type here")
                    .instead("datetime, string, int64 or float64"));
            }
        };
        Ok(match (function, kind) {
            (Function::ToString, Kind::Text) => value,
            (Function::ToString, _) => Expr::Call(function, vec![value]),
            (_, Kind::Number) => value,
            (_, Kind::Text | Kind::Any) => Expr::Call(function, vec![value]),
            (_, other) => {
                return Err(Refused::new(at, format!("{} is no number", other.words())));
            }
        })
    }

    /// A value as a moment.
    fn moment(&mut self, at: usize, value: Expr) -> Result<Expr, Refused> {
        match (&value, Kind::of(&value)) {
            (Expr::Text(text), _) => moment::read(text).map(Expr::Moment).ok_or_else(|| {
                Refused::new(at, "this is no time").instead("'2026-11-23 20:54:30'")
            }),
            (_, Kind::Moment) => Ok(value),
            (_, other) => Err(Refused::new(at, format!("{} is no time", other.words()))),
        }
    }

    fn call(
        &mut self,
        at: usize,
        name: &str,
        distinct: bool,
        arguments: &'a [Node],
    ) -> Result<Expr, Refused> {
        let Some(named) = functions::find(name) else {
            return Err(Refused::new(at, "there is no such function here")
                .instead(format!("one of: {}", functions::known())));
        };
        if distinct && named != Named::OfMany(Aggregate::Count) {
            return Err(Refused::new(at, "only count takes distinct"));
        }
        match named {
            Named::OfMany(aggregate) => self.aggregate(at, aggregate, distinct, arguments),
            Named::OfOne(function) => self.function(at, function, arguments),
            Named::Moment => match arguments {
                [value] => {
                    let value = self.expression(value)?;
                    self.moment(at, value)
                }
                // Digits of a second, and a zone, which is UTC.
                [value, ..] if name.to_lowercase().starts_with("todatetime") => {
                    let value = self.expression(value)?;
                    self.moment(at, value)
                }
                _ => Err(Refused::new(at, format!("{name} takes one argument"))),
            },
            Named::Truncate => {
                let [one, other] = arguments else {
                    return Err(Refused::new(at, format!("{name} takes a time and a unit")));
                };
                // `date_trunc('minute', x)` has them the other way round.
                let (value, unit) = match &one.kind {
                    Raw::Text(_) | Raw::Quoted(_) => (other, one),
                    _ => (one, other),
                };
                let unit = match &unit.kind {
                    Raw::Text(word) | Raw::Quoted(word) => unit_of(unit.at, word)?,
                    Raw::Name(parts) => unit_of(unit.at, &parts.join("."))?,
                    _ => return Err(Refused::new(unit.at, "a unit is expected here")),
                };
                let bucket = match unit {
                    Unit::Second => Bucket::Second,
                    Unit::Minute => Bucket::Minute,
                    Unit::Hour => Bucket::Hour,
                    Unit::Day => Bucket::Day,
                };
                let value = self.expression(value)?;
                let value = self.moment(at, value)?;
                Ok(Expr::Call(Function::StartOf(bucket), vec![value]))
            }
            Named::Earlier | Named::Later => {
                let [value, interval] = arguments else {
                    return Err(Refused::new(
                        at,
                        format!("{name} takes a time and an interval"),
                    ));
                };
                let value = self.expression(value)?;
                let (value, interval) = (self.moment(at, value)?, self.expression(interval)?);
                let sign = if named == Named::Earlier { "-" } else { "+" };
                self.binary(at, sign, value, interval)
            }
        }
    }

    fn aggregate(
        &mut self,
        at: usize,
        aggregate: Aggregate,
        distinct: bool,
        arguments: &'a [Node],
    ) -> Result<Expr, Refused> {
        let argument = match arguments {
            [] => None,
            [only] if matches!(only.kind, Raw::Star) && aggregate == Aggregate::Count => {
                self.correct(Refused::new(at, "`count(*)` is not taken").instead("count()"));
                None
            }
            [only] => Some(self.expression(only)?),
            _ => {
                return Err(Refused::new(
                    at,
                    format!("{} takes one argument", aggregate.name()),
                ));
            }
        };
        let aggregate = if distinct {
            Aggregate::UniqExact
        } else {
            aggregate
        };
        let Some(mut argument) = argument else {
            if aggregate.needs_argument() {
                return Err(Refused::new(
                    at,
                    format!("{} takes one argument", aggregate.name()),
                ));
            }
            return Ok(Expr::Aggregate(aggregate, None));
        };
        if argument.any_part(&|part| matches!(part, Expr::Aggregate(..))) {
            return Err(Refused::new(at, "an aggregate of an aggregate"));
        }
        let counts = matches!(aggregate, Aggregate::Sum | Aggregate::Avg);
        let numeric = matches!(aggregate, Aggregate::Min | Aggregate::Max)
            && self.dialect == Dialect::Older
            && matches!(&argument, Expr::Attribute(key) if check::is_number(key));
        match (aggregate, Kind::of(&argument)) {
            (Aggregate::CountIf, Kind::Bool | Kind::Any) => {}
            (Aggregate::CountIf, _) => {
                return Err(Refused::new(at, "countIf takes a condition"));
            }
            (_, Kind::Text) if counts || numeric => {
                let wrapped = Expr::Call(Function::ToFloat64OrZero, vec![argument.clone()]);
                self.correct(
                    Refused::new(
                        at,
                        format!("{} takes numbers, and this is a text", aggregate.name()),
                    )
                    .instead(wrapped.to_clickhouse()),
                );
                argument = wrapped;
            }
            (_, Kind::Number | Kind::Any) if counts => {}
            (_, other) if counts => {
                return Err(Refused::new(
                    at,
                    format!("{} takes numbers, not {}", aggregate.name(), other.words()),
                ));
            }
            (_, Kind::Map | Kind::Keys | Kind::Interval) => {
                return Err(Refused::new(at, "maps and lists are not aggregated")
                    .instead("one field, or arrayJoin(mapKeys(log_attributes))"));
            }
            _ => {}
        }
        Ok(Expr::Aggregate(aggregate, Some(Box::new(argument))))
    }

    fn function(
        &mut self,
        at: usize,
        function: Function,
        arguments: &'a [Node],
    ) -> Result<Expr, Refused> {
        let (least, most) = function.arguments();
        let name = function.name();
        // `now64(3)` gives the digits of its seconds.
        let arguments = match function {
            Function::Now => &[],
            _ => arguments,
        };
        if !(least..=most).contains(&arguments.len()) {
            let count = match least == most {
                true => least.to_string(),
                false => format!("{least} to {most}"),
            };
            return Err(Refused::new(
                at,
                format!("{name} takes {count} argument(s)"),
            ));
        }
        let mut values = arguments
            .iter()
            .map(|one| self.expression(one))
            .collect::<Result<Vec<_>, _>>()?;
        if let (Function::StartOf(_), [value]) = (function, values.as_mut_slice()) {
            *value = self.moment(at, value.clone())?;
        }
        if matches!(
            function,
            Function::ToInt32OrZero | Function::ToInt64OrZero | Function::ToFloat64OrZero
        ) && let [value] = values.as_slice()
            && Kind::of(value) == Kind::Number
        {
            return Ok(value.clone());
        }
        check::arguments(at, function, &values)?;
        Ok(Expr::Call(function, values))
    }

    fn binary(
        &mut self,
        at: usize,
        sign: &'static str,
        one: Expr,
        other: Expr,
    ) -> Result<Expr, Refused> {
        if let Some(comparison) = Comparison::of(sign) {
            let (one, other) = self.alike(at, one, other)?;
            return Ok(Expr::Compare(comparison, Box::new(one), Box::new(other)));
        }
        let Some(operator) = Operator::of(sign) else {
            return Err(
                Refused::new(at, "texts are not put together here").instead("a column for each")
            );
        };
        let adds = matches!(operator, Operator::Add | Operator::Subtract);
        let (one, other) = match (Kind::of(&one), Kind::of(&other)) {
            (Kind::Moment, Kind::Interval) if adds => (one, other),
            (Kind::Number | Kind::Any, Kind::Number | Kind::Any) => (one, other),
            (Kind::Text, Kind::Number) | (Kind::Number, Kind::Text) => {
                self.alike(at, one, other)?
            }
            (left, right) => {
                return Err(Refused::new(
                    at,
                    format!("{} {sign} {} means nothing", left.words(), right.words()),
                ));
            }
        };
        Ok(Expr::Arithmetic(operator, Box::new(one), Box::new(other)))
    }

    fn membership(
        &mut self,
        at: usize,
        negated: bool,
        value: Expr,
        list: Vec<Expr>,
    ) -> Result<Expr, Refused> {
        let mut value = value;
        let mut constants = Vec::new();
        for one in list {
            if !one.is_constant() {
                return Err(
                    Refused::new(at, "a list holds constants only").instead("conditions with or")
                );
            }
            let (left, right) = self.alike(at, value, one)?;
            value = left;
            constants.push(right);
        }
        Ok(Expr::In {
            negated,
            value: Box::new(value),
            list: constants,
        })
    }

    /// Two values of one kind: a text beside a number becomes one, a text beside a moment is read as one.
    fn alike(&mut self, at: usize, one: Expr, other: Expr) -> Result<(Expr, Expr), Refused> {
        Ok(match (Kind::of(&one), Kind::of(&other)) {
            (Kind::Text, Kind::Number) => (self.number(at, one, &other)?, other),
            (Kind::Number, Kind::Text) => {
                let other = self.number(at, other, &one)?;
                (one, other)
            }
            (Kind::Moment, Kind::Text) => {
                let other = self.moment(at, other)?;
                (one, other)
            }
            (Kind::Text, Kind::Moment) => (self.moment(at, one)?, other),
            _ => {
                check::same_kind(at, &one, &other)?;
                (one, other)
            }
        })
    }

    /// A text as a number, to be compared with another.
    fn number(&mut self, at: usize, text: Expr, beside: &Expr) -> Result<Expr, Refused> {
        let function = match beside {
            Expr::Integer(number) if i32::try_from(*number).is_ok() => Function::ToInt32OrZero,
            Expr::Integer(_) => Function::ToInt64OrZero,
            _ => Function::ToFloat64OrZero,
        };
        let number = match &text {
            Expr::Text(text) => text
                .trim()
                .parse()
                .map(Expr::Integer)
                .or_else(|_| text.trim().parse().map(Expr::Decimal))
                .ok()
                .filter(|number| !matches!(number, Expr::Decimal(decimal) if !decimal.is_finite()))
                .ok_or_else(|| Refused::new(at, "a text that is no number beside a number"))?,
            _ => Expr::Call(function, vec![text]),
        };
        self.correct(Refused::new(at, "a text beside a number").instead(number.to_clickhouse()));
        Ok(number)
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

fn unit_of(at: usize, word: &str) -> Result<Unit, Refused> {
    let word = word.to_lowercase();
    let word = word.strip_suffix('s').unwrap_or(&word);
    Unit::ALL
        .iter()
        .find(|(_, name, _)| *name == word)
        .map(|(unit, ..)| *unit)
        .ok_or_else(|| Refused::new(at, "units are second, minute, hour and day"))
}
