//! Operators, and values of different kinds beside each other.

use super::Resolver;
use crate::logs::Refused;
use crate::logs::check;
use crate::logs::query::{Comparison, Expr, Function, Operator};
use crate::logs::value::Kind;

impl Resolver<'_> {
    pub(super) fn binary(
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

    pub(super) fn membership(
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
    pub(super) fn alike(
        &mut self,
        at: usize,
        one: Expr,
        other: Expr,
    ) -> Result<(Expr, Expr), Refused> {
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
    pub(super) fn number(&mut self, at: usize, text: Expr, beside: &Expr) -> Result<Expr, Refused> {
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
