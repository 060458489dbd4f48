//! TypeScript types of a database: read from its catalogue, written as a module.
//!
//! ```text
//! relations.sql, relationships.sql, functions.sql, kinds.sql    what the catalogue says, in one snapshot
//! translate   a PostgreSQL type as a TypeScript type
//! module      the module: `Database`, by schema, and the helpers of helpers.ts
//! ```

mod module;
mod translate;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::engine::{ClusterId, Connection, Engine, EngineError, Limits, Login};
use super::fault::Fault;

const SCHEMAS: &str =
    "select nspname::text as name from pg_namespace where nspname = any ($1::text[])";

/// What the types are made from.
struct Catalogue {
    /// Those that were asked for and are there.
    schemas: Vec<String>,
    relations: Vec<Relation>,
    relationships: Vec<Relationship>,
    functions: Vec<Function>,
    kinds: Vec<Kind>,
}

#[derive(Deserialize)]
struct Schema {
    name: String,
}

/// A table or a view.
#[derive(Deserialize)]
struct Relation {
    schema: String,
    name: String,
    is_view: bool,
    writable: bool,
    columns: Vec<Column>,
}

#[derive(Deserialize)]
struct Column {
    name: String,
    #[serde(rename = "type")]
    kind: i64,
    nullable: bool,
    has_default: bool,
    /// The database gives the value, and takes none.
    computed: bool,
    writable: bool,
}

/// A foreign key, as one relation and another show it.
#[derive(Deserialize)]
struct Relationship {
    schema: String,
    relation: String,
    name: String,
    columns: Vec<String>,
    is_one_to_one: bool,
    referenced_relation: String,
    referenced_columns: Vec<String>,
}

#[derive(Deserialize)]
struct Function {
    schema: String,
    name: String,
    returns: i64,
    is_set: bool,
    /// Of a set: that it holds one row.
    gives_one: bool,
    /// How many of the last inputs have a default.
    defaults: usize,
    arguments: Vec<Argument>,
}

#[derive(Deserialize)]
struct Argument {
    name: String,
    #[serde(rename = "type")]
    kind: i64,
    /// `i`, `o`, `b`, `v` or `t`: in, out, both, variadic, a column of the result.
    mode: String,
}

/// A PostgreSQL type.
#[derive(Deserialize)]
struct Kind {
    id: i64,
    schema: String,
    name: String,
    element: Option<i64>,
    base: Option<i64>,
    labels: Option<Vec<String>>,
    /// `r`, `v` or `c`: rows of a table, rows of a view, a composite type of its own.
    relation: Option<String>,
    attributes: Option<Vec<Attribute>>,
}

#[derive(Deserialize)]
struct Attribute {
    name: String,
    #[serde(rename = "type")]
    kind: i64,
    nullable: bool,
}

/// The module for some schemas of a cluster; a schema that is not there is left out.
pub(super) async fn types(
    engine: &Engine,
    cluster: ClusterId,
    schemas: &[String],
) -> Result<String, Fault> {
    let mut session = engine.connect(cluster, Login::ReadOnly).await?;
    let catalogue = read(&mut session, schemas).await;
    session.close().await;
    Ok(module::write(&catalogue?))
}

async fn read(session: &mut Connection, schemas: &[String]) -> Result<Catalogue, Fault> {
    let begin = "begin isolation level repeatable read, read only";
    session.run(begin, Limits::default()).await?;
    let of_schemas = [json!(schemas)];
    let found: Vec<Schema> = rows(session, SCHEMAS, &of_schemas).await?;
    Ok(Catalogue {
        schemas: found.into_iter().map(|schema| schema.name).collect(),
        relations: rows(session, include_str!("relations.sql"), &of_schemas).await?,
        relationships: rows(session, include_str!("relationships.sql"), &of_schemas).await?,
        functions: rows(session, include_str!("functions.sql"), &of_schemas).await?,
        kinds: rows(session, include_str!("kinds.sql"), &[]).await?,
    })
}

async fn rows<T: DeserializeOwned>(
    session: &mut Connection,
    sql: &str,
    parameters: &[Value],
) -> Result<Vec<T>, Fault> {
    let result = session
        .run_with(sql, parameters, Limits::default())
        .await
        .map_err(|error: EngineError| Fault::of_sql(error, sql))?;
    result
        .to_json()
        .into_iter()
        .map(|row| serde_json::from_value(Value::Object(row)))
        .collect::<Result<_, _>>()
        .map_err(|error| Fault::new(500, format!("the catalogue cannot be read: {error}")))
}
