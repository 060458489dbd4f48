//! Which rows and values a statement takes away for good, as far as it names them: what is to be counted beforehand.

use squawk_syntax::{SyntaxKind::*, SyntaxNode};

use super::{
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
                })
                .collect()
        }
        ALTER_TABLE => columns(statement).unwrap_or_default(),
        _ => Vec::new(),
    }
}

fn columns(alter: &SyntaxNode) -> Option<Vec<Loss>> {
    let table = alter
        .descendants()
        .find(|node| node.kind() == PATH_REF)
        .and_then(|path| names::of(&path))?;
    let dropped = alter
        .children()
        .filter(|action| action.kind() == DROP_COLUMN)
        .filter_map(|action| names::of(&child(&action, COLUMN_NAME_REF)?))
        .map(|column| Loss {
            table: table.clone(),
            column: Some(column.name),
        })
        .collect();
    Some(dropped)
}
