//! Queries, as the user's own role or as a role that cannot write; the password of the user's role.

use std::time::Duration;

use axum::Router;
use serde_json::Value;

use super::{Asked, Platform, serve};
use crate::api::Ref;
use crate::api::database::{
    DatabaseContext, DatabaseEntry, GetDatabaseContext, PasswordChanged, QueryBody, Row, RunQuery,
    RunReadOnlyQuery, SchemaEntry, UpdatePassword,
};
use crate::local::engine::wire::{ResultSet, WireError, answer};
use crate::local::engine::{ClusterId, Engine, EngineError, Limits, Login};
use crate::local::fault::Fault;
use crate::redact;

/// How long a query may run: below the minute after which clients give up.
const TIME: Duration = Duration::from_secs(58);

/// How often a statement that a revert kept from running is tried.
const ATTEMPTS: u32 = 3;

pub(super) fn routes(routes: Router<Platform>) -> Router<Platform> {
    let routes = serve::<GetDatabaseContext, _, _>(routes, context);
    let routes = serve::<RunQuery, _, _>(routes, async |asked| {
        let read_only = asked.body.read_only == Some(true);
        run(asked.platform, asked.path, asked.body, read_only).await
    });
    let routes = serve::<RunReadOnlyQuery, _, _>(routes, async |asked: Asked<RunReadOnlyQuery>| {
        run(asked.platform, asked.path, asked.body, true).await
    });
    serve::<UpdatePassword, _, _>(routes, change_password)
}

/// The one database that there is, with the schemas that are not PostgreSQL's own.
async fn context(asked: Asked<GetDatabaseContext>) -> Result<DatabaseContext, Fault> {
    let Asked { platform, path, .. } = asked;
    let cluster = platform.cluster(&path).await?;
    let sql = include_str!("schemas.sql");
    let result = platform
        .engine()
        .read_only(cluster, sql, &[], Limits::default())
        .await?;
    let name = |row: &Row| row.get("name").and_then(Value::as_str).map(str::to_owned);
    let rows = result.to_json();
    let schemas = rows.iter().filter_map(name);
    Ok(DatabaseContext {
        databases: vec![DatabaseEntry {
            name: "postgres".to_owned(),
            schemas: schemas.map(|name| SchemaEntry { name }).collect(),
        }],
    })
}

async fn change_password(asked: Asked<UpdatePassword>) -> Result<PasswordChanged, Fault> {
    let Asked {
        platform,
        path,
        body,
        ..
    } = asked;
    redact::keep_secret(&body.password);
    if body.password.chars().count() < 4 {
        return Err(Fault::new(400, "password is at least 4 characters"));
    }
    let _turn = platform.turn(&path).await;
    let cluster = platform.cluster(&path).await?;
    platform
        .engine()
        .set_password(cluster, &body.password)
        .await?;
    Ok(PasswordChanged {
        message: "Successfully updated database password".to_owned(),
    })
}

async fn run(
    platform: Platform,
    reference: Ref,
    body: QueryBody,
    read_only: bool,
) -> Result<Vec<Row>, Fault> {
    if body.query.is_empty() {
        return Err(Fault::new(400, "query is needed"));
    }
    let sql = body.query;
    let parameters = body.parameters.unwrap_or_default();
    let mut attempt = 0;
    let result = loop {
        // Looked up again each time: a reset gives a branch another cluster.
        let cluster = platform.cluster(&reference).await?;
        attempt += 1;
        match once(platform.engine(), cluster, &sql, &parameters, read_only).await {
            Err(error) if attempt < ATTEMPTS && may_repeat(&error, read_only) => {
                tracing::debug!(%error, attempt, "a revert ended the session; asking again");
            }
            result => break result,
        }
    };
    let result = result.map_err(|error| match read_only {
        true => Fault::of_sql(error, &sql),
        false => Fault::of_write(error, &sql),
    })?;
    Ok(result.to_json())
}

async fn once(
    engine: &Engine,
    cluster: ClusterId,
    sql: &str,
    parameters: &[Value],
    read_only: bool,
) -> Result<ResultSet, EngineError> {
    let limits = Limits {
        time: Some(TIME),
        ..Limits::default()
    };
    if read_only {
        return engine.read_only(cluster, sql, parameters, limits).await;
    }
    let mut session = engine.connect(cluster, Login::User).await?;
    let result = if parameters.is_empty() {
        session.run(sql, limits).await.map(answer)
    } else {
        session.run_with(sql, parameters, limits).await
    };
    session.close().await;
    result
}

/// Whether a revert, a stop or a reset that came in between is all that went wrong: the statement
/// did not run, or changed nothing.
fn may_repeat(error: &EngineError, read_only: bool) -> bool {
    match error {
        EngineError::Wire(WireError::Closed) | EngineError::NoSuchCluster(_) => true,
        EngineError::Wire(WireError::AnswerLost { .. }) => read_only,
        _ => false,
    }
}
