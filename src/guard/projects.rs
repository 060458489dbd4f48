//! Launching projects.

use std::future::ready;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::costs::Extra;
use super::leaves::ask_to_create;
use super::lifecycle::until;
use super::policy::LaunchPolicy;
use super::{ALIKE, Call, Code, Guard, Launch, Next, Operation, PATIENCE, Refusal};
use crate::api::Ref;
use crate::api::organizations::ListOrganizations;
use crate::api::projects::{
    CreateProject, CreateProjectBody, CreatedProject, GetHealth, GetRegions, ListProjects,
    ProjectStatus, RegionSelection, RegionsQuery, SpecificRegion,
};
use crate::fence::quote;
use crate::hex;
use crate::store::{AskedFor, PASSWORD};

/// A project that is asked for.
#[derive(Debug, Clone)]
pub struct NewProject {
    /// Its name.
    pub name: String,
    /// The owner's slug; the only one there is without.
    pub organization_id: Option<String>,
    /// A region's code, or `americas`, `emea`, `apac`; the platform's choice without.
    pub region: Option<String>,
    /// The compute size; the platform's choice without.
    pub instance_size: Option<String>,
    /// The key under which it is created once.
    pub idempotency_key: Option<String>,
}

/// A project as agents see it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct LaunchedProject {
    /// Its ref: the project_id of every other tool.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its region.
    pub region: String,
    /// ACTIVE_HEALTHY when it can be used.
    pub status: String,
    /// The owner's slug.
    pub organization_id: String,
    /// When it was created.
    pub created_at: String,
}

impl From<CreatedProject> for LaunchedProject {
    fn from(project: CreatedProject) -> Self {
        Self {
            id: project.reference.to_string(),
            name: project.name,
            region: project.region,
            status: project.status.as_str().to_owned(),
            organization_id: project.organization_slug,
            created_at: project.created_at,
        }
    }
}

impl Launch {
    /// Creates a project and waits until it is healthy.
    pub async fn create_project(self, new: NewProject) -> Result<LaunchedProject, Refusal> {
        let fits = !new.name.trim().is_empty()
            && new.name.chars().count() <= 256
            && !new.name.chars().any(char::is_control);
        if !fits {
            return Err(Refusal::invalid(
                "a project's name is 1 to 256 characters, none of them control characters",
            ));
        }
        Refusal::unless_harmless("project's name", &new.name)?;
        if let Some(slug) = &new.organization_id {
            Refusal::unless_harmless("organization's id", slug)?;
        }
        check_launch(&self.call.guard.policy().launch, &new)?;
        if matches!(new.instance_size.as_deref(), Some("nano" | "pico")) {
            return Err(Refusal::invalid(
                "the smallest size is had by leaving instance_size out: the platform then chooses nano, pico or micro, whichever the organization is given",
            ));
        }
        let call = self.call;
        let guard = call.guard.clone();
        // A call that takes up the work of one whose process died finds what that one made.
        let key = new
            .idempotency_key
            .clone()
            .unwrap_or_else(|| call.operation.clone());
        // One at a time for one key: the second finds what the first made.
        let _turn = guard
            .turn(
                format!("create_project:{}", hex::sha256_text(&key)),
                PATIENCE,
            )
            .await?;
        if let Some(reference) = guard.store().project_created_under(&key).await? {
            return until(&call, &reference, ProjectStatus::ActiveHealthy).await;
        }
        let organization_slug = match new.organization_id.clone() {
            Some(slug) => slug,
            None => only_organization(&call).await?,
        };
        check_region(&call, &new, &organization_slug).await?;
        let asked = AskedFor {
            project_name: new.name.clone(),
            organization: organization_slug.clone(),
        };
        let sealed = guard.sealed_password(&key, asked).await?;
        let (handle, made, fresh) = (sealed.handle, sealed.made, sealed.fresh);
        let body = CreateProjectBody {
            db_pass: sealed.password,
            name: new.name,
            organization_slug,
            region_selection: new.region.map(region_selection),
            region: None,
            desired_instance_size: new.instance_size,
        };
        let created = match made {
            Some(made) => made,
            None => create(&call, &body, fresh.then_some(handle.as_str())).await?,
        };
        guard
            .store()
            .adopt_created(&handle, &created.reference, &created.name, &key)
            .await
            .map_err(|error| {
                let mut refusal = Refusal::from(error);
                refusal.message = format!(
                    "project {} is created, and Drydock cannot remember it: {}",
                    created.reference, refusal.message
                );
                refusal
            })?;
        let project = until(&call, &created.reference, ProjectStatus::ActiveHealthy).await?;
        if project.status == ProjectStatus::ActiveHealthy.as_str() {
            guard
                .record_production(&created.reference, "create")
                .await?;
            call.first_keys(&created.reference).await;
        }
        Ok(project)
    }
}

/// Asks the platform. If nothing was made, the password that is `unused` then is forgotten.
async fn create(
    call: &Call,
    body: &CreateProjectBody,
    unused: Option<&str>,
) -> Result<CreatedProject, Refusal> {
    let guard = &call.guard;
    let extra = Extra::machine(body.desired_instance_size.as_deref());
    let leave = async {
        // Held until the project counts.
        let cost = call.check_cost(&body.organization_slug, &extra).await?;
        let operations = cost.operations(Operation::CreateProject);
        let leave = call
            .leave(&operations, ready(Ok(ask_to_create(body, &cost))))
            .await?;
        Ok((leave, cost))
    };
    let (leave, _cost) = match leave.await {
        Ok(leave) => leave,
        Err(refusal) => {
            forget_password(guard, unused).await;
            return Err(refusal);
        }
    };
    call.step("creating the project");
    let answer = guard
        .client()
        .release::<CreateProject>(&leave.permit(), (), &(), body)
        .await;
    match answer {
        Ok(created) => Ok(created),
        Err(error) if error.may_have_happened() => Err(Refusal::from(error).next(Next::new(
            "list_projects",
            json!({}),
            "shows whether the project was created before it is asked for again",
        ))),
        Err(error) => {
            forget_password(guard, unused).await;
            Err(error.into())
        }
    }
}

/// Forgets a password that nobody was ever sent.
async fn forget_password(guard: &Guard, unused: Option<&str>) {
    if let Some(handle) = unused
        && let Err(error) = guard.store().drop_sealed(handle, PASSWORD).await
    {
        tracing::warn!(%error, "the password of a project that was not made stays in the vault");
    }
}

/// Whether the policy lets a project be put where it is asked for, at the size it is asked for.
fn check_launch(policy: &LaunchPolicy, new: &NewProject) -> Result<(), Refusal> {
    let within =
        |what: &str, allowed: &[String], asked: Option<&String>| {
            // Without a list anything goes; with one, the platform's own choice could be another.
            if allowed.is_empty() || asked.is_some_and(|asked| allowed.contains(asked)) {
                return Ok(());
            }
            let asked = match asked {
                Some(asked) => format!("not {}", quote(asked)),
                None => "and none is named".to_owned(),
            };
            Err(Refusal::new(
            Code::OutsidePolicy,
            format!("the policy allows the {what} {}, {asked}", allowed.join(", ")),
        )
        .next(Next::new(
            "create_project",
            json!({
                "name": new.name,
                "organization_id": new.organization_id,
                "region": first_allowed(&policy.regions, new.region.as_ref()),
                "instance_size": first_allowed(&policy.instance_sizes, new.instance_size.as_ref()),
                "idempotency_key": new.idempotency_key,
            }),
            "the same with what the policy allows",
        )))
        };
    within("regions", &policy.regions, new.region.as_ref())?;
    // A size left out is the platform's smallest.
    match &new.instance_size {
        Some(size) => within("instance sizes", &policy.instance_sizes, Some(size)),
        None => Ok(()),
    }
}

/// Whether the policy lets a project have a compute size.
pub(super) fn allow_size(policy: &LaunchPolicy, size: &str, project: &Ref) -> Result<(), Refusal> {
    let allowed = &policy.instance_sizes;
    if allowed.is_empty() || allowed.iter().any(|one| one == size) {
        return Ok(());
    }
    Err(Refusal::new(
        Code::OutsidePolicy,
        format!(
            "the policy allows the instance sizes {}, not {}",
            allowed.join(", "),
            quote(size)
        ),
    )
    .next(Next::new(
        "list_compute_sizes",
        json!({ "project_id": project }),
        "lists the sizes with their prices, and which are allowed",
    )))
}

/// Whether there is such a region, and room in it. A smart group finds room by itself.
async fn check_region(call: &Call, new: &NewProject, organization: &str) -> Result<(), Refusal> {
    let Some(code) = new.region.as_deref().filter(|code| !is_smart_group(code)) else {
        return Ok(());
    };
    let query = RegionsQuery {
        organization_slug: organization.to_owned(),
        continent: None,
        desired_instance_size: new.instance_size.clone(),
    };
    let regions = call.guard.client().look::<GetRegions>((), &query).await?;
    let all = &regions.all.specific;
    let elsewhere = |region: &str, why: &'static str| {
        Next::new(
            "create_project",
            json!({
                "name": new.name,
                "organization_id": new.organization_id,
                "region": region,
                "instance_size": new.instance_size,
                "idempotency_key": new.idempotency_key,
            }),
            why,
        )
    };
    match all.iter().find(|region| region.code == code) {
        None => {
            let nearest = all
                .iter()
                .map(|region| (likeness(region, code), region))
                .filter(|(likeness, _)| *likeness >= ALIKE)
                .max_by(|(one, _), (other, _)| one.total_cmp(other));
            let known: Vec<&str> = all.iter().map(|region| region.code.as_str()).collect();
            let refusal = Refusal::invalid(format!(
                "there is no region {}; there are {}",
                quote(code),
                known.join(", ")
            ));
            Err(match nearest {
                Some((_, nearest)) => refusal.next(elsewhere(
                    &nearest.code,
                    "the same in the region of the nearest name",
                )),
                None => refusal.next(Next::new(
                    "list_regions",
                    json!({ "organization_id": new.organization_id }),
                    "lists the regions with the places that they are in",
                )),
            })
        }
        Some(region) if region.status.is_some() => {
            let group = &regions.recommendations.smart_group.code;
            Err(Refusal::new(
                Code::NoCapacity,
                format!("the platform has no room in the region {}", quote(code)),
            )
            .next(elsewhere(
                group,
                "the same wherever there is room in the group that the platform recommends",
            )))
        }
        Some(_) => Ok(()),
    }
}

/// How much a word is like a region's code, or a word of its name: `Frankfurt` is in `Central EU (Frankfurt)`.
fn likeness(region: &SpecificRegion, asked: &str) -> f64 {
    let asked = asked.to_lowercase();
    let name = region.name.to_lowercase();
    let words = name
        .split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| word.len() > 4 && !matches!(*word, "north" | "south" | "central"));
    words
        .chain([region.code.as_str(), name.as_str()])
        .map(|word| strsim::jaro_winkler(word, &asked))
        .fold(0.0, f64::max)
}

fn is_smart_group(region: &str) -> bool {
    matches!(region, "americas" | "emea" | "apac")
}

/// What was asked for where it is allowed, else the first that is.
fn first_allowed<'a>(allowed: &'a [String], asked: Option<&'a String>) -> Option<&'a String> {
    asked
        .filter(|asked| allowed.is_empty() || allowed.contains(asked))
        .or(allowed.first())
}

/// What the platform says of the database of a project that did not come up.
pub(super) async fn why_unhealthy(call: &Call, reference: &Ref) -> String {
    let query = vec![("services".to_owned(), "db".to_owned())];
    let health = call
        .guard
        .client()
        .look::<GetHealth>(reference.clone(), &query)
        .await;
    health
        .ok()
        .and_then(|services| services.into_iter().find_map(|service| service.error))
        .unwrap_or_else(|| "the platform does not say why".to_owned())
}

pub(super) async fn only_organization(call: &Call) -> Result<String, Refusal> {
    let organizations = call
        .guard
        .client()
        .look::<ListOrganizations>((), &())
        .await?;
    match organizations.as_slice() {
        [only] => Ok(only.slug.clone()),
        [] => Err(Refusal::new(
            Code::NotFound,
            "the access token sees no organization to create a project in",
        )
        .operator("create an organization, or give Drydock a token of one")),
        several => Err(Refusal::invalid(
            "organization_id is needed: there are several organizations",
        )
        .next(Next::new(
            "list_organizations",
            json!({}),
            "lists the organizations with their ids",
        ))
        .details(json!({
            "organizations": several.iter().map(|one| json!({ "id": one.slug, "name": one.name })).collect::<Vec<_>>(),
        }))),
    }
}

fn region_selection(region: String) -> RegionSelection {
    if is_smart_group(&region) {
        RegionSelection::SmartGroup { code: region }
    } else {
        RegionSelection::Specific { code: region }
    }
}

impl super::Read {
    /// The projects that the token can see and the policy covers.
    pub async fn projects(&self) -> Result<Vec<LaunchedProject>, Refusal> {
        let guard = &self.call.guard;
        let projects = guard.client().look::<ListProjects>((), &()).await?;
        let mut projects: Vec<CreatedProject> =
            projects.into_iter().map(|one| one.project).collect();
        projects.extend(guard.claimed_beside(&projects).await?);
        let projects: Vec<CreatedProject> = projects
            .into_iter()
            .filter(|project| guard.policy().covers(&project.reference))
            .collect();
        let names = projects
            .iter()
            .map(|project| (project.reference.clone(), project.name.clone()))
            .collect();
        guard.store().remember_projects(names).await;
        Ok(projects.into_iter().map(LaunchedProject::from).collect())
    }
}
