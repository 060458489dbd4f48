//! A query's text as tokens.

use super::Refused;

/// Bytes of a query.
const TEXT_BYTES: usize = 16 * 1024;
/// Tokens of a query.
const TOKENS: usize = 4000;

/// A token and its place, in characters from 1.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub(super) at: usize,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    /// A bare word, as it was written.
    Word(String),
    /// A name in backticks.
    Name(String),
    /// A text in single quotes.
    Text(String),
    /// In double quotes: a name in one dialect, a text in the other.
    Quoted(String),
    Integer(i64),
    Decimal(f64),
    /// One or two characters.
    Sign(&'static str),
    End,
}

/// The signs, longer ones first.
const SIGNS: [&str; 20] = [
    "<=", ">=", "<>", "!=", "==", "||", "::", "(", ")", "[", "]", ",", ".", "=", "<", ">", "+",
    "-", "*", "/",
];
/// Signs that end things or mean nothing here.
const MORE_SIGNS: [&str; 8] = [";", "%", "{", "}", "?", "@", "$", "#"];

pub(super) fn tokens(text: &str) -> Result<Vec<Token>, Refused> {
    if text.len() > TEXT_BYTES {
        return Err(Refused::new(
            1,
            format!("the query is longer than {TEXT_BYTES} bytes"),
        ));
    }
    let mut lexer = Lexer {
        rest: text.chars().collect(),
        place: 0,
    };
    let mut tokens = Vec::new();
    loop {
        lexer.skip_blanks()?;
        let at = lexer.place + 1;
        if tokens.len() >= TOKENS {
            return Err(Refused::new(
                at,
                format!("the query has more than {TOKENS} words and signs"),
            ));
        }
        let kind = lexer.token()?;
        let end = kind == Kind::End;
        tokens.push(Token { at, kind });
        if end {
            return Ok(tokens);
        }
    }
}

struct Lexer {
    rest: Vec<char>,
    place: usize,
}

impl Lexer {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.rest.get(self.place + ahead).copied()
    }

    fn starts_with(&self, sign: &str) -> bool {
        sign.chars()
            .enumerate()
            .all(|(ahead, one)| self.peek(ahead) == Some(one))
    }

    fn refused(&self, what: &str) -> Refused {
        Refused::new(self.place + 1, what)
    }

    fn skip_blanks(&mut self) -> Result<(), Refused> {
        loop {
            if self.peek(0).is_some_and(char::is_whitespace) {
                self.place += 1;
            } else if self.starts_with("--") {
                while self.peek(0).is_some_and(|one| one != '\n') {
                    self.place += 1;
                }
            } else if self.starts_with("/*") {
                let begun = self.refused("this comment does not end");
                self.place += 2;
                while !self.starts_with("*/") {
                    if self.peek(0).is_none() {
                        return Err(begun);
                    }
                    self.place += 1;
                }
                self.place += 2;
            } else {
                return Ok(());
            }
        }
    }

    fn token(&mut self) -> Result<Kind, Refused> {
        let Some(first) = self.peek(0) else {
            return Ok(Kind::End);
        };
        match first {
            '\'' => Ok(Kind::Text(self.quoted('\'', true)?)),
            '"' => Ok(Kind::Quoted(self.quoted('"', true)?)),
            '`' => Ok(Kind::Name(self.quoted('`', true)?)),
            'r' | 'R' if matches!(self.peek(1), Some('\'' | '"')) => {
                self.place += 1;
                let quote = self.peek(0).unwrap_or('\'');
                Ok(Kind::Text(self.quoted(quote, false)?))
            }
            '0'..='9' => self.number(),
            one if one.is_alphabetic() || one == '_' => Ok(self.word()),
            _ => self.sign(),
        }
    }

    fn word(&mut self) -> Kind {
        let mut word = String::new();
        while let Some(one) = self
            .peek(0)
            .filter(|one| one.is_alphanumeric() || *one == '_')
        {
            word.push(one);
            self.place += 1;
        }
        Kind::Word(word)
    }

    fn number(&mut self) -> Result<Kind, Refused> {
        let begun = self.refused("this is not a number that can be read");
        let mut text = String::new();
        while let Some(one) = self.peek(0) {
            let exponent = matches!(text.chars().last(), Some('e' | 'E'));
            let belongs =
                one.is_ascii_alphanumeric() || one == '.' || (exponent && matches!(one, '+' | '-'));
            if !belongs {
                break;
            }
            text.push(one);
            self.place += 1;
        }
        if let Ok(integer) = text.parse() {
            return Ok(Kind::Integer(integer));
        }
        let plain = text.starts_with(|one: char| one.is_ascii_digit())
            && text
                .chars()
                .all(|one| one.is_ascii_digit() || matches!(one, '.' | 'e' | 'E' | '+' | '-'));
        match text.parse::<f64>() {
            Ok(number) if plain && number.is_finite() => Ok(Kind::Decimal(number)),
            _ => Err(begun),
        }
    }

    fn sign(&mut self) -> Result<Kind, Refused> {
        let found = SIGNS
            .iter()
            .chain(&MORE_SIGNS)
            .find(|sign| self.starts_with(sign));
        let Some(sign) = found else {
            return Err(self.refused("this sign means nothing in a query"));
        };
        self.place += sign.len();
        Ok(Kind::Sign(sign))
    }

    /// What is in quotes: doubled quotes stand for one; with escapes, a backslash does as in C.
    fn quoted(&mut self, quote: char, escapes: bool) -> Result<String, Refused> {
        let begun = self.refused("this text does not end");
        self.place += 1;
        let mut text = String::new();
        loop {
            let one = self.peek(0).ok_or_else(|| begun.clone())?;
            self.place += 1;
            if one == quote {
                if self.peek(0) != Some(quote) {
                    return Ok(text);
                }
                self.place += 1;
                text.push(quote);
            } else if one == '\\' && escapes {
                let escaped = self.peek(0).ok_or_else(|| begun.clone())?;
                self.place += 1;
                text.extend(unescaped(escaped));
            } else {
                text.push(one);
            }
            if text.ends_with('\0') {
                return Err(self.refused("a text has no NUL in it"));
            }
        }
    }
}

/// What a backslash and a character stand for. Unknown pairs stand for themselves, as in the patterns
/// of regular expressions.
fn unescaped(escaped: char) -> Vec<char> {
    match escaped {
        'n' => vec!['\n'],
        't' => vec!['\t'],
        'r' => vec!['\r'],
        '0' => vec!['\0'],
        '\\' | '\'' | '"' | '`' => vec![escaped],
        other => vec!['\\', other],
    }
}
