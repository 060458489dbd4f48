//! What tells the same on every database that has the same catalogue: code that looks at nothing else takes the same
//! course on production as in a replay without rows. An allow-list; what is not on it may differ.

use squawk_lexer::{LiteralKind, TokenKind};

use super::{
    bounds::significant,
    names::{self, Name},
};

/// Tables and views of `pg_catalog` that hold definitions, and nothing that rows or time change.
#[rustfmt::skip]
const CATALOGUE: &[&str] = &[
    "pg_aggregate", "pg_attrdef", "pg_attribute", "pg_available_extensions", "pg_cast", "pg_class", "pg_collation",
    "pg_constraint", "pg_depend", "pg_enum", "pg_extension", "pg_index", "pg_indexes", "pg_inherits", "pg_language",
    "pg_matviews", "pg_namespace", "pg_operator", "pg_policies", "pg_policy", "pg_proc", "pg_publication",
    "pg_publication_namespace", "pg_publication_rel", "pg_publication_tables", "pg_range", "pg_rewrite", "pg_roles",
    "pg_rules", "pg_tables", "pg_trigger", "pg_type", "pg_views",
];

/// Their columns, and those of every table, that rows or the place do change.
#[rustfmt::skip]
const RESTLESS: &[&str] = &[
    "cmax", "cmin", "ctid", "is_called", "last_value", "relallfrozen", "relallvisible", "relfilenode", "relfrozenxid",
    "relminmxid", "relpages", "reltoastrelid", "reltuples", "xmax", "xmin",
    // Keywords that are functions of time, place or session.
    "current_catalog", "current_date", "current_role", "current_time", "current_timestamp", "current_user",
    "localtime", "localtimestamp", "session_user", "user",
];

/// Functions of the catalogue, or of their arguments alone, none of which turns an object's number into text.
#[rustfmt::skip]
const FUNCTIONS: &[&str] = &[
    "bool_and", "bool_or", "btrim", "cardinality", "coalesce", "count", "current_schema", "current_schemas", "exists",
    "has_column_privilege", "has_function_privilege", "has_schema_privilege", "has_sequence_privilege",
    "has_table_privilege", "has_type_privilege", "lower", "pg_get_userbyid", "quote_ident", "quote_literal",
    "split_part", "starts_with", "string_to_array", "to_regclass", "to_regnamespace", "to_regproc", "to_regprocedure",
    "to_regrole", "to_regtype", "trim", "unnest", "upper",
];

/// Errors that the catalogue alone brings about.
#[rustfmt::skip]
const ERRORS: &[&str] = &[
    "duplicate_alias", "duplicate_column", "duplicate_function", "duplicate_object", "duplicate_schema",
    "duplicate_table", "invalid_object_definition", "invalid_schema_name", "undefined_column", "undefined_function",
    "undefined_object", "undefined_table",
];

/// Whether a relation holds definitions only.
pub(super) fn relation(name: &Name) -> bool {
    match name.schema.as_deref() {
        Some("information_schema") => true,
        Some("pg_catalog") | None => CATALOGUE.contains(&name.name.as_str()),
        Some(_) => false,
    }
}

/// Whether a function answers the same everywhere.
pub(super) fn function(name: &Name) -> bool {
    name.schema
        .as_deref()
        .is_none_or(|schema| schema == "pg_catalog")
        && FUNCTIONS.contains(&name.name.as_str())
}

/// Whether an error that a handler waits for, `duplicate_object`, is the catalogue's.
pub(super) fn error(condition: &str) -> bool {
    ERRORS.contains(&condition)
}

/// What in a query or an expression can differ, told from its tokens: times, places, and reckoning, by which an
/// object's number could be made to count.
pub(super) fn difference(text: &str) -> Option<String> {
    let mut before: Option<(TokenKind, String)> = None;
    let tokens: Vec<_> = significant(text).collect();
    for (at, (token, text, _)) in tokens.iter().enumerate() {
        let word = match token.kind {
            TokenKind::Ident | TokenKind::QuotedIdent { .. } => names::fold(text),
            _ => String::new(),
        };
        if RESTLESS.contains(&word.as_str()) {
            return Some(word);
        }
        let next = tokens.get(at + 1);
        let after = |kind: TokenKind| before.as_ref().is_some_and(|one| one.0 == kind);
        let reckons = match token.kind {
            TokenKind::Plus
            | TokenKind::Slash
            | TokenKind::Percent
            | TokenKind::Caret
            | TokenKind::And
            | TokenKind::Pound => true,
            // `||` joins texts; a single one is for bits.
            TokenKind::Or => {
                !after(TokenKind::Or) && next.is_none_or(|next| next.0.kind != TokenKind::Or)
            }
            // `count(*)`, `select *`, `t.*`
            TokenKind::Star => !before.as_ref().is_none_or(|(kind, word)| {
                matches!(
                    kind,
                    TokenKind::OpenParen | TokenKind::Dot | TokenKind::Comma
                ) || matches!(word.as_str(), "select" | "all" | "distinct")
            }),
            // `->` and `->>` reach into a document.
            TokenKind::Minus => next.is_none_or(|next| next.0.kind != TokenKind::Gt),
            TokenKind::Literal {
                kind: LiteralKind::Int { .. } | LiteralKind::Numeric { .. },
            } => text.len() > 3,
            // `'public.t'::regclass` names an object; a cast of anything else may make its number a value.
            TokenKind::Colon if next.is_some_and(|next| next.0.kind == TokenKind::Colon) => {
                !matches!(before, Some((TokenKind::Literal { .. }, _)))
            }
            TokenKind::Ident => word == "cast",
            _ => false,
        };
        if reckons {
            return Some(format!("what {} makes of it", shown(text)));
        }
        before = Some((token.kind, word));
    }
    None
}

fn shown(token: &str) -> &str {
    match token {
        ":" => "a cast",
        token => token,
    }
}
