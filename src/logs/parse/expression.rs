//! Expressions, by precedence: or, and, not, comparison, sum, product, sign, index.

use super::words::is_keyword;
use super::{DEPTH, Parser};
use crate::logs::Refused;
use crate::logs::lex::Kind;
use crate::logs::raw::{Node, Raw};

const COMPARISONS: [&str; 8] = ["=", "==", "!=", "<>", "<=", ">=", "<", ">"];

impl Parser<'_> {
    pub(super) fn expression(&mut self) -> Result<Node, Refused> {
        if self.depth >= DEPTH {
            return Err(Refused::new(
                self.at(),
                format!("expressions nest deeper than {DEPTH} here"),
            ));
        }
        self.depth += 1;
        let read = self.disjunction();
        self.depth -= 1;
        read
    }

    pub(super) fn list(&mut self) -> Result<Vec<Node>, Refused> {
        let mut list = vec![self.expression()?];
        while self.sign(",") {
            list.push(self.expression()?);
        }
        Ok(list)
    }

    fn disjunction(&mut self) -> Result<Node, Refused> {
        let at = self.at();
        let mut parts = vec![self.conjunction()?];
        while self.word("or") {
            parts.push(self.conjunction()?);
        }
        Ok(one_or(at, parts, Raw::Any))
    }

    fn conjunction(&mut self) -> Result<Node, Refused> {
        let at = self.at();
        let mut parts = vec![self.negation()?];
        while self.word("and") {
            parts.push(self.negation()?);
        }
        Ok(one_or(at, parts, Raw::All))
    }

    fn negation(&mut self) -> Result<Node, Refused> {
        let at = self.at();
        let mut negations = 0;
        while self.word("not") {
            negations += 1;
        }
        let value = self.comparison()?;
        Ok(match negations % 2 {
            0 => value,
            _ => node(at, Raw::Not(Box::new(value))),
        })
    }

    fn comparison(&mut self) -> Result<Node, Refused> {
        let at = self.at();
        let value = Box::new(self.sum()?);
        for sign in COMPARISONS {
            if self.sign(sign) {
                let other = Box::new(self.sum()?);
                return Ok(node(at, Raw::Binary(sign, value, other)));
            }
        }
        if self.word("is") {
            let negated = self.word("not");
            self.expect_word("null")?;
            return Ok(node(at, Raw::IsNull { negated, value }));
        }
        let negated = self.word("not");
        if self.word("in") {
            return self.membership(at, negated, value);
        }
        if self.word("between") {
            let low = Box::new(self.sum()?);
            self.expect_word("and")?;
            let high = Box::new(self.sum()?);
            return Ok(node(
                at,
                Raw::Between {
                    negated,
                    value,
                    low,
                    high,
                },
            ));
        }
        let insensitive = self.is_word(0, "ilike");
        if self.word("ilike") || self.word("like") {
            let pattern = Box::new(self.sum()?);
            return Ok(node(
                at,
                Raw::Like {
                    negated,
                    insensitive,
                    value,
                    pattern,
                },
            ));
        }
        match negated {
            true => Err(self.unexpected("in, between, like or ilike")),
            false => Ok(*value),
        }
    }

    fn membership(&mut self, at: usize, negated: bool, value: Box<Node>) -> Result<Node, Refused> {
        let unnested = self.word("unnest");
        if unnested {
            self.expect_sign("(")?;
        }
        let close = if self.sign("[") {
            "]"
        } else {
            self.expect_sign("(")?;
            ")"
        };
        let list = self.list()?;
        self.expect_sign(close)?;
        if unnested {
            self.expect_sign(")")?;
        }
        Ok(node(
            at,
            Raw::In {
                negated,
                value,
                list,
            },
        ))
    }

    fn sum(&mut self) -> Result<Node, Refused> {
        self.chain(&["+", "-", "||"], Self::product)
    }

    fn product(&mut self) -> Result<Node, Refused> {
        self.chain(&["*", "/", "%"], Self::signed)
    }

    /// Operators of one precedence, from the left. Their number is bounded like nesting, because that
    /// is what they become.
    fn chain(
        &mut self,
        operators: &[&'static str],
        operand: fn(&mut Self) -> Result<Node, Refused>,
    ) -> Result<Node, Refused> {
        let at = self.at();
        let mut value = operand(self)?;
        let mut links = 0;
        while let Some(operator) = operators.iter().find(|sign| self.is_sign(0, sign)) {
            if links >= DEPTH {
                return Err(Refused::new(
                    self.at(),
                    format!("more than {DEPTH} operators in a row"),
                ));
            }
            links += 1;
            self.next += 1;
            let other = operand(self)?;
            value = node(at, Raw::Binary(operator, Box::new(value), Box::new(other)));
        }
        Ok(value)
    }

    fn signed(&mut self) -> Result<Node, Refused> {
        let at = self.at();
        if !self.sign("-") {
            self.sign("+");
            return self.postfix();
        }
        let value = self.postfix()?;
        Ok(match value.kind {
            Raw::Integer(number) => node(at, Raw::Integer(-number)),
            Raw::Decimal(number) => node(at, Raw::Decimal(-number)),
            _ => node(
                at,
                Raw::Binary("-", Box::new(node(at, Raw::Integer(0))), Box::new(value)),
            ),
        })
    }

    fn postfix(&mut self) -> Result<Node, Refused> {
        let at = self.at();
        let value = self.primary()?;
        if self.sign("[") {
            let key = self.expression()?;
            self.expect_sign("]")?;
            return Ok(node(at, Raw::Index(Box::new(value), Box::new(key))));
        }
        if self.sign("::") {
            let to = self.type_name()?;
            return Ok(node(at, Raw::Cast(Box::new(value), to)));
        }
        Ok(value)
    }

    fn primary(&mut self) -> Result<Node, Refused> {
        let at = self.at();
        let kind = match self.peek() {
            Kind::Text(text) => Raw::Text(text.clone()),
            Kind::Quoted(text) => Raw::Quoted(text.clone()),
            Kind::Integer(number) => Raw::Integer(*number),
            Kind::Decimal(number) => Raw::Decimal(*number),
            Kind::Sign("*") => Raw::Star,
            Kind::Sign("(") => {
                self.next += 1;
                let inner = self.expression()?;
                if self.is_sign(0, ",") {
                    return Err(Refused::new(self.at(), "there are no tuples")
                        .instead("one expression for each"));
                }
                self.expect_sign(")")?;
                return Ok(inner);
            }
            Kind::Word(word) if word.eq_ignore_ascii_case("select") => {
                return Err(self.no_subquery());
            }
            Kind::Word(word) if word.eq_ignore_ascii_case("case") => return self.case(),
            Kind::Word(word) if word.eq_ignore_ascii_case("interval") => return self.interval(),
            Kind::Word(word) if word.eq_ignore_ascii_case("null") => Raw::Null,
            Kind::Word(word) if word.eq_ignore_ascii_case("true") => Raw::Bool(true),
            Kind::Word(word) if word.eq_ignore_ascii_case("false") => Raw::Bool(false),
            Kind::Word(word) if is_keyword(word) && !self.is_sign(1, "(") => {
                return Err(self.unexpected("an expression"));
            }
            Kind::Word(_) | Kind::Name(_) => return self.name_or_call(),
            Kind::Sign(_) | Kind::End => return Err(self.unexpected("an expression")),
        };
        self.next += 1;
        Ok(node(at, kind))
    }

    fn name_or_call(&mut self) -> Result<Node, Refused> {
        let at = self.at();
        let cast = self.is_word(0, "cast") || self.is_word(0, "safe_cast");
        let name = self.path()?;
        if !self.sign("(") {
            return Ok(node(at, Raw::Name(name)));
        }
        if cast {
            let value = self.expression()?;
            self.expect_word("as")?;
            let to = self.type_name()?;
            self.expect_sign(")")?;
            return Ok(node(at, Raw::Cast(Box::new(value), to)));
        }
        let distinct = self.word("distinct");
        let arguments = match self.is_sign(0, ")") {
            true => Vec::new(),
            false => self.list()?,
        };
        self.expect_sign(")")?;
        if self.is_word(0, "over") {
            return Err(Refused::new(self.at(), "there are no windows").instead("group by"));
        }
        Ok(node(
            at,
            Raw::Call {
                name: name.join("."),
                distinct,
                arguments,
            },
        ))
    }

    fn type_name(&mut self) -> Result<String, Refused> {
        match self.peek() {
            Kind::Word(word) => {
                self.next += 1;
                Ok(word.clone())
            }
            _ => Err(self.unexpected("a type")),
        }
    }

    /// `interval 5 minute`, `interval '5 minutes'`.
    fn interval(&mut self) -> Result<Node, Refused> {
        let at = self.at();
        self.next += 1;
        let (count, unit) = match self.advance() {
            Kind::Integer(count) => (*count, self.type_name()?),
            Kind::Text(text) => {
                let (count, unit) = text.trim().split_once(' ').unwrap_or((text, ""));
                let unit = match unit.is_empty() {
                    true => self.type_name()?,
                    false => unit.to_owned(),
                };
                let count = count
                    .parse()
                    .map_err(|_| Refused::new(at, "an interval is a number and a unit"))?;
                (count, unit)
            }
            _ => return Err(Refused::new(at, "an interval is a number and a unit")),
        };
        Ok(node(at, Raw::Interval(count, unit)))
    }

    fn case(&mut self) -> Result<Node, Refused> {
        let at = self.at();
        self.next += 1;
        let mut branches = Vec::new();
        while self.word("when") {
            let condition = self.expression()?;
            self.expect_word("then")?;
            branches.push((condition, self.expression()?));
        }
        if branches.is_empty() {
            return Err(self.unexpected("when"));
        }
        if branches.len() > DEPTH {
            return Err(Refused::new(at, format!("more than {DEPTH} cases")));
        }
        let otherwise = match self.word("else") {
            true => Some(Box::new(self.expression()?)),
            false => None,
        };
        self.expect_word("end")?;
        Ok(node(at, Raw::Case(branches, otherwise)))
    }
}

fn node(at: usize, kind: Raw) -> Node {
    Node { at, kind }
}

fn one_or(at: usize, mut parts: Vec<Node>, kind: fn(Vec<Node>) -> Raw) -> Node {
    match (parts.len(), parts.pop()) {
        (1, Some(only)) => only,
        (_, last) => {
            parts.extend(last);
            node(at, kind(parts))
        }
    }
}
