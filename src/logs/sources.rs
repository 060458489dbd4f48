//! Which sources a query can reach.

use super::query::{Column, Comparison, Expr, Query};

impl Query {
    /// The sources that its filter names; `None` where it may reach any.
    pub fn sources(&self) -> Option<Vec<String>> {
        named(self.filter.as_ref()?)
    }
}

fn named(filter: &Expr) -> Option<Vec<String>> {
    match filter {
        Expr::Compare(Comparison::Equal, one, other) => match (one.as_ref(), other.as_ref()) {
            (Expr::Column(Column::Source), Expr::Text(name))
            | (Expr::Text(name), Expr::Column(Column::Source)) => Some(vec![name.clone()]),
            _ => None,
        },
        Expr::In {
            negated: false,
            value,
            list,
        } if **value == Expr::Column(Column::Source) => {
            let names = list.iter().map(|one| match one {
                Expr::Text(name) => Some(name.clone()),
                _ => None,
            });
            names.collect()
        }
        // Of several conditions each may name some: any of them bounds the whole.
        Expr::All(parts) => parts.iter().find_map(named),
        Expr::Any(parts) => {
            let each: Option<Vec<Vec<String>>> = parts.iter().map(named).collect();
            Some(each?.concat())
        }
        _ => None,
    }
}
