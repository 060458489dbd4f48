//! Projects: create, list, get, rename, delete, pause, restore; regions and health.

use axum::Router;

use super::{Asked, ORGANIZATION, Platform, serve};
use crate::api::Ref;
use crate::api::projects::{
    AllRegions, CreateProject, CreatedProject, DeleteProject, GetHealth, GetProject, GetRegions,
    GetRestoreVersions, ListProjects, PauseProject, Project, ProjectDatabase, ProjectStatus,
    ProjectStub, RecommendedRegions, RegionSelection, Regions, RestoreProject, RestoreVersion,
    RestoreVersions, ServiceHealth, SmartGroup, SpecificRegion, UpdateProject,
};
use crate::chance;
use crate::local::engine::{Limits, Login};
use crate::local::fault::Fault;
use crate::local::registry::{Run, RunKind, StoredProject};
use crate::redact;

/// Codes and names of the regions; all of them are this machine.
const REGIONS: [(&str, &str); 18] = [
    ("us-east-1", "East US (North Virginia)"),
    ("us-east-2", "East US (Ohio)"),
    ("us-west-1", "West US (North California)"),
    ("us-west-2", "West US (Oregon)"),
    ("ap-east-1", "East Asia (Hong Kong)"),
    ("ap-southeast-1", "Southeast Asia (Singapore)"),
    ("ap-northeast-1", "Northeast Asia (Tokyo)"),
    ("ap-northeast-2", "Northeast Asia (Seoul)"),
    ("ap-southeast-2", "Oceania (Sydney)"),
    ("eu-west-1", "West EU (Ireland)"),
    ("eu-west-2", "West Europe (London)"),
    ("eu-west-3", "West EU (Paris)"),
    ("eu-north-1", "North EU (Stockholm)"),
    ("eu-central-1", "Central EU (Frankfurt)"),
    ("eu-central-2", "Central Europe (Zurich)"),
    ("ca-central-1", "Canada (Central)"),
    ("ap-south-1", "South Asia (Mumbai)"),
    ("sa-east-1", "South America (São Paulo)"),
];
/// The sizes that a project can be asked for in.
const SIZES: [&str; 19] = [
    "nano",
    "micro",
    "small",
    "medium",
    "large",
    "xlarge",
    "2xlarge",
    "4xlarge",
    "8xlarge",
    "12xlarge",
    "16xlarge",
    "24xlarge",
    "24xlarge_optimized_memory",
    "24xlarge_optimized_cpu",
    "24xlarge_high_memory",
    "48xlarge",
    "48xlarge_optimized_memory",
    "48xlarge_optimized_cpu",
    "48xlarge_high_memory",
];
/// The groups, and the region that each stands for here.
const GROUPS: [(&str, &str, &str); 3] = [
    ("americas", "Americas", "us-east-1"),
    ("emea", "Europe, Middle East and Africa", "eu-central-1"),
    ("apac", "Asia-Pacific", "ap-southeast-1"),
];

pub(super) fn routes(routes: Router<Platform>) -> Router<Platform> {
    let routes = serve::<ListProjects, _, _>(routes, list);
    let routes = serve::<CreateProject, _, _>(routes, create);
    let routes = serve::<GetRegions, _, _>(routes, regions);
    let routes = serve::<GetProject, _, _>(routes, get);
    let routes = serve::<UpdateProject, _, _>(routes, rename);
    let routes = serve::<DeleteProject, _, _>(routes, delete);
    let routes = serve::<PauseProject, _, _>(routes, pause);
    let routes = serve::<RestoreProject, _, _>(routes, restore);
    let routes = serve::<GetRestoreVersions, _, _>(routes, restore_versions);
    serve::<GetHealth, _, _>(routes, health)
}

async fn list(asked: Asked<ListProjects>) -> Result<Vec<Project>, Fault> {
    let platform = &asked.platform;
    let projects = platform.registry().projects().await?;
    Ok(projects
        .into_iter()
        .filter(|project| asked.asker.sees(project))
        .map(|project| shown(platform, project))
        .collect())
}

async fn create(asked: Asked<CreateProject>) -> Result<CreatedProject, Fault> {
    let Asked { platform, body, .. } = asked;
    if body.organization_slug != ORGANIZATION {
        return Err(Fault::new(404, "Organization not found"));
    }
    let characters = body.name.chars().count();
    if characters == 0 || characters > 256 {
        return Err(Fault::new(400, "name is 1 to 256 characters"));
    }
    check_size(body.desired_instance_size.as_deref(), &[])?;
    redact::keep_secret(&body.db_pass);
    let region = choose_region(body.region_selection, body.region)?;
    let reference = new_ref("project's ref", &body.name);
    let run = Run::new(RunKind::Launch, &reference, None);
    platform
        .registry()
        .add_project(
            &reference,
            &body.name,
            &region,
            platform.grants(),
            &body.db_pass,
            &run,
        )
        .await?;
    let stored = platform.project(&reference).await?;
    platform.begin(run);
    Ok(created(stored))
}

async fn get(asked: Asked<GetProject>) -> Result<Project, Fault> {
    let project = asked.platform.project(&asked.path).await?;
    Ok(shown(&asked.platform, project))
}

async fn rename(asked: Asked<UpdateProject>) -> Result<ProjectStub, Fault> {
    let characters = asked.body.name.chars().count();
    if characters == 0 || characters > 256 {
        return Err(Fault::new(400, "name is 1 to 256 characters"));
    }
    let registry = asked.platform.registry();
    registry
        .rename_project(&asked.path, &asked.body.name)
        .await?;
    Ok(stub(asked.platform.project(&asked.path).await?))
}

async fn delete(asked: Asked<DeleteProject>) -> Result<ProjectStub, Fault> {
    let Asked { platform, path, .. } = asked;
    let project = platform.project(&path).await?;
    let branches = platform.registry().branches(&path).await?;
    for branch in branches.iter().filter(|branch| !branch.is_default) {
        platform.remove(&branch.project_ref).await?;
    }
    platform.remove(&path).await?;
    Ok(stub(project))
}

impl Platform {
    /// Removes a project or branch with its database.
    pub(super) async fn remove(&self, reference: &Ref) -> Result<(), Fault> {
        let _turn = self.turn(reference).await;
        let project = self.project(reference).await?;
        self.registry()
            .set_project(reference, ProjectStatus::GoingDown)
            .await?;
        // The record first: a cluster that nobody names is removed at the next start.
        self.registry().remove_project(reference).await?;
        self.logs().forget(reference).await?;
        self.functions().end(reference, None);
        if let Some(cluster) = project.cluster {
            self.engine().destroy(cluster).await?;
        }
        Ok(())
    }
}

async fn pause(asked: Asked<PauseProject>) -> Result<(), Fault> {
    let Asked { platform, path, .. } = asked;
    let _turn = platform.turn(&path).await;
    let cluster = platform.cluster(&path).await?;
    let registry = platform.registry();
    registry.set_project(&path, ProjectStatus::Pausing).await?;
    platform.engine().stop(cluster).await?;
    registry.set_project(&path, ProjectStatus::Inactive).await?;
    Ok(())
}

async fn restore(asked: Asked<RestoreProject>) -> Result<(), Fault> {
    let Asked { platform, path, .. } = asked;
    let _turn = platform.turn(&path).await;
    let project = platform.project(&path).await?;
    let Some(cluster) = project.cluster else {
        return Err(Fault::new(400, "the project has no database to bring back"));
    };
    platform.engine().ensure_started(cluster).await?;
    platform
        .registry()
        .set_project(&path, ProjectStatus::ActiveHealthy)
        .await?;
    Ok(())
}

/// The machine's own: a database is brought back as it was stopped.
async fn restore_versions(asked: Asked<GetRestoreVersions>) -> Result<RestoreVersions, Fault> {
    let Asked { platform, path, .. } = asked;
    let project = platform.project(&path).await?;
    let database = shown(&platform, project).database;
    Ok(RestoreVersions {
        available_versions: vec![RestoreVersion {
            version: database.version,
            release_channel: database.release_channel,
            postgres_engine: database.postgres_engine,
        }],
    })
}

async fn regions(asked: Asked<GetRegions>) -> Result<Regions, Fault> {
    if asked.query.organization_slug != ORGANIZATION {
        return Err(Fault::new(404, "Organization not found"));
    }
    let group = |(code, name, _): &(&str, &str, &str)| SmartGroup {
        name: (*name).to_owned(),
        code: (*code).to_owned(),
        kind: "smartGroup".to_owned(),
    };
    let region = |(code, name): &(&str, &str)| SpecificRegion {
        name: (*name).to_owned(),
        code: (*code).to_owned(),
        kind: "specific".to_owned(),
        provider: "AWS".to_owned(),
        status: None,
    };
    let [americas, ..] = &GROUPS;
    Ok(Regions {
        recommendations: RecommendedRegions {
            smart_group: group(americas),
            specific: REGIONS.iter().take(1).map(region).collect(),
        },
        all: AllRegions {
            smart_group: GROUPS.iter().map(group).collect(),
            specific: REGIONS.iter().map(region).collect(),
        },
    })
}

/// Services that are not run here are left out of the answer: nothing is claimed of them.
async fn health(asked: Asked<GetHealth>) -> Result<Vec<ServiceHealth>, Fault> {
    let Asked {
        platform,
        path,
        query,
        ..
    } = asked;
    let project = platform.project(&path).await?;
    let services: Vec<&str> = query
        .iter()
        .filter(|(key, _)| key == "services" || key == "services[]")
        .flat_map(|(_, value)| value.split(','))
        .collect();
    if services.is_empty() {
        return Err(Fault::new(400, "services is needed: db, for instance"));
    }
    let mut answers = Vec::new();
    for service in services {
        let login = match service {
            "db" => Login::Admin,
            // What the pooler passes its clients on to.
            "db_postgres_user" | "pooler" => Login::User,
            "auth" | "realtime" | "rest" | "storage" | "pg_bouncer" => continue,
            other => return Err(Fault::new(400, format!("there is no service {other}"))),
        };
        let error = match (project.status, project.cluster) {
            (ProjectStatus::ActiveHealthy, Some(cluster)) => {
                match platform.engine().connect(cluster, login).await {
                    Ok(mut session) => {
                        let asked = session.run("select 1", Limits::default()).await;
                        session.close().await;
                        asked.err().map(|error| error.to_string())
                    }
                    Err(error) => Some(error.to_string()),
                }
            }
            (status, _) => Some(match &project.reason {
                Some(reason) => format!("the project is {}: {reason}", status.as_str()),
                None => format!("the project is {}", status.as_str()),
            }),
        };
        let status = match (&error, project.status) {
            (None, _) => "ACTIVE_HEALTHY",
            (Some(_), ProjectStatus::ComingUp) => "COMING_UP",
            (Some(_), _) => "UNHEALTHY",
        };
        answers.push(ServiceHealth {
            name: service.to_owned(),
            healthy: error.is_none(),
            status: status.to_owned(),
            error,
        });
    }
    Ok(answers)
}

/// Whether an instance can be asked for in that size. `more` are sizes that are offered here besides.
pub(super) fn check_size(size: Option<&str>, more: &[&str]) -> Result<(), Fault> {
    let known = |size| SIZES.contains(size) || more.contains(size);
    match size {
        Some(size) if !known(&size) => Err(Fault::new(
            400,
            format!(
                "desired_instance_size is one of {}",
                [more, &SIZES].concat().join(", ")
            ),
        )),
        _ => Ok(()),
    }
}

fn choose_region(
    selection: Option<RegionSelection>,
    region: Option<String>,
) -> Result<String, Fault> {
    let [(_, _, default), ..] = GROUPS;
    let code = match (selection, region) {
        (Some(RegionSelection::SmartGroup { code }), _) => {
            return GROUPS
                .iter()
                .find(|(group, ..)| *group == code)
                .map(|(_, _, region)| (*region).to_owned())
                .ok_or_else(|| Fault::new(400, "a smart group is americas, emea or apac"));
        }
        (Some(RegionSelection::Specific { code }), _) | (None, Some(code)) => code,
        (None, None) => default.to_owned(),
    };
    if REGIONS.iter().any(|(known, _)| *known == code) {
        return Ok(code);
    }
    let known: Vec<&str> = REGIONS.iter().map(|(code, _)| *code).collect();
    Err(Fault::new(
        400,
        format!(
            "there is no region of that code; there are {}",
            known.join(", ")
        ),
    ))
}

fn created(project: StoredProject) -> CreatedProject {
    CreatedProject {
        id: project.reference.to_string(),
        reference: project.reference,
        organization_id: project.organization.clone(),
        organization_slug: project.organization,
        name: project.name,
        region: project.region,
        created_at: project.created_at,
        status: project.status,
    }
}

fn shown(platform: &Platform, project: StoredProject) -> Project {
    let engine = platform.engine();
    Project {
        project: created(project),
        database: ProjectDatabase {
            host: "127.0.0.1".to_owned(),
            version: engine.version().to_owned(),
            postgres_engine: engine.major().to_string(),
            release_channel: "ga".to_owned(),
        },
    }
}

fn stub(project: StoredProject) -> ProjectStub {
    ProjectStub {
        id: project.number,
        reference: project.reference,
        name: project.name,
    }
}

/// Twenty random letters: 94 bits, so that none is drawn twice.
pub(in crate::local) fn new_ref(purpose: &str, of: &str) -> Ref {
    loop {
        let letters = chance::text(purpose, of, chance::LETTERS, Ref::LEN);
        if let Ok(reference) = letters.parse() {
            return reference;
        }
    }
}
