//! Groups of lines, and what is counted of them.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use super::scalar::{Patterns, Scope};
use super::{Record, Row, row};
use crate::logs::query::{Aggregate, Expr, Query};
use crate::logs::value::Value;

/// The groups, in the order in which they came.
pub(super) struct Groups<'q> {
    query: &'q Query,
    /// Every aggregate that is asked for, once.
    aggregates: Vec<(&'q Expr, Aggregate, Option<&'q Expr>)>,
    places: HashMap<String, usize>,
    groups: Vec<Group>,
    /// Different values that are remembered, of all groups.
    different: usize,
}

struct Group {
    keys: Vec<Value>,
    tallies: Vec<Tally>,
}

/// What is known of one aggregate of one group.
#[derive(Default)]
struct Tally {
    count: i64,
    sum: f64,
    whole: i64,
    is_decimal: bool,
    least: Option<Value>,
    greatest: Option<Value>,
    different: HashSet<String>,
}

impl<'q> Groups<'q> {
    pub(super) fn of(query: &'q Query) -> Self {
        let mut groups = Self {
            query,
            aggregates: Vec::new(),
            places: HashMap::new(),
            groups: Vec::new(),
            different: 0,
        };
        for expression in query.expressions() {
            groups.find_aggregates(expression);
        }
        if query.group_by.is_empty() {
            // No lines are a group, too.
            groups.place(String::new(), Vec::new());
        }
        groups
    }

    fn find_aggregates(&mut self, expression: &'q Expr) {
        if let Expr::Aggregate(aggregate, argument) = expression {
            if !self
                .aggregates
                .iter()
                .any(|(known, ..)| *known == expression)
            {
                self.aggregates
                    .push((expression, *aggregate, argument.as_deref()));
            }
            return;
        }
        for part in expression.parts() {
            self.find_aggregates(part);
        }
    }

    fn place(&mut self, name: String, keys: Vec<Value>) -> usize {
        let place = self.groups.len();
        let tallies = self.aggregates.iter().map(|_| Tally::default()).collect();
        self.groups.push(Group { keys, tallies });
        self.places.insert(name, place);
        place
    }

    /// How much is held.
    pub(super) fn len(&self) -> usize {
        self.groups.len() + self.different
    }

    pub(super) fn add(&mut self, scope: &Scope<'_>) {
        let keys: Vec<Value> = self
            .query
            .group_by
            .iter()
            .map(|key| scope.value(key))
            .collect();
        let name = match keys.is_empty() {
            true => String::new(),
            false => format!("{keys:?}"),
        };
        let place = match self.places.get(&name) {
            Some(place) => *place,
            None => self.place(name, keys),
        };
        let Some(group) = self.groups.get_mut(place) else {
            return;
        };
        for ((_, aggregate, argument), tally) in self.aggregates.iter().zip(&mut group.tallies) {
            match argument.map(|one| scope.value(one)) {
                Some(Value::Null) => {}
                Some(Value::Bool(false)) if *aggregate == Aggregate::CountIf => {}
                Some(value) => self.different += usize::from(tally.add(*aggregate, value)),
                None => tally.count += 1,
            }
        }
    }

    pub(super) fn rows(self, patterns: &Patterns, now: i64) -> Vec<Row> {
        // What is asked of a group besides its keys and aggregates is constant: no line is looked at.
        let nothing = Record {
            id: "",
            timestamp: 0,
            event_message: "",
            severity_text: "",
            source: "",
            attributes: &[],
        };
        let scope = Scope {
            record: &nothing,
            joined: None,
            now,
            patterns,
        };
        let mut rows = Vec::new();
        for group in self.groups {
            let keys: Vec<(&Expr, &Value)> = self.query.group_by.iter().zip(&group.keys).collect();
            let results: Vec<(&Expr, Value)> = self
                .aggregates
                .iter()
                .zip(&group.tallies)
                .map(|((expression, aggregate, _), tally)| (*expression, tally.result(*aggregate)))
                .collect();
            let known = |expression: &Expr| {
                let key = keys.iter().find(|(known, _)| *known == expression);
                let result = results.iter().find(|(known, _)| *known == expression);
                key.map(|(_, value)| (*value).clone())
                    .or_else(|| result.map(|(_, value)| value.clone()))
            };
            let counts = self
                .query
                .having
                .as_ref()
                .is_none_or(|having| scope.value_or(having, &known).is_true());
            if counts {
                rows.push(row(self.query, |one| scope.value_or(one, &known)));
            }
        }
        rows
    }
}

impl Tally {
    /// Counts a value; tells whether it has to be remembered.
    fn add(&mut self, aggregate: Aggregate, value: Value) -> bool {
        self.count += 1;
        match aggregate {
            Aggregate::Sum | Aggregate::Avg => {
                self.sum += value.number().unwrap_or_default();
                match value {
                    Value::Integer(number) => self.whole = self.whole.saturating_add(number),
                    _ => self.is_decimal = true,
                }
            }
            Aggregate::UniqExact => {
                return self.different.insert(format!("{value:?}"));
            }
            Aggregate::Min | Aggregate::Any => {
                let replaces = self.least.as_ref().is_none_or(|least| {
                    aggregate == Aggregate::Min && value.order(least) == Ordering::Less
                });
                if replaces {
                    self.least = Some(value);
                }
            }
            Aggregate::Max => {
                let replaces = self
                    .greatest
                    .as_ref()
                    .is_none_or(|greatest| value.order(greatest) == Ordering::Greater);
                if replaces {
                    self.greatest = Some(value);
                }
            }
            Aggregate::Count | Aggregate::CountIf => {}
        }
        false
    }

    fn result(&self, aggregate: Aggregate) -> Value {
        let or_null = |value: &Option<Value>| value.clone().unwrap_or(Value::Null);
        match aggregate {
            Aggregate::Count | Aggregate::CountIf => Value::Integer(self.count),
            Aggregate::UniqExact => {
                Value::Integer(i64::try_from(self.different.len()).unwrap_or(i64::MAX))
            }
            Aggregate::Min | Aggregate::Any => or_null(&self.least),
            Aggregate::Max => or_null(&self.greatest),
            Aggregate::Sum if self.is_decimal => Value::Decimal(self.sum),
            Aggregate::Sum => Value::Integer(self.whole),
            Aggregate::Avg if self.count == 0 => Value::Null,
            #[expect(clippy::cast_precision_loss, reason = "so many lines are never kept")]
            Aggregate::Avg => Value::Decimal(self.sum / self.count as f64),
        }
    }
}
