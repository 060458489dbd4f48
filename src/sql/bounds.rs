//! What the lexer alone must find before the recursive parser sees a text.
//!
//! The parser descends once per bracket, prefix operator, `case`, `explain` and so on, and builds trees as deep as a
//! chain of operators is long; on hostile input it overflows its stack, which no `catch_unwind` catches. So the text
//! is lexed first, in one pass that holds no more than one number per open bracket:
//!
//! ```text
//! select f ( a , not not ( b         levels   [select f]  [not not]  [b]
//! ──┬───── ┬ ┬ ┬ ───┬─── ┬ ┬         path     2 + "("   + 2 + "("  + 1
//!  run     │ │ └ ends the run of its level    every bracket that closes gives its level's tokens back
//!          └ opens a level
//! ```
//!
//! * **nesting**: how many brackets are open.
//! * **path**: the tokens since the last comma, summed over all open levels. A list of a hundred thousand rows has a
//!   short path; fifty thousand `not`, `::int`, `- ` or `explain` have a long one. A `union` stays on its level's
//!   account when a comma passes, because the tree under a chain of unions grows across commas.
//! * **deep work**: deep brackets cost the parser more than linear time, so their sum is bounded too.
//!
//! The same pass refuses the few spellings that this lexer and PostgreSQL's read differently, see [`disagreement`].

use squawk_lexer::{LiteralKind, Token, TokenKind, tokenize};

use super::{error::SqlError, names};

/// The most bytes that are read.
pub const MAX_BYTES: usize = 1_000_000;
/// The most brackets, and the most `begin atomic` bodies, that are read.
pub const MAX_NESTING: usize = 200;
/// The most tokens between separators, summed over the brackets that are open.
pub const MAX_PATH: usize = 1_000;
/// Brackets beyond this depth are counted as deep work.
const DEEP: usize = 20;
/// The most deep work: about twenty times the deepest bracket that is allowed.
const MAX_DEEP_WORK: usize = 400_000;
/// An escape-string function body of so many bytes cannot hold more tokens than [`MAX_PATH`].
const MAX_ESCAPED_BODY: usize = MAX_PATH;

/// A text with a longer path than this is parsed on a stack of its own size; an unoptimised parser needs half a
/// megabyte for this much. Few texts that people write come near.
const SHALLOW_PATH: usize = 250;
/// Nested `begin atomic` bodies recurse although their semicolons end every path.
const SHALLOW_BODIES: usize = 20;

/// How much stack the parser may need for a text that passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    Shallow,
    Deep,
}

/// Refuses what the parser must not see.
pub(super) fn check(sql: &str) -> Result<Depth, SqlError> {
    if sql.len() > MAX_BYTES {
        return Err(SqlError::TooLarge {
            what: "bytes",
            limit: MAX_BYTES,
            found: sql.len(),
        });
    }
    if sql.contains('\0') {
        return Err(SqlError::Nul);
    }
    let mut path = Path::new();
    let mut bodies = Bodies::default();
    let mut before = None;
    for (token, text, offset) in significant(sql) {
        if let Some(message) = disagreement(before, token.kind, text) {
            return Err(SqlError::unparsable(sql, offset, message));
        }
        path.step(token.kind, text)?;
        bodies.step(token.kind, text, offset);
        if token.kind == TokenKind::Semi {
            bodies.finish(sql)?;
        }
        before = Some(token.kind);
    }
    bodies.finish(sql)?;
    let shallow =
        path.peak.max(bodies.peak) <= SHALLOW_PATH && path.atomic_bodies <= SHALLOW_BODIES;
    Ok(if shallow { Depth::Shallow } else { Depth::Deep })
}

/// Whether the code of a function or `do` body, its comments aside, holds `word` (lower case).
pub(super) fn body_mentions(body: &str, word: &str) -> bool {
    significant(body).any(|(_, text, _)| text.to_ascii_lowercase().contains(word))
}

/// Whether one of the tokens is this bare word, whatever its case.
pub(super) fn has_word(sql: &str, word: &str) -> bool {
    significant(sql)
        .any(|(token, text, _)| token.kind == TokenKind::Ident && text.eq_ignore_ascii_case(word))
}

/// The tokens that are neither white space nor comment, with their text and byte offset.
pub(super) fn significant(sql: &str) -> impl Iterator<Item = (Token, &str, usize)> {
    let mut end = 0;
    tokenize(sql).filter_map(move |token| {
        let start = end;
        end += token.len as usize;
        let trivia = matches!(
            token.kind,
            TokenKind::Whitespace | TokenKind::LineComment | TokenKind::BlockComment { .. }
        );
        let text = sql.get(start..end)?;
        (!trivia).then_some((token, text, start))
    })
}

/// Spellings that would end, or name, something else in PostgreSQL than here.
///
/// * A literal with a prefix may be continued on the next line by a plain one, which PostgreSQL then reads by the
///   rules of the prefix: in `e'a'⏎'\''` its backslash escapes, for this lexer it does not.
/// * A doubled quote ends a bit string in PostgreSQL.
/// * `U&"…"` names are spelt in escapes, which no comparison of names here decodes.
fn disagreement(before: Option<TokenKind>, kind: TokenKind, text: &str) -> Option<&'static str> {
    match kind {
        TokenKind::QuotedIdent { uescape: true, .. } => {
            Some("names in Unicode escapes (U&\"…\") are not accepted: write the name itself")
        }
        TokenKind::Literal {
            kind: LiteralKind::BitStr { .. } | LiteralKind::ByteStr { .. },
        } if text.matches('\'').count() > 2 => Some("a quote inside a bit string"),
        TokenKind::Literal {
            kind: LiteralKind::Str { .. },
        } => match before {
            Some(TokenKind::Literal {
                kind:
                    LiteralKind::EscStr { .. }
                    | LiteralKind::UnicodeEscStr { .. }
                    | LiteralKind::BitStr { .. }
                    | LiteralKind::ByteStr { .. }
                    | LiteralKind::NationalStr { .. },
            }) => Some("a string with a prefix must not be continued by another one: join them"),
            _ => None,
        },
        _ => None,
    }
}

/// One open bracket, or the statement itself.
#[derive(Default, Clone, Copy)]
struct Level {
    /// Tokens since this level's last separator.
    run: usize,
    /// Set operators since this level began: a comma does not end their chain.
    chain: usize,
}

/// The state of one pass over one text.
struct Path {
    levels: Vec<Level>,
    total: usize,
    peak: usize,
    deep_work: usize,
    atomic_bodies: usize,
    after_begin: bool,
}

impl Path {
    fn new() -> Self {
        Self {
            levels: vec![Level::default()],
            total: 0,
            peak: 0,
            deep_work: 0,
            atomic_bodies: 0,
            after_begin: false,
        }
    }

    fn step(&mut self, kind: TokenKind, text: &str) -> Result<(), SqlError> {
        match kind {
            TokenKind::Comma => self.separate(false),
            TokenKind::Semi => self.separate(true),
            TokenKind::OpenParen | TokenKind::OpenBracket | TokenKind::OpenCurly => {
                self.count();
                self.open()?;
            }
            TokenKind::CloseParen | TokenKind::CloseBracket | TokenKind::CloseCurly => self.close(),
            TokenKind::Ident => {
                self.count();
                self.keyword(text)?;
            }
            _ => self.count(),
        }
        if !matches!(kind, TokenKind::Ident) {
            self.after_begin = false;
        }
        self.peak = self.peak.max(self.total);
        bound("tokens between separators", MAX_PATH, self.total)
    }

    fn count(&mut self) {
        if let Some(level) = self.levels.last_mut() {
            level.run += 1;
            self.total += 1;
        }
    }

    /// A comma or semicolon: this level starts anew, those around it go on.
    fn separate(&mut self, statement: bool) {
        if let Some(level) = self.levels.last_mut() {
            if statement {
                level.chain = 0;
            }
            self.total -= level.run;
            level.run = level.chain;
            self.total += level.run;
        }
    }

    fn open(&mut self) -> Result<(), SqlError> {
        let depth = self.levels.len();
        self.levels.push(Level::default());
        bound("nested brackets", MAX_NESTING, depth)?;
        if depth > DEEP {
            self.deep_work += depth;
        }
        bound("steps into deep brackets", MAX_DEEP_WORK, self.deep_work)
    }

    /// The outermost level stays: a stray `)` is the parser's to refuse.
    fn close(&mut self) {
        if self.levels.len() > 1
            && let Some(level) = self.levels.pop()
        {
            self.total -= level.run;
        }
        self.count();
    }

    fn keyword(&mut self, text: &str) -> Result<(), SqlError> {
        let is = |word: &str| text.eq_ignore_ascii_case(word);
        if is("union") || is("intersect") || is("except") {
            if let Some(level) = self.levels.last_mut() {
                level.chain += 1;
            }
        } else if self.after_begin && is("atomic") {
            self.atomic_bodies += 1;
        }
        self.after_begin = is("begin");
        bound("atomic function bodies", MAX_NESTING, self.atomic_bodies)
    }
}

/// The strings after `as` of the statement being read: the parser reads those of SQL functions as SQL, so the bounds
/// hold inside them too. Bodies in other languages stay text and are not bounded.
#[derive(Default)]
struct Bodies {
    found: Vec<Body>,
    other_language: bool,
    last: Last,
    /// The longest path in any body so far.
    peak: usize,
}

/// What the previous token makes of a string that follows.
#[derive(Default, PartialEq)]
enum Last {
    #[default]
    Other,
    As,
    Body,
    Language,
}

struct Body {
    offset: usize,
    text: String,
    escaped: bool,
}

impl Bodies {
    fn step(&mut self, kind: TokenKind, text: &str, offset: usize) {
        let last = std::mem::take(&mut self.last);
        self.last = match kind {
            TokenKind::Ident if last == Last::Language => {
                self.other_language = !text.eq_ignore_ascii_case("sql");
                Last::Other
            }
            TokenKind::Ident if text.eq_ignore_ascii_case("as") => Last::As,
            TokenKind::Ident if text.eq_ignore_ascii_case("language") => Last::Language,
            TokenKind::Literal { kind } if last == Last::As => {
                let escaped = matches!(
                    kind,
                    LiteralKind::EscStr { .. } | LiteralKind::UnicodeEscStr { .. }
                );
                let text = names::plain_string(text).unwrap_or_else(|| text.to_owned());
                self.found.push(Body {
                    offset,
                    text,
                    escaped,
                });
                Last::Body
            }
            TokenKind::Literal {
                kind: LiteralKind::Str { .. },
            } if last == Last::Body => {
                let more = names::plain_string(text).unwrap_or_default();
                if let Some(body) = self.found.last_mut() {
                    body.text.push_str(&more);
                }
                Last::Body
            }
            // `language 'sql'` names the language too: when in doubt it is SQL.
            TokenKind::Literal { .. } | TokenKind::QuotedIdent { .. } if last == Last::Language => {
                self.other_language = false;
                Last::Other
            }
            _ => Last::Other,
        };
    }

    /// At the end of a statement: bounds its bodies, if they are SQL.
    fn finish(&mut self, sql: &str) -> Result<(), SqlError> {
        let found = std::mem::take(&mut self.found);
        self.last = Last::Other;
        if std::mem::take(&mut self.other_language) {
            return Ok(());
        }
        for body in found {
            if body.escaped && body.text.len() > MAX_ESCAPED_BODY {
                let message = "write a long function body in dollar quotes, not as an E'…' string";
                return Err(SqlError::unparsable(sql, body.offset, message));
            }
            let mut path = Path::new();
            for (token, text, _) in significant(&body.text) {
                path.step(token.kind, text)?;
            }
            let escaped = if body.escaped { body.text.len() } else { 0 };
            self.peak = self.peak.max(path.peak).max(escaped);
        }
        Ok(())
    }
}

fn bound(what: &'static str, limit: usize, found: usize) -> Result<(), SqlError> {
    if found > limit {
        return Err(SqlError::TooLarge { what, limit, found });
    }
    Ok(())
}
