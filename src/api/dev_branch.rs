//! The proof that a branch is a development branch.

use super::branches::{Branch, ListBranches};
use super::client::Client;
use super::error::ApiError;
use super::reference::Ref;

/// A branch that the platform itself says is no production: the only thing that can be written to.
///
/// There is one way to get one, [`DevBranch::prove`], and it asks the platform. Every method of
/// the [`Client`] that writes takes one, so a write to production has no spelling.
#[derive(Debug, Clone)]
pub struct DevBranch {
    project: Ref,
    branch: Branch,
}

/// Why a branch could not be proven to be a development branch.
#[derive(Debug, thiserror::Error)]
pub enum Unproven {
    /// The branches could not be listed, so nothing is known.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// There is no branch of that name.
    #[error("there is no branch {name} of project {project}")]
    Missing {
        /// Production's ref.
        project: Ref,
        /// The name that was asked for.
        name: String,
        /// The names of the project's development branches.
        others: Vec<String>,
    },
    /// Several branches carry that name.
    #[error("{} branches of project {project} are called {name}", refs.len())]
    Ambiguous {
        /// Production's ref.
        project: Ref,
        /// The name that was asked for.
        name: String,
        /// Their refs.
        refs: Vec<Ref>,
    },
    /// What carries that name is production, or claims another parent.
    #[error("{name} of project {project} is not a development branch: {reason}")]
    Production {
        /// Production's ref.
        project: Ref,
        /// The name that was asked for.
        name: String,
        /// What speaks against it.
        reason: &'static str,
    },
    /// It was made with production's rows, which no agent may change or read freely.
    #[error("{name} of project {project} holds production's rows")]
    HoldsProductionData {
        /// Production's ref.
        project: Ref,
        /// The name that was asked for.
        name: String,
    },
}

/// Which branch is meant.
#[derive(Debug, Clone, Copy)]
pub enum Which<'a> {
    /// The one of that name, if it is the only one.
    Named(&'a str),
    /// The one of that ref, whatever it is called now.
    Ref(&'a Ref),
}

impl Which<'_> {
    fn is(self, branch: &Branch) -> bool {
        match self {
            Self::Named(name) => branch.name == name,
            Self::Ref(reference) => &branch.project_ref == reference,
        }
    }
}

impl std::fmt::Display for Which<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Named(name) => f.write_str(name),
            Self::Ref(reference) => reference.fmt(f),
        }
    }
}

impl DevBranch {
    /// Asks the platform for `project`'s branches and proves the one that is meant: it exists
    /// once, is not the default, says that `project` is its parent, has a ref of its own and holds
    /// none of production's rows.
    pub async fn prove(client: &Client, project: &Ref, which: Which<'_>) -> Result<Self, Unproven> {
        let name = which.to_string();
        let branches = match client.look::<ListBranches>(project.clone(), &()).await {
            // Branching is off: the same as no branches.
            Err(error) if error.status() == Some(422) => Vec::new(),
            other => other?,
        };
        let production = |reason| Unproven::Production {
            project: project.clone(),
            name: name.clone(),
            reason,
        };
        let (named, others): (Vec<_>, Vec<_>) =
            branches.into_iter().partition(|branch| which.is(branch));
        let mut named = named.into_iter();
        let Some(branch) = named.next() else {
            let others = others.into_iter().filter(|branch| !branch.is_default);
            return Err(Unproven::Missing {
                project: project.clone(),
                name: name.clone(),
                others: others.map(|branch| branch.name).collect(),
            });
        };
        let others: Vec<Ref> = named.map(|other| other.project_ref).collect();
        if !others.is_empty() {
            let mut refs = vec![branch.project_ref];
            refs.extend(others);
            return Err(Unproven::Ambiguous {
                project: project.clone(),
                name: name.clone(),
                refs,
            });
        }
        if branch.is_default {
            return Err(production("it is the default branch"));
        }
        if &branch.parent_project_ref != project {
            return Err(production("its parent is another project"));
        }
        if branch.project_ref == branch.parent_project_ref {
            return Err(production("its ref is production's own"));
        }
        if branch.with_data {
            return Err(Unproven::HoldsProductionData {
                project: project.clone(),
                name: name.clone(),
            });
        }
        Ok(Self {
            project: project.clone(),
            branch,
        })
    }

    /// Production's ref.
    pub fn project(&self) -> &Ref {
        &self.project
    }

    /// The branch's own ref.
    pub fn reference(&self) -> &Ref {
        &self.branch.project_ref
    }

    /// The branch's name.
    pub fn name(&self) -> &str {
        &self.branch.name
    }

    /// What the platform said of it when it was proven.
    pub fn branch(&self) -> &Branch {
        &self.branch
    }
}

/// Paths of endpoints that change a branch: made of a proven branch only.
pub trait BranchPath {
    /// The path's parameters for this branch.
    fn of(branch: &DevBranch) -> Self;
}

impl BranchPath for Ref {
    fn of(branch: &DevBranch) -> Self {
        branch.reference().clone()
    }
}

impl BranchPath for String {
    fn of(branch: &DevBranch) -> Self {
        branch.reference().to_string()
    }
}
