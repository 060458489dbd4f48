//! Tokens as a select: its clauses. Expressions are read in [`expression`].

mod expression;
mod words;

use super::Refused;
use super::lex::{Kind, Token};
use super::raw::{Item, Select, Unnest};
use words::{UNSUPPORTED, is_keyword};

/// How deep expressions may nest.
const DEPTH: usize = 48;

/// Reads one select, and nothing after it.
pub(super) fn select(tokens: &[Token]) -> Result<Select, Refused> {
    let mut parser = Parser {
        tokens,
        next: 0,
        depth: 0,
    };
    let select = parser.select()?;
    let mut ended = false;
    while parser.sign(";") {
        ended = true;
    }
    match parser.peek() {
        Kind::End => Ok(select),
        _ if ended => {
            Err(Refused::new(parser.at(), "there is one query in a call")
                .instead("a call for each"))
        }
        _ => Err(parser.unexpected("the end of the query")),
    }
}

struct Parser<'a> {
    tokens: &'a [Token],
    next: usize,
    depth: usize,
}

const END: Token = Token {
    at: 0,
    kind: Kind::End,
};

impl<'a> Parser<'a> {
    fn token(&self, ahead: usize) -> &'a Token {
        self.tokens
            .get(self.next + ahead)
            .or(self.tokens.last())
            .unwrap_or(&END)
    }

    fn peek(&self) -> &'a Kind {
        &self.token(0).kind
    }

    fn at(&self) -> usize {
        self.token(0).at
    }

    fn advance(&mut self) -> &'a Kind {
        let token = self.token(0);
        self.next += 1;
        &token.kind
    }

    fn is_word(&self, ahead: usize, word: &str) -> bool {
        matches!(&self.token(ahead).kind, Kind::Word(found) if found.eq_ignore_ascii_case(word))
    }

    fn is_sign(&self, ahead: usize, sign: &str) -> bool {
        matches!(self.token(ahead).kind, Kind::Sign(found) if found == sign)
    }

    fn word(&mut self, word: &str) -> bool {
        let found = self.is_word(0, word);
        self.next += usize::from(found);
        found
    }

    fn sign(&mut self, sign: &str) -> bool {
        let found = self.is_sign(0, sign);
        self.next += usize::from(found);
        found
    }

    fn expect_word(&mut self, word: &str) -> Result<(), Refused> {
        match self.word(word) {
            true => Ok(()),
            false => Err(self.unexpected(word)),
        }
    }

    fn expect_sign(&mut self, sign: &'static str) -> Result<(), Refused> {
        match self.sign(sign) {
            true => Ok(()),
            false => Err(self.unexpected(&format!("`{sign}`"))),
        }
    }

    /// Something else stands where `wanted` should.
    fn unexpected(&self, wanted: &str) -> Refused {
        if let Kind::Word(word) = self.peek() {
            let known = |(begins, ..): &&(&str, &str, &str)| word.eq_ignore_ascii_case(begins);
            if let Some((_, what, instead)) = UNSUPPORTED.iter().find(known) {
                return Refused::new(self.at(), *what).instead(*instead);
            }
            if word.eq_ignore_ascii_case("select") {
                return self.no_subquery();
            }
            if word.eq_ignore_ascii_case("join") {
                return self.no_join();
            }
        }
        let found = match self.peek() {
            Kind::Word(word) => format!("`{word}`"),
            Kind::Name(name) => format!("`{name}`"),
            Kind::Text(_) | Kind::Quoted(_) => "a text".to_owned(),
            Kind::Integer(_) | Kind::Decimal(_) => "a number".to_owned(),
            Kind::Sign(sign) => format!("`{sign}`"),
            Kind::End => "the end".to_owned(),
        };
        Refused::new(self.at(), format!("{wanted} is expected here, not {found}"))
    }

    fn no_subquery(&self) -> Refused {
        Refused::new(self.at(), "there are no queries in a query")
            .instead("two queries, the second with what the first gave")
    }

    fn no_join(&self) -> Refused {
        Refused::new(
            self.at(),
            "tables are not joined, except `cross join unnest(…)` of the older dialect",
        )
        .instead("`from logs`, which holds every source, and a condition on `source`")
    }

    fn select(&mut self) -> Result<Select, Refused> {
        if !self.word("select") {
            return Err(match self.peek() {
                Kind::Word(word) if !word.eq_ignore_ascii_case("with") => {
                    Refused::new(self.at(), "logs are only read: a query begins with select")
                }
                _ => self.unexpected("select"),
            });
        }
        let distinct = self.word("distinct");
        let mut items = vec![self.item()?];
        while self.sign(",") {
            items.push(self.item()?);
        }
        self.expect_word("from")?;
        let (table, table_alias) = self.table()?;
        let unnests = self.unnests()?;
        let filter = match self.word("where") {
            true => Some(self.expression()?),
            false => None,
        };
        let mut group_by = Vec::new();
        if self.word("group") {
            self.expect_word("by")?;
            group_by = self.list()?;
        }
        let having = match self.word("having") {
            true => Some(self.expression()?),
            false => None,
        };
        let mut order_by = Vec::new();
        if self.word("order") {
            self.expect_word("by")?;
            loop {
                let value = self.expression()?;
                let descending = self.word("desc") || {
                    self.word("asc");
                    false
                };
                order_by.push((value, descending));
                if !self.sign(",") {
                    break;
                }
            }
        }
        let (limit, offset) = self.limit()?;
        Ok(Select {
            distinct,
            items,
            table,
            table_alias,
            unnests,
            filter,
            group_by,
            having,
            order_by,
            limit,
            offset,
        })
    }

    fn item(&mut self) -> Result<Item, Refused> {
        let value = self.expression()?;
        Ok(Item {
            value,
            alias: self.alias()?,
        })
    }

    /// `as name`, or a name alone.
    fn alias(&mut self) -> Result<Option<(usize, String)>, Refused> {
        let said = self.word("as");
        let at = self.at();
        match self.peek() {
            Kind::Word(word) if said || !is_keyword(word) => {
                self.next += 1;
                Ok(Some((at, word.clone())))
            }
            Kind::Name(name) | Kind::Quoted(name) => {
                self.next += 1;
                Ok(Some((at, name.clone())))
            }
            _ if said => Err(self.unexpected("a name")),
            _ => Ok(None),
        }
    }

    fn table(&mut self) -> Result<((usize, String), Option<String>), Refused> {
        let at = self.at();
        if self.is_sign(0, "(") {
            return Err(self.no_subquery());
        }
        let name = match self.advance() {
            Kind::Word(name) | Kind::Name(name) | Kind::Quoted(name) => name.clone(),
            _ => {
                self.next -= 1;
                return Err(self.unexpected("a table"));
            }
        };
        if self.is_sign(0, ".") || self.is_sign(0, "(") {
            return Err(
                Refused::new(at, "there is one table, and it has no schema").instead("`from logs`")
            );
        }
        let alias = self.alias()?.map(|(_, name)| name);
        Ok(((at, name), alias))
    }

    /// `cross join unnest(a.b) as c`, also with a comma, also `left join … on true`.
    fn unnests(&mut self) -> Result<Vec<Unnest>, Refused> {
        let mut unnests = Vec::new();
        loop {
            let begin = self.next;
            let joined = if self.sign(",") {
                true
            } else {
                let kind = self.word("cross") || self.word("left") || self.word("inner");
                if kind {
                    self.word("outer");
                }
                self.word("join")
            };
            if !joined {
                self.next = begin;
                if self.is_word(0, "right") || self.is_word(0, "full") {
                    return Err(self.no_join());
                }
                return Ok(unnests);
            }
            let at = self.at();
            if !self.is_word(0, "unnest") {
                self.next = begin;
                return Err(self.no_join());
            }
            self.next += 1;
            self.expect_sign("(")?;
            let path = self.path()?;
            self.expect_sign(")")?;
            let alias = match self.alias()? {
                Some((_, alias)) => alias,
                None => path.last().cloned().unwrap_or_default(),
            };
            if self.word("on") {
                self.expect_word("true")?;
            }
            unnests.push(Unnest { at, path, alias });
        }
    }

    fn path(&mut self) -> Result<Vec<String>, Refused> {
        let mut path = Vec::new();
        loop {
            match self.peek() {
                Kind::Word(name) | Kind::Name(name) => path.push(name.clone()),
                _ => return Err(self.unexpected("a name")),
            }
            self.next += 1;
            if !self.sign(".") {
                return Ok(path);
            }
        }
    }

    /// `limit n`, `limit n offset m`, `limit m, n`.
    #[expect(
        clippy::type_complexity,
        reason = "a limit and an offset, each with its place"
    )]
    fn limit(&mut self) -> Result<(Option<(usize, i64)>, Option<(usize, i64)>), Refused> {
        if !self.word("limit") {
            return Ok((None, None));
        }
        let first = self.count()?;
        if self.sign(",") {
            let limit = self.count()?;
            return Ok((Some(limit), Some(first)));
        }
        if self.is_word(0, "by") {
            return Err(Refused::new(self.at(), "there is no limit by").instead("group by"));
        }
        let offset = match self.word("offset") {
            true => Some(self.count()?),
            false => None,
        };
        Ok((Some(first), offset))
    }

    fn count(&mut self) -> Result<(usize, i64), Refused> {
        let at = self.at();
        match self.advance() {
            Kind::Integer(number) => Ok((at, *number)),
            _ => Err(Refused::new(at, "a whole number is expected here")),
        }
    }
}
