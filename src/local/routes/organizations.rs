//! Organizations: the builder's one; those of users are seen with the tokens that they granted.

use axum::Router;

use super::admit::Asker;
use super::{Asked, ORGANIZATION, Platform, serve};
use crate::api::organizations::{
    GetOrganization, ListOrganizationProjects, ListOrganizations, Organization,
    OrganizationDatabase, OrganizationDetail, OrganizationProject, OrganizationProjects, PageQuery,
    Pagination,
};
use crate::api::projects::ProjectStatus;
use crate::local::fault::Fault;
use crate::local::registry::{StoredOrganization, StoredProject};

const NAME: &str = "Local organization";
/// The plan of every organization here.
pub(super) const PLAN: &str = "platform";
/// What the platform calls whoever runs the machines.
const PROVIDER: &str = "AWS";

pub(super) fn routes(routes: Router<Platform>) -> Router<Platform> {
    let routes = serve::<ListOrganizations, _, _>(routes, list);
    let routes = serve::<GetOrganization, _, _>(routes, get);
    serve::<ListOrganizationProjects, _, _>(routes, projects)
}

async fn list(asked: Asked<ListOrganizations>) -> Result<Vec<Organization>, Fault> {
    let own = own(&asked.platform, &asked.asker).await?;
    let shown = |(slug, name): (String, String)| Organization {
        id: slug.clone(),
        slug,
        name,
    };
    Ok(own.into_iter().map(shown).collect())
}

async fn get(asked: Asked<GetOrganization>) -> Result<OrganizationDetail, Fault> {
    let own = own(&asked.platform, &asked.asker).await?;
    let (slug, name) = own
        .into_iter()
        .find(|(slug, _)| *slug == asked.path)
        .ok_or_else(not_found)?;
    Ok(OrganizationDetail {
        id: slug,
        name,
        plan: Some(PLAN.to_owned()),
        opt_in_tags: Vec::new(),
        allowed_release_channels: vec!["ga".to_owned()],
    })
}

/// The organizations that a token sees, slug and name: the builder's, an account's, or that of a
/// claimed project.
async fn own(platform: &Platform, asker: &Asker) -> Result<Vec<(String, String)>, Fault> {
    let pair = |one: StoredOrganization| (one.slug, one.name);
    let granted = match asker {
        Asker::Builder => return Ok(vec![(ORGANIZATION.to_owned(), NAME.to_owned())]),
        Asker::Account { organizations, .. } => {
            return Ok(organizations.iter().cloned().map(pair).collect());
        }
        Asker::App(granted) => granted,
    };
    let project = platform.project(&granted.reference).await?;
    let all = platform.registry().organizations(&granted.account).await?;
    let found = all
        .into_iter()
        .find(|one| one.slug == project.organization)
        .ok_or_else(not_found)?;
    Ok(vec![pair(found)])
}

pub(super) fn not_found() -> Fault {
    Fault::new(404, "Organization not found")
}

async fn projects(asked: Asked<ListOrganizationProjects>) -> Result<OrganizationProjects, Fault> {
    let Asked {
        platform,
        asker,
        path,
        query,
        ..
    } = asked;
    let own = own(&platform, &asker).await?;
    if !own.iter().any(|(slug, _)| *slug == path) {
        return Err(not_found());
    }
    if !(1..=PageQuery::LONGEST).contains(&query.limit) {
        return Err(Fault::new(400, "limit is 1 to 100"));
    }
    let mut all = platform.registry().projects_and_branches().await?;
    all.retain(|project| project.organization == path && asker.sees(project));
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
