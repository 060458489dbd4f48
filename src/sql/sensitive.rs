//! Relations that hold secrets, and whether a statement reads the secret part of them.
//!
//! Bounded effort over the text alone, erring towards "it reads": aliases, whole rows and stars are followed through
//! the statement, views and functions are not. `select id, email from auth.users` reads no secret; `select *`, a bare
//! `users` as a value, `to_jsonb(u)`, `u.*`, a column list on the alias, `table auth.users` and any mention of a
//! secret column do. Columns that an `insert` or `update` *sets* are not read, so test users can be made.

use squawk_syntax::{SyntaxKind::*, SyntaxNode};

use super::{
    facts::{Facts, child, has_token},
    names::{self, Name},
};

/// Relations of which every row is a secret.
const SECRET_RELATIONS: &[&str] = &[
    "pg_authid",
    "pg_largeobject",
    "pg_shadow",
    "pg_subscription",
    "pg_user_mapping",
];

/// Relations of `auth`, and their columns that are secrets.
const SECRET_COLUMNS: &[(&str, &[&str])] = &[
    (
        "users",
        &[
            "encrypted_password",
            "confirmation_token",
            "recovery_token",
            "email_change_token_new",
            "email_change_token_current",
            "phone_change_token",
            "reauthentication_token",
        ],
    ),
    ("refresh_tokens", &["token", "parent"]),
    ("sessions", &["refresh_token_hmac_key"]),
    ("one_time_tokens", &["token_hash"]),
    ("mfa_factors", &["secret"]),
    (
        "flow_state",
        &[
            "auth_code",
            "provider_access_token",
            "provider_refresh_token",
        ],
    ),
];

/// Whether a relation holds secrets at all.
pub(super) fn is_sensitive(relation: &Name) -> bool {
    is_secret_throughout(relation) || secret_columns(relation).is_some()
}

/// Whether a statement reads a secret, as far as its text tells.
pub(super) fn reads_secrets(statement: &SyntaxNode, facts: &Facts) -> bool {
    if facts
        .relations
        .iter()
        .any(|(name, _)| is_secret_throughout(name))
    {
        return true;
    }
    let sources: Vec<Source> = facts
        .relations
        .iter()
        .filter_map(|(name, node)| Source::of(name, node))
        .collect();
    !sources.is_empty()
        && (sources.iter().any(|source| source.exposed)
            || statement
                .descendants()
                .any(|node| reads_secret_here(&node, &sources)))
}

fn is_secret_throughout(relation: &Name) -> bool {
    match relation.schema.as_deref() {
        Some("vault") => true,
        None | Some("pg_catalog") => SECRET_RELATIONS.contains(&relation.name.as_str()),
        Some(_) => false,
    }
}

fn secret_columns(relation: &Name) -> Option<&'static [&'static str]> {
    SECRET_COLUMNS
        .iter()
        .find(|(name, _)| relation.is("auth", name))
        .map(|(_, columns)| *columns)
}

/// One mention of a relation with secret columns.
struct Source {
    columns: &'static [&'static str],
    /// What its row is called in expressions.
    aliases: Vec<String>,
    /// The query whose bare star would cover it.
    query: Option<SyntaxNode>,
    /// Whether its columns are renamed, or its whole rows are the result.
    exposed: bool,
}

impl Source {
    fn of(name: &Name, mention: &SyntaxNode) -> Option<Self> {
        let mut source = Self {
            columns: secret_columns(name)?,
            aliases: vec![name.name.clone()],
            query: None,
            exposed: false,
        };
        for ancestor in mention.ancestors().skip(1) {
            for alias in ancestor.children() {
                if matches!(
                    alias.kind(),
                    FROM_ALIAS | OPTIONAL_AS_ALIAS | REQUIRED_AS_ALIAS
                ) {
                    source.aliases.extend(
                        child(&alias, TABLE_ALIAS)
                            .and_then(|alias| names::of(&alias).map(|alias| alias.name)),
                    );
                    source.exposed |= child(&alias, COLUMN_LIST).is_some();
                }
            }
            source.exposed |= ancestor.kind() == TABLE;
            if is_query(&ancestor) {
                source.query = Some(ancestor);
                break;
            }
        }
        Some(source)
    }

    fn is_called(&self, name: &str) -> bool {
        self.aliases.iter().any(|alias| alias == name)
    }
}

fn is_query(node: &SyntaxNode) -> bool {
    matches!(
        node.kind(),
        SELECT | SELECT_INTO | INSERT | UPDATE | DELETE | MERGE
    )
}

fn reads_secret_here(node: &SyntaxNode, sources: &[Source]) -> bool {
    match node.kind() {
        // `select *`, `returning *`
        TARGET if has_token(node, STAR) => {
            let query = node.ancestors().find(is_query);
            sources.iter().any(|source| source.query == query)
        }
        // `u.*`
        FIELD_EXPR if has_token(node, STAR) => {
            let row = names::of(node).map(|row| row.name);
            sources
                .iter()
                .any(|source| row.as_ref().is_none_or(|row| source.is_called(row)))
        }
        NAME_REF => {
            let Some(Name { name, .. }) = names::of(node) else {
                return false;
            };
            let qualifies = node.parent().is_some_and(|parent| {
                parent.kind() == FIELD_EXPR && parent.first_child().as_ref() == Some(node)
            });
            sources.iter().any(|source| {
                source.columns.contains(&name.as_str()) || (!qualifies && source.is_called(&name))
            })
        }
        // `join … using (encrypted_password)`, and columns of a merge's or trigger's list; targets of writes are not
        // references in this sense.
        COLUMN_NAME_REF => {
            let is_target = node
                .parent()
                .is_some_and(|parent| parent.kind() == COLUMN_TARGET);
            !is_target
                && names::of(node).is_some_and(|column| {
                    sources
                        .iter()
                        .any(|source| source.columns.contains(&column.name.as_str()))
                })
        }
        _ => false,
    }
}
