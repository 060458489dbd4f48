//! Storage: its buckets, as the database has them.

use axum::Router;
use serde_json::Value;

use super::{Asked, Platform, serve};
use crate::api::storage::{Bucket, ListBuckets};
use crate::local::engine::Limits;
use crate::local::fault::Fault;

pub(super) fn routes(routes: Router<Platform>) -> Router<Platform> {
    serve::<ListBuckets, _, _>(routes, list)
}

async fn list(asked: Asked<ListBuckets>) -> Result<Vec<Bucket>, Fault> {
    let cluster = asked.platform.cluster(&asked.path).await?;
    let sql = include_str!("buckets.sql");
    asked
        .platform
        .engine()
        .read_only(cluster, sql, &[], Limits::default())
        .await
        .map_err(|error| Fault::of_sql(error, sql))?
        .to_json()
        .into_iter()
        .map(|row| serde_json::from_value(Value::Object(row)))
        .collect::<Result<_, _>>()
        .map_err(|error| Fault::new(500, format!("the buckets cannot be read: {error}")))
}
