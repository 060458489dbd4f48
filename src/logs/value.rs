//! Kinds of values, and values.

use serde_json::{Value as Json, json};

use super::query::{Aggregate, Column, Expr, Function};
use super::{check, moment};

/// What an expression gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Number,
    Bool,
    Moment,
    Interval,
    /// A list of keys.
    Keys,
    /// A map of texts.
    Map,
    /// Nothing, which fits anywhere.
    Any,
}

impl Kind {
    pub(super) fn of(expr: &Expr) -> Self {
        match expr {
            Expr::Column(Column::Timestamp) | Expr::Moment(_) => Self::Moment,
            Expr::Column(Column::LogAttributes) => Self::Map,
            Expr::Column(_) | Expr::Attribute(_) | Expr::Text(_) => Self::Text,
            Expr::Integer(_) | Expr::Decimal(_) => Self::Number,
            Expr::Interval(..) => Self::Interval,
            Expr::Null => Self::Any,
            Expr::Arithmetic(_, one, _) => match Self::of(one) {
                Self::Moment => Self::Moment,
                _ => Self::Number,
            },
            Expr::Call(function, arguments) => match function {
                Function::ToInt32OrZero
                | Function::ToInt64OrZero
                | Function::ToFloat64OrZero
                | Function::Length
                | Function::Position
                | Function::UnixMillis
                | Function::Round => Self::Number,
                Function::ToString | Function::Lower | Function::Upper | Function::ArrayJoin => {
                    Self::Text
                }
                Function::Match
                | Function::StartsWith
                | Function::EndsWith
                | Function::MapContains => Self::Bool,
                Function::MapKeys => Self::Keys,
                Function::StartOf(_) | Function::Now => Self::Moment,
                Function::If => Self::first_of(arguments.iter().skip(1)),
                Function::MultiIf => Self::first_of(check::choices(arguments)),
                Function::Coalesce => Self::first_of(arguments.iter()),
            },
            Expr::Aggregate(aggregate, argument) => match aggregate {
                Aggregate::Min | Aggregate::Max | Aggregate::Any => {
                    argument.as_deref().map_or(Self::Any, Self::of)
                }
                _ => Self::Number,
            },
            Expr::Bool(_)
            | Expr::Compare(..)
            | Expr::All(_)
            | Expr::Any(_)
            | Expr::Not(_)
            | Expr::In { .. }
            | Expr::Between { .. }
            | Expr::Like { .. }
            | Expr::IsNull { .. } => Self::Bool,
        }
    }

    fn first_of<'a>(list: impl Iterator<Item = &'a Expr>) -> Self {
        list.map(Self::of)
            .find(|kind| *kind != Self::Any)
            .unwrap_or(Self::Any)
    }

    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Text => "a text",
            Self::Number => "a number",
            Self::Bool => "a condition",
            Self::Moment => "a time",
            Self::Interval => "an interval",
            Self::Keys => "a list",
            Self::Map => "a map",
            Self::Any => "null",
        }
    }
}

/// A value of one line or one group.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Integer(i64),
    Decimal(f64),
    Text(String),
    Moment(i64),
    Interval(i64),
    Keys(Vec<String>),
    Map(Vec<(String, String)>),
}

impl Value {
    /// As results show it. Truths are numbers there, as the platform's are.
    pub(super) fn into_json(self) -> Json {
        match self {
            Self::Null => Json::Null,
            Self::Bool(value) => json!(i32::from(value)),
            Self::Integer(number) | Self::Interval(number) => json!(number),
            Self::Decimal(number) => json!(number),
            Self::Text(text) => Json::String(text),
            Self::Moment(micros) => Json::String(moment::shown(micros)),
            Self::Keys(keys) => json!(keys),
            Self::Map(members) => Json::Object(
                members
                    .into_iter()
                    .map(|(key, value)| (key, Json::String(value)))
                    .collect(),
            ),
        }
    }

    pub(super) fn is_true(&self) -> bool {
        matches!(self, Self::Bool(true))
    }

    pub(super) fn number(&self) -> Option<f64> {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "sums of logs are no accounts")]
            Self::Integer(number) => Some(*number as f64),
            Self::Decimal(number) => Some(*number),
            _ => None,
        }
    }

    /// Which comes first; nothing comes last, as on the platform.
    pub(super) fn order(&self, other: &Self) -> std::cmp::Ordering {
        use std::cmp::Ordering;
        match (self, other) {
            (Self::Null, Self::Null) => Ordering::Equal,
            (Self::Null, _) => Ordering::Greater,
            (_, Self::Null) => Ordering::Less,
            (Self::Text(one), Self::Text(other)) => one.cmp(other),
            (Self::Moment(one), Self::Moment(other))
            | (Self::Integer(one), Self::Integer(other)) => one.cmp(other),
            (Self::Bool(one), Self::Bool(other)) => one.cmp(other),
            (one, other) => match (one.number(), other.number()) {
                (Some(one), Some(other)) => one.total_cmp(&other),
                _ => Ordering::Equal,
            },
        }
    }
}
