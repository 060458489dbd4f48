//! What the lexer alone finds in a piece of code: its words, and the few spellings that matter whatever the grammar.

use std::collections::BTreeSet;
use std::ops::Range;

use squawk_lexer::{LiteralKind, TokenKind};

use super::{
    batch::{Class, Reason},
    bounds::significant,
    functions,
    names::{self, Name},
    sensitive,
};

/// Code, token by token.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// Every word, folded.
    pub words: BTreeSet<String>,
    /// Every `a.b`.
    pub pairs: BTreeSet<(String, String)>,
    /// A relation, or schema, of nothing but secrets that is named.
    pub secret: Option<String>,
    /// Whether a function is called that runs SQL given as text, or leaves the database.
    pub runs_text: bool,
    /// Whether EXECUTE runs anything but a plain string.
    pub dynamic: bool,
    /// The plain strings that EXECUTE runs.
    pub executed: Vec<String>,
    /// Whether `x.*` stands in it. PostgreSQL prints it for whole rows only.
    pub whole_row: bool,
    /// Whether it changes where names are looked for.
    pub moves: bool,
    /// Whether NEW or OLD is used other than by naming a harmless column of it.
    pub hands_on_row: bool,
    /// How many words open a block, a loop or a condition.
    pub blocks: usize,
    /// Where INTO names variables.
    variables: Vec<Range<usize>>,
}

/// One token: what it is, its folded word if it is one, its text and its place.
struct Piece<'a> {
    kind: TokenKind,
    word: String,
    text: &'a str,
    at: usize,
}

impl Piece<'_> {
    fn is_name(&self) -> bool {
        matches!(self.kind, TokenKind::Ident | TokenKind::QuotedIdent { .. })
    }

    /// The word, if it can be a keyword: a quoted name is none.
    fn keyword(&self) -> &str {
        match self.kind {
            TokenKind::Ident => &self.word,
            _ => "",
        }
    }
}

/// Reads code by its tokens.
pub(super) fn scan(text: &str) -> Scan {
    let pieces: Vec<Piece<'_>> = significant(text)
        .map(|(token, text, at)| Piece {
            kind: token.kind,
            word: match token.kind {
                TokenKind::Ident | TokenKind::QuotedIdent { .. } => names::fold(text),
                _ => String::new(),
            },
            text,
            at,
        })
        .collect();
    let mut found = Scan::default();
    let mut statement = "";
    for at in 0..pieces.len() {
        if starts_statement(&pieces, at)
            && let Some(first) = pieces.get(at)
        {
            statement = first.keyword();
        }
        found.look_at(&pieces, at, statement);
    }
    found
}

/// The values of the plain strings in a text.
pub(super) fn strings(text: &str) -> Vec<String> {
    significant(text)
        .filter(|(token, ..)| matches!(token.kind, TokenKind::Literal { .. }))
        .filter_map(|(_, text, _)| names::plain_string(text))
        .collect()
}

fn starts_statement(pieces: &[Piece<'_>], at: usize) -> bool {
    let Some(before) = at.checked_sub(1).and_then(|before| pieces.get(before)) else {
        return true;
    };
    before.kind == TokenKind::Semi || matches!(before.keyword(), "begin" | "then" | "else" | "loop")
}

impl Scan {
    fn look_at(&mut self, pieces: &[Piece<'_>], at: usize, statement: &str) {
        let Some(piece) = pieces.get(at) else {
            return;
        };
        let next = |n: usize| pieces.get(at + n);
        let next_is = |n: usize, kind: TokenKind| next(n).is_some_and(|piece| piece.kind == kind);
        let before = |n: usize| at.checked_sub(n).and_then(|at| pieces.get(at));
        if piece.kind == TokenKind::Dot && next_is(1, TokenKind::Star) {
            self.whole_row = true;
        }
        if !piece.is_name() {
            return;
        }
        // Spelt in escapes: what it names is not known here.
        self.dynamic |= matches!(piece.kind, TokenKind::QuotedIdent { uescape: true, .. });
        let word = piece.word.as_str();
        if !self.words.contains(word) {
            self.words.insert(word.to_owned());
        }
        if next_is(1, TokenKind::Dot)
            && let Some(second) = next(2).filter(|second| second.is_name())
        {
            self.pairs.insert((word.to_owned(), second.word.clone()));
            let relation = Name {
                schema: Some(word.to_owned()),
                name: second.word.clone(),
            };
            if sensitive::is_secret_throughout(&relation) && !next_is(3, TokenKind::OpenParen) {
                self.secret.get_or_insert(relation.to_string());
            }
        }
        let bare = Name {
            schema: None,
            name: word.to_owned(),
        };
        if sensitive::is_secret_throughout(&bare) {
            self.secret.get_or_insert(word.to_owned());
        }
        if next_is(1, TokenKind::OpenParen) {
            let reads_text = matches!(
                functions::class_of(word),
                Some(Class::Forbidden(
                    Reason::HiddenRelation | Reason::ServerFile | Reason::Function
                ))
            );
            self.runs_text |= reads_text;
        }
        match piece.keyword() {
            "execute" => self.execute(next(1), next(2)),
            "search_path" | "set_config" => self.moves = true,
            "begin" | "loop" | "if" | "case" | "then" | "declare" => self.blocks += 1,
            "into"
                if !matches!(before(1).map(Piece::keyword), Some("insert" | "merge"))
                    && !matches!(statement, "fetch" | "move") =>
            {
                self.variables(pieces, at);
            }
            "new" | "old" => {
                let neighbours = [before(2), before(1), next(1), next(2), next(3)];
                self.hands_on_row |= hands_on(&neighbours, starts_statement(pieces, at));
            }
            _ => {}
        }
    }

    fn execute(&mut self, next: Option<&Piece<'_>>, after: Option<&Piece<'_>>) {
        // `grant execute on function`, `execute function f()` of a trigger.
        if matches!(
            next.map(Piece::keyword),
            Some("function" | "procedure" | "on")
        ) {
            return;
        }
        let whole = after.is_none_or(|after| {
            after.kind == TokenKind::Semi || matches!(after.keyword(), "using" | "into" | "loop")
        });
        let literal = next
            .filter(|next| {
                matches!(
                    next.kind,
                    TokenKind::Literal {
                        kind: LiteralKind::Str { .. } | LiteralKind::DollarQuotedString { .. }
                    }
                )
            })
            .and_then(|next| names::plain_string(next.text));
        match literal {
            Some(literal) if whole => self.executed.push(literal),
            _ => self.dynamic = true,
        }
    }

    /// `into strict a, b.c`: variables, which the grammar of PL/pgSQL does not know everywhere.
    fn variables(&mut self, pieces: &[Piece<'_>], into: usize) {
        let mut at = into + 1;
        if pieces.get(at).map(Piece::keyword) == Some("strict") {
            at += 1;
        }
        let mut end = None;
        while pieces.get(at).is_some_and(Piece::is_name) {
            end = Some(at);
            match pieces.get(at + 1).map(|piece| piece.kind) {
                Some(TokenKind::Dot | TokenKind::Comma) => at += 2,
                _ => break,
            }
        }
        if let (Some(first), Some(last)) = (pieces.get(into), end.and_then(|end| pieces.get(end))) {
            self.variables.push(first.at..last.at + last.text.len());
        }
    }

    /// The code with blanks in place of the variables after INTO.
    pub(super) fn without_variables(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut done = 0;
        for range in &self.variables {
            if range.start < done {
                continue;
            }
            out.push_str(text.get(done..range.start).unwrap_or_default());
            out.push(' ');
            done = range.end;
        }
        out.push_str(text.get(done..).unwrap_or_default());
        out
    }

    /// Every relation that the words could name.
    pub(super) fn mentions(&self) -> Vec<Name> {
        let pairs = self.pairs.iter().map(|(schema, name)| Name {
            schema: Some(schema.clone()),
            name: name.clone(),
        });
        let bare = self.words.iter().map(|word| Name {
            schema: None,
            name: word.clone(),
        });
        pairs.chain(bare).collect()
    }
}

/// Whether NEW or OLD is handed on: its column is a secret, or the row is used whole other than by returning it or
/// comparing it.
fn hands_on(neighbours: &[Option<&Piece<'_>>; 5], starts: bool) -> bool {
    let [before2, before, next, next2, next3] = *neighbours;
    let compared = |after: Option<&Piece<'_>>| {
        matches!(after.map(Piece::keyword), Some("is"))
            || (matches!(before.map(Piece::keyword), Some("from"))
                && matches!(before2.map(Piece::keyword), Some("distinct")))
    };
    if !next.is_some_and(|next| next.kind == TokenKind::Dot) {
        let returned = matches!(before.map(Piece::keyword), Some("return"))
            && next.is_none_or(|next| next.kind == TokenKind::Semi);
        return !(returned || compared(next));
    }
    let Some(column) = next2 else {
        return true;
    };
    if column.kind == TokenKind::Star {
        return !compared(next3);
    }
    let assigned =
        starts && next3.is_some_and(|next| matches!(next.kind, TokenKind::Colon | TokenKind::Eq));
    !assigned && sensitive::is_secret_column(&column.word)
}
