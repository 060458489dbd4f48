//! Names as PostgreSQL compares them: unquoted ones folded to lower case, quoted ones exact, both cut to 63 bytes.

use std::fmt;

use squawk_syntax::{SyntaxKind, SyntaxNode, SyntaxToken};

/// The schema of the migrations' ledger.
pub(super) const LEDGER: &str = "supabase_migrations";

/// PostgreSQL's `NAMEDATALEN - 1`, in bytes.
const MAX_NAME: usize = 63;

/// A relation's or a function's name as the statement gives it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name {
    /// The schema, when the statement names one.
    pub schema: Option<String>,
    /// The name itself.
    pub name: String,
}

impl Name {
    /// Whether this is exactly `schema.name`, written out.
    pub fn is(&self, schema: &str, name: &str) -> bool {
        self.in_schema(schema) && self.name == name
    }

    /// Whether the statement names this schema.
    pub fn in_schema(&self, schema: &str) -> bool {
        self.schema.as_deref() == Some(schema)
    }

    /// The name as PostgreSQL reads it back, each part quoted.
    pub fn quoted(&self) -> String {
        match &self.schema {
            Some(schema) => format!("{}.{}", quoted(schema), quoted(&self.name)),
            None => quoted(&self.name),
        }
    }

    /// The last two parts of a dotted name; a database in front of them is dropped, as PostgreSQL allows only one.
    pub(super) fn from_parts(mut parts: Vec<String>) -> Option<Self> {
        let name = parts.pop()?;
        Some(Self {
            schema: parts.pop(),
            name,
        })
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.schema {
            Some(schema) => write!(f, "{schema}.{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// One identifier, quoted.
pub fn quoted(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}

/// The name that a path, a reference or a dotted expression spells; `None` where it spells none.
pub(super) fn of(node: &SyntaxNode) -> Option<Name> {
    Name::from_parts(parts(node))
}

/// Every part of a dotted name below `node`, outermost first.
pub(super) fn parts(node: &SyntaxNode) -> Vec<String> {
    node.descendants_with_tokens()
        .filter_map(|element| element.into_token())
        .filter(is_word)
        .map(|token| fold(token.text()))
        .collect()
}

/// Whether a token can be a name: an identifier, or a keyword used as one.
pub(super) fn is_word(token: &SyntaxToken) -> bool {
    token.kind() == SyntaxKind::IDENT
        || (token
            .text()
            .starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && token
                .text()
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '_'))
}

/// One identifier as PostgreSQL stores it.
pub(super) fn fold(text: &str) -> String {
    let mut name = match text
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
    {
        Some(inner) => inner.replace("\"\"", "\""),
        None => text.to_ascii_lowercase(),
    };
    let mut end = MAX_NAME.min(name.len());
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name.truncate(end);
    name
}

/// Whether an identifier names `name` (lower case), without building the folded name.
pub(super) fn same(text: &str, name: &str) -> bool {
    match text
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
    {
        Some(inner) => inner == name,
        None => text.eq_ignore_ascii_case(name),
    }
}

/// What a `'…'`, `N'…'` or dollar-quoted literal holds; `None` for literals with escapes.
pub(super) fn plain_string(text: &str) -> Option<String> {
    if let Some(rest) = text.strip_prefix('$') {
        let tag = rest.find('$')? + 2;
        let inner = text.get(tag..text.len().checked_sub(tag)?)?;
        return Some(inner.to_owned());
    }
    let quoted = text.strip_prefix(['n', 'N']).unwrap_or(text);
    let inner = quoted.strip_prefix('\'')?.strip_suffix('\'')?;
    Some(inner.replace("''", "'"))
}
