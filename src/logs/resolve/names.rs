//! What names stand for: columns, names that the query gives, fields and their paths.

use super::{Dialect, Resolver};
use crate::logs::Refused;
use crate::logs::fields;
use crate::logs::query::{Column, Expr};
use crate::logs::raw::{Node, Raw, Unnest};

impl<'a> Resolver<'a> {
    /// Notes what an opened array's alias stands for.
    pub(super) fn open(&mut self, unnest: &Unnest) -> Result<(), Refused> {
        let path: Vec<&str> = unnest.path.iter().map(String::as_str).collect();
        let mut path = path.as_slice();
        if let [first, rest @ ..] = path
            && self.table.iter().any(|table| table == first)
        {
            path = rest;
        }
        let below = match path {
            ["metadata"] => String::new(),
            [first, rest @ ..] => {
                let parent = self.opened.iter().rev().find(|(alias, _)| alias == first);
                let parts = match parent {
                    Some(_) => rest,
                    None => path,
                };
                let mut below = parent.map(|(_, below)| below.clone()).unwrap_or_default();
                for part in parts {
                    below.push_str(part);
                    below.push('.');
                }
                below
            }
            [] => return Err(Refused::new(unnest.at, "unnest opens a field")),
        };
        self.opened.push((unnest.alias.clone(), below));
        Ok(())
    }

    pub(super) fn name(&mut self, at: usize, parts: &'a [String]) -> Result<Expr, Refused> {
        let mut parts = parts;
        if let [first, rest @ ..] = parts
            && !rest.is_empty()
            && self.table.contains(first)
        {
            parts = rest;
        }
        if let [name] = parts {
            let given = self
                .aliases
                .iter()
                .find(|(alias, _)| alias == name)
                .copied();
            if let Some((alias, node)) = given
                && !self.replacing.contains(&alias)
            {
                self.replacing.push(alias);
                let value = self.expression(node);
                self.replacing.pop();
                return value;
            }
            let column = Column::ALL
                .iter()
                .find(|(_, known)| known.eq_ignore_ascii_case(name));
            if let Some((column, _)) = column {
                return Ok(Expr::Column(*column));
            }
        }
        match self.dialect {
            Dialect::Unified => Err(self.no_column(at, parts)),
            Dialect::Older => self.field(at, parts),
        }
    }

    pub(super) fn no_column(&self, at: usize, parts: &[String]) -> Refused {
        let name = parts.join(".");
        let path = match parts {
            [map, rest @ ..] if map == "log_attributes" && !rest.is_empty() => Some(rest.join(".")),
            _ => fields::find(None, &[], &name),
        };
        let refused = Refused::new(
            at,
            "there is no such column; there are id, timestamp, event_message, severity_text, source and log_attributes",
        );
        match path {
            Some(path) => {
                refused.instead(Expr::Attribute(path).to_clickhouse())
            }
            None => refused.instead(
                "log_attributes['path.of.field']; `select arrayJoin(mapKeys(log_attributes)) as key, count() from logs where source = '…' group by key` lists the fields",
            ),
        }
    }

    /// A field of the older dialect by its path.
    pub(super) fn field(&self, at: usize, parts: &[String]) -> Result<Expr, Refused> {
        let [first, rest @ ..] = parts else {
            return Err(Refused::new(at, "a name is expected here"));
        };
        if let Some((_, below)) = self.opened.iter().rev().find(|(alias, _)| alias == first) {
            if rest.is_empty() {
                return Err(Refused::new(at, "this is a whole record").instead("one of its fields"));
            }
            return Ok(Expr::Attribute(format!("{below}{}", rest.join("."))));
        }
        if first == "metadata" && rest.is_empty() {
            return Err(Refused::new(at, "this is a whole record").instead("one of its fields"));
        }
        let path = match first.as_str() {
            "metadata" => rest.join("."),
            _ => parts.join("."),
        };
        let prefixes: Vec<String> = self.opened.iter().map(|(_, below)| below.clone()).collect();
        let found = fields::find(self.source.as_deref(), &prefixes, &path);
        // A whole path that is not documented is taken at its word.
        let found = found.or_else(|| (first == "metadata" || parts.len() > 1).then_some(path));
        found.map(Expr::Attribute).ok_or_else(|| {
            Refused::new(at, "no field of this source is known by this name").instead(
                "its path, such as m.request.path after `cross join unnest(metadata) as m`",
            )
        })
    }

    pub(super) fn index(
        &mut self,
        at: usize,
        map: &'a Node,
        key: &'a Node,
    ) -> Result<Expr, Refused> {
        if self.expression(map)? != Expr::Column(Column::LogAttributes) {
            return Err(Refused::new(at, "only log_attributes has keys"));
        }
        match &key.kind {
            Raw::Text(key) | Raw::Quoted(key) => Ok(Expr::Attribute(key.clone())),
            _ => Err(Refused::new(key.at, "a key is a text in quotes")
                .instead("log_attributes['request.path']")),
        }
    }
}
