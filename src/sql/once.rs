//! Conditions of policies that ask who is calling: written so that PostgreSQL asks once for a query, and not for
//! each row.
//!
//! `owner = auth.uid()` becomes `owner = (select auth.uid())`. What is asked is the same for all rows of a query, so
//! the condition means what it meant.

use squawk_syntax::{
    SourceFile,
    SyntaxKind::*,
    SyntaxNode,
    ast::{AstNode, Expr},
};

use super::bounds;
use super::names;
use super::{DEEP_STACK, bounds::Depth, on_own_stack};

/// The functions of schema `auth` that ask.
const ASKING: [&str; 4] = ["uid", "jwt", "role", "email"];

const BEFORE: &str = "select (";

/// A condition as PostgreSQL prints it, along an empty `search_path`, with each such call in a query of its own: as
/// it was where there is none. `None` where that is not certain to mean the same, or changes nothing for a row.
pub fn asked_once(condition: &str) -> Option<String> {
    let text = format!("{BEFORE}{condition}\n)");
    match bounds::check(&text).ok()? {
        Depth::Shallow => wrapped(&text),
        Depth::Deep => on_own_stack(DEEP_STACK, || wrapped(&text))?,
    }
}

fn wrapped(text: &str) -> Option<String> {
    let parsed = SourceFile::parse(text);
    let tree = parsed.tree();
    if !parsed.errors().is_empty() || tree.stmts().count() != 1 {
        return None;
    }
    let mut calls = Vec::new();
    for node in tree.syntax().descendants() {
        match node.kind() {
            // Rows are grouped by expressions that are written the same, and these would be no longer.
            GROUP_BY_CLAUSE => return None,
            CALL_EXPR if asks(&node) && !stands_alone(&node) => {
                if !is_constant(&node) {
                    return None;
                }
                calls.push(node.text_range());
            }
            _ => {}
        }
    }
    let mut written = text.to_owned();
    for call in calls.into_iter().rev() {
        let (start, end) = (usize::from(call.start()), usize::from(call.end()));
        written.insert(end, ')');
        written.insert_str(start, "(select ");
    }
    let condition = written.strip_prefix(BEFORE)?.strip_suffix("\n)")?;
    Some(condition.to_owned())
}

/// Whether a call asks who is calling, or for a setting.
fn asks(call: &SyntaxNode) -> bool {
    let callee = call
        .first_child()
        .filter(|callee| matches!(callee.kind(), NAME_REF | FIELD_EXPR))
        .as_ref()
        .and_then(names::of);
    callee.is_some_and(|name| match name.schema.as_deref() {
        Some("auth") => ASKING.contains(&name.name.as_str()),
        Some("pg_catalog") | None => name.name == "current_setting",
        Some(_) => false,
    })
}

/// Whether it is asked once as it stands: all that a query selects, or what it selects from.
fn stands_alone(call: &SyntaxNode) -> bool {
    let only = |node: &SyntaxNode, kind| {
        node.parent()
            .filter(|parent| parent.kind() == kind && parent.children().count() == 1)
    };
    let Some(parent) = call.parent() else {
        return false;
    };
    if parent.kind() == FUNCTION_FROM_ITEM {
        return true;
    }
    // Behind it stands at most the name that it gets.
    parent.kind() == TARGET
        && only(&parent, TARGET_LIST)
            .and_then(|list| only(&list, SELECT_CLAUSE))
            .and_then(|clause| only(&clause, SELECT))
            .is_some()
}

/// Whether all that it is called with are literals.
fn is_constant(call: &SyntaxNode) -> bool {
    let arguments = call.children().filter(|child| child.kind() == ARG_LIST);
    arguments
        .flat_map(|list| list.descendants().collect::<Vec<_>>())
        .filter_map(Expr::cast)
        .all(|expression| matches!(expression, Expr::Literal(_) | Expr::CastExpr(_)))
}

#[cfg(test)]
mod tests {
    use super::asked_once;

    #[test]
    fn what_asks_for_each_row_asks_once() {
        for (condition, once) in [
            ("(auth.uid() = owner)", "((select auth.uid()) = owner)"),
            (
                "((auth.uid() = owner) OR (owner = ( SELECT auth.uid() AS uid)))",
                "(((select auth.uid()) = owner) OR (owner = ( SELECT auth.uid() AS uid)))",
            ),
            (
                "((((current_setting('request.jwt.claims'::text, true))::json -> 'a'::text) ->> 'é'::text) = 'y'::text)",
                "(((((select current_setting('request.jwt.claims'::text, true)))::json -> 'a'::text) ->> 'é'::text) = 'y'::text)",
            ),
            (
                "(EXISTS ( SELECT 1 FROM public.\"auth.uid()\" m WHERE ((m.id = auth.uid()) AND (m.mail = auth.email()))))",
                "(EXISTS ( SELECT 1 FROM public.\"auth.uid()\" m WHERE ((m.id = (select auth.uid())) AND (m.mail = (select auth.email())))))",
            ),
            (
                "(owner IN ( SELECT auth.uid() AS uid FROM public.x))",
                "(owner IN ( SELECT (select auth.uid()) AS uid FROM public.x))",
            ),
        ] {
            assert_eq!(asked_once(condition).as_deref(), Some(once), "{condition}");
        }
    }

    #[test]
    fn what_asks_once_stays() {
        for condition in [
            "true",
            "(owner = ( SELECT auth.uid() AS uid))",
            "('auth.uid()'::text = 'select auth.uid()'::text)",
            "(app.uid() = owner)",
            "(EXISTS ( SELECT 1 FROM auth.uid() uid(uid)))",
        ] {
            assert_eq!(asked_once(condition).as_deref(), Some(condition));
        }
    }

    #[test]
    fn what_depends_on_the_row_or_is_no_condition_is_not_certain() {
        for condition in [
            "(auth.uid(owner) = \"auth.uid()\")",
            "((auth.uid() = owner) AND (current_setting(('app.'::text || name)) = 'y'::text))",
            "(current_setting(name) = 'y'::text)",
            "(current_setting(lower('X'::text)) = 'y'::text)",
            "(EXISTS ( SELECT 1 FROM public.x GROUP BY auth.uid()))",
            "(auth.uid() = owner",
            "auth.uid() = owner); drop table public.t; select (true",
        ] {
            assert_eq!(asked_once(condition), None, "{condition}");
        }
    }
}
