//! Migrations: the ledger, and applying one with a version of the platform's choice.

use axum::Router;
use serde_json::{Value, json};

use super::{Asked, Platform, serve};
use crate::api::Ref;
use crate::api::database::Row;
use crate::api::migrations::{
    ApplyMigration, GetMigration, ListMigrations, Migration, MigrationListing,
};
use crate::clock;
use crate::local::engine::{Connection, EngineError, Limits, Login};
use crate::local::fault::Fault;

pub(super) fn routes(routes: Router<Platform>) -> Router<Platform> {
    let routes = serve::<ListMigrations, _, _>(routes, list);
    let routes = serve::<GetMigration, _, _>(routes, get);
    serve::<ApplyMigration, _, _>(routes, apply)
}

async fn list(asked: Asked<ListMigrations>) -> Result<Vec<MigrationListing>, Fault> {
    let sql = "select version, name from supabase_migrations.schema_migrations order by version";
    let rows = read(&asked.platform, &asked.path, sql, &[]).await?;
    rows.into_iter().map(from_row).collect()
}

async fn get(asked: Asked<GetMigration>) -> Result<Migration, Fault> {
    let (reference, version) = asked.path;
    let sql = "select version, name, statements, rollback, created_by, idempotency_key \
               from supabase_migrations.schema_migrations where version = $1";
    let row = read(&asked.platform, &reference, sql, &[json!(version)])
        .await?
        .into_iter()
        .next()
        .ok_or_else(|| Fault::new(404, "Migration not found"))?;
    from_row(row)
}

async fn apply(asked: Asked<ApplyMigration>) -> Result<(), Fault> {
    let Asked {
        platform,
        path,
        body,
        ..
    } = asked;
    let cluster = platform.cluster(&path).await?;
    let mut session = platform.engine().connect(cluster, Login::User).await?;
    let applied = in_transaction(&mut session, &body.query, body.name, body.rollback).await;
    session.close().await;
    applied.map_err(|error| Fault::of_write(error, &body.query))
}

async fn in_transaction(
    session: &mut Connection,
    query: &str,
    name: Option<String>,
    rollback: Option<String>,
) -> Result<(), EngineError> {
    let limits = Limits::default();
    session.run("begin", limits).await?;
    session.run(query, limits).await?;
    session.run("reset role", limits).await?;
    session
        .run_with(
            "insert into supabase_migrations.schema_migrations (version, name, statements, rollback) \
             select greatest($1::bigint, coalesce(max(version::bigint), 0) + 1)::text, $2, $3, $4 \
             from supabase_migrations.schema_migrations where version ~ '^[0-9]{1,18}$'",
            &[
                json!(clock::version_now()),
                json!(name),
                json!([query]),
                rollback.map_or(Value::Null, |rollback| json!([rollback])),
            ],
            limits,
        )
        .await?;
    session.run("commit", limits).await?;
    Ok(())
}

async fn read(
    platform: &Platform,
    reference: &Ref,
    sql: &str,
    parameters: &[Value],
) -> Result<Vec<Row>, Fault> {
    let cluster = platform.cluster(reference).await?;
    let result = platform
        .engine()
        .read_only(cluster, sql, parameters, Limits::default())
        .await
        .map_err(|error| Fault::of_sql(error, sql))?;
    Ok(result.to_json())
}

fn from_row<T: serde::de::DeserializeOwned>(row: Row) -> Result<T, Fault> {
    serde_json::from_value(Value::Object(row))
        .map_err(|error| Fault::new(500, format!("the ledger cannot be read: {error}")))
}
