//! What a statement would do, as data: for the result that says what a migration changed, and for the question
//! whether rows are lost.
//!
//! Objects are shown as the statement names them: an unqualified name is not given a schema, because only the session
//! knows its search path.

use squawk_syntax::{
    SyntaxKind::{self, *},
    SyntaxNode,
};

use super::{
    alterations,
    batch::Effect,
    facts::{Facts, child, name_below, written_to},
    kinds::Kind,
    mass, names,
};

/// The effects of one statement, in the order of its text; none for what changes nothing that lasts.
pub(super) fn of(statement: &SyntaxNode, kind: &Kind, facts: &Facts) -> Vec<Effect> {
    if !facts.writes.is_empty() && !kind.command.starts_with("CREATE") {
        return facts.writes.iter().filter_map(write).collect();
    }
    let Some((action, object_kind)) = kind.effect else {
        return select_into(statement).into_iter().collect();
    };
    let effect = |object: String| Effect {
        action,
        object_kind,
        object,
        loses_data: false,
    };
    match statement.kind() {
        ALTER_TABLE | ALTER_FOREIGN_TABLE | ALTER_MATERIALIZED_VIEW | ALTER_VIEW => {
            alterations::of(statement, object_kind)
        }
        TRUNCATE => facts
            .relations
            .iter()
            .map(|(table, _)| Effect {
                loses_data: true,
                ..effect(table.to_string())
            })
            .collect(),
        GRANT | REVOKE => vec![effect(readable(statement, 1))],
        ALTER_DEFAULT_PRIVILEGES => vec![effect(readable(statement, 3))],
        SELECT_INTO => select_into(statement).into_iter().collect(),
        DO => vec![effect("do".to_owned())],
        _ if action == "drop" => dropped(statement)
            .map(|object| Effect {
                loses_data: holds_rows(statement.kind()) || is_cascade(statement),
                ..effect(object)
            })
            .collect(),
        _ => subject(statement).map(effect).into_iter().collect(),
    }
}

/// Whether an object's rows go with it. Views and foreign tables hold none of their own.
fn holds_rows(dropped: SyntaxKind) -> bool {
    matches!(dropped, DROP_TABLE)
}

/// What depends on an object, columns included, goes with it.
pub(super) fn is_cascade(drop: &SyntaxNode) -> bool {
    child(drop, CASCADE).is_some()
}

fn write(write: &SyntaxNode) -> Option<Effect> {
    let (action, loses_data) = match write.kind() {
        INSERT => ("insert", false),
        UPDATE => ("update", mass::is_mass(write)),
        DELETE => ("delete", true),
        _ => ("merge", mass::is_mass(write)),
    };
    Some(Effect {
        action,
        object_kind: "rows",
        object: written_to(write)?.to_string(),
        loses_data,
    })
}

fn select_into(statement: &SyntaxNode) -> Option<Effect> {
    let into = statement
        .descendants()
        .find(|node| node.kind() == INTO_CLAUSE)?;
    Some(Effect {
        action: "create",
        object_kind: "table",
        object: name_below(&into, TABLE_NAME)?.to_string(),
        loses_data: false,
    })
}

/// The children that stand for objects: neither `if exists` nor what follows them.
fn objects(statement: &SyntaxNode) -> impl Iterator<Item = SyntaxNode> {
    statement.children().filter(|node| {
        !matches!(
            node.kind(),
            IF_EXISTS
                | IF_NOT_EXISTS
                | OR_REPLACE
                | TEMP
                | UNLOGGED
                | CASCADE
                | RESTRICT
                | USING_METHOD
        )
    })
}

/// The object of a statement that has one, with the relation it is on: `own rows on public.todos`.
fn subject(statement: &SyntaxNode) -> Option<String> {
    let first = match objects(statement).next()? {
        schema if matches!(schema.kind(), NAMED_SCHEMA | AUTHORIZATION_SCHEMA) => {
            schema.first_child()?
        }
        object => object,
    };
    let mut object = readable(&first, 0);
    let place = [ON_TABLE, ON_RELATION, TABLE_RELATION_NAME]
        .into_iter()
        .find_map(|kind| child(statement, kind));
    if let Some(place) = place {
        let place_name = readable(&place, 0);
        match place.kind() {
            TABLE_RELATION_NAME if place == first => object = format!("on {place_name}"),
            TABLE_RELATION_NAME => object.push_str(&format!(" on {place_name}")),
            _ => object.push_str(&format!(" {place_name}")),
        }
    }
    Some(object)
}

/// The objects of a `DROP`: several names, several signatures, or one on a relation.
fn dropped(statement: &SyntaxNode) -> impl Iterator<Item = String> {
    let on_relation = child(statement, ON_TABLE).or_else(|| child(statement, ON_RELATION));
    let single = on_relation.and_then(|_| subject(statement));
    let several = single.is_none().then(|| {
        objects(statement)
            .flat_map(|node| match node.kind() {
                FUNCTION_SIG_LIST | PROCEDURE_SIG_LIST | ROUTINE_SIG_LIST | OP_SIG_LIST => {
                    node.children().collect()
                }
                _ => vec![node],
            })
            .map(|node| readable(&node, 0))
    });
    single.into_iter().chain(several.into_iter().flatten())
}

/// A piece of the statement on one line: comments gone, white space single, names folded, the first words left out.
pub(super) fn readable(node: &SyntaxNode, skip_words: usize) -> String {
    let mut text = String::new();
    let mut gap = false;
    let mut skipped = 0;
    for token in node
        .descendants_with_tokens()
        .filter_map(|it| it.into_token())
    {
        if token.kind().is_trivia() {
            gap = true;
        } else if token.kind() == SEMICOLON {
            break;
        } else if skipped < skip_words {
            skipped += 1;
        } else {
            if gap && !text.is_empty() {
                text.push(' ');
            }
            gap = false;
            if names::is_word(&token) {
                text.push_str(&names::fold(token.text()));
            } else {
                text.push_str(token.text());
            }
        }
    }
    text
}
