//! Relations that hold secrets, and whether a statement reads the secret part of them.
//!
//! The lists below are the only ones: the text of statements, the bodies of functions and what the catalogue tells of
//! views are all held against them.
//!
//! Here it is the text alone, erring towards "it reads": aliases, whole rows and stars are followed through the
//! statement; views and functions are followed by [`super::reach`]. `select id, email from auth.users` reads no secret; `select *`, a bare
//! `users` as a value, `to_jsonb(u)`, `u.*`, a column list on the alias, `table auth.users` and any mention of a
//! secret column do. Columns that an `insert` or `update` *sets* are not read, so test users can be made.

use std::collections::HashSet;

use squawk_syntax::{SyntaxKind::*, SyntaxNode};

use super::{
    facts::{child, has_token, name_below},
    names::{self, Name},
};

/// Schemas of which every relation is a secret.
const SECRET_SCHEMAS: &[&str] = &["vault", "pgsodium"];

/// Relations of the system of which every row is a secret. Statistics are among them: they hold samples of the columns
/// that they describe.
const SECRET_RELATIONS: &[&str] = &[
    "pg_authid",
    "pg_largeobject",
    "pg_shadow",
    "pg_statistic",
    "pg_statistic_ext_data",
    "pg_stats",
    "pg_stats_ext",
    "pg_stats_ext_exprs",
    "pg_subscription",
    "pg_user_mapping",
    "pg_user_mappings",
    "user_mapping_options",
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
    ("mfa_challenges", &["otp_code", "web_authn_session_data"]),
    ("oauth_clients", &["client_secret_hash"]),
    ("oauth_authorizations", &["authorization_code"]),
    ("custom_oauth_providers", &["client_secret"]),
    (
        "flow_state",
        &[
            "auth_code",
            "provider_access_token",
            "provider_refresh_token",
        ],
    ),
];

/// The schema of the relations in [`SECRET_COLUMNS`].
const AUTH: &str = "auth";

/// Whether a relation holds secrets at all.
pub(super) fn is_sensitive(relation: &Name) -> bool {
    is_secret_throughout(relation) || !secret_columns(relation).is_empty()
}

/// Whether a statement reads a secret, as far as its text tells. `relations` are the mentions in it, by the names that
/// they stand for.
pub(super) fn reads_secrets(statement: &SyntaxNode, relations: &[(Name, SyntaxNode)]) -> bool {
    if relations.iter().any(|(name, _)| is_secret_throughout(name)) {
        return true;
    }
    let mut sources = Sources::default();
    for (name, mention) in relations {
        sources.add(name, mention);
    }
    !sources.aliases.is_empty()
        && (sources.exposed
            || statement
                .descendants()
                .any(|node| sources.are_read_by(&node)))
}

/// The schemas in which secrets lie.
pub(super) fn schemas() -> impl Iterator<Item = &'static str> {
    SECRET_SCHEMAS.iter().copied().chain([AUTH])
}

/// Whether every row of a relation is a secret.
pub(super) fn is_secret_throughout(relation: &Name) -> bool {
    match relation.schema.as_deref() {
        None | Some("pg_catalog" | "information_schema") => {
            SECRET_RELATIONS.contains(&relation.name.as_str())
        }
        Some(schema) => SECRET_SCHEMAS.contains(&schema),
    }
}

/// The columns of a relation that are secrets; none for most.
pub(super) fn secret_columns(relation: &Name) -> &'static [&'static str] {
    SECRET_COLUMNS
        .iter()
        .find(|(name, _)| relation.is(AUTH, name))
        .map_or(&[], |(_, columns)| columns)
}

/// Every relation that has secret columns.
pub(super) fn relations_with_secret_columns() -> impl Iterator<Item = Name> {
    SECRET_COLUMNS.iter().map(|(name, _)| Name {
        schema: Some(AUTH.to_owned()),
        name: (*name).to_owned(),
    })
}

/// Whether a column is a secret in some relation.
pub(super) fn is_secret_column(column: &str) -> bool {
    SECRET_COLUMNS
        .iter()
        .any(|(_, columns)| columns.contains(&column))
}

/// All mentions of relations with secret columns in one statement.
#[derive(Default)]
struct Sources {
    columns: HashSet<&'static str>,
    /// What their rows are called in expressions.
    aliases: HashSet<String>,
    /// The queries whose bare star covers one of them.
    queries: HashSet<SyntaxNode>,
    /// Whether columns are renamed, or whole rows are the result.
    exposed: bool,
}

impl Sources {
    fn add(&mut self, name: &Name, mention: &SyntaxNode) {
        let columns = secret_columns(name);
        if columns.is_empty() {
            return;
        }
        self.columns.extend(columns);
        self.aliases.insert(name.name.clone());
        // What `returning` calls the row before and after a write.
        self.aliases.extend(["old", "new"].map(str::to_owned));
        for ancestor in mention.ancestors().skip(1) {
            if is_query(&ancestor)
                || matches!(ancestor.kind(), RELATION_FROM_ITEM | PAREN_FROM_ITEM)
            {
                self.add_aliases(&ancestor);
            }
            self.exposed |= ancestor.kind() == TABLE;
            if is_query(&ancestor) {
                self.queries.insert(ancestor);
                break;
            }
        }
    }

    fn add_aliases(&mut self, holder: &SyntaxNode) {
        for alias in holder.children().filter(|node| {
            matches!(
                node.kind(),
                FROM_ALIAS | OPTIONAL_AS_ALIAS | REQUIRED_AS_ALIAS
            )
        }) {
            self.aliases
                .extend(name_below(&alias, TABLE_ALIAS).map(|alias| alias.name));
            self.exposed |= child(&alias, COLUMN_LIST).is_some();
        }
    }

    fn are_read_by(&self, node: &SyntaxNode) -> bool {
        match node.kind() {
            // `select *`, `returning *`
            TARGET if has_token(node, STAR) => node
                .ancestors()
                .find(is_query)
                .is_some_and(|query| self.queries.contains(&query)),
            // `u.*`
            FIELD_EXPR if has_token(node, STAR) => {
                names::of(node).is_none_or(|row| self.aliases.contains(&row.name))
            }
            NAME_REF => names::of(node).is_some_and(|Name { name, .. }| {
                self.columns.contains(name.as_str())
                    || (self.aliases.contains(&name) && !is_qualifier(node))
            }),
            // `using (…)` of a join; the columns that a write sets are not read by it.
            COLUMN_NAME_REF => {
                node.parent()
                    .is_none_or(|parent| parent.kind() != COLUMN_TARGET)
                    && names::of(node)
                        .is_some_and(|column| self.columns.contains(column.name.as_str()))
            }
            // `returning with (old as o)`
            RETURNING_OPTION_LIST => true,
            _ => false,
        }
    }
}

fn is_query(node: &SyntaxNode) -> bool {
    matches!(
        node.kind(),
        SELECT | SELECT_INTO | INSERT | UPDATE | DELETE | MERGE
    )
}

/// The `u` of `u.id`.
fn is_qualifier(name: &SyntaxNode) -> bool {
    name.parent().is_some_and(|parent| {
        parent.kind() == FIELD_EXPR && parent.first_child().as_ref() == Some(name)
    })
}
