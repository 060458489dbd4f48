//! The platform: whether it answers, whom the token belongs to, and what of it is offered. Nothing
//! is asked that changes anything.

use super::Finding;
use crate::api::advisors::{AdvisorQuery, GetSecurityAdvisor};
use crate::api::backups::ListBackups;
use crate::api::billing::GetAddons;
use crate::api::branches::ListBranches;
use crate::api::keys::{ListApiKeys, RevealQuery};
use crate::api::migrations::ListMigrations;
use crate::api::organizations::{GetOrganization, ListOrganizations};
use crate::api::pooler::GetPoolerConfig;
use crate::api::projects::{ListProjects, Project};
use crate::api::restore_points::{GetRestorePoint, RestorePointQuery};
use crate::api::{ApiError, Client, Ref};
use crate::clock;
use crate::config::ServeArgs;

/// How the operator comes by what is open to selected customers.
const ASK: &str = "open to selected customers: ask Supabase's partnerships team for it, by the form of its platform guide";

pub(super) async fn look(serve: &ServeArgs, client: &Client) -> Vec<Finding> {
    let mut findings = Vec::new();
    match client.place().await {
        Ok(place) if serve.access_token.is_none() => findings.push(Finding::good(
            "local platform",
            format!("answers at {}", place.base),
        )),
        Ok(_) => {}
        Err(error) => {
            findings.push(Finding::missing(
                "platform",
                error.to_string(),
                "run drydock platform to see it start",
            ));
            return findings;
        }
    }
    match client.look::<ListOrganizations>((), &()).await {
        Ok(organizations) => {
            for organization in organizations {
                let plan = client
                    .look::<GetOrganization>(organization.slug.clone(), &())
                    .await;
                findings.push(match plan {
                    Ok(detail) => Finding::good(
                        "organization",
                        format!(
                            "{}, on the plan {}",
                            organization.slug,
                            detail.plan.as_deref().unwrap_or("that is not said")
                        ),
                    ),
                    Err(error) => lacking("organization", &error),
                });
            }
        }
        Err(error) => {
            findings.push(unusable(&error));
            return findings;
        }
    }
    match client.look::<ListProjects>((), &()).await {
        Ok(projects) => findings.extend(offered(serve, client, &projects).await),
        Err(error) => findings.push(unusable(&error)),
    }
    findings
}

/// What is offered to the project that the server is for, else to the first.
async fn offered(serve: &ServeArgs, client: &Client, projects: &[Project]) -> Vec<Finding> {
    let mut findings = vec![Finding::good(
        "projects",
        format!("{} that the token can see", projects.len()),
    )];
    let chosen = match &serve.project_ref {
        Some(wanted) => projects
            .iter()
            .find(|project| &project.project.reference == wanted),
        None => projects.first(),
    };
    let Some(project) = chosen else {
        findings.push(match &serve.project_ref {
            Some(wanted) => Finding::missing(
                "project",
                format!("{wanted} is none of them"),
                "name another with --project-ref, or give a token that can see it",
            ),
            None => Finding::weaker(
                "capabilities",
                "there is no project yet to ask about",
                "create one, and run drydock doctor again",
            ),
        });
        return findings;
    };
    findings.extend(capabilities(client, &project.project.reference).await);
    findings
}

async fn capabilities(client: &Client, project: &Ref) -> Vec<Finding> {
    let mut findings = Vec::new();
    let branches = client.look::<ListBranches>(project.clone(), &()).await;
    findings.push(match &branches {
        Err(error) if error.status() == Some(422) => Finding::missing(
            "branches",
            "branching is off for this project",
            "switch branching on for it: writes land on a branch, so without one nothing is written",
        ),
        other => asked("branches", other.as_ref().err()),
    });
    let migrations = client.look::<ListMigrations>(project.clone(), &()).await;
    findings.push(asked("migrations", migrations.err().as_ref()));
    // Points are made on branches.
    let branch = branches.ok().and_then(|branches| {
        let dev = branches.into_iter().find(|branch| !branch.is_default)?;
        Some(dev.project_ref)
    });
    let on = branch.as_ref().unwrap_or(project);
    let point = client
        .look::<GetRestorePoint>(on.clone(), &RestorePointQuery::default())
        .await;
    findings.push(match point {
        Ok(_) => Finding::good("restore points", "offered"),
        Err(error) if error.status() == Some(404) => Finding::good(
            "restore points",
            "none yet; the first migration shows whether they are offered",
        ),
        Err(error) => Finding::weaker(
            "restore points",
            format!("not offered: {error}"),
            format!("{ASK}; until then the first migration asks whether to go on without them, and what is lost by that (approvals.weaker_restore_points)"),
        ),
    });
    let advisor = client
        .look::<GetSecurityAdvisor>(on.clone(), &AdvisorQuery::default())
        .await;
    findings.push(match advisor {
        Ok(_) => Finding::good("security advisor", "answers"),
        Err(error) => Finding::missing(
            "security advisor",
            error.to_string(),
            "without its verdict nothing is merged: give the token the permission advisors_read",
        ),
    });
    let keys = client
        .look::<ListApiKeys>(project.clone(), &RevealQuery::default())
        .await;
    findings.push(asked("API keys", keys.err().as_ref()));
    let addons = client.look::<GetAddons>(project.clone(), &()).await;
    findings.push(asked("prices", addons.err().as_ref()));
    findings.push(recovery(client, project).await);
    findings.push(connections(client, project).await);
    findings
}

/// Whether production can be returned to a point in time.
async fn recovery(client: &Client, project: &Ref) -> Finding {
    let what = "point-in-time recovery";
    let backups = match client.look::<ListBackups>(project.clone(), &()).await {
        Ok(backups) => backups,
        Err(error) => return lacking(what, &error),
    };
    let window = backups.physical_backup_data;
    let shown = |unix: Option<i64>| {
        unix.map_or_else(|| "nothing yet".to_owned(), |unix| clock::at(unix * 1000))
    };
    if backups.pitr_enabled {
        let earliest = shown(window.earliest_physical_backup_date_unix);
        return Finding::good(what, format!("enabled, back to {earliest}"));
    }
    Finding::weaker(
        what,
        "not enabled: a disaster on production leaves its last backup",
        "choose the add-on in the dashboard under Project Settings, Add-ons; it reaches back to that moment and no further",
    )
}

/// Where the operator reaches the database; agents are never told.
async fn connections(client: &Client, project: &Ref) -> Finding {
    let what = "database connections";
    match client.look::<GetPoolerConfig>(project.clone(), &()).await {
        Ok(configs) => {
            let urls: Vec<&str> = configs
                .iter()
                .map(|config| config.connection_string.as_str())
                .collect();
            Finding::good(
                what,
                format!(
                    "{}; the password: drydock vault show {project}",
                    urls.join(", ")
                ),
            )
        }
        Err(error) => lacking(what, &error),
    }
}

fn asked(what: &str, error: Option<&ApiError>) -> Finding {
    match error {
        None => Finding::good(what, "offered"),
        Some(error) => lacking(what, error),
    }
}

/// Drydock works without it.
fn lacking(what: &str, error: &ApiError) -> Finding {
    let remedy = match error {
        ApiError::Status { permission, .. } if !permission.is_empty() => {
            format!("give the token the permission {permission}; if it has it, this is {ASK}")
        }
        _ => "see what the platform says of itself".to_owned(),
    };
    Finding::weaker(what, error.to_string(), remedy)
}

/// Drydock does not work without it.
fn unusable(error: &ApiError) -> Finding {
    let remedy = match error.status() {
        Some(401) => "give Drydock an access token that holds, in SUPABASE_ACCESS_TOKEN".to_owned(),
        Some(403) => match error {
            ApiError::Status { permission, .. } => {
                format!("give the access token the permission {permission}")
            }
            _ => String::new(),
        },
        _ => "see to it that the platform can be reached from here, and that --api-url is right"
            .to_owned(),
    };
    Finding::missing("platform", error.to_string(), remedy)
}
