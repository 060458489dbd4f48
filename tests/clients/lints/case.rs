//! One database: the statements that make it, drawn by chance.
//!
//! A statement that cannot run is left out by whoever runs them, so none of them looks at what the others did.

mod code;
mod relations;

use std::fmt;

use super::chance::Chance;
use super::words::{
    COLUMNS, CONDITIONS, EXPOSED, EXTENSIONS, NAMES, READERS, ROLES, SCHEMAS, TYPES,
};

/// Who runs a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// An agent's and a user's role.
    User,
    /// The platform's own.
    Platform,
}

impl Role {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::User => "postgres",
            Self::Platform => "supabase_admin",
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Statement {
    pub(super) role: Role,
    pub(super) sql: String,
}

/// A database.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) statements: Vec<Statement>,
    /// The schemas that its Data API shows, between commas.
    pub(super) exposed: String,
}

impl Case {
    /// The case of a seed.
    pub(super) fn drawn(seed: u64) -> Self {
        let mut draft = Draft {
            chance: Chance::of(seed),
            statements: Vec::new(),
            schemas: vec!["public"],
            tables: Vec::new(),
        };
        draft.add_schemas();
        draft.add_extensions();
        draft.add_queues();
        let tables = 2 + draft.chance.below(8);
        for number in 0..tables {
            draft.add_table(number);
        }
        let keys = draft.chance.below(7);
        for _ in 0..keys {
            draft.add_foreign_key();
        }
        draft.add_views();
        draft.add_functions();
        draft.add_foreign_tables();
        draft.add_storage_policies();
        draft.add_the_rest();
        let exposed = draft.chance.one(&EXPOSED).to_owned();
        Self {
            statements: draft.statements,
            exposed,
        }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "-- exposed: {}", self.exposed)?;
        for statement in &self.statements {
            writeln!(f, "set session authorization {};", statement.role.name())?;
            writeln!(f, "{};", statement.sql)?;
        }
        Ok(())
    }
}

/// A column and its type.
type Column = (&'static str, &'static str);

/// A table that was drawn.
#[derive(Clone)]
struct Table {
    /// Quoted.
    name: String,
    /// Without its schema.
    bare: String,
    schema: &'static str,
    columns: Vec<Column>,
    owner: Role,
}

impl Table {
    /// The columns that keys and indexes are made of.
    fn keys(&self) -> Vec<Column> {
        let keys = ["int", "uuid", "text", "bigint"];
        let mut columns = self.columns.clone();
        columns.retain(|column| keys.contains(&column.1));
        columns
    }
}

struct Draft {
    chance: Chance,
    statements: Vec<Statement>,
    schemas: Vec<&'static str>,
    tables: Vec<Table>,
}

impl Draft {
    fn add(&mut self, role: Role, sql: impl Into<String>) {
        let sql = sql.into();
        self.statements.push(Statement { role, sql });
    }

    fn platform(&mut self, sql: impl Into<String>) {
        self.add(Role::Platform, sql);
    }

    fn role(&mut self) -> Role {
        match self.chance.percent(80) {
            true => Role::User,
            false => Role::Platform,
        }
    }

    fn schema(&mut self) -> &'static str {
        self.chance.one(&self.schemas)
    }

    /// A name that is hard to quote, or a plain one.
    fn name(&mut self, plain: &str, number: usize) -> String {
        match self.chance.percent(40) {
            true => self.chance.one(&NAMES).to_owned(),
            false => format!("{plain}{number}"),
        }
    }

    fn add_schemas(&mut self) {
        let many = 2 + self.chance.below(5);
        for schema in self.chance.some(&SCHEMAS, many) {
            if !self.schemas.contains(&schema) {
                self.schemas.push(schema);
            }
        }
        for schema in self.schemas.clone() {
            let name = quoted(schema);
            self.platform(format!("create schema if not exists {name}"));
            self.platform(format!("grant all on schema {name} to postgres"));
            if self.chance.percent(80) {
                self.platform(format!(
                    "grant usage on schema {name} to anon, authenticated"
                ));
            }
            if self.chance.percent(30) {
                let sql = format!(
                    "alter default privileges in schema {name} grant select on tables to anon, authenticated"
                );
                self.add(Role::User, sql);
            }
        }
    }

    fn add_extensions(&mut self) {
        let many = self.chance.below(5);
        for (extension, older) in self.chance.some(&EXTENSIONS, many) {
            let schema = quoted(self.chance.one(&[
                "public",
                "extensions",
                "extensions",
                "app",
                "Odd \"Schema\"",
            ]));
            let version = match !older.is_empty() && self.chance.percent(40) {
                true => format!(" version '{older}'"),
                false => String::new(),
            };
            self.platform(format!(
                "create extension if not exists {extension} schema {schema}{version}"
            ));
        }
        if self.chance.percent(10) {
            self.platform(
                "update pg_extension set extversion = '0.0-gone' where extname in ('hstore', 'citext', 'pgcrypto')",
            );
        }
    }

    /// What pgmq would make.
    fn add_queues(&mut self) {
        if !self.chance.percent(60) {
            return;
        }
        self.platform("create schema if not exists pgmq");
        self.platform("create schema if not exists pgmq_public");
        for queue in ["q_jobs", "qx", "q_", "a_jobs", "Q_caps", "qqa", "q"] {
            let name = quoted(queue);
            self.platform(format!("create table pgmq.{name} (msg_id bigint)"));
            if self.chance.percent(60) {
                let reader = self.chance.one(&["anon", "authenticated", "public"]);
                self.platform(format!("grant select on pgmq.{name} to {reader}"));
            }
            if self.chance.percent(20) {
                self.platform(format!("alter table pgmq.{name} enable row level security"));
            }
        }
        self.platform("create table pgmq.q_part (id int) partition by range (id)");
        self.platform("grant select on pgmq.q_part to anon");
    }

    fn add_storage_policies(&mut self) {
        if !self.chance.percent(30) {
            return;
        }
        for number in 0..self.chance.below(4) {
            let name = quoted(&format!("s{number}"));
            let permissive = self.chance.one(&["permissive", "restrictive"]);
            let roles = self.chance.one(&ROLES);
            let condition = self.chance.one(&CONDITIONS);
            self.platform(format!(
                "create policy {name} on storage.objects as {permissive} for select to {roles} using ({condition})"
            ));
        }
    }

    fn add_the_rest(&mut self) {
        if self.chance.percent(60) {
            let state = self.chance.one(&["enable", "disable"]);
            self.platform(format!("alter table auth.users {state} row level security"));
        }
        if !self.tables.is_empty() && self.chance.percent(40) {
            self.bloat();
        }
        if self.chance.percent(20) {
            self.platform("create table if not exists realtime.messages (id int)");
            self.platform("alter table realtime.messages enable row level security");
            self.platform("create policy rt on realtime.messages using (auth.uid() is not null)");
        }
        if self.chance.percent(20) {
            self.add(Role::User, "create type public.comp as (a regproc, b int)");
        }
        if self.chance.percent(10) {
            self.platform("create type net.comp as (a regproc, b int)");
        }
    }

    /// Says of tables that they take pages which they do not: to take them would take minutes.
    fn bloat(&mut self) {
        let table = self.chance.one(&self.tables);
        if let Some((column, _)) = table.columns.first() {
            self.platform(format!(
                "insert into {} ({}) select null from generate_series(1, 50)",
                table.name,
                quoted(column)
            ));
        }
        self.platform("analyze");
        let pages = self.chance.one(&[100, 3_000, 9_000, 200_000]);
        let rows = self.chance.one(&[1, 50, 100, 5_000, 100_000]);
        self.platform(format!(
            "update pg_class set relpages = {pages}, reltuples = {rows} where relkind = 'r' and oid > 16384 \
             and oid in (select starelid from pg_statistic)"
        ));
    }
}

/// An identifier.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Identifiers between commas.
fn list(columns: &[Column]) -> String {
    let names: Vec<String> = columns.iter().map(|column| quoted(column.0)).collect();
    names.join(", ")
}

/// A name cut so that something fits behind it.
fn cut(name: &str) -> String {
    name.chars().take(20).collect()
}

/// Columns of a new table.
fn columns(chance: &mut Chance) -> Vec<Column> {
    let many = 1 + chance.below(6);
    chance
        .some(&COLUMNS, many)
        .into_iter()
        .map(|column| match column {
            "owner" | "user_id" => (column, "uuid"),
            "a" | "b" | "c" | "id" => (column, "int"),
            _ if chance.percent(50) => (column, chance.one(&TYPES)),
            _ => (column, "text"),
        })
        .collect()
}

/// Who may read, where somebody may.
fn reader(chance: &mut Chance) -> &'static str {
    chance.one(&READERS)
}
