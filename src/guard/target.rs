//! What a `project_id` and a `branch` stand for.
//!
//! A write tool names a project, by production's ref or any of its branches', and perhaps a
//! branch by name. It has no way to name production. What cannot be proven to be a development
//! branch is production, and what a ref stands for is never guessed.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{ALIKE, Code, DevSecrets, Guard, Next, Refusal};
use crate::api::branches::{Branch, ListBranches};
use crate::api::projects::ListProjects;
use crate::api::{ApiError, DevBranch, Ref, Unproven, Which};
use crate::clock;
use crate::fence::quote;

/// Production, or a branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    /// A development branch.
    Dev,
    /// The project itself.
    Production,
}

/// What a call aims at, as it was asked for.
#[derive(Debug, Clone, Default)]
pub struct Target {
    pub(super) project: Option<String>,
    pub(super) branch: Option<String>,
    pub(super) environment: Option<Environment>,
    pub(super) create: bool,
    pub(super) writes: bool,
    pub(super) as_is: bool,
    pub(super) whole: bool,
    pub(super) remembered: bool,
    pub(super) secrets: DevSecrets,
}

impl Target {
    /// No project at all.
    pub fn none() -> Self {
        Self::default()
    }

    /// A project, by the ref as it was given.
    pub fn project(project_id: &str) -> Self {
        Self {
            project: Some(project_id.to_owned()),
            writes: true,
            ..Self::default()
        }
    }

    /// One branch of it, by name.
    #[must_use]
    pub fn branch(mut self, name: Option<&str>) -> Self {
        self.branch = name.map(str::to_owned);
        self
    }

    /// An environment, asked for by name.
    #[must_use]
    pub fn environment(mut self, environment: Option<Environment>) -> Self {
        self.environment = environment;
        self
    }

    /// The DEV branch is made if there is none.
    #[must_use]
    pub fn or_create(mut self) -> Self {
        self.create = true;
        self
    }

    /// What is made gets these secrets.
    #[must_use]
    pub fn with_secrets(mut self, secrets: DevSecrets) -> Self {
        self.secrets = secrets;
        self
    }

    /// The branch is taken in whatever state it is: for what mends or removes it.
    #[must_use]
    pub fn as_is(mut self) -> Self {
        self.as_is = true;
        self
    }

    /// The project with all its branches, whichever of its refs was given.
    #[must_use]
    pub fn whole_project(mut self) -> Self {
        self.whole = true;
        self.to_read()
    }

    /// What Drydock itself remembers of the branch is read, and a listing of branches that has just been seen is
    /// enough to find it by: see [`Guard::remembered_branch`].
    #[must_use]
    pub fn from_memory(mut self) -> Self {
        self.remembered = true;
        self.to_read()
    }

    /// Nothing will be written.
    #[must_use]
    pub fn to_read(mut self) -> Self {
        self.writes = false;
        self
    }
}

/// What a call was aimed at, as every result says it.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct TargetView {
    /// Production's ref.
    pub project_id: String,
    /// The branch's name; none for production.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub branch: Option<String>,
    /// The ref that was read or written.
    #[serde(rename = "ref")]
    pub reference: String,
    /// Production or a branch.
    pub environment: Environment,
    /// Whether production's ref was given and the branch was meant.
    pub redirected: bool,
    /// The branch was made by this very call.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub branch_made: Option<MadeBranch>,
}

/// What is to be known of a branch that a call made.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct MadeBranch {
    /// US dollars an hour while it runs; none where it costs nothing or the platform does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usd_per_hour: Option<f64>,
}

/// A project and, where one was named or stands for itself, a branch's name.
#[derive(Debug, Clone)]
pub(super) struct Resolved {
    /// Production's ref.
    pub(super) project: Ref,
    /// The branch's name; none if production's ref was given without one.
    pub(super) branch: Option<String>,
    /// The given ref, where it was a branch's own.
    pub(super) branch_ref: Option<Ref>,
}

/// For how long a listing of branches is taken for what there is, by what needs no more: in milliseconds of the clock.
const FRESH: i64 = 10_000;

/// When this process last saw the branches of which project.
#[derive(Default)]
pub(super) struct Listings(Mutex<HashMap<Ref, i64>>);

impl Listings {
    fn lock(&self) -> MutexGuard<'_, HashMap<Ref, i64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn seen(&self, project: &Ref) {
        let now = clock::unix_millis();
        let mut listings = self.lock();
        listings.retain(|_, at| is_fresh(*at, now));
        listings.insert(project.clone(), now);
    }

    fn are_fresh(&self, project: &Ref) -> bool {
        let seen = self.lock().get(project).copied();
        seen.is_some_and(|at| is_fresh(at, clock::unix_millis()))
    }
}

fn is_fresh(at: i64, now: i64) -> bool {
    // The machine's clock may be put back.
    (now - at).abs() < FRESH
}

impl Guard {
    /// Parses a ref; a text that is none is refused with the ref that it probably meant, and
    /// nothing is sent to the platform.
    pub(super) async fn parse_ref(&self, text: &str) -> Result<Ref, Refusal> {
        match text.parse::<Ref>() {
            Ok(reference) => Ok(reference),
            Err(error) => {
                let likely = self.store().refs_by_name(text).await?;
                let message = if likely.is_empty() {
                    format!("project_id: {error}")
                } else {
                    format!("project_id: {error}; did you mean {}?", likely.join(" or "))
                };
                Err(Refusal::invalid(message)
                    .next(Next::new(
                        "list_projects",
                        json!({}),
                        "lists the projects with their refs",
                    ))
                    .details(json!({ "likely": likely })))
            }
        }
    }

    /// Finds out what the target's ref stands for.
    pub(super) async fn resolve(&self, target: &Target) -> Result<Resolved, Refusal> {
        let text = target.project.as_deref().unwrap_or_default();
        let reference = self.parse_ref(text).await?;
        let resolved = self.resolve_ref(&reference).await?;
        if !self.policy().covers(&resolved.project) {
            return Err(out_of_scope());
        }
        match (&resolved.branch, &target.branch) {
            (Some(own), Some(named)) if own != named => Err(Refusal::invalid(format!(
                "project_id is the ref of branch {}, and branch says {}: give one of them",
                quote(own),
                quote(named)
            ))),
            (None, Some(named)) => Ok(Resolved {
                branch: Some(named.clone()),
                ..resolved
            }),
            _ => Ok(resolved),
        }
    }

    async fn resolve_ref(&self, reference: &Ref) -> Result<Resolved, Refusal> {
        if let Some(found) = self.known_ref(reference).await? {
            return Ok(found);
        }
        // A server whose policy names its projects asks about no others.
        let named = &self.policy().projects;
        if named.contains(reference) {
            return Ok(production_of(reference.clone()));
        }
        if !named.is_empty() {
            for project in named {
                self.branches_of(project)
                    .await
                    .map_err(unknown(reference))?;
            }
            return self.known_ref(reference).await?.ok_or_else(out_of_scope);
        }
        let projects = self
            .client()
            .look::<ListProjects>((), &())
            .await
            .map_err(unknown(reference))?;
        let listed: Vec<(Ref, String)> = projects
            .into_iter()
            .map(|project| (project.project.reference, project.project.name))
            .collect();
        self.store().remember_projects(listed.clone()).await;
        if listed.iter().any(|(project, _)| project == reference) {
            return Ok(production_of(reference.clone()));
        }
        for (project, _) in &listed {
            let branches = self
                .branches_of(project)
                .await
                .map_err(unknown(reference))?;
            if branches
                .iter()
                .any(|branch| &branch.project_ref == reference)
                && let Some(found) = self.known_ref(reference).await?
            {
                return Ok(found);
            }
        }
        Err(Refusal::new(
            Code::TargetUnknown,
            format!("no project and no branch that this token can see has the ref {reference}"),
        )
        .next(Next::new(
            "list_projects",
            json!({}),
            "lists the projects with their refs",
        )))
    }

    /// What the store knows of a ref.
    async fn known_ref(&self, reference: &Ref) -> Result<Option<Resolved>, Refusal> {
        if let Some((project, branch)) = self.store().branch_by_ref(reference).await? {
            return Ok(Some(Resolved {
                project,
                branch: Some(branch),
                branch_ref: Some(reference.clone()),
            }));
        }
        if self.store().knows_project(reference).await? {
            return Ok(Some(production_of(reference.clone())));
        }
        Ok(None)
    }

    /// A project's branches, without production's own entry; the store learns them.
    pub(super) async fn branches_of(&self, project: &Ref) -> Result<Vec<Branch>, ApiError> {
        let listed = match self
            .client()
            .look::<ListBranches>(project.clone(), &())
            .await
        {
            // Branching is off: the same as no branches.
            Err(error) if error.status() == Some(422) => Vec::new(),
            other => other?,
        };
        match self.store().remember_branches(project, &listed).await {
            Ok(()) => self.inner.listings.seen(project),
            Err(error) => {
                tracing::warn!(%error, "the branches of {project} could not be remembered");
            }
        }
        Ok(listed
            .into_iter()
            .filter(|branch| !branch.is_default)
            .collect())
    }

    /// The ref of a branch by its name, where this process has seen the project's branches within the last
    /// [`FRESH`] and the store remembers exactly one of that name. What other tools and servers of this store make or
    /// delete, it knows at once; what happens outside of Drydock, after that time.
    pub(super) async fn remembered_branch(
        &self,
        project: &Ref,
        name: &str,
    ) -> Result<Option<Ref>, Refusal> {
        if !self.inner.listings.are_fresh(project) {
            return Ok(None);
        }
        let mut called = self.store().branches_called(project, name).await?;
        Ok(called.pop().filter(|_| called.is_empty()))
    }

    /// Proves a branch to be a development branch, or says in words why it is not.
    pub(super) async fn prove(&self, project: &Ref, name: &str) -> Result<DevBranch, Refusal> {
        self.prove_which(project, Which::Named(name)).await
    }

    /// Proves the branch of a ref, whatever it is called now.
    pub(super) async fn prove_ref(
        &self,
        project: &Ref,
        reference: &Ref,
    ) -> Result<DevBranch, Refusal> {
        self.prove_which(project, Which::Ref(reference))
            .await
            .map_err(|refusal| {
                if refusal.code != Code::NoDevBranch {
                    return refusal;
                }
                Refusal::new(
                    Code::NotFound,
                    format!("the branch {reference} of project {project} is gone"),
                )
                .next(Next::new(
                    "list_branches",
                    json!({ "project_id": project }),
                    "shows the branches that there are",
                ))
            })
    }

    async fn prove_which(&self, project: &Ref, which: Which<'_>) -> Result<DevBranch, Refusal> {
        let name = which.to_string();
        let proven = DevBranch::prove(self.client(), project, which).await;
        if let Ok(branch) = &proven
            && self.oauth().is_ok()
        {
            // The token of a claimed project is found for its branches too.
            self.store()
                .remember_branch(project, branch.reference(), branch.name())
                .await?;
        }
        proven.map_err(|unproven| match unproven {
                Unproven::Api(error) => unknown(project)(error),
                Unproven::Missing { others, .. } => missing(project, &name, &others),
                Unproven::Ambiguous { refs, .. } => Refusal::new(
                    Code::AmbiguousBranch,
                    format!("{unproven_name} is the name of several branches; give the ref of one as project_id", unproven_name = quote(&name)),
                )
                .details(json!({ "refs": refs })),
                Unproven::Production { reason, .. } => Refusal::new(
                    Code::ProductionIsProtected,
                    format!("{} cannot be written to: {reason}", quote(&name)),
                )
                .next(Next::new(
                    "list_branches",
                    json!({ "project_id": project }),
                    "shows the branches that can be written to",
                )),
                Unproven::HoldsProductionData { .. } => Refusal::new(
                    Code::ProductionDataInBranch,
                    format!("{} was made with production's rows, and agents work on branches without them", quote(&name)),
                )
                .next(Next::new(
                    "list_branches",
                    json!({ "project_id": project }),
                    "shows the branches that can be written to",
                )),
            })
    }
}

/// There is no branch of that name; perhaps one that is called nearly so is meant.
fn missing(project: &Ref, name: &str, others: &[String]) -> Refusal {
    let wanted = name.to_lowercase();
    let meant = others.iter().find(|other| {
        let other = other.to_lowercase();
        strsim::jaro_winkler(&other, &wanted) >= ALIKE
            || strsim::damerau_levenshtein(&other, &wanted) <= 1
    });
    match meant {
        Some(meant) => Refusal::new(
            Code::NoDevBranch,
            format!(
                "project {project} has no branch {}; {} is there, if that is meant",
                quote(name),
                quote(meant)
            ),
        )
        .next(Next::new(
            "list_branches",
            json!({ "project_id": project }),
            "shows the branches that there are",
        )),
        None => Refusal::new(
            Code::NoDevBranch,
            format!("project {project} has no branch {} yet", quote(name)),
        )
        .next(Next::new(
            "create_branch",
            json!({ "project_id": project, "name": name }),
            "makes the branch; writes land there",
        )),
    }
}

fn production_of(project: Ref) -> Resolved {
    Resolved {
        project,
        branch: None,
        branch_ref: None,
    }
}

fn out_of_scope() -> Refusal {
    Refusal::new(
        Code::OutOfScope,
        "the policy of this server covers other projects, and it cannot touch this one",
    )
    .next(Next::new(
        "list_projects",
        json!({}),
        "lists the projects that this server may touch",
    ))
    .operator("start another server for that project, or one without --project-ref")
}

/// Where the platform does not say what a ref is, nothing is assumed.
fn unknown(reference: &Ref) -> impl Fn(ApiError) -> Refusal {
    let reference = reference.to_string();
    move |error| {
        Refusal::new(
            Code::TargetUnknown,
            format!(
                "what {reference} stands for cannot be told, because {error}; nothing was done"
            ),
        )
        .operator(
            "see to it that the platform answers and that the token may list projects and branches",
        )
    }
}
