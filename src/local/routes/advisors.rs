//! Advisors: the security advisor; the performance advisor is not there yet and says so.

use axum::Router;

use super::{Asked, Platform, serve};
use crate::api::advisors::{GetPerformanceAdvisor, GetSecurityAdvisor, Lints};
use crate::local::advisor;
use crate::local::fault::Fault;

pub(super) fn routes(routes: Router<Platform>) -> Router<Platform> {
    let routes = serve::<GetSecurityAdvisor, _, _>(routes, security);
    serve::<GetPerformanceAdvisor, _, _>(routes, performance)
}

async fn security(asked: Asked<GetSecurityAdvisor>) -> Result<Lints, Fault> {
    let cluster = asked.platform.cluster(&asked.path).await?;
    let exposed = asked.platform.exposed_schemas(&asked.path).await?;
    advisor::security(asked.platform.engine(), cluster, &exposed).await
}

async fn performance(_: Asked<GetPerformanceAdvisor>) -> Result<Lints, Fault> {
    Err(Fault::new(
        501,
        "the local platform has no performance advisor yet; the security advisor is there",
    ))
}
