//! Which names are common table expressions where they stand, and so no relations of the database.

use std::collections::HashMap;

use squawk_syntax::{SyntaxKind::*, SyntaxNode};

use super::{
    facts::{has_token, name_below},
    names::Name,
};

/// The `with` clauses met so far, each read once: a text may have thousands of tables and of mentions.
#[derive(Default)]
pub(super) struct Scopes {
    clauses: HashMap<SyntaxNode, Clause>,
}

struct Clause {
    recursive: bool,
    /// Where the first table of a name stands.
    tables: HashMap<String, usize>,
}

impl Scopes {
    /// Whether a relation's name is that of a common table expression in sight: one of an enclosing query, unless the
    /// name stands in that query's own `with`, where only earlier siblings are in sight, or all with `recursive`.
    pub(super) fn is_common_table(&mut self, relation: &SyntaxNode, name: &Name) -> bool {
        if name.schema.is_some() || is_write_target(relation) {
            return false;
        }
        let mut below = relation.clone();
        for ancestor in relation.ancestors().skip(1) {
            let start = usize::from(below.text_range().start());
            let visible = if ancestor.kind() == WITH_CLAUSE {
                let clause = self.clause(ancestor.clone());
                let first = clause.tables.get(&name.name);
                first.is_some_and(|first| clause.recursive || *first < start)
            } else {
                with_clause(&ancestor)
                    .filter(|with| !with.text_range().contains_range(relation.text_range()))
                    .is_some_and(|with| self.clause(with).tables.contains_key(&name.name))
            };
            if visible {
                return true;
            }
            below = ancestor;
        }
        false
    }

    fn clause(&mut self, with: SyntaxNode) -> &Clause {
        self.clauses.entry(with).or_insert_with_key(|with| {
            let mut tables = HashMap::new();
            for table in with.children() {
                if let Some(name) = name_below(&table, CTE_NAME) {
                    let start = usize::from(table.text_range().start());
                    tables.entry(name.name).or_insert(start);
                }
            }
            Clause {
                recursive: has_token(with, RECURSIVE_KW),
                tables,
            }
        })
    }
}

/// The `with` of a query, which is its first child; that of a `union` stands in its leftmost part.
fn with_clause(query: &SyntaxNode) -> Option<SyntaxNode> {
    let mut first = query.first_child()?;
    if query.kind() == COMPOUND_SELECT {
        while first.kind() == COMPOUND_SELECT {
            first = first.first_child()?;
        }
        first = first.first_child()?;
    }
    (first.kind() == WITH_CLAUSE).then_some(first)
}

/// A common table expression is never what a statement writes to.
fn is_write_target(relation: &SyntaxNode) -> bool {
    let holder = relation
        .ancestors()
        .skip(1)
        .find(|node| !matches!(node.kind(), RELATION_NAME | TABLE_RELATION_NAME));
    holder.is_some_and(|node| matches!(node.kind(), INSERT | UPDATE | DELETE | MERGE | INTO_CLAUSE))
}
