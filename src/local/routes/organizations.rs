//! Organizations: there is one.

use axum::Router;

use super::{Asked, ORGANIZATION, Platform, serve};
use crate::api::organizations::{
    GetOrganization, ListOrganizationProjects, ListOrganizations, Organization,
    OrganizationDatabase, OrganizationDetail, OrganizationProject, OrganizationProjects, PageQuery,
    Pagination,
};
use crate::api::projects::ProjectStatus;
use crate::local::fault::Fault;
use crate::local::registry::StoredProject;

const NAME: &str = "Local organization";
/// What the platform calls whoever runs the machines.
const PROVIDER: &str = "AWS";

pub(super) fn routes(routes: Router<Platform>) -> Router<Platform> {
    let routes = serve::<ListOrganizations, _, _>(routes, list);
    let routes = serve::<GetOrganization, _, _>(routes, get);
    serve::<ListOrganizationProjects, _, _>(routes, projects)
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

async fn projects(asked: Asked<ListOrganizationProjects>) -> Result<OrganizationProjects, Fault> {
    let Asked {
        platform,
        path,
        query,
        ..
    } = asked;
    if path != ORGANIZATION {
        return Err(Fault::new(404, "Organization not found"));
    }
    if !(1..=PageQuery::LONGEST).contains(&query.limit) {
        return Err(Fault::new(400, "limit is 1 to 100"));
    }
    let all = platform.registry().projects_and_branches().await?;
    let count = u32::try_from(all.len()).unwrap_or(u32::MAX);
    let mut projects = Vec::new();
    for project in all
        .into_iter()
        .skip(query.offset as usize)
        .take(query.limit as usize)
    {
        let size = platform.compute_size(&project.reference).await?;
        projects.push(shown(project, size));
    }
    Ok(OrganizationProjects {
        projects,
        pagination: Pagination {
            count,
            limit: query.limit,
            offset: query.offset,
        },
    })
}

fn shown(project: StoredProject, size: String) -> OrganizationProject {
    let status = match project.status {
        // The description of the API has no word for a database that is paused.
        ProjectStatus::Inactive | ProjectStatus::Pausing => ProjectStatus::GoingDown,
        other => other,
    };
    OrganizationProject {
        databases: vec![OrganizationDatabase {
            infra_compute_size: Some(size),
            region: project.region.clone(),
            status: status.as_str().to_owned(),
            cloud_provider: PROVIDER.to_owned(),
            identifier: project.reference.to_string(),
            kind: "PRIMARY".to_owned(),
        }],
        reference: project.reference.to_string(),
        name: project.name,
        cloud_provider: PROVIDER.to_owned(),
        region: project.region,
        is_branch: project.parent.is_some(),
        status: project.status,
        inserted_at: project.created_at,
    }
}
