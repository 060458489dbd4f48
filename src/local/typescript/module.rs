//! The module: one entry for each table, view, function, enum and composite type.
//!
//! Each entry begins on a line of its own that is indented by six blanks, and everything in it by more, as in the
//! cloud's modules: whoever cuts a module down relies on that.

use std::collections::{BTreeMap, BTreeSet};

use super::translate::{Translator, key, list_of, quoted, union};
use super::{Argument, Catalogue, Column, Function, Kind, Relation, Relationship};

/// The Data API that clients take the types to be for; what they offer follows from it.
const POSTGREST_VERSION: &str = "13.0.5";

const JSON: &str = "export type Json = string | number | boolean | null | { [key: string]: Json | undefined } | Json[]";

/// The module of a catalogue.
pub(super) fn write(catalogue: &Catalogue) -> String {
    let schemas: BTreeSet<&str> = catalogue.schemas.iter().map(String::as_str).collect();
    let translator = Translator::new(catalogue, schemas.clone());
    let mut module = format!(
        "{JSON}\n\nexport type Database = {{\n  __InternalSupabase: {{\n    PostgrestVersion: {}\n  }}\n",
        quoted(POSTGREST_VERSION)
    );
    for schema in &schemas {
        let sections = [
            ("Tables", relations(catalogue, &translator, schema, false)),
            ("Views", relations(catalogue, &translator, schema, true)),
            ("Functions", functions(catalogue, &translator, schema)),
            ("Enums", enums(catalogue, schema)),
            ("CompositeTypes", composites(catalogue, &translator, schema)),
        ];
        module.push_str(&format!("  {}: {{\n", key(schema)));
        for (section, entries) in sections {
            module.push_str(&format!("    {section}: {{\n"));
            match entries.is_empty() {
                true => module.push_str("      [_ in never]: never\n"),
                false => module.extend(entries),
            }
            module.push_str("    }\n");
        }
        module.push_str("  }\n");
    }
    module.push_str("}\n\n");
    module.push_str(include_str!("helpers.ts"));
    module.push_str(&constants(catalogue, &schemas));
    module
}

fn relations(
    catalogue: &Catalogue,
    translator: &Translator<'_>,
    schema: &str,
    views: bool,
) -> Vec<String> {
    catalogue
        .relations
        .iter()
        .filter(|relation| relation.schema == schema && relation.is_view == views)
        .map(|relation| {
            let joins: Vec<&Relationship> = catalogue
                .relationships
                .iter()
                .filter(|one| one.schema == schema && one.relation == relation.name)
                .collect();
            self::relation(relation, translator, &joins)
        })
        .collect()
}

fn relation(
    relation: &Relation,
    translator: &Translator<'_>,
    relationships: &[&Relationship],
) -> String {
    let mut entry = format!("      {}: {{\n", key(&relation.name));
    let mut part = |name: &str, field: &dyn Fn(&Column) -> String| {
        entry.push_str(&format!("        {name}: {{\n"));
        for column in &relation.columns {
            entry.push_str(&format!("          {}\n", field(column)));
        }
        entry.push_str("        }\n");
    };
    let value = |column: &Column| match column.nullable {
        true => translator.nullable(column.kind),
        false => translator.type_of(column.kind),
    };
    part("Row", &|column| {
        format!("{}: {}", key(&column.name), value(column))
    });
    if !relation.is_view || relation.writable {
        let takes = |column: &Column, optional: bool| {
            let name = key(&column.name);
            if column.computed || (relation.is_view && !column.writable) {
                return format!("{name}?: never");
            }
            let mark = if optional { "?" } else { "" };
            format!("{name}{mark}: {}", value(column))
        };
        part("Insert", &|column| {
            takes(column, column.nullable || column.has_default)
        });
        part("Update", &|column| takes(column, true));
    }
    if relationships.is_empty() {
        entry.push_str("        Relationships: []\n");
    } else {
        entry.push_str("        Relationships: [\n");
        entry.extend(relationships.iter().map(|one| relationship(one)));
        entry.push_str("        ]\n");
    }
    entry.push_str("      }\n");
    entry
}

fn relationship(one: &Relationship) -> String {
    let names = |names: &[String]| {
        let names: Vec<String> = names.iter().map(|name| quoted(name)).collect();
        names.join(", ")
    };
    format!(
        "          {{\n            foreignKeyName: {}\n            columns: [{}]\n            isOneToOne: {}\n            referencedRelation: {}\n            referencedColumns: [{}]\n          }},\n",
        quoted(&one.name),
        names(&one.columns),
        one.is_one_to_one,
        quoted(&one.referenced_relation),
        names(&one.referenced_columns),
    )
}

/// Functions of one name are one entry. What cannot be called with named arguments is left out.
fn functions(catalogue: &Catalogue, translator: &Translator<'_>, schema: &str) -> Vec<String> {
    let mut by_name: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for function in &catalogue.functions {
        if function.schema == schema
            && let Some(shape) = function_shape(function, translator, schema)
        {
            by_name.entry(&function.name).or_default().push(shape);
        }
    }
    by_name
        .into_iter()
        .map(|(name, shapes)| match shapes.as_slice() {
            [shape] => format!("      {}: {shape}\n", key(name)),
            shapes => {
                let mut entry = format!("      {}:\n", key(name));
                for shape in shapes {
                    entry.push_str(&format!("        | {shape}\n"));
                }
                entry
            }
        })
        .collect()
}

fn function_shape(
    function: &Function,
    translator: &Translator<'_>,
    schema: &str,
) -> Option<String> {
    let inputs: Vec<&Argument> = function
        .arguments
        .iter()
        .filter(|argument| matches!(argument.mode.as_str(), "i" | "b" | "v"))
        .collect();
    // The Data API passes arguments by name; a single one may go without.
    if inputs.len() > 1 && inputs.iter().any(|argument| argument.name.is_empty()) {
        return None;
    }
    let required = inputs.len().saturating_sub(function.defaults);
    let arguments: Vec<String> = inputs
        .iter()
        .enumerate()
        .map(|(place, argument)| {
            let mark = if place < required { "" } else { "?" };
            let value = translator.type_of(argument.kind);
            format!("{}{mark}: {value}", key(&argument.name))
        })
        .collect();
    let arguments = match arguments.is_empty() {
        true => "never".to_owned(),
        false => format!("{{ {} }}", arguments.join("; ")),
    };
    let mut shape = format!(
        "Args: {arguments}; Returns: {}",
        returns(function, translator)
    );
    if let Some(options) = set_options(function, &inputs, translator, schema) {
        shape.push_str(&options);
    }
    Some(format!("{{ {shape} }}"))
}

fn returns(function: &Function, translator: &Translator<'_>) -> String {
    let columns: Vec<String> = function
        .arguments
        .iter()
        .filter(|argument| matches!(argument.mode.as_str(), "o" | "b" | "t"))
        .enumerate()
        .map(|(place, argument)| {
            let name = match argument.name.as_str() {
                // PostgreSQL's own name for it.
                "" => format!("column{}", place + 1),
                name => name.to_owned(),
            };
            format!("{}: {}", key(&name), translator.type_of(argument.kind))
        })
        .collect();
    let is_record = translator
        .kind(function.returns)
        .is_some_and(|kind| kind.name == "record" && kind.schema == "pg_catalog");
    let one = match is_record && !columns.is_empty() {
        true => format!("{{ {} }}", columns.join("; ")),
        false => translator.type_of(function.returns),
    };
    match function.is_set {
        true => list_of(one),
        false => one,
    }
}

/// What a client needs to select from a function that gives rows of a table or a view.
fn set_options(
    function: &Function,
    inputs: &[&Argument],
    translator: &Translator<'_>,
    schema: &str,
) -> Option<String> {
    let relation_of = |id: i64| -> Option<&Kind> {
        translator.kind(id).filter(|kind| {
            kind.schema == schema && matches!(kind.relation.as_deref(), Some("r" | "v"))
        })
    };
    let to = quoted(&relation_of(function.returns)?.name);
    let from = match inputs {
        [one] => relation_of(one.kind).map(|kind| quoted(&kind.name)),
        _ => None,
    };
    Some(format!(
        "; SetofOptions: {{ from: {}; to: {to}; isOneToOne: {}; isSetofReturn: {} }}",
        from.unwrap_or_else(|| quoted("*")),
        !function.is_set || function.gives_one,
        function.is_set,
    ))
}

fn enums(catalogue: &Catalogue, schema: &str) -> Vec<String> {
    labels(catalogue, schema)
        .map(|(name, labels)| format!("      {}: {}\n", key(name), union(labels)))
        .collect()
}

fn labels<'a>(
    catalogue: &'a Catalogue,
    schema: &'a str,
) -> impl Iterator<Item = (&'a str, &'a [String])> {
    catalogue
        .kinds
        .iter()
        .filter(move |kind| kind.schema == schema)
        .filter_map(|kind| Some((kind.name.as_str(), kind.labels.as_deref()?)))
}

fn composites(catalogue: &Catalogue, translator: &Translator<'_>, schema: &str) -> Vec<String> {
    catalogue
        .kinds
        .iter()
        .filter(|kind| kind.schema == schema && kind.relation.as_deref() == Some("c"))
        .map(|kind| {
            let mut entry = format!("      {}: {{\n", key(&kind.name));
            let attributes = kind.attributes.as_deref().unwrap_or_default();
            for (name, value) in translator.fields(attributes) {
                entry.push_str(&format!("        {name}: {value}\n"));
            }
            entry.push_str("      }\n");
            entry
        })
        .collect()
}

/// The enums' labels as values.
fn constants(catalogue: &Catalogue, schemas: &BTreeSet<&str>) -> String {
    let mut text = "\nexport const Constants = {\n".to_owned();
    for schema in schemas {
        text.push_str(&format!("  {}: {{\n    Enums: {{\n", key(schema)));
        for (name, labels) in labels(catalogue, schema) {
            let labels: Vec<String> = labels.iter().map(|label| quoted(label)).collect();
            text.push_str(&format!("      {}: [{}],\n", key(name), labels.join(", ")));
        }
        text.push_str("    },\n  },\n");
    }
    text.push_str("} as const\n");
    text
}
