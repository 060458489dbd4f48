//! The actions of `ALTER TABLE` and its kin, one effect each.

use squawk_syntax::{
    SyntaxKind::{self, *},
    SyntaxNode,
};

use super::{
    batch::Effect,
    effects::{is_cascade, readable},
    facts::child,
    names,
};

/// One effect per action, in order; `object_kind` is what is altered, a table unless said otherwise.
pub(super) fn of(statement: &SyntaxNode, object_kind: &'static str) -> Vec<Effect> {
    let mut children = statement.children().filter(|node| node.kind() != IF_EXISTS);
    let Some(target) = children.next() else {
        return Vec::new();
    };
    let table = target
        .descendants()
        .find(|node| node.kind() == PATH_REF)
        .and_then(|path| names::of(&path))
        .map_or_else(|| readable(&target, 0), |name| name.to_string());
    children
        .map(|action| alteration(&action, &table, object_kind))
        .collect()
}

fn alteration(action: &SyntaxNode, table: &str, object_kind: &'static str) -> Effect {
    let part = |verb, kind, loses_data| Effect {
        action: verb,
        object_kind: kind,
        object: part_of(action, table),
        loses_data,
    };
    let whole = |verb| Effect {
        action: verb,
        object_kind,
        object: table.to_owned(),
        loses_data: false,
    };
    match action.kind() {
        ADD_COLUMN => part("add", "column", false),
        DROP_COLUMN => part("drop", "column", true),
        RENAME_COLUMN => part("rename", "column", false),
        ALTER_COLUMN => {
            let (verb, loses_data) = column_change(action);
            part(verb, "column", loses_data)
        }
        ADD_CONSTRAINT => Effect {
            object: constraint_of(action, table),
            ..part("add", "constraint", false)
        },
        DROP_CONSTRAINT => part("drop", "constraint", is_cascade(action)),
        RENAME_CONSTRAINT => part("rename", "constraint", false),
        VALIDATE_CONSTRAINT => part("validate", "constraint", false),
        ENABLE_RLS => whole("enable row security"),
        DISABLE_RLS => whole("disable row security"),
        FORCE_RLS => whole("force row security"),
        NO_FORCE_RLS => whole("do not force row security"),
        TABLE_RENAME_TO | VIEW_RENAME_TO => whole("rename"),
        OWNER_TO => whole("change owner"),
        SET_SCHEMA => whole("move to another schema"),
        ATTACH_PARTITION => whole("attach partition"),
        DETACH_PARTITION => whole("detach partition"),
        SET_UNLOGGED => whole("make unlogged"),
        SET_LOGGED => whole("make logged"),
        kind if is_enabling(kind) => whole("enable trigger or rule"),
        DISABLE_TRIGGER => whole("disable trigger"),
        DISABLE_RULE => whole("disable rule"),
        _ => whole("alter"),
    }
}

fn is_enabling(kind: SyntaxKind) -> bool {
    matches!(
        kind,
        ENABLE_TRIGGER
            | ENABLE_REPLICA_TRIGGER
            | ENABLE_ALWAYS_TRIGGER
            | ENABLE_RULE
            | ENABLE_REPLICA_RULE
            | ENABLE_ALWAYS_RULE
    )
}

/// What happens to a column, and whether values may not survive: a new type with `using` computes them anew.
fn column_change(action: &SyntaxNode) -> (&'static str, bool) {
    let Some(change) = action
        .children()
        .find(|node| node.kind() != COLUMN_NAME_REF)
    else {
        return ("alter", false);
    };
    match change.kind() {
        SET_TYPE => ("change type", child(&change, USING_EXPR).is_some()),
        SET_DEFAULT => ("set default", false),
        DROP_DEFAULT => ("drop default", false),
        SET_NOT_NULL => ("set not null", false),
        DROP_NOT_NULL => ("drop not null", false),
        ADD_GENERATED => ("make identity", false),
        DROP_IDENTITY => ("drop identity", false),
        SET_EXPRESSION => ("change expression", true),
        DROP_EXPRESSION => ("drop expression", false),
        _ => ("alter", false),
    }
}

/// `public.todos.title`
fn part_of(action: &SyntaxNode, table: &str) -> String {
    let part = action.children().find(|node| {
        matches!(
            node.kind(),
            COLUMN_NAME | COLUMN_NAME_REF | CONSTRAINT_NAME_REF
        )
    });
    match part {
        Some(part) => format!("{table}.{}", readable(&part, 0)),
        None => table.to_owned(),
    }
}

/// `todos_pkey on public.todos`, or what the unnamed constraint says.
fn constraint_of(action: &SyntaxNode, table: &str) -> String {
    let name = action
        .descendants()
        .find(|node| node.kind() == CONSTRAINT_NAME);
    match name {
        Some(name) => format!("{} on {table}", readable(&name, 0)),
        None => format!("{} on {table}", readable(action, 1)),
    }
}
