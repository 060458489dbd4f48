//! Functions and casts.

use super::{Dialect, Resolver};
use crate::logs::Refused;
use crate::logs::functions::{self, Named};
use crate::logs::query::{Aggregate, Bucket, Expr, Function, Unit};
use crate::logs::raw::{Node, Raw};
use crate::logs::value::Kind;
use crate::logs::{check, moment};

impl<'a> Resolver<'a> {
    pub(super) fn cast(&mut self, at: usize, value: &'a Node, to: &str) -> Result<Expr, Refused> {
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
    pub(super) fn moment(&mut self, at: usize, value: Expr) -> Result<Expr, Refused> {
        match (&value, Kind::of(&value)) {
            (Expr::Text(text), _) => moment::read(text).map(Expr::Moment).ok_or_else(|| {
                Refused::new(at, "this is no time").instead("'2026-11-23 20:54:30'")
            }),
            (_, Kind::Moment) => Ok(value),
            (_, other) => Err(Refused::new(at, format!("{} is no time", other.words()))),
        }
    }

    pub(super) fn call(
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

    pub(super) fn aggregate(
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

    pub(super) fn function(
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
        if let (Function::StartOf(_) | Function::UnixMillis, [value]) =
            (function, values.as_mut_slice())
        {
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
}

pub(super) fn unit_of(at: usize, word: &str) -> Result<Unit, Refused> {
    let word = word.to_lowercase();
    let word = word.strip_suffix('s').unwrap_or(&word);
    Unit::ALL
        .iter()
        .find(|(_, name, _)| *name == word)
        .map(|(unit, ..)| *unit)
        .ok_or_else(|| Refused::new(at, "units are second, minute, hour and day"))
}
