//! One walk over a statement's tree, gathering what the rules ask for.

use std::collections::{BTreeSet, HashSet};

use squawk_syntax::{
    SyntaxKind::{self, *},
    SyntaxNode, SyntaxToken,
    ast::{self, AstNode},
};

use super::{
    names::LEDGER,
    names::{self, Name},
    scopes::Scopes,
};

/// What one statement names and contains, at any depth.
#[derive(Default)]
pub(super) struct Facts {
    /// Functions that are called.
    pub calls: Vec<Name>,
    /// Functions that an object is made of: an operator's procedure, a cast's function.
    pub references: Vec<Name>,
    /// Every place where a relation is named, common table expressions left out.
    pub relations: Vec<(Name, SyntaxNode)>,
    /// Every `INSERT`, `UPDATE`, `DELETE` and `MERGE`.
    pub writes: Vec<SyntaxNode>,
    /// Every literal.
    pub strings: Vec<ast::Literal>,
    /// `FOR UPDATE` and its kin.
    pub locks_rows: bool,
    /// `SELECT … INTO`.
    pub selects_into: bool,
    /// Every word in an expression that can be a name, folded.
    pub words: BTreeSet<String>,
    /// The tables of every `TRUNCATE`.
    pub truncated: Vec<Name>,
    /// `RETURNING`
    pub returns: bool,
    /// Whether any identifier is that of the ledger's schema.
    pub names_ledger: bool,
    scopes: Scopes,
    /// The words as they are spelt: a text of a megabyte has few different ones.
    spelt: HashSet<String>,
}

impl Facts {
    pub(super) fn gather(statement: &SyntaxNode) -> Self {
        let mut facts = Self::default();
        let mut before: Option<SyntaxToken> = None;
        for element in statement.descendants_with_tokens() {
            if let Some(token) = element.as_token() {
                facts.names_ledger |= token.kind() == IDENT && names::same(token.text(), LEDGER);
                // `substring(…)` has a syntax of its own, and can be a function of the user's all the same.
                if token.kind() == L_PAREN
                    && let Some(before) = before.as_ref().filter(|word| word.kind() != IDENT)
                {
                    facts.add_word(before);
                }
                if !token.kind().is_trivia() {
                    before = Some(token.clone());
                }
            } else if let Some(node) = element.into_node() {
                facts.look_at(node);
            }
        }
        facts
    }

    fn look_at(&mut self, node: SyntaxNode) {
        match node.kind() {
            CALL_EXPR => {
                let callee = node
                    .first_child()
                    .filter(|callee| matches!(callee.kind(), NAME_REF | FIELD_EXPR | PAREN_EXPR));
                self.calls.extend(callee.as_ref().and_then(names::of));
            }
            CALL => self.calls.extend(name_below(&node, PROCEDURE_NAME_REF)),
            NAME_REF | PROCEDURE_NAME_REF => self.add_words(&node),
            RETURNING_CLAUSE => self.returns = true,
            TRUNCATE => self.truncated.extend(
                node.descendants()
                    .filter(|table| table.kind() == TABLE_NAME_REF)
                    .filter_map(|table| names::of(&table)),
            ),
            FUNCTION_NAME_REF | ATTRIBUTE_VALUE => self.references.extend(reference(&node)),
            RELATION_NAME_REF | TABLE_NAME_REF | TABLE_NAME | VIEW | VIEW_REF | SEQUENCE
            | SEQUENCE_REF => {
                if let Some(name) = names::of(&node)
                    && !self.scopes.is_common_table(&node, &name)
                {
                    self.relations.push((name, node));
                }
            }
            INSERT | UPDATE | DELETE | MERGE => self.writes.push(node),
            LITERAL => self.strings.extend(text_literal(node)),
            LOCKING_CLAUSE => self.locks_rows = true,
            SELECT_INTO => self.selects_into = true,
            _ => {}
        }
    }

    /// The relations that are written to, `truncate` included.
    pub(super) fn targets(&self) -> Vec<Name> {
        let written = self.writes.iter().filter_map(written_to);
        written.chain(self.truncated.iter().cloned()).collect()
    }

    /// The tables that rows are deleted from.
    pub(super) fn deletes(&self) -> Vec<Name> {
        let writes = self.writes.iter().filter(|write| match write.kind() {
            DELETE => true,
            MERGE => write.descendants().any(|node| node.kind() == MERGE_DELETE),
            _ => false,
        });
        writes.filter_map(written_to).collect()
    }

    fn add_words(&mut self, name: &SyntaxNode) {
        for element in name.descendants_with_tokens() {
            if let Some(token) = element.into_token() {
                self.add_word(&token);
            }
        }
    }

    fn add_word(&mut self, token: &SyntaxToken) {
        if names::is_word(token) && !self.spelt.contains(token.text()) {
            self.spelt.insert(token.text().to_owned());
            self.words.insert(names::fold(token.text()));
        }
    }

    /// The values of all string literals.
    pub(super) fn string_values(&self) -> impl Iterator<Item = String> {
        self.strings.iter().filter_map(ast::Literal::string_value)
    }

    /// The bodies of functions, procedures and `do` blocks.
    pub(super) fn bodies(&self) -> impl Iterator<Item = String> {
        self.strings
            .iter()
            .filter(|literal| {
                let parent = literal.syntax().parent();
                parent.is_some_and(|parent| matches!(parent.kind(), DO | AS_DEFINITION))
            })
            .filter_map(ast::Literal::string_value)
    }
}

/// The relation that an `INSERT`, `UPDATE`, `DELETE` or `MERGE` writes to, below a target such as `only public.todos`.
pub(super) fn written_to(write: &SyntaxNode) -> Option<Name> {
    let target = [RELATION_NAME_REF, RELATION_NAME, TABLE_RELATION_NAME]
        .into_iter()
        .find_map(|kind| child(write, kind))?;
    let path = target.descendants().find(|node| node.kind() == PATH_REF)?;
    names::of(&path)
}

/// The name in the first child of a kind.
pub(super) fn name_below(node: &SyntaxNode, kind: SyntaxKind) -> Option<Name> {
    child(node, kind).as_ref().and_then(names::of)
}

/// The first child of a kind.
pub(super) fn child(node: &SyntaxNode, kind: SyntaxKind) -> Option<SyntaxNode> {
    node.children().find(|child| child.kind() == kind)
}

/// Whether a token of a kind stands directly in a node.
pub(super) fn has_token(node: &SyntaxNode, kind: SyntaxKind) -> bool {
    node.children_with_tokens()
        .filter_map(|element| element.into_token())
        .any(|token| token.kind() == kind)
}

/// Numbers are by far the most literals, and hold no text.
fn text_literal(node: SyntaxNode) -> Option<ast::Literal> {
    let first = node.first_token()?;
    let is_text = matches!(
        first.kind(),
        STRING | ESC_STRING | UNICODE_ESC_STRING | NATIONAL_STRING | DOLLAR_QUOTED_STRING
    );
    is_text.then(|| ast::Literal::cast(node)).flatten()
}

/// A function that an object is made of; its name may be given as a string.
fn reference(node: &SyntaxNode) -> Option<Name> {
    match child(node, LITERAL).and_then(ast::Literal::cast) {
        Some(literal) => Some(Name {
            schema: None,
            name: literal.string_value()?.to_ascii_lowercase(),
        }),
        None => names::of(node),
    }
}
