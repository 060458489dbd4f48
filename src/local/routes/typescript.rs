//! TypeScript types.

use axum::Router;

use super::{Asked, Platform, serve};
use crate::api::typescript::{GenerateTypescriptTypes, TypescriptTypes};
use crate::local::fault::Fault;
use crate::local::typescript;

pub(super) fn routes(routes: Router<Platform>) -> Router<Platform> {
    serve::<GenerateTypescriptTypes, _, _>(routes, generate)
}

async fn generate(asked: Asked<GenerateTypescriptTypes>) -> Result<TypescriptTypes, Fault> {
    let cluster = asked.platform.cluster(&asked.path).await?;
    let schemas: Vec<String> = asked
        .query
        .included_schemas
        .as_deref()
        .unwrap_or("public")
        .split(',')
        .map(|schema| schema.trim().to_owned())
        .filter(|schema| !schema.is_empty())
        .collect();
    let types = typescript::types(asked.platform.engine(), cluster, &schemas).await?;
    Ok(TypescriptTypes { types })
}
