//! Queries: as the user's own role, or as a role that cannot write.

use std::time::Duration;

use axum::Router;

use super::{Asked, Platform, serve};
use crate::api::Ref;
use crate::api::database::{QueryBody, Row, RunQuery, RunReadOnlyQuery};
use crate::local::engine::wire::answer;
use crate::local::engine::{Limits, Login};
use crate::local::fault::Fault;

/// How long a query may run: below the minute after which clients give up.
const TIME: Duration = Duration::from_secs(58);

pub(super) fn routes(routes: Router<Platform>) -> Router<Platform> {
    let routes = serve::<RunQuery, _, _>(routes, async |asked| {
        let read_only = asked.body.read_only == Some(true);
        run(asked.platform, asked.path, asked.body, read_only).await
    });
    serve::<RunReadOnlyQuery, _, _>(routes, async |asked: Asked<RunReadOnlyQuery>| {
        run(asked.platform, asked.path, asked.body, true).await
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
    let cluster = platform.cluster(&reference).await?;
    let limits = Limits {
        time: Some(TIME),
        ..Limits::default()
    };
    let sql = body.query;
    let parameters = body.parameters.unwrap_or_default();
    let result = if read_only {
        platform
            .engine()
            .read_only(cluster, &sql, &parameters, limits)
            .await
    } else {
        let mut session = platform.engine().connect(cluster, Login::User).await?;
        let result = if parameters.is_empty() {
            session.run(&sql, limits).await.map(answer)
        } else {
            session.run_with(&sql, &parameters, limits).await
        };
        session.close().await;
        result
    };
    let result = result.map_err(|error| Fault::of_sql(error, &sql))?;
    Ok(result.to_json())
}
