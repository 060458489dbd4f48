//! What the code of a function does, as far as its text tells: a body of SQL or PL/pgSQL is parsed and held against
//! the same rules as a statement; one that cannot be read is taken to read whatever secret it mentions.
//!
//! ```text
//! body ─ scan (lexer) ──► words, secret names, functions that run text, EXECUTE of text that is put together
//!      └ parse (squawk) ► relations, targets, whether a statement in it reads a secret
//! ```

use std::collections::BTreeSet;

use squawk_syntax::{
    SourceFile,
    SyntaxKind::*,
    SyntaxNode,
    ast::{self, AstNode},
    body::BodyLanguage,
};

use super::{
    batch::{Class, Reason, Statement},
    bounds,
    facts::Facts,
    names::Name,
    scan::{self, Scan},
    sensitive,
};

/// Stack for reading bodies: the parser of PL/pgSQL descends once per block, loop and condition.
pub(super) const STACK: usize = 64 * 1024 * 1024;
/// The most words in a body that open a block, a loop or a condition.
const MAX_BLOCKS: usize = 2_000;
/// How many bodies may stand inside one another.
pub(super) const MAX_WITHIN: usize = 4;

/// What a body, or a query that is kept, does.
#[derive(Debug, Clone, Default)]
pub(super) struct Body {
    /// Whether it reads a secret by itself.
    pub doubt: Option<Doubt>,
    /// The relations that it mentions.
    pub relations: BTreeSet<Name>,
    /// Those of them that it writes to.
    pub targets: BTreeSet<Name>,
    /// The words in its expressions: functions that it calls are among them.
    pub words: BTreeSet<String>,
    /// Whether it could not be parsed, so that every mention of a relation counts as reading all of it.
    pub guessed: bool,
    /// Whether it changes where names are looked for.
    pub moves: bool,
    /// Whether it hands on the row that fired it, or a secret column of it.
    pub hands_on_row: bool,
}

/// Why a body may not be run for a caller who must not see secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Doubt {
    /// It reads a secret.
    Reads(String),
    /// What it reads cannot be told.
    CannotTell(&'static str),
}

const DYNAMIC: Doubt = Doubt::CannotTell("it runs SQL that is put together when it runs");

/// Reads the body of a function.
pub(super) fn read(language: &str, text: &str) -> Body {
    read_within(language, text, 0)
}

fn read_within(language: &str, text: &str, within: usize) -> Body {
    if !matches!(language, "sql" | "plpgsql") {
        return Body {
            doubt: Some(Doubt::CannotTell(
                "it is written in another language than SQL",
            )),
            ..Body::default()
        };
    }
    if within > MAX_WITHIN || text.len() > bounds::MAX_BYTES {
        return Body {
            doubt: Some(Doubt::CannotTell(
                "its code is too deep or too long to be read",
            )),
            ..Body::default()
        };
    }
    let scan = scan::scan(text);
    let mut body = Body {
        doubt: doubt_of(&scan),
        moves: scan.moves,
        hands_on_row: scan.hands_on_row,
        ..Body::default()
    };
    match parse(language, text, &scan) {
        Some(tree) => body.add_tree(&tree, within),
        None => body.guess(&scan, text),
    }
    for literal in &scan.executed {
        body.add_executed(literal, within);
    }
    body
}

/// A query that the database keeps, as it prints it: views, rules, expressions. What they refer to is known from the
/// catalogue; the text only tells what the catalogue does not.
pub(super) fn read_printed(text: &str) -> (Option<Doubt>, bool) {
    let scan = scan::scan(text);
    let doubt = scan.doubt_of_names();
    (doubt, scan.whole_row)
}

fn doubt_of(scan: &Scan) -> Option<Doubt> {
    scan.doubt_of_names()
        .or_else(|| scan.dynamic.then_some(DYNAMIC))
}

impl Scan {
    fn doubt_of_names(&self) -> Option<Doubt> {
        let secret = self.secret.clone().map(Doubt::Reads);
        secret.or_else(|| {
            self.runs_text.then_some(Doubt::CannotTell(
                "it calls a function that runs SQL given as text",
            ))
        })
    }
}

/// The tree of a body that parses without an error.
pub(super) fn parse(language: &str, text: &str, scan: &Scan) -> Option<SyntaxNode> {
    bounds::check(text).ok()?;
    if language == "sql" {
        let parsed = SourceFile::parse(text);
        return parsed
            .errors()
            .is_empty()
            .then(|| parsed.tree().syntax().clone());
    }
    if scan.blocks > MAX_BLOCKS {
        return None;
    }
    let (tree, errors) = <ast::Plpgsql as BodyLanguage>::parse_text(&scan.without_variables(text));
    errors.is_empty().then(|| SyntaxNode::new_root(tree))
}

impl Body {
    fn add_tree(&mut self, tree: &SyntaxNode, within: usize) {
        let mut facts = Facts::gather(tree);
        self.targets.extend(facts.targets());
        self.words.append(&mut facts.words);
        // In the order of the text, like the statements and expressions that are held against them.
        let mut mentions = facts.relations.as_slice();
        for unit in units(tree) {
            let range = unit.text_range();
            let before =
                mentions.partition_point(|(_, at)| at.text_range().start() < range.start());
            let rest = mentions.get(before..).unwrap_or_default();
            let inside = rest.partition_point(|(_, at)| at.text_range().start() < range.end());
            let (own, after) = rest.split_at(inside);
            mentions = after;
            if sensitive::reads_secrets(&unit, own) {
                let secret = own.iter().find(|(name, _)| sensitive::is_sensitive(name));
                let name = secret.map(|(name, _)| name.to_string());
                self.doubt = Some(Doubt::Reads(name.unwrap_or_default()));
            }
        }
        let relations: BTreeSet<Name> = facts
            .relations
            .iter()
            .map(|(name, _)| name.clone())
            .collect();
        self.relations.extend(relations);
        for inner in facts.bodies() {
            let mut found = read_within("plpgsql", &inner, within + 1);
            if found.guessed {
                found = read_within("sql", &inner, within + 1);
            }
            self.merge(found);
        }
    }

    /// What a text that does not parse may do: everything that its words could mean.
    fn guess(&mut self, scan: &Scan, text: &str) {
        self.guessed = true;
        self.words.extend(scan.words.iter().cloned());
        self.relations.extend(scan.mentions());
        for literal in scan::strings(text) {
            let inner = scan::scan(&literal);
            self.relations.extend(inner.mentions());
            self.doubt = self.doubt.take().or_else(|| doubt_of(&inner));
            self.words.extend(inner.words);
        }
        self.targets.extend(self.relations.iter().cloned());
    }

    /// `execute 'a plain string'` is as good as the statement itself.
    fn add_executed(&mut self, literal: &str, within: usize) {
        let Ok(batch) = super::judge(literal) else {
            self.doubt.get_or_insert(DYNAMIC);
            return;
        };
        for statement in batch.statements() {
            if statement.class == Class::Opaque {
                self.doubt.get_or_insert(DYNAMIC);
            }
            self.merge(of_statement(statement, within + 1));
        }
    }

    fn merge(&mut self, other: Self) {
        if let Some(doubt) = other.doubt
            && !matches!(self.doubt, Some(Doubt::Reads(_)))
        {
            self.doubt = Some(doubt);
        }
        self.relations.extend(other.relations);
        self.targets.extend(other.targets);
        self.words.extend(other.words);
        self.guessed |= other.guessed;
        self.moves |= other.moves;
        self.hands_on_row |= other.hands_on_row;
    }
}

/// A judged statement, and the body in it if it has one.
pub(super) fn of_statement(statement: &Statement, within: usize) -> Body {
    let secret = statement.sensitive.first().map(Name::to_string);
    let reads = statement
        .reads_secrets
        .then(|| Doubt::Reads(secret.unwrap_or_default()));
    let runs_text = matches!(
        statement.class,
        Class::Forbidden(Reason::HiddenRelation | Reason::ServerFile | Reason::Function)
    )
    .then_some(Doubt::CannotTell(
        "it calls a function that runs SQL given as text",
    ));
    let mut body = Body {
        doubt: reads.or(runs_text),
        relations: statement.relations.iter().cloned().collect(),
        targets: statement.targets.iter().cloned().collect(),
        words: statement.words.clone(),
        moves: statement.moves,
        ..Body::default()
    };
    if let Some((language, text)) = &statement.body {
        body.merge(read_within(language, text, within));
    }
    body
}

/// The statements and expressions in a tree that see their own tables only.
fn units(tree: &SyntaxNode) -> Vec<SyntaxNode> {
    let mut found = Vec::new();
    let mut open = vec![tree.clone()];
    // Children are put on top from the last to the first, so that the order is that of the text.
    while let Some(node) = open.pop() {
        let is_unit = matches!(
            node.kind(),
            PLPGSQL_EXPR
                | SELECT
                | COMPOUND_SELECT
                | SELECT_INTO
                | PAREN_SELECT
                | VALUES
                | TABLE
                | INSERT
                | UPDATE
                | DELETE
                | MERGE
        );
        if is_unit {
            found.push(node);
        } else {
            let children: Vec<SyntaxNode> = node.children().collect();
            open.extend(children.into_iter().rev());
        }
    }
    found
}
