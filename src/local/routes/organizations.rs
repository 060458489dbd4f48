//! Organizations: there is one.

use axum::Router;

use super::{Asked, ORGANIZATION, Platform, serve};
use crate::api::organizations::{
    GetOrganization, ListOrganizations, Organization, OrganizationDetail,
};
use crate::local::fault::Fault;

const NAME: &str = "Local organization";

pub(super) fn routes(routes: Router<Platform>) -> Router<Platform> {
    let routes = serve::<ListOrganizations, _, _>(routes, list);
    serve::<GetOrganization, _, _>(routes, get)
}

async fn list(_: Asked<ListOrganizations>) -> Result<Vec<Organization>, Fault> {
    Ok(vec![Organization {
        id: ORGANIZATION.to_owned(),
        slug: ORGANIZATION.to_owned(),
        name: NAME.to_owned(),
    }])
}

async fn get(asked: Asked<GetOrganization>) -> Result<OrganizationDetail, Fault> {
    if asked.path != ORGANIZATION {
        return Err(Fault::new(404, "Organization not found"));
    }
    Ok(OrganizationDetail {
        id: ORGANIZATION.to_owned(),
        name: NAME.to_owned(),
        plan: Some("platform".to_owned()),
        opt_in_tags: Vec::new(),
        allowed_release_channels: vec!["ga".to_owned()],
    })
}
