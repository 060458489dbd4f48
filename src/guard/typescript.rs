//! TypeScript types, cut to what a result may hold.
//!
//! ```text
//! export type Database = {
//!   public: {                  a schema, two blanks
//!     Tables: {                a section, four
//!       todos: {               an entry, six; all of it that follows is indented deeper, or is its `}`
//! ```
//!
//! An entry goes as a whole, and what others may name stays: without its functions, views or some of
//! its tables a module still compiles. Enums and composite types are never left out.

use serde_json::json;

use super::{Code, Next, Read, Refusal};
use crate::api::typescript::{GenerateTypescriptTypes, TypescriptQuery};
use crate::fence::quote;

/// How many of those that were left out are named.
const NAMED: usize = 100;
/// What stands in a section that is empty.
const NOTHING: &str = "      [_ in never]: never\n";

/// A module, and what is not in it because it would be too large.
#[derive(Debug, Clone, Default)]
pub struct GeneratedTypes {
    /// TypeScript.
    pub types: String,
    /// `schema.name`, or `schema.name()` for a function; then how many more there are.
    pub left_out: Vec<String>,
}

impl Read {
    /// The types of some schemas, of those that the API exposes without; of `tables` alone, by name or
    /// as `schema.name`, where they are given.
    pub async fn typescript_types(
        &self,
        schemas: Option<Vec<String>>,
        tables: Option<&[String]>,
    ) -> Result<GeneratedTypes, Refusal> {
        let schemas = match schemas {
            Some(schemas) => schemas,
            None => self.exposed_to_clients().await?,
        };
        let unfit = |schema: &String| schema.trim().is_empty() || schema.contains([',', '\0']);
        if schemas.is_empty() || schemas.iter().any(unfit) {
            return Err(Refusal::invalid(
                "schemas are names, one a string, without commas in them",
            ));
        }
        let query = TypescriptQuery {
            included_schemas: Some(schemas.join(",")),
        };
        let guard = &self.call.guard;
        let made = guard
            .client()
            .look::<GenerateTypescriptTypes>(self.reference()?.clone(), &query)
            .await?;
        let mut module = Module::read(&made.types);
        if let Some(tables) = tables {
            module.keep_only(tables).map_err(|missing| {
                Refusal::invalid(format!(
                    "there is no table or view {} in {}",
                    quote(missing),
                    quote(schemas.join(", "))
                ))
                .next(Next::new(
                    "list_tables",
                    json!({ "project_id": self.project().map(ToString::to_string).unwrap_or_default(), "schemas": schemas }),
                    "lists the tables and views",
                ))
            })?;
        }
        let most = guard.policy().limits.bytes;
        let left_out = module.shrink_to(most);
        if module.bytes() > most {
            return Err(Refusal::invalid(format!(
                "the types take {} bytes without a single table, and a result holds {most}: ask for fewer schemas",
                module.bytes()
            )));
        }
        Ok(GeneratedTypes {
            types: module.text(),
            left_out: named(left_out),
        })
    }
}

impl Read {
    /// What a client of the app can name: the exposed schemas, without GraphQL's, which has no tables.
    /// Where the token may not look at the configuration it is the platform's default.
    async fn exposed_to_clients(&self) -> Result<Vec<String>, Refusal> {
        let list = match self.call.guard.exposed(self.reference()?).await {
            Ok(list) => list,
            Err(refusal) if refusal.code == Code::PermissionMissing => String::new(),
            Err(refusal) => return Err(refusal),
        };
        let schemas: Vec<String> = list
            .split(',')
            .map(|schema| schema.trim().to_owned())
            .filter(|schema| !schema.is_empty() && schema != "graphql_public")
            .collect();
        Ok(match schemas.is_empty() {
            true => vec!["public".to_owned()],
            false => schemas,
        })
    }
}

fn named(mut left_out: Vec<String>) -> Vec<String> {
    let more = left_out.len().saturating_sub(NAMED);
    left_out.truncate(NAMED);
    if more > 0 {
        left_out.push(format!("{more} more"));
    }
    left_out
}

/// A module in pieces.
struct Module {
    pieces: Vec<Piece>,
}

enum Piece {
    /// Stays.
    Frame(String),
    Entry(Entry),
}

struct Entry {
    schema: String,
    section: Section,
    name: String,
    text: String,
    kept: bool,
}

/// In the order in which they are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Section {
    Functions,
    Views,
    Tables,
}

impl Module {
    fn read(text: &str) -> Self {
        let mut pieces: Vec<Piece> = Vec::new();
        let mut in_database = false;
        let mut schema = String::new();
        let mut section = None;
        let mut open = false;
        for line in text.split_inclusive('\n') {
            let bare = line.trim_start_matches(' ');
            let depth = line.len() - bare.len();
            if depth == 0 && !bare.trim().is_empty() {
                in_database = line.starts_with("export type Database = {");
            }
            match (in_database, depth) {
                (true, 2) => schema = name_of(bare),
                (true, 4) => {
                    section = match name_of(bare).as_str() {
                        "Tables" => Some(Section::Tables),
                        "Views" => Some(Section::Views),
                        "Functions" => Some(Section::Functions),
                        _ => None,
                    };
                }
                _ => {}
            }
            let begins = depth == 6 && !bare.starts_with(['}', '[']);
            match (section.filter(|_| in_database), pieces.last_mut()) {
                (Some(section), _) if begins => {
                    pieces.push(Piece::Entry(Entry {
                        schema: schema.clone(),
                        section,
                        name: name_of(bare),
                        text: line.to_owned(),
                        kept: true,
                    }));
                    open = true;
                }
                (Some(_), Some(Piece::Entry(entry))) if open && depth >= 6 => {
                    entry.text.push_str(line);
                }
                (_, Some(Piece::Frame(frame))) => frame.push_str(line),
                _ => {
                    open = false;
                    pieces.push(Piece::Frame(line.to_owned()));
                }
            }
        }
        Self { pieces }
    }

    fn entries(&mut self) -> impl DoubleEndedIterator<Item = &mut Entry> {
        self.pieces.iter_mut().filter_map(|piece| match piece {
            Piece::Frame(_) => None,
            Piece::Entry(entry) => Some(entry),
        })
    }

    /// Leaves out all but these tables and views.
    ///
    /// # Errors
    ///
    /// The first of them that is not there.
    fn keep_only(&mut self, tables: &[String]) -> Result<(), String> {
        let mut missing: Vec<&String> = tables.iter().collect();
        for entry in self.entries() {
            let whole = format!("{}.{}", entry.schema, entry.name);
            let is_it = |table: &str| table == entry.name || table == whole;
            entry.kept =
                entry.section != Section::Functions && tables.iter().any(|table| is_it(table));
            if entry.kept {
                missing.retain(|table| !is_it(table));
            }
        }
        match missing.first() {
            Some(missing) => Err((*missing).clone()),
            None => Ok(()),
        }
    }

    /// Leaves out functions, then views, then tables, the last first, until it is small enough.
    /// Answers what was left out.
    fn shrink_to(&mut self, most: usize) -> Vec<String> {
        let mut bytes = self.bytes();
        let mut left_out = Vec::new();
        for section in [Section::Functions, Section::Views, Section::Tables] {
            for entry in self.entries().rev() {
                if bytes <= most {
                    break;
                }
                if entry.kept && entry.section == section {
                    entry.kept = false;
                    bytes -= entry.text.len();
                    let call = if section == Section::Functions {
                        "()"
                    } else {
                        ""
                    };
                    left_out.push(format!("{}.{}{call}", entry.schema, entry.name));
                }
            }
        }
        left_out.reverse();
        left_out
    }

    fn bytes(&self) -> usize {
        self.pieces
            .iter()
            .map(|piece| match piece {
                Piece::Frame(text) => text.len(),
                Piece::Entry(entry) if entry.kept => entry.text.len(),
                Piece::Entry(_) => 0,
            })
            .sum()
    }

    fn text(&self) -> String {
        let mut text = String::with_capacity(self.bytes());
        for piece in &self.pieces {
            match piece {
                Piece::Frame(frame) => {
                    // A section that lost all that it had.
                    if text.ends_with(": {\n") && frame.starts_with("    }") {
                        text.push_str(NOTHING);
                    }
                    text.push_str(frame);
                }
                Piece::Entry(entry) if entry.kept => text.push_str(&entry.text),
                Piece::Entry(_) => {}
            }
        }
        text
    }
}

/// The name before a colon, without its quotation marks.
fn name_of(line: &str) -> String {
    if line.starts_with('"') {
        let mut names = serde_json::Deserializer::from_str(line).into_iter::<String>();
        if let Some(Ok(name)) = names.next() {
            return name;
        }
    }
    let end = line.find(':').unwrap_or(line.len());
    line[..end].trim_end().to_owned()
}
