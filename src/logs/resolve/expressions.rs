//! Expressions, one by one.

use super::calls::unit_of;
use super::{Dialect, Resolver};
use crate::logs::Refused;
use crate::logs::check;
use crate::logs::query::{Expr, Function};
use crate::logs::raw::{Node, Raw};
use crate::logs::value::Kind;

impl<'a> Resolver<'a> {
    pub(super) fn resolved(&mut self, node: &'a Node) -> Result<Expr, Refused> {
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

    pub(super) fn case(
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

    pub(super) fn truths(&mut self, nodes: &'a [Node]) -> Result<Vec<Expr>, Refused> {
        nodes.iter().map(|node| self.truth(node)).collect()
    }

    /// Something that is true or false.
    pub(super) fn truth(&mut self, node: &'a Node) -> Result<Expr, Refused> {
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
    pub(super) fn text(&mut self, node: &'a Node) -> Result<Expr, Refused> {
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
}
