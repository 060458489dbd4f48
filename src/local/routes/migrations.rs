//! Migrations: the ledger, and applying one with a version of the platform's choice.
//!
//! A migration's own SQL, and what takes it back, runs as the user's role. That role can add a row to
//! the ledger and change none, so rows are changed and removed in a session of the platform's own, which
//! runs nothing of a caller's.

use axum::Router;
use axum::http::HeaderMap;
use serde_json::{Value, json};

use super::{Asked, Platform, serve};
use crate::api::Ref;
use crate::api::database::Row;
use crate::api::migrations::{
    ApplyMigration, ApplyMigrationBody, GetMigration, ListMigrations, Migration, MigrationListing,
    PatchMigration, RollbackMigrations, UpsertMigration,
};
use crate::clock;
use crate::local::engine::wire::TransactionStatus;
use crate::local::engine::{Connection, EngineError, Limits, Login};
use crate::local::fault::Fault;

const ADD: &str = include_str!("migrations/add.sql");
const REPLACE: &str = include_str!("migrations/replace.sql");
const PATCH: &str = include_str!("migrations/patch.sql");
const NEWEST: &str = include_str!("migrations/newest.sql");

pub(super) fn routes(routes: Router<Platform>) -> Router<Platform> {
    let routes = serve::<ListMigrations, _, _>(routes, list);
    let routes = serve::<GetMigration, _, _>(routes, get);
    let routes = serve::<ApplyMigration, _, _>(routes, apply);
    let routes = serve::<UpsertMigration, _, _>(routes, upsert);
    let routes = serve::<PatchMigration, _, _>(routes, patch);
    serve::<RollbackMigrations, _, _>(routes, roll_back)
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
        .ok_or_else(not_found)?;
    from_row(row)
}

async fn apply(asked: Asked<ApplyMigration>) -> Result<(), Fault> {
    let key = idempotency_key(&asked.headers)?;
    let Asked {
        platform,
        path,
        body,
        ..
    } = asked;
    check(&body)?;
    let cluster = platform.cluster(&path).await?;
    let mut session = platform.engine().connect(cluster, Login::User).await?;
    let applied = in_transaction(&mut session, &body, key).await;
    session.close().await;
    applied.map_err(|error| Fault::of_write(error, &body.query))
}

fn check(body: &ApplyMigrationBody) -> Result<(), Fault> {
    match body.query.is_empty() {
        true => Err(Fault::new(400, "query is needed")),
        false => Ok(()),
    }
}

/// The header under which a migration is applied or written down once, however often it is sent.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Fault> {
    let Some(value) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    let text = value.to_str().ok().filter(|text| !text.is_empty());
    text.map(|text| Some(text.to_owned()))
        .ok_or_else(|| Fault::new(400, "the Idempotency-Key header is no text"))
}

async fn in_transaction(
    session: &mut Connection,
    body: &ApplyMigrationBody,
    key: Option<String>,
) -> Result<(), EngineError> {
    let limits = Limits::default();
    session.run("begin", limits).await?;
    if let Some(key) = &key
        && holds(session, key).await?
    {
        session.run("rollback", limits).await?;
        return Ok(());
    }
    session.run(&body.query, limits).await?;
    session.run("reset role", limits).await?;
    session.run_with(ADD, &row(body, key), limits).await?;
    session.run("commit", limits).await?;
    Ok(())
}

/// Whether the ledger holds a migration of that key, once nobody else is at work under it.
async fn holds(session: &mut Connection, key: &str) -> Result<bool, EngineError> {
    let limits = Limits::default();
    let lock = "select pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended($1, 0))";
    session.run_with(lock, &[json!(key)], limits).await?;
    let sql = "select 1 from supabase_migrations.schema_migrations where idempotency_key = $1";
    Ok(!session
        .run_with(sql, &[json!(key)], limits)
        .await?
        .is_empty())
}

/// The values of [`ADD`].
fn row(body: &ApplyMigrationBody, key: Option<String>) -> [Value; 5] {
    [
        json!(clock::version_now()),
        json!(body.name),
        json!([body.query]),
        rollback(body.rollback.as_deref()),
        json!(key),
    ]
}

fn rollback(sql: Option<&str>) -> Value {
    sql.map_or(Value::Null, |sql| json!([sql]))
}

/// Writes a migration down without running it; again under the same key, it replaces what stands there.
async fn upsert(asked: Asked<UpsertMigration>) -> Result<(), Fault> {
    let key = idempotency_key(&asked.headers)?;
    let Asked {
        platform,
        path,
        body,
        ..
    } = asked;
    check(&body)?;
    let _turn = platform.turn(&path).await;
    let mut session = own_session(&platform, &path).await?;
    let written = async {
        let limits = Limits::default();
        session.run("begin", limits).await?;
        let known = match &key {
            Some(key) => holds(&mut session, key).await?,
            None => false,
        };
        if known {
            let [_, name, statements, rollback, key] = row(&body, key);
            let values = [name, statements, rollback, key];
            session.run_with(REPLACE, &values, limits).await?;
        } else {
            session.run_with(ADD, &row(&body, key), limits).await?;
        }
        session.run("commit", limits).await
    }
    .await;
    session.close().await;
    written
        .map(drop)
        .map_err(|error| Fault::of_write(error, ""))
}

async fn patch(asked: Asked<PatchMigration>) -> Result<(), Fault> {
    let Asked {
        platform,
        path: (reference, version),
        body,
        ..
    } = asked;
    digits("version", &version)?;
    let _turn = platform.turn(&reference).await;
    let mut session = own_session(&platform, &reference).await?;
    let values = [
        json!(version),
        json!(body.name),
        rollback(body.rollback.as_deref()),
    ];
    let patched = session.run_with(PATCH, &values, Limits::default()).await;
    session.close().await;
    let patched = patched.map_err(|error| Fault::of_write(error, ""))?;
    match patched.is_empty() {
        true => Err(not_found()),
        false => Ok(()),
    }
}

/// Takes the newest migrations back, the newest first: all of them or none.
async fn roll_back(asked: Asked<RollbackMigrations>) -> Result<(), Fault> {
    let Asked {
        platform,
        path,
        query,
        ..
    } = asked;
    digits("gte", &query.gte)?;
    let _turn = platform.turn(&path).await;
    let rows = read(&platform, &path, NEWEST, &[json!(query.gte)]).await?;
    let migrations: Vec<Migration> = rows.into_iter().map(from_row).collect::<Result<_, _>>()?;
    let mut statements = Vec::new();
    for migration in &migrations {
        match migration.rollback.as_deref() {
            Some([]) | None => {
                let version = &migration.version;
                return Err(Fault::new(
                    400,
                    format!(
                        "migration {version} has no rollback statements, so nothing was rolled back"
                    ),
                ));
            }
            Some(rollback) => statements.extend(rollback),
        }
    }
    if migrations.is_empty() {
        return Ok(());
    }
    let cluster = platform.cluster(&path).await?;
    let mut session = platform.engine().connect(cluster, Login::User).await?;
    let rolled_back = take_back(&mut session, &statements).await;
    match rolled_back {
        Ok(()) => remove(&platform, &path, &migrations, session).await,
        Err(fault) => {
            session.close().await;
            Err(fault)
        }
    }
}

/// Runs what takes migrations back, and leaves its transaction open.
async fn take_back(session: &mut Connection, statements: &[&String]) -> Result<(), Fault> {
    let limits = Limits::default();
    session.run("begin", limits).await?;
    for sql in statements {
        session
            .run(sql, limits)
            .await
            .map_err(|error| Fault::of_write(error, sql))?;
        if session.status() != TransactionStatus::Open {
            return Err(Fault::new(
                400,
                "the rollback statements ended the transaction that they ran in; the ledger is as it was",
            ));
        }
    }
    Ok(())
}

/// Removes the rows of migrations that are taken back in `session`, and ends both transactions: the
/// user's first, whose end can still fail.
async fn remove(
    platform: &Platform,
    reference: &Ref,
    migrations: &[Migration],
    mut session: Connection,
) -> Result<(), Fault> {
    let limits = Limits::default();
    let versions: Vec<&str> = migrations.iter().map(|one| one.version.as_str()).collect();
    let mut own = match own_session(platform, reference).await {
        Ok(own) => own,
        Err(fault) => {
            session.close().await;
            return Err(fault);
        }
    };
    let removed = async {
        own.run("begin", limits).await?;
        let sql =
            "delete from supabase_migrations.schema_migrations where version = any ($1::text[])";
        own.run_with(sql, &[json!(versions)], limits).await?;
        session.run("commit", limits).await?;
        own.run("commit", limits).await
    }
    .await;
    session.close().await;
    own.close().await;
    removed
        .map(drop)
        .map_err(|error| Fault::of_write(error, ""))
}

/// A session that may change the ledger; nothing of a caller's runs in it.
async fn own_session(platform: &Platform, reference: &Ref) -> Result<Connection, Fault> {
    let cluster = platform.cluster(reference).await?;
    let mut session = platform.engine().connect(cluster, Login::Admin).await?;
    // Whoever has locked the ledger must not hold up the project's other work, nor wait for this.
    let sql = "set lock_timeout = '3s'";
    session.run(sql, Limits::default()).await?;
    Ok(session)
}

/// A version as the platform takes it; PostgreSQL counts no further.
fn digits(name: &str, version: &str) -> Result<(), Fault> {
    let fits =
        (1..=1000).contains(&version.len()) && version.bytes().all(|one| one.is_ascii_digit());
    match fits {
        true => Ok(()),
        false => Err(Fault::new(400, format!("{name} is made of digits"))),
    }
}

fn not_found() -> Fault {
    Fault::new(404, "Migration not found")
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
