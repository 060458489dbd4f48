//! Whether a write names the rows that it changes.

use squawk_syntax::{SyntaxKind::*, SyntaxNode};

use super::facts::{child, has_token};

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
    if !condition
        .descendants_with_tokens()
        .any(|it| it.kind() == NAME_REF)
    {
        return true;
    }
    match condition.kind() {
        PAREN_EXPR => condition.first_child().is_some_and(|it| holds_always(&it)),
        BIN_EXPR => {
            let has = |kind| has_operator(condition, kind);
            let operands: Vec<SyntaxNode> =
                condition.children().filter(|it| it.kind() != OP).collect();
            let (Some(left), Some(right)) = (operands.first(), operands.last()) else {
                return false;
            };
            if has(OR_KW) {
                holds_always(left) || holds_always(right)
            } else if has(AND_KW) {
                holds_always(left) && holds_always(right)
            } else if has(IS_NOT) {
                has_token(right, NULL_KW)
            } else {
                left.text() == right.text() && (has(EQ) || has(LTEQ) || has(GTEQ))
            }
        }
        POSTFIX_EXPR => has_operator(condition, NOTNULL_KW),
        _ => false,
    }
}

/// Operators stand in the expression as a token, as a node, or in an `OP` node, depending on how they are spelt.
fn has_operator(expression: &SyntaxNode, kind: squawk_syntax::SyntaxKind) -> bool {
    let within = |node: &SyntaxNode| has_token(node, kind) || child(node, kind).is_some();
    within(expression) || child(expression, OP).is_some_and(|op| within(&op))
}
