//! Which rows and values a statement takes away for good, as far as it names them: what is to be counted beforehand.

use squawk_syntax::{
    SyntaxKind::{self, *},
    SyntaxNode,
};

use super::{
    batch::{Class, Statement},
    facts::{self, child, has_token},
    names::{self, Name},
};

/// A table, or one column of it, that a statement empties or drops.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// The table, as the statement names it.
    pub table: Name,
    /// The column; the whole table without.
    pub column: Option<String>,
    /// Whether a condition chooses the rows, so that it may be fewer.
    pub at_most: bool,
}

/// What a statement takes away.
pub(super) fn of(statement: &SyntaxNode) -> Vec<Loss> {
    match statement.kind() {
        DROP_TABLE | TRUNCATE => {
            // The parts of a dotted name are paths of their own below the whole.
            let is_whole =
                |path: &SyntaxNode| path.parent().is_none_or(|parent| parent.kind() != PATH_REF);
            statement
                .descendants()
                .filter(|node| node.kind() == PATH_REF && is_whole(node))
                .filter_map(|path| names::of(&path))
                .map(|table| Loss {
                    table,
                    column: None,
                    at_most: false,
                })
                .collect()
        }
        ALTER_TABLE => columns(statement, |action| {
            action.kind() == DROP_COLUMN || is_computed_anew(action)
        }),
        _ => Vec::new(),
    }
}

impl Statement {
    /// What it takes away from tables and columns that stay: rows that it empties tables of, and rows and values that
    /// a condition chooses, which may be all of them.
    pub(super) fn taken_away(&self) -> impl Iterator<Item = Loss> {
        let empties =
            self.class == Class::MassDataChange && matches!(self.kind, "DELETE" | "TRUNCATE");
        let of = |table: &Name, at_most| Loss {
            table: table.clone(),
            column: None,
            at_most,
        };
        let whole = self.targets.iter().filter(move |_| empties);
        let whole = whole.map(move |table| of(table, false));
        let chosen = self.deletes.iter().map(move |table| of(table, true));
        whole.chain(chosen).chain(self.overwrites.iter().cloned())
    }
}

/// The columns whose values an `UPDATE`, an `ON CONFLICT DO UPDATE` or a `MERGE` writes over: not where only rows are
/// chosen in which they are null, or where what is not null is kept.
pub(super) fn overwrites(write: &SyntaxNode) -> Vec<Loss> {
    let Some(table) = facts::written_to(write) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    // Whether a qualified column can only be the table's own.
    let alone = write.kind() == UPDATE && child(write, FROM_CLAUSE).is_none();
    // A write within a write is one of its own.
    let own = |node: &SyntaxNode| {
        let mut above = node.ancestors();
        let holder = above.find(|one| matches!(one.kind(), INSERT | UPDATE | DELETE | MERGE));
        holder.as_ref() == Some(write)
    };
    for set in write.descendants().filter(|node| node.kind() == SET_CLAUSE) {
        if !own(&set) {
            continue;
        }
        let condition = set.parent().and_then(|parent| child(&parent, WHERE_CLAUSE));
        let condition = condition.and_then(|condition| condition.first_child());
        for column in set
            .descendants()
            .filter(|node| matches!(node.kind(), SET_SINGLE_COLUMN | SET_MULTIPLE_COLUMNS))
        {
            let keeps = |name: &str| {
                condition
                    .as_ref()
                    .is_some_and(|condition| is_null_in(condition, name, alone))
                    || (column.kind() == SET_SINGLE_COLUMN
                        && child(&column, SET_EXPR)
                            .is_some_and(|value| keeps_what_is(&value, name)))
            };
            let names = column
                .descendants()
                .filter(|node| node.kind() == COLUMN_TARGET)
                .filter_map(|target| names::parts(&target).into_iter().next());
            found.extend(names.filter(|name| !keeps(name)).map(|name| Loss {
                table: table.clone(),
                column: Some(name),
                at_most: true,
            }));
        }
    }
    found
}

/// Whether a condition chooses only rows in which a column is null.
fn is_null_in(condition: &SyntaxNode, column: &str, alone: bool) -> bool {
    let is_column = |node: &SyntaxNode| {
        (node.kind() == NAME_REF || (alone && node.kind() == FIELD_EXPR))
            && names::of(node).is_some_and(|name| name.name == column)
    };
    match condition.kind() {
        PAREN_EXPR => condition
            .first_child()
            .is_some_and(|inner| is_null_in(&inner, column, alone)),
        POSTFIX_EXPR => {
            has_operator(condition, ISNULL_KW)
                && condition.first_child().is_some_and(|it| is_column(&it))
        }
        BIN_EXPR => {
            let mut operands = condition.children().filter(|it| it.kind() != OP);
            let (Some(left), Some(right)) = (operands.next(), operands.last()) else {
                return false;
            };
            if has_operator(condition, AND_KW) {
                is_null_in(&left, column, alone) || is_null_in(&right, column, alone)
            } else if has_operator(condition, OR_KW) {
                is_null_in(&left, column, alone) && is_null_in(&right, column, alone)
            } else {
                has_operator(condition, IS_KW)
                    && !has_operator(condition, IS_NOT)
                    && has_token(&right, NULL_KW)
                    && is_column(&left)
            }
        }
        _ => false,
    }
}

/// `coalesce(column, …)`, and the column itself.
fn keeps_what_is(value: &SyntaxNode, column: &str) -> bool {
    let mut tokens = value
        .descendants_with_tokens()
        .filter_map(|element| element.into_token())
        .filter(|token| !token.kind().is_trivia());
    let Some(first) = tokens.next() else {
        return false;
    };
    let mut next_is = |word: &str| {
        tokens
            .next()
            .is_some_and(|token| names::fold(token.text()) == word)
    };
    // Quoted it is a function of somebody's own.
    match first.text().eq_ignore_ascii_case("coalesce") {
        true => next_is("(") && next_is(column) && next_is(","),
        false => names::same(first.text(), column) && tokens.next().is_none(),
    }
}

/// Operators stand in the expression as a token, as a node, or in an `OP` node, depending on how they are spelt.
pub(super) fn has_operator(expression: &SyntaxNode, kind: SyntaxKind) -> bool {
    let within = |node: &SyntaxNode| has_token(node, kind) || child(node, kind).is_some();
    within(expression) || child(expression, OP).is_some_and(|op| within(&op))
}

/// Whether a column's values are replaced by others than the old ones in the new type.
fn is_computed_anew(action: &SyntaxNode) -> bool {
    let using = (action.kind() == ALTER_COLUMN)
        .then(|| child(action, SET_TYPE))
        .flatten()
        .and_then(|change| child(&change, USING_EXPR));
    let Some(mut expression) = using.and_then(|using| using.first_child()) else {
        return false;
    };
    let column = child(action, COLUMN_NAME_REF).and_then(|column| names::of(&column));
    // Casts and parentheses around the column itself keep what it says, or fail.
    while matches!(expression.kind(), CAST_EXPR | PAREN_EXPR) {
        let Some(inner) = expression.first_child() else {
            return true;
        };
        expression = inner;
    }
    expression.kind() != NAME_REF || names::of(&expression) != column
}

/// The columns whose values an `ALTER TABLE` replaces.
pub(super) fn computed_anew(statement: &SyntaxNode) -> Vec<Loss> {
    match statement.kind() {
        ALTER_TABLE => columns(statement, is_computed_anew),
        _ => Vec::new(),
    }
}

fn columns(alter: &SyntaxNode, is_meant: fn(&SyntaxNode) -> bool) -> Vec<Loss> {
    let table = alter
        .descendants()
        .find(|node| node.kind() == PATH_REF)
        .and_then(|path| names::of(&path));
    let Some(table) = table else {
        return Vec::new();
    };
    alter
        .children()
        .filter(is_meant)
        .filter_map(|action| names::of(&child(&action, COLUMN_NAME_REF)?))
        .map(|column| Loss {
            at_most: false,
            table: table.clone(),
            column: Some(column.name),
        })
        .collect()
}
