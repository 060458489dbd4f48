//! From a statement's tree to its class: the kind's row in [`super::kinds`], corrected by what the statement holds.
//!
//! Two choices that could have been others. `EXPLAIN` of a write is of the class of that write, with or without
//! `ANALYZE`: with it the rows change, without it the planner still asks for the right to change them. And `FOR UPDATE`
//! makes a `SELECT` a data change, because it locks rows, which needs the writing role.

use std::{collections::HashSet, ops::Range};

use squawk_syntax::{
    SyntaxKind::{self, *},
    SyntaxNode,
    ast::{AstNode, Stmt},
};

use super::{
    batch::{Class, Defined, Definition, Reason, Statement},
    bounds, effects,
    facts::{Facts, child, has_token, name_below},
    functions,
    kinds::{self, Kind},
    losses, mass, names, sensitive, trial,
};

/// Judges one statement; `None` for a lone semicolon.
pub(super) fn statement(stmt: &Stmt) -> Option<Statement> {
    let kind = kinds::of(stmt)?;
    let node = stmt.syntax();
    let facts = Facts::gather(node);
    let class = class(node, &kind, &facts);
    let relations = distinct(facts.relations.iter().map(|(name, _)| name));
    Some(Statement {
        class,
        kind: kind.command,
        text: text_range(node),
        sensitive: relations
            .iter()
            .filter(|relation| sensitive::is_sensitive(relation))
            .cloned()
            .collect(),
        reads_secrets: sensitive::reads_secrets(node, &facts.relations),
        targets: match runs_what_its_rows_depend_on(node) {
            true => relations.clone(),
            false => distinct(&facts.targets()),
        },
        words: facts.words.clone(),
        is_plain: node.kind() == SHOW
            || node.descendants().all(|node| {
                matches!(
                    node.kind(),
                    SELECT
                        | SELECT_CLAUSE
                        | TARGET_LIST
                        | TARGET
                        | AS_NAME
                        | COLUMN_NAME
                        | VALUES
                        | ROW_LIST
                        | ROW
                        | LITERAL
                )
            }),
        moves: moves(node, &facts),
        returns: facts.returns,
        defines: definition(node),
        body: body(node, &facts),
        functions: distinct(&facts.calls),
        effects: effects::of(node, &kind, &facts),
        trial: trial::step(node),
        losses: losses::of(node),
        deletes: distinct(&facts.deletes()),
        overwrites: facts
            .writes
            .iter()
            .flat_map(losses::overwrites)
            .chain(losses::computed_anew(node))
            .collect(),
        transactional: is_transactional(node),
        relations,
    })
}

fn class(node: &SyntaxNode, kind: &Kind, facts: &Facts) -> Class {
    let called = || {
        facts
            .calls
            .iter()
            .filter_map(|call| functions::class_of(&call.name))
    };
    if let Some(reason) = forbidden(node, kind, facts) {
        return Class::Forbidden(reason);
    }
    match kind.class {
        Class::Read | Class::DataChange if called().any(|class| class == Class::Session) => {
            Class::Session
        }
        Class::Read if explains_opaque(node) => Class::Opaque,
        Class::Read if facts.selects_into => Class::Schema,
        Class::Read | Class::DataChange if facts.writes.iter().any(mass::is_mass) => {
            Class::MassDataChange
        }
        Class::Read
            if !facts.writes.is_empty()
                || facts.locks_rows
                || called().any(|class| class == Class::DataChange) =>
        {
            Class::DataChange
        }
        class => class,
    }
}

/// What a statement defines for others to use later.
fn definition(node: &SyntaxNode) -> Option<Definition> {
    let named = |kind, name| {
        Some(Definition {
            name: name_below(node, name)?,
            kind,
        })
    };
    let on_relation = || {
        let relation = node.descendants().find(|node| {
            matches!(
                node.kind(),
                ON_TABLE | ON_RELATION | RULE_ON | TABLE_RELATION_NAME
            )
        })?;
        let path = relation
            .descendants()
            .find(|node| node.kind() == PATH_REF)?;
        Some(Definition {
            name: names::of(&path)?,
            kind: Defined::Reaction,
        })
    };
    match node.kind() {
        CREATE_VIEW | CREATE_MATERIALIZED_VIEW => named(Defined::View, VIEW),
        CREATE_FUNCTION => named(Defined::Routine, FUNCTION_NAME),
        CREATE_PROCEDURE => named(Defined::Routine, PROCEDURE_NAME),
        CREATE_AGGREGATE => named(Defined::Routine, AGGREGATE_NAME),
        CREATE_TRIGGER | CREATE_RULE => on_relation(),
        _ => None,
    }
}

/// Language and text of a function's or a block's code.
fn body(node: &SyntaxNode, facts: &Facts) -> Option<(String, String)> {
    let text = facts.bodies().next()?;
    let language = node
        .descendants()
        .find(|node| matches!(node.kind(), LANGUAGE_FUNC_OPTION | DO_LANGUAGE));
    let by_default = if node.kind() == DO { "plpgsql" } else { "sql" };
    Some((
        language.map_or_else(|| by_default.to_owned(), |option| language_of(&option)),
        text,
    ))
}

/// The language in `language sql` and `language 'SQL'`.
fn language_of(option: &SyntaxNode) -> String {
    let last = option
        .descendants_with_tokens()
        .filter_map(|element| element.into_token())
        .filter(|token| !token.kind().is_trivia())
        .last();
    let text = last
        .map(|token| token.text().to_owned())
        .unwrap_or_default();
    names::plain_string(&text)
        .unwrap_or_else(|| names::fold(&text))
        .to_ascii_lowercase()
}

/// Whether a statement runs nowhere, whatever its kind.
fn forbidden(node: &SyntaxNode, kind: &Kind, facts: &Facts) -> Option<Reason> {
    if touches_ledger(kind, facts) {
        return Some(Reason::Ledger);
    }
    let is_copy_of_file = kind.class == Class::Forbidden(Reason::CopyStream)
        && node.descendants().any(|node| node.kind() == COPY_PROGRAM);
    if is_copy_of_file {
        return Some(Reason::ServerFile);
    }
    if let Class::Forbidden(reason) = kind.class {
        return Some(reason);
    }
    if matches!(node.kind(), GRANT | REVOKE) {
        return forbidden_grant(node);
    }
    if changes_text_reading(node, facts) {
        return Some(Reason::TextReading);
    }
    let names = facts.calls.iter().chain(&facts.references);
    names
        .filter_map(|function| functions::class_of(&function.name))
        .find_map(|class| match class {
            Class::Forbidden(reason) => Some(reason),
            _ => None,
        })
}

/// The ledger may be read. Anything else that names its schema is refused: a write, a drop, a grant, a trigger, and
/// also a view, through which one could write, a search path that would hide the name, and a body of code.
fn touches_ledger(kind: &Kind, facts: &Facts) -> bool {
    let reads_only =
        kind.class.is_read() && facts.writes.is_empty() && !facts.locks_rows && !facts.selects_into;
    let hides_it_in_a_setting = || {
        let sets = kind.class == Class::Session
            || facts.calls.iter().any(|call| call.name == "set_config");
        sets && facts
            .string_values()
            .any(|value| value.to_ascii_lowercase().contains(names::LEDGER))
    };
    (facts.names_ledger && !reads_only)
        || hides_it_in_a_setting()
        || facts
            .bodies()
            .any(|body| bounds::body_mentions(&body, names::LEDGER))
}

/// Roles given to roles, and rights over the server's configuration.
fn forbidden_grant(node: &SyntaxNode) -> Option<Reason> {
    match child(node, ON_PRIVILEGE_OBJECTS_CLAUSE) {
        None => Some(Reason::Role),
        Some(on) => child(&on, PRIVILEGE_PARAMETER).map(|_| Reason::Server),
    }
}

/// Settings that change how PostgreSQL reads the strings after them, and the only values that this judge reads by.
const TEXT_SETTINGS: &[(&str, &[&str])] = &[
    (
        "standard_conforming_strings",
        &["on", "true", "yes", "1", "default"],
    ),
    ("client_encoding", &["utf8", "utf-8", "unicode", "default"]),
];

fn changes_text_reading(node: &SyntaxNode, facts: &Facts) -> bool {
    let by_statement = child(node, SET_CONFIG).is_some_and(|set| {
        let setting = name_below(&set, CONFIG_PARAMETER_REF).map(|setting| setting.name);
        let value = child(&set, TO_CONFIG_VALUE).map(|value| value.text().to_string());
        let value = value.unwrap_or_default().to_ascii_lowercase();
        let value = value
            .trim_start_matches("to")
            .trim_matches(['=', ' ', '\t', '\n', '\r', '\'', '"']);
        TEXT_SETTINGS
            .iter()
            .any(|(name, allowed)| setting.as_deref() == Some(*name) && !allowed.contains(&value))
    });
    let by_function = || {
        facts.calls.iter().any(|call| call.name == "set_config")
            && facts.string_values().any(|value| {
                TEXT_SETTINGS
                    .iter()
                    .any(|(name, _)| value.eq_ignore_ascii_case(name))
            })
    };
    by_statement || by_function()
}

/// Whether a search path is set that leads to secrets, or that cannot be told.
fn moves(node: &SyntaxNode, facts: &Facts) -> bool {
    let leads =
        |text: &str| sensitive::schemas().any(|schema| text.to_ascii_lowercase().contains(schema));
    let by_statement = child(node, SET_CONFIG).is_some_and(|set| {
        let setting = name_below(&set, CONFIG_PARAMETER_REF).map(|setting| setting.name);
        setting.as_deref() == Some("search_path") && leads(&set.text().to_string())
    });
    let by_function = || {
        facts.calls.iter().any(|call| call.name == "set_config") && {
            let values: Vec<String> = facts.string_values().collect();
            let is_path = |value: &String| value.eq_ignore_ascii_case("search_path");
            values.iter().any(is_path)
                && (values.iter().all(is_path) || values.iter().any(|value| leads(value)))
        }
    };
    by_statement || by_function()
}

/// Whether a statement computes, for rows that are there, what a write computes for new ones: indexes, checks,
/// defaults, statistics.
fn runs_what_its_rows_depend_on(node: &SyntaxNode) -> bool {
    matches!(
        node.kind(),
        ALTER_TABLE | ANALYZE | CLUSTER | CREATE_INDEX | REINDEX | VACUUM
    )
}

/// `EXPLAIN` of something else than a query or a change of rows.
fn explains_opaque(node: &SyntaxNode) -> bool {
    node.kind() == EXPLAIN
        && node.children().any(|child| {
            matches!(
                child.kind(),
                EXECUTE | DECLARE | CREATE_TABLE_AS | CREATE_MATERIALIZED_VIEW | SELECT_INTO
            )
        })
}

/// Whether PostgreSQL runs a statement inside a transaction block.
fn is_transactional(node: &SyntaxNode) -> bool {
    let holds = |kind: SyntaxKind| node.descendants().any(|node| node.kind() == kind);
    match node.kind() {
        VACUUM => false,
        CREATE_INDEX | DROP_INDEX => !has_token(node, CONCURRENTLY_KW),
        CLUSTER => holds(TABLE_NAME_REF) || holds(INDEX_REF),
        ALTER_TABLE => !holds(DETACH_CONCURRENTLY),
        DISCARD => !holds(DISCARD_ALL),
        REINDEX => {
            !holds(REINDEX_OPTION_CONCURRENTLY)
                && !node.children().any(|target| {
                    has_token(&target, CONCURRENTLY_KW)
                        || matches!(
                            target.kind(),
                            REINDEX_TARGET_SCHEMA | REINDEX_TARGET_DATABASE | REINDEX_TARGET_SYSTEM
                        )
                })
        }
        _ => true,
    }
}

/// The statement without its semicolon; comments around it belong to no statement.
fn text_range(node: &SyntaxNode) -> Range<usize> {
    let range = node.text_range();
    let mut last = node.last_token();
    let mut end = range.end();
    while let Some(token) = last
        && (token.kind() == SEMICOLON || token.kind().is_trivia())
        && token.text_range().start() > range.start()
    {
        end = token.text_range().start();
        last = token.prev_token();
    }
    usize::from(range.start())..usize::from(end)
}

fn distinct<'a>(names: impl IntoIterator<Item = &'a names::Name>) -> Vec<names::Name> {
    let mut seen = HashSet::new();
    names
        .into_iter()
        .filter(|name| seen.insert(*name))
        .cloned()
        .collect()
}
