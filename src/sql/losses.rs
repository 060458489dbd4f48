//! Which rows and values a statement takes away for good, as far as it names them: what is to be counted beforehand.

use squawk_syntax::{SyntaxKind::*, SyntaxNode};

use super::{
    batch::{Class, Statement},
    bodies,
    facts::child,
    names::{self, Name},
};

/// A table, or one column of it, that a statement empties or drops.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// The table, as the statement names it.
    pub table: Name,
    /// The column; the whole table without.
    pub column: Option<String>,
    /// Whether a condition chooses the rows, or code does, so that it may be fewer.
    pub at_most: bool,
}

/// Where a statement deletes rows that a condition chooses, or that code does when it runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deletions {
    /// The tables.
    pub tables: Vec<Name>,
    /// Whether it may be from any table: the text does not tell.
    pub anywhere: bool,
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
        ALTER_TABLE => columns(statement).unwrap_or_default(),
        _ => Vec::new(),
    }
}

impl Statement {
    /// What it takes away from a table that stays: rows that it empties it of, and columns or their values.
    pub fn taken_away(&self) -> Vec<Loss> {
        let empties =
            self.class == Class::MassDataChange && matches!(self.kind, "DELETE" | "TRUNCATE");
        let whole = self.targets.iter().filter(|_| empties).map(|table| Loss {
            table: table.clone(),
            column: None,
            at_most: false,
        });
        let parts = self.losses.iter().filter(|loss| loss.column.is_some());
        whole.chain(parts.cloned()).collect()
    }

    /// Where it deletes rows without naming all of them. What functions do that it calls is not told.
    pub fn deletions(&self) -> Deletions {
        let mut found = Deletions {
            tables: self.deletes.clone(),
            anywhere: self.kind == "CALL",
        };
        if self.kind == "DO"
            && let Some((language, text)) = &self.body
        {
            let code = bodies::deletions(language, text);
            found.tables.extend(code.tables);
            found.anywhere |= code.anywhere;
        }
        found
    }
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

fn columns(alter: &SyntaxNode) -> Option<Vec<Loss>> {
    let table = alter
        .descendants()
        .find(|node| node.kind() == PATH_REF)
        .and_then(|path| names::of(&path))?;
    let dropped = alter
        .children()
        .filter(|action| action.kind() == DROP_COLUMN || is_computed_anew(action))
        .filter_map(|action| names::of(&child(&action, COLUMN_NAME_REF)?))
        .map(|column| Loss {
            at_most: false,
            table: table.clone(),
            column: Some(column.name),
        })
        .collect();
    Some(dropped)
}
