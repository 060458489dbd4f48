//! The advisors. `lint_type=sql` leaves out of the security advisor's answer what it finds in the
//! configuration.

use axum::Router;

use super::{Asked, Platform, serve};
use crate::api::Ref;
use crate::api::advisors::{GetPerformanceAdvisor, GetSecurityAdvisor, Lints, SQL};
use crate::api::config::Service;
use crate::local::advisor::{self, Advisor};
use crate::local::fault::Fault;

pub(super) fn routes(routes: Router<Platform>) -> Router<Platform> {
    let routes = serve::<GetSecurityAdvisor, _, _>(routes, security);
    serve::<GetPerformanceAdvisor, _, _>(routes, performance)
}

async fn security(asked: Asked<GetSecurityAdvisor>) -> Result<Lints, Fault> {
    let of_sql_alone = match asked.query.lint_type.as_deref() {
        None => false,
        Some(SQL) => true,
        Some(_) => return Err(Fault::new(400, "lint_type must be one of: sql")),
    };
    let mut lints = ask(&asked.platform, &asked.path, Advisor::Security).await?;
    if !of_sql_alone {
        let registry = asked.platform.registry();
        let set = registry.config(&asked.path, Service::Auth).await?;
        lints.lints.extend(advisor::of_auth(&set));
    }
    Ok(lints)
}

async fn performance(asked: Asked<GetPerformanceAdvisor>) -> Result<Lints, Fault> {
    ask(&asked.platform, &asked.path, Advisor::Performance).await
}

async fn ask(platform: &Platform, reference: &Ref, advisor: Advisor) -> Result<Lints, Fault> {
    let cluster = platform.cluster(reference).await?;
    let exposed = platform.exposed_schemas(reference).await?;
    advisor::ask(platform.engine(), cluster, advisor, &exposed).await
}
