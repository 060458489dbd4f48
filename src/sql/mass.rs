//! Whether a write names the rows that it changes.

use squawk_syntax::{SyntaxKind::*, SyntaxNode};

use super::{
    facts::{child, has_token},
    losses::has_operator,
};

/// `UPDATE` and `DELETE` without a condition, or with one that holds for every row, and `MERGE` that deletes.
pub(super) fn is_mass(write: &SyntaxNode) -> bool {
    match write.kind() {
        UPDATE | DELETE => match child(write, WHERE_CLAUSE) {
            Some(condition) => condition.first_child().is_none_or(|it| holds_always(&it)),
            None => child(write, WHERE_CURRENT_OF).is_none(),
        },
        MERGE => write.descendants().any(|node| node.kind() == MERGE_DELETE),
        _ => false,
    }
}

/// Whether a condition plainly keeps no row out: it looks at no column, compares something with itself, or asks no
/// more than that a column is filled. Erring towards yes costs one restore point.
fn holds_always(condition: &SyntaxNode) -> bool {
    match condition.kind() {
        PAREN_EXPR => condition.first_child().is_some_and(|it| holds_always(&it)),
        BIN_EXPR => {
            let has = |kind| has_operator(condition, kind);
            let mut operands = condition.children().filter(|it| it.kind() != OP);
            let (Some(left), Some(right)) = (operands.next(), operands.last()) else {
                return false;
            };
            if has(OR_KW) {
                holds_always(&left) || holds_always(&right)
            } else if has(AND_KW) {
                holds_always(&left) && holds_always(&right)
            } else {
                let compares = has(EQ) || has(LTEQ) || has(GTEQ);
                (has(IS_NOT) && has_token(&right, NULL_KW))
                    || (compares && left.text() == right.text())
                    || is_constant(condition)
            }
        }
        POSTFIX_EXPR if has_operator(condition, NOTNULL_KW) => true,
        _ => is_constant(condition),
    }
}

fn is_constant(condition: &SyntaxNode) -> bool {
    !condition.descendants().any(|node| node.kind() == NAME_REF)
}
