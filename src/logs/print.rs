//! A query as text of the present dialect.

use std::fmt::Write;

use super::moment;
use super::query::{Aggregate, Column, Comparison, Expr, Operator, Query, Unit};

impl Query {
    /// The query in the platform's present dialect, ClickHouse's, over the table `logs`.
    pub fn to_clickhouse(&self) -> String {
        let mut text = String::from("select ");
        if self.distinct {
            text.push_str("distinct ");
        }
        let columns: Vec<String> = self
            .select
            .iter()
            .map(|one| match &one.alias {
                Some(alias) => format!("{} as {}", one.value.to_clickhouse(), name(alias)),
                None => one.value.to_clickhouse(),
            })
            .collect();
        text.push_str(&columns.join(", "));
        text.push_str(" from logs");
        clause(&mut text, " where ", self.filter.as_ref());
        if !self.group_by.is_empty() {
            text.push_str(" group by ");
            text.push_str(&listed(&self.group_by));
        }
        clause(&mut text, " having ", self.having.as_ref());
        if !self.order_by.is_empty() {
            let keys: Vec<String> = self
                .order_by
                .iter()
                .map(|key| {
                    let direction = if key.descending { " desc" } else { "" };
                    format!("{}{direction}", key.value.to_clickhouse())
                })
                .collect();
            text.push_str(" order by ");
            text.push_str(&keys.join(", "));
        }
        // Writing to a String cannot fail.
        let _ = write!(text, " limit {}", self.limit);
        if self.offset > 0 {
            let _ = write!(text, " offset {}", self.offset);
        }
        text
    }
}

fn clause(text: &mut String, word: &str, condition: Option<&Expr>) {
    if let Some(condition) = condition {
        text.push_str(word);
        text.push_str(&condition.to_clickhouse());
    }
}

impl Expr {
    /// The expression in the platform's present dialect.
    pub fn to_clickhouse(&self) -> String {
        match self {
            Self::Column(column) => column_name(*column).to_owned(),
            Self::Attribute(key) => format!("log_attributes[{}]", quoted(key)),
            Self::Text(text) => quoted(text),
            Self::Integer(number) => number.to_string(),
            Self::Decimal(number) => format!("{number:?}"),
            Self::Moment(micros) => {
                format!("toDateTime64('{}', 6, 'UTC')", moment::written(*micros))
            }
            Self::Interval(count, unit) => format!("interval {count} {}", unit_name(*unit)),
            Self::Bool(value) => value.to_string(),
            Self::Null => "null".to_owned(),
            Self::Call(function, arguments) => {
                format!("{}({})", function.name(), listed(arguments))
            }
            Self::Aggregate(aggregate, argument) => {
                let argument = argument.as_ref().map(|one| one.to_clickhouse());
                format!("{}({})", aggregate.name(), argument.unwrap_or_default())
            }
            Self::Compare(comparison, one, other) => {
                let sign = sign_of(&Comparison::ALL, *comparison);
                format!("{} {sign} {}", operand(one), operand(other))
            }
            Self::Arithmetic(operator, one, other) => {
                let sign = sign_of(&Operator::ALL, *operator);
                format!("{} {sign} {}", operand(one), operand(other))
            }
            Self::All(parts) => joined(parts, " and "),
            Self::Any(parts) => joined(parts, " or "),
            Self::Not(part) => format!("not {}", operand(part)),
            Self::In {
                negated,
                value,
                list,
            } => format!("{} {}in ({})", operand(value), not(*negated), listed(list)),
            Self::Between {
                negated,
                value,
                low,
                high,
            } => format!(
                "{} {}between {} and {}",
                operand(value),
                not(*negated),
                operand(low),
                operand(high)
            ),
            Self::Like {
                negated,
                insensitive,
                value,
                pattern,
            } => format!(
                "{} {}{} {}",
                operand(value),
                not(*negated),
                if *insensitive { "ilike" } else { "like" },
                quoted(pattern)
            ),
            Self::IsNull { negated, value } => {
                format!("{} is {}null", operand(value), not(*negated))
            }
        }
    }
}

fn not(negated: bool) -> &'static str {
    if negated { "not " } else { "" }
}

fn listed(list: &[Expr]) -> String {
    let texts: Vec<String> = list.iter().map(Expr::to_clickhouse).collect();
    texts.join(", ")
}

fn joined(parts: &[Expr], word: &str) -> String {
    let texts: Vec<String> = parts.iter().map(operand).collect();
    texts.join(word)
}

/// In parentheses, unless it is one thing to every reader.
fn operand(part: &Expr) -> String {
    let text = part.to_clickhouse();
    match part {
        Expr::Compare(..)
        | Expr::Arithmetic(..)
        | Expr::All(_)
        | Expr::Any(_)
        | Expr::Not(_)
        | Expr::In { .. }
        | Expr::Between { .. }
        | Expr::Like { .. }
        | Expr::IsNull { .. } => format!("({text})"),
        _ => text,
    }
}

fn sign_of<T: PartialEq>(all: &[(T, &'static str)], one: T) -> &'static str {
    all.iter()
        .find(|(known, _)| *known == one)
        .map_or("", |(_, sign)| sign)
}

pub(super) fn column_name(column: Column) -> &'static str {
    sign_of(&Column::ALL, column)
}

fn unit_name(unit: Unit) -> &'static str {
    Unit::ALL
        .iter()
        .find(|(known, ..)| *known == unit)
        .map_or("", |(_, name, _)| name)
}

/// A text as a literal: nothing in it can end it.
fn quoted(text: &str) -> String {
    let mut out = String::from("'");
    for one in text.chars() {
        match one {
            '\'' => out.push_str("\\'"),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            other => out.push(other),
        }
    }
    out.push('\'');
    out
}

/// A name, in backticks: it may be a word of the language. Names are plain, see `resolve`.
fn name(alias: &str) -> String {
    format!("`{alias}`")
}

impl Aggregate {
    /// Whether it takes an argument: `count` can do without.
    pub(super) fn needs_argument(self) -> bool {
        self != Self::Count
    }
}
