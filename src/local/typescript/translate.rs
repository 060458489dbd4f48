//! A PostgreSQL type as a TypeScript type: what the Data API's JSON holds for it.

use std::cell::Cell;
use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use super::{Attribute, Catalogue, Kind};

/// How deep types within types are followed: the rows of a table can hold rows of the same table.
const DEPTH: usize = 8;
/// How many rows within rows one module writes out: each level can multiply those of the one above.
const ROWS: usize = 1_000;

/// What types are looked up in.
pub(super) struct Translator<'a> {
    kinds: HashMap<i64, &'a Kind>,
    schemas: BTreeSet<&'a str>,
    rows_left: Cell<usize>,
}

impl<'a> Translator<'a> {
    /// Of a catalogue, for a module that has these schemas in it.
    pub(super) fn new(catalogue: &'a Catalogue, schemas: BTreeSet<&'a str>) -> Self {
        Self {
            kinds: catalogue.kinds.iter().map(|kind| (kind.id, kind)).collect(),
            schemas,
            rows_left: Cell::new(ROWS),
        }
    }

    /// The type of that oid.
    pub(super) fn kind(&self, id: i64) -> Option<&'a Kind> {
        self.kinds.get(&id).copied()
    }

    /// The TypeScript of the type of that oid.
    pub(super) fn type_of(&self, id: i64) -> String {
        self.at_depth(id, 0)
    }

    /// The same for a value that may be null.
    pub(super) fn nullable(&self, id: i64) -> String {
        or_null(self.type_of(id))
    }

    fn at_depth(&self, id: i64, depth: usize) -> String {
        let Some(kind) = self.kinds.get(&id).filter(|_| depth < DEPTH) else {
            return "unknown".to_owned();
        };
        if let Some(element) = kind.element {
            return list_of(self.at_depth(element, depth + 1));
        }
        if let Some(base) = kind.base {
            return self.at_depth(base, depth + 1);
        }
        let included = self.schemas.contains(kind.schema.as_str());
        if let Some(labels) = &kind.labels {
            return match included {
                true => within(kind, "Enums"),
                false => union(labels),
            };
        }
        match (&kind.relation, &kind.attributes) {
            (Some(relation), _) if included && relation == "c" => within(kind, "CompositeTypes"),
            (Some(_), Some(attributes)) => self.row(attributes, depth + 1),
            _ => plain(kind).to_owned(),
        }
    }

    fn row(&self, attributes: &[Attribute], depth: usize) -> String {
        if depth > 1 {
            let Some(left) = self.rows_left.get().checked_sub(1) else {
                return "unknown".to_owned();
            };
            self.rows_left.set(left);
        }
        let fields: Vec<String> = attributes
            .iter()
            .map(|attribute| {
                let mut value = self.at_depth(attribute.kind, depth);
                if attribute.nullable {
                    value = or_null(value);
                }
                format!("{}: {value}", key(&attribute.name))
            })
            .collect();
        format!("{{ {} }}", fields.join("; "))
    }

    /// The fields of a composite type; each may be null, whatever its own type says.
    pub(super) fn fields(&self, attributes: &[Attribute]) -> Vec<(String, String)> {
        attributes
            .iter()
            .map(|attribute| (key(&attribute.name), self.nullable(attribute.kind)))
            .collect()
    }
}

/// What PostgreSQL's own types and those of common extensions are in JSON.
fn plain(kind: &Kind) -> &'static str {
    match kind.name.as_str() {
        "bool" => "boolean",
        "int2" | "int4" | "int8" | "float4" | "float8" | "numeric" => "number",
        "bytea" | "bpchar" | "char" | "varchar" | "name" | "text" | "citext" | "uuid" | "date"
        | "time" | "timetz" | "timestamp" | "timestamptz" | "vector" => "string",
        "json" | "jsonb" => "Json",
        "void" => "undefined",
        "record" => "Record<string, unknown>",
        _ => "unknown",
    }
}

fn within(kind: &Kind, section: &str) -> String {
    let (schema, name) = (quoted(&kind.schema), quoted(&kind.name));
    format!("Database[{schema}][\"{section}\"][{name}]")
}

/// One of some texts; `never` of none.
pub(super) fn union(labels: &[String]) -> String {
    let labels: Vec<String> = labels.iter().map(|label| quoted(label)).collect();
    match labels.is_empty() {
        true => "never".to_owned(),
        false => labels.join(" | "),
    }
}

/// An array of a type.
pub(super) fn list_of(element: String) -> String {
    match element.contains(" | ") && !element.starts_with('{') {
        true => format!("({element})[]"),
        false => format!("{element}[]"),
    }
}

fn or_null(value: String) -> String {
    match value.as_str() {
        // Null is one of them.
        "unknown" => value,
        _ => format!("{value} | null"),
    }
}

/// A text in TypeScript.
pub(super) fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// A name as a key of an object type.
pub(super) fn key(name: &str) -> String {
    let mut characters = name.chars();
    let starts = characters
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || matches!(first, '_' | '$'));
    let plain = characters.all(|one| one.is_ascii_alphanumeric() || matches!(one, '_' | '$'));
    match starts && plain {
        true => name.to_owned(),
        false => quoted(name),
    }
}
