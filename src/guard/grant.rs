//! Grants: what a tool is handed, and what bounds it. A grant lives for one call.
//!
//! Every field is private and every grant is made by [`Grant::resolve`] alone, so a tool can
//! neither make one nor reach past it. What a grant can do stands in the files beside this one.

use serde_json::json;

use super::branches::Missing;
use super::target::{MadeBranch, Resolved};
use super::{BranchCreation, Call, Code, Environment, Next, Refusal, Target, TargetView};
use crate::api::{DevBranch, Ref};
use crate::fence::quote;

/// What a tool can do at most. Annotations, filtering, journal and approval derive from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Looks.
    Read,
    /// Changes development branches.
    Dev,
    /// Reaches production, or costs money.
    Release,
}

/// A kind of grant.
pub trait Grant: Sized + Send + 'static {
    /// What it allows at most.
    const CLASS: Class;
    /// Whether it also serves calls that only look, where nothing may be changed.
    const READS: bool = matches!(Self::CLASS, Class::Read);

    /// Makes the grant for one call, or refuses.
    fn resolve(call: Call, target: Target) -> impl Future<Output = Result<Self, Refusal>> + Send;

    /// What the call is aimed at, for the result and the journal.
    fn target(&self) -> Option<TargetView>;
}

/// Looks at one environment, or at none in particular.
pub struct Read {
    pub(super) call: Call,
    place: Option<Place>,
}

/// An environment that is read.
#[derive(Debug, Clone)]
struct Place {
    project: Ref,
    branch: Option<String>,
    reference: Ref,
    redirected: bool,
    /// Whether production was asked for by name.
    by_name: bool,
}

impl Grant for Read {
    const CLASS: Class = Class::Read;

    async fn resolve(call: Call, target: Target) -> Result<Self, Refusal> {
        if target.project.is_none() {
            return Ok(Self { call, place: None });
        }
        let resolved = call.guard.resolve(&target).await?;
        let place = find_place(&call, &target, resolved).await?;
        Ok(Self {
            call,
            place: Some(place),
        })
    }

    fn target(&self) -> Option<TargetView> {
        let place = self.place.as_ref()?;
        Some(TargetView {
            project_id: place.project.to_string(),
            branch: place.branch.clone(),
            reference: place.reference.to_string(),
            environment: self.environment(),
            redirected: place.redirected,
            branch_made: None,
        })
    }
}

/// DEV where it exists, else production; what was asked for by name, or nothing.
async fn find_place(call: &Call, target: &Target, resolved: Resolved) -> Result<Place, Refusal> {
    let Resolved {
        project,
        branch,
        branch_ref,
    } = resolved;
    let production = |project: Ref| Place {
        reference: project.clone(),
        project,
        branch: None,
        redirected: false,
        by_name: target.environment == Some(Environment::Production),
    };
    if target.whole {
        return Ok(production(project));
    }
    match target.environment {
        Some(Environment::Production) if branch.is_some() => {
            return Err(Refusal::invalid(
                "environment says production, and a branch is named: give one of them",
            ));
        }
        Some(Environment::Production) => return Ok(production(project)),
        _ => {}
    }
    let named = branch.is_some() || target.environment == Some(Environment::Dev);
    let name = branch.unwrap_or_else(|| call.guard.policy().dev_branch.name.clone());
    if target.remembered
        && let Some(reference) = call.guard.remembered_branch(&project, &name).await?
        && branch_ref.as_ref().is_none_or(|own| *own == reference)
    {
        return Ok(Place {
            project,
            branch: Some(name),
            reference,
            redirected: branch_ref.is_none(),
            by_name: false,
        });
    }
    let branches = call.guard.branches_of(&project).await?;
    let mut matching = branches.into_iter().filter(|branch| match &branch_ref {
        Some(reference) => &branch.project_ref == reference,
        None => branch.name == name,
    });
    match (matching.next(), matching.next()) {
        (Some(branch), None) => Ok(Place {
            project,
            branch: Some(branch.name),
            reference: branch.project_ref,
            redirected: branch_ref.is_none(),
            by_name: false,
        }),
        (Some(_), Some(_)) => Err(Refusal::new(
            Code::AmbiguousBranch,
            format!(
                "several branches of {project} are called {}; give the ref of one as project_id",
                quote(name)
            ),
        )
        .next(Next::new(
            "list_branches",
            json!({ "project_id": project }),
            "shows the branches with their refs",
        ))),
        (None, _) if named => Err(Refusal::new(
            Code::NotFound,
            format!("project {project} has no branch {}", quote(name)),
        )
        .next(Next::new(
            "list_branches",
            json!({ "project_id": project }),
            "shows the branches that there are",
        ))),
        (None, _) => Ok(production(project)),
    }
}

impl Read {
    /// The ref that is read.
    pub(super) fn reference(&self) -> Result<&Ref, Refusal> {
        Ok(&self.place()?.reference)
    }

    /// Production's ref.
    pub(super) fn project(&self) -> Result<&Ref, Refusal> {
        Ok(&self.place()?.project)
    }

    /// The name of the branch that is read; none for production.
    pub(super) fn branch_name(&self) -> Option<&str> {
        self.place.as_ref()?.branch.as_deref()
    }

    /// Which environment is read.
    pub(super) fn environment(&self) -> Environment {
        match &self.place {
            Some(place) if place.branch.is_some() => Environment::Dev,
            _ => Environment::Production,
        }
    }

    /// Whether production is read because the call said so.
    pub(super) fn is_production_by_name(&self) -> bool {
        self.place.as_ref().is_some_and(|place| place.by_name)
    }

    fn place(&self) -> Result<&Place, Refusal> {
        self.place
            .as_ref()
            .ok_or_else(|| Refusal::invalid("project_id is missing"))
    }
}

/// Writes to one proven development branch.
pub struct Dev {
    pub(super) call: Call,
    pub(super) branch: DevBranch,
    redirected: bool,
    /// What is known of the branch if this very call made it.
    pub(super) made: Option<MadeBranch>,
}

impl Grant for Dev {
    const CLASS: Class = Class::Dev;

    async fn resolve(call: Call, target: Target) -> Result<Self, Refusal> {
        let Resolved {
            project,
            branch,
            branch_ref,
        } = call.guard.resolve(&target).await?;
        let name = branch.unwrap_or_else(|| call.guard.policy().dev_branch.name.clone());
        let guard = call.guard.clone();
        let (branch, made) = match (&branch_ref, target.as_is) {
            (Some(reference), true) => (guard.prove_ref(&project, reference).await?, None),
            (None, true) => (guard.prove(&project, &name).await?, None),
            (Some(reference), false) => {
                let branch = guard.prove_ref(&project, reference).await?;
                (guard.ready(&call, branch).await?, None)
            }
            (None, false) => {
                let by_policy = guard.policy().dev_branch.create == BranchCreation::FirstWrite;
                let missing = if target.create && (by_policy || call.tool == "create_branch") {
                    Missing::MayBeMade(target.secrets.as_slice())
                } else {
                    Missing::IsRefused
                };
                guard.dev_branch(&call, &project, &name, missing).await?
            }
        };
        Ok(Self {
            call,
            branch,
            redirected: branch_ref.is_none(),
            made,
        })
    }

    fn target(&self) -> Option<TargetView> {
        Some(TargetView {
            project_id: self.branch.project().to_string(),
            branch: Some(self.branch.name().to_owned()),
            reference: self.branch.reference().to_string(),
            environment: Environment::Dev,
            redirected: self.redirected,
            branch_made: self.made,
        })
    }
}

impl Dev {
    /// A grant for the guard's own work on a branch that it has proven.
    pub(super) fn of(call: Call, branch: DevBranch) -> Self {
        Self {
            call,
            branch,
            redirected: false,
            made: None,
        }
    }
}

/// Runs SQL: reads an environment, or writes to a development branch, as the SQL demands.
pub enum Sql {
    /// The SQL only reads.
    Read(Read),
    /// The SQL writes.
    Dev(Dev),
}

impl Grant for Sql {
    const CLASS: Class = Class::Dev;
    const READS: bool = true;

    async fn resolve(call: Call, target: Target) -> Result<Self, Refusal> {
        if !target.writes {
            return Ok(Self::Read(Read::resolve(call, target).await?));
        }
        if target.environment == Some(Environment::Production) {
            return Err(Refusal::new(
                Code::ProductionIsProtected,
                "this SQL writes, and writes never run on production; without environment it runs on the DEV branch",
            ));
        }
        Ok(Self::Dev(Dev::resolve(call, target).await?))
    }

    fn target(&self) -> Option<TargetView> {
        match self {
            Self::Read(read) => read.target(),
            Self::Dev(dev) => dev.target(),
        }
    }
}

/// Makes something new, which costs money and which no gate could judge.
///
/// What stands in this and the next two grants is no leave yet: whether the policy allows the effect
/// by itself or an approval must is decided at the moment of the effect, and only leave that was
/// taken for it issues a permit.
pub struct Launch {
    pub(super) call: Call,
}

impl Grant for Launch {
    const CLASS: Class = Class::Release;

    async fn resolve(call: Call, target: Target) -> Result<Self, Refusal> {
        if target.project.is_some() {
            return Err(Refusal::invalid("what is new belongs to no project yet"));
        }
        if !call.guard.policy().projects.is_empty() {
            return Err(Refusal::new(
                Code::OutOfScope,
                "the policy names the projects that may be touched, and a new one is none of them",
            )
            .operator(
                "start a server without --project-ref, and without `projects` in its policy",
            ));
        }
        Ok(Self { call })
    }

    fn target(&self) -> Option<TargetView> {
        None
    }
}

/// Carries what is on one proven development branch to production.
pub struct Release {
    pub(super) dev: Dev,
}

impl Grant for Release {
    const CLASS: Class = Class::Release;

    async fn resolve(call: Call, target: Target) -> Result<Self, Refusal> {
        Ok(Self {
            dev: Dev::resolve(call, target).await?,
        })
    }

    fn target(&self) -> Option<TargetView> {
        self.dev.target()
    }
}

/// Changes a project as a whole: production itself.
pub struct Production {
    pub(super) call: Call,
    pub(super) project: Ref,
}

impl Grant for Production {
    const CLASS: Class = Class::Release;

    /// Takes production's own ref: who names a branch does not mean production.
    async fn resolve(call: Call, target: Target) -> Result<Self, Refusal> {
        let resolved = call.guard.resolve(&target).await?;
        if let Some(branch) = resolved.branch {
            return Err(Refusal::invalid(format!(
                "{} works on a whole project, production included, and this is its branch {}",
                call.tool,
                quote(branch)
            ))
            .next(Next::new(
                "get_project",
                json!({ "project_id": resolved.project }),
                "shows the project that the branch belongs to, with its ref",
            )));
        }
        Ok(Self {
            call,
            project: resolved.project,
        })
    }

    fn target(&self) -> Option<TargetView> {
        Some(TargetView {
            project_id: self.project.to_string(),
            branch: None,
            reference: self.project.to_string(),
            environment: Environment::Production,
            redirected: false,
            branch_made: None,
        })
    }
}
