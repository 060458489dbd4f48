//! The value of an expression for one line.

use std::cmp::Ordering;
use std::collections::HashMap;

use regex::Regex;

use super::Record;
use crate::logs::check;
use crate::logs::moment;
use crate::logs::query::{Column, Comparison, Expr, Function, Operator, Query};
use crate::logs::value::Value;

/// The patterns of a query, compiled once.
pub(super) struct Patterns(HashMap<(String, bool), Option<Regex>>);

impl Patterns {
    pub(super) fn of(query: &Query) -> Self {
        let mut patterns = Self(HashMap::new());
        for expression in query.expressions() {
            patterns.gather(expression);
        }
        patterns
    }

    fn gather(&mut self, expression: &Expr) {
        if let Some((pattern, insensitive)) = pattern_of(expression) {
            let compiled = check::compiled(&pattern, insensitive).ok();
            self.0.insert((pattern, insensitive), compiled);
        }
        for part in expression.parts() {
            self.gather(part);
        }
    }

    fn matches(&self, expression: &Expr, text: &str) -> bool {
        pattern_of(expression)
            .and_then(|key| self.0.get(&key)?.as_ref())
            .is_some_and(|regex| regex.is_match(text))
    }
}

/// The regular expression of what is matched by one.
fn pattern_of(expression: &Expr) -> Option<(String, bool)> {
    match expression {
        Expr::Like {
            insensitive,
            pattern,
            ..
        } => Some((check::like_as_regex(pattern), *insensitive)),
        Expr::Call(Function::Match, arguments) => match arguments.get(1) {
            Some(Expr::Text(pattern)) => Some((pattern.clone(), false)),
            _ => None,
        },
        _ => None,
    }
}

/// What an expression can see.
pub(super) struct Scope<'a> {
    pub(super) record: &'a Record<'a>,
    /// The key of the row, where each key has its own.
    pub(super) joined: Option<&'a str>,
    pub(super) now: i64,
    pub(super) patterns: &'a Patterns,
}

impl Scope<'_> {
    pub(super) fn value(&self, expression: &Expr) -> Value {
        self.value_or(expression, &|_| None)
    }

    /// The value, where `known` knows none.
    pub(super) fn value_or(
        &self,
        expression: &Expr,
        known: &impl Fn(&Expr) -> Option<Value>,
    ) -> Value {
        if let Some(value) = known(expression) {
            return value;
        }
        let value = |part: &Expr| self.value_or(part, known);
        match expression {
            Expr::Column(column) => self.column(*column),
            Expr::Attribute(key) => Value::Text(self.attribute(key).unwrap_or_default().to_owned()),
            Expr::Text(text) => Value::Text(text.clone()),
            Expr::Integer(number) => Value::Integer(*number),
            Expr::Decimal(number) => Value::Decimal(*number),
            Expr::Moment(micros) => Value::Moment(*micros),
            Expr::Interval(count, unit) => Value::Interval(count.saturating_mul(unit.micros())),
            Expr::Bool(truth) => Value::Bool(*truth),
            // Aggregates are known where there are any.
            Expr::Null | Expr::Aggregate(..) => Value::Null,
            Expr::Call(function, arguments) => self.call(expression, *function, arguments, &value),
            Expr::Compare(comparison, one, other) => {
                compare(*comparison, &value(one), &value(other))
            }
            Expr::Arithmetic(operator, one, other) => {
                calculate(*operator, &value(one), &value(other))
            }
            Expr::All(parts) => Value::Bool(parts.iter().all(|part| value(part).is_true())),
            Expr::Any(parts) => Value::Bool(parts.iter().any(|part| value(part).is_true())),
            Expr::Not(part) => match value(part) {
                Value::Bool(truth) => Value::Bool(!truth),
                _ => Value::Null,
            },
            Expr::In {
                negated,
                value: one,
                list,
            } => {
                let one = value(one);
                let found = list
                    .iter()
                    .any(|other| compare(Comparison::Equal, &one, &value(other)).is_true());
                Value::Bool(found != *negated)
            }
            Expr::Between {
                negated,
                value: one,
                low,
                high,
            } => {
                let one = value(one);
                let inside = compare(Comparison::AtLeast, &one, &value(low)).is_true()
                    && compare(Comparison::AtMost, &one, &value(high)).is_true();
                Value::Bool(inside != *negated)
            }
            Expr::Like {
                negated,
                value: one,
                ..
            } => match value(one) {
                Value::Text(text) => {
                    Value::Bool(self.patterns.matches(expression, &text) != *negated)
                }
                _ => Value::Null,
            },
            Expr::IsNull {
                negated,
                value: one,
            } => Value::Bool((value(one) == Value::Null) != *negated),
        }
    }

    fn attribute(&self, key: &str) -> Option<&str> {
        let mut attributes = self.record.attributes.iter();
        let found = attributes.find(|(name, _)| name == key);
        found.map(|(_, value)| value.as_str())
    }

    fn column(&self, column: Column) -> Value {
        let record = self.record;
        match column {
            Column::Id => Value::Text(record.id.to_owned()),
            Column::Timestamp => Value::Moment(record.timestamp),
            Column::EventMessage => Value::Text(record.event_message.to_owned()),
            Column::SeverityText => Value::Text(record.severity_text.to_owned()),
            Column::Source => Value::Text(record.source.to_owned()),
            Column::LogAttributes => Value::Map(record.attributes.to_vec()),
        }
    }

    fn call(
        &self,
        expression: &Expr,
        function: Function,
        arguments: &[Expr],
        value: &impl Fn(&Expr) -> Value,
    ) -> Value {
        let argument = |place: usize| arguments.get(place).map_or(Value::Null, value);
        match (function, argument(0)) {
            (Function::Now, _) => Value::Moment(self.now),
            (Function::If, condition) => argument(if condition.is_true() { 1 } else { 2 }),
            (Function::MultiIf, _) => {
                let chosen = arguments.chunks(2).find_map(|pair| match pair {
                    [condition, one] => value(condition).is_true().then_some(one),
                    [last] => Some(last),
                    _ => None,
                });
                chosen.map_or(Value::Null, value)
            }
            (Function::Coalesce, _) => arguments
                .iter()
                .map(value)
                .find(|one| *one != Value::Null)
                .unwrap_or(Value::Null),
            (Function::ArrayJoin, _) => Value::Text(self.joined.unwrap_or_default().to_owned()),
            (_, Value::Null) => Value::Null,
            (Function::ToInt32OrZero, Value::Text(text)) => {
                Value::Integer(text.parse::<i32>().map_or(0, i64::from))
            }
            (Function::ToInt64OrZero, Value::Text(text)) => {
                Value::Integer(text.parse().unwrap_or_default())
            }
            (Function::ToFloat64OrZero, Value::Text(text)) => {
                let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
                Value::Decimal(number.unwrap_or_default())
            }
            (Function::ToString, one) => Value::Text(text_of(one)),
            (Function::Lower, Value::Text(text)) => Value::Text(text.to_lowercase()),
            (Function::Upper, Value::Text(text)) => Value::Text(text.to_uppercase()),
            (Function::Length, Value::Text(text)) => {
                Value::Integer(i64::try_from(text.len()).unwrap_or(i64::MAX))
            }
            (Function::Position, Value::Text(text)) => match argument(1) {
                Value::Text(other) => Value::Integer(position(&text, &other)),
                _ => Value::Null,
            },
            (Function::Match, Value::Text(text)) => {
                Value::Bool(self.patterns.matches(expression, &text))
            }
            (Function::StartsWith, Value::Text(text)) => {
                two_texts(text, argument(1), |text, other| text.starts_with(other))
            }
            (Function::EndsWith, Value::Text(text)) => {
                two_texts(text, argument(1), |text, other| text.ends_with(other))
            }
            (Function::MapContains, _) => match argument(1) {
                Value::Text(key) => Value::Bool(self.attribute(&key).is_some()),
                _ => Value::Null,
            },
            (Function::MapKeys, Value::Map(members)) => {
                Value::Keys(members.into_iter().map(|(key, _)| key).collect())
            }
            (Function::UnixMillis, Value::Moment(micros)) => {
                Value::Integer(micros.div_euclid(1000))
            }
            (Function::StartOf(bucket), Value::Moment(micros)) => {
                Value::Moment(micros - micros.rem_euclid(bucket.micros()))
            }
            (Function::Round, one) => rounded(&one, argument(1)),
            _ => Value::Null,
        }
    }
}

fn two_texts(one: String, other: Value, is_so: fn(&str, &str) -> bool) -> Value {
    match other {
        Value::Text(other) => Value::Bool(is_so(&one, &other)),
        _ => Value::Null,
    }
}

/// The place of a text in another, counted in characters from 1, whatever their letters' case; 0 for none.
fn position(text: &str, other: &str) -> i64 {
    let text = text.to_lowercase();
    let found = text.find(&other.to_lowercase());
    let before = found.and_then(|place| text.get(..place));
    before.map_or(0, |before| {
        i64::try_from(before.chars().count()).map_or(i64::MAX, |count| count.saturating_add(1))
    })
}

fn text_of(value: Value) -> String {
    match value {
        Value::Text(text) => text,
        Value::Integer(number) => number.to_string(),
        Value::Decimal(number) => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        Value::Moment(micros) => moment::written(micros),
        Value::Null | Value::Interval(_) | Value::Keys(_) | Value::Map(_) => String::new(),
    }
}

fn rounded(value: &Value, digits: Value) -> Value {
    match (value, value.number(), digits) {
        (Value::Integer(number), ..) => Value::Integer(*number),
        (_, Some(number), Value::Integer(digits)) => {
            let scale = 10_f64.powi(i32::try_from(digits).unwrap_or(0));
            Value::Decimal((number * scale).round() / scale)
        }
        (_, Some(number), _) => Value::Decimal(number.round()),
        _ => Value::Null,
    }
}

fn compare(comparison: Comparison, one: &Value, other: &Value) -> Value {
    if *one == Value::Null || *other == Value::Null {
        return Value::Null;
    }
    let order = one.order(other);
    Value::Bool(match comparison {
        Comparison::Equal => order == Ordering::Equal,
        Comparison::NotEqual => order != Ordering::Equal,
        Comparison::Less => order == Ordering::Less,
        Comparison::AtMost => order != Ordering::Greater,
        Comparison::Greater => order == Ordering::Greater,
        Comparison::AtLeast => order != Ordering::Less,
    })
}

fn calculate(operator: Operator, one: &Value, other: &Value) -> Value {
    match (one, other) {
        (Value::Moment(moment), Value::Interval(stretch)) => Value::Moment(match operator {
            Operator::Subtract => moment.saturating_sub(*stretch),
            _ => moment.saturating_add(*stretch),
        }),
        (Value::Integer(one), Value::Integer(other)) => {
            let result = match operator {
                Operator::Add => one.checked_add(*other),
                Operator::Subtract => one.checked_sub(*other),
                Operator::Multiply => one.checked_mul(*other),
                Operator::Modulo => one.checked_rem(*other),
                Operator::Divide => return divided(one, other),
            };
            result.map_or(Value::Null, Value::Integer)
        }
        _ => match (one.number(), other.number()) {
            (Some(one), Some(other)) => decimal(match operator {
                Operator::Add => one + other,
                Operator::Subtract => one - other,
                Operator::Multiply => one * other,
                Operator::Divide => one / other,
                Operator::Modulo => one % other,
            }),
            _ => Value::Null,
        },
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "the platform divides as decimals, too"
)]
fn divided(one: &i64, other: &i64) -> Value {
    decimal(*one as f64 / *other as f64)
}

/// What is no number is shown as nothing.
fn decimal(number: f64) -> Value {
    match number.is_finite() {
        true => Value::Decimal(number),
        false => Value::Null,
    }
}
