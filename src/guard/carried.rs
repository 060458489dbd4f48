//! Functions between a branch and production: what a merge carries, and what a rebase must not lose.
//!
//! ```text
//! merge   the branch's functions that production lacks or has otherwise are deployed there;
//!         what only production has stays, unless an approved call names it
//! rebase  the platform overwrites the branch's functions by production's: those that the branch has
//!         changed are set aside before, on disk, and put back after
//! ```

use std::collections::BTreeMap;
use std::time::Duration;

use super::functions::{digest, own_path};
use super::pauses::Pauses;
use super::{Code, Dev, Guard, PATIENCE, Refusal};
use crate::api::functions::{
    DeleteFunction, DeployFunction, DeployMetadata, DeployQuery, Deployment, Function,
};
use crate::api::{Endpoint, Form, Ref, ReleasePermit};
use crate::fence::quote;

/// How long the platform's workflow must be over before a function that is not there is missing.
const REST: Duration = Duration::from_secs(10);

/// How a branch's functions and production's differ.
#[derive(Debug, Clone, Default)]
pub(super) struct FunctionDiff {
    /// Slugs that a merge deploys.
    pub(super) deployed: Vec<String>,
    /// Of these, those of which production has another than the branch began with.
    pub(super) overwriting: Vec<String>,
    /// Slugs that production has and the branch does not.
    pub(super) only_on_production: Vec<String>,
}

fn by_slug(functions: Vec<Function>) -> BTreeMap<String, String> {
    functions
        .into_iter()
        .map(|function| (function.slug.clone(), digest(&function)))
        .collect()
}

impl Guard {
    /// The functions of a project or branch with the digest of each.
    pub(super) async fn function_digests(
        &self,
        reference: &Ref,
    ) -> Result<BTreeMap<String, String>, Refusal> {
        Ok(by_slug(self.functions_of(reference).await?))
    }
}

impl Dev {
    /// How the branch's functions and production's differ.
    pub(super) async fn function_diff(&self) -> Result<FunctionDiff, Refusal> {
        let guard = &self.call.guard;
        let production = guard.function_digests(self.branch.project()).await?;
        let branch = guard.function_digests(self.branch.reference()).await?;
        let work = guard.store().function_work(self.branch.reference()).await?;
        let mut diff = FunctionDiff::default();
        for (slug, own) in &branch {
            match production.get(slug) {
                Some(theirs) if theirs == own => continue,
                Some(theirs) if work.get(slug) != Some(theirs) => {
                    diff.overwriting.push(slug.clone());
                }
                _ => {}
            }
            diff.deployed.push(slug.clone());
        }
        diff.only_on_production = production
            .into_keys()
            .filter(|slug| !branch.contains_key(slug))
            .collect();
        Ok(diff)
    }

    /// Sets aside the functions that a rebase will overwrite although the branch has changed them.
    pub(super) async fn set_functions_aside(&self) -> Result<(), Refusal> {
        let guard = &self.call.guard;
        let branch = self.branch.reference();
        let work = guard.store().function_work(branch).await?;
        if work.is_empty() {
            return Ok(());
        }
        let production = guard.function_digests(self.branch.project()).await?;
        for function in guard.functions_of(branch).await? {
            let is_own = work.contains_key(&function.slug);
            let theirs = production.get(&function.slug);
            if !is_own || theirs.is_none_or(|theirs| *theirs == digest(&function)) {
                continue;
            }
            let file = guard.sources_of(branch, &function.slug).await?;
            let deployment = Deployment {
                metadata: DeployMetadata {
                    entrypoint_path: own_path(&function.entrypoint_path.unwrap_or_default()),
                    import_map_path: function.import_map_path.as_deref().map(own_path),
                    static_patterns: None,
                    verify_jwt: function.verify_jwt,
                    name: Some(function.name),
                },
                file,
            };
            let kept = form()?.encode(&deployment).map_err(unkept)?;
            guard
                .store()
                .set_function_aside(branch, &function.slug, kept)
                .await?;
        }
        Ok(())
    }

    /// Deploys again what a rebase has overwritten. Answers the slugs.
    pub(super) async fn put_functions_back(&self) -> Result<Vec<String>, Refusal> {
        let guard = &self.call.guard;
        let branch = self.branch.reference();
        let mut back = Vec::new();
        for (slug, (content_type, body)) in guard.store().functions_aside(branch).await? {
            self.call
                .step(format!("putting the function {} back", quote(&slug)));
            let deployment = form()?
                .decode(&content_type, body.into())
                .await
                .map_err(unkept)?;
            let query = DeployQuery {
                slug: Some(slug.clone()),
                bundle_only: None,
            };
            guard
                .client()
                .write::<DeployFunction>(&self.branch, &query, &deployment)
                .await?;
            guard.store().function_is_back(branch, &slug).await?;
            back.push(slug);
        }
        Ok(back)
    }

    /// From now on, what production has is what the branch's own changes began with.
    pub(super) async fn functions_begin_anew(&self) -> Result<(), Refusal> {
        let guard = &self.call.guard;
        let branch = self.branch.reference();
        let production = guard.function_digests(self.branch.project()).await?;
        let mut work = guard.store().function_work(branch).await?;
        for (slug, base) in &mut work {
            *base = production.get(slug).cloned().unwrap_or_default();
        }
        guard.store().set_function_work(branch, work).await?;
        Ok(())
    }

    /// Whether production has these functions as the branch has them.
    pub(super) async fn has_carried(&self, functions: &[String]) -> Result<bool, Refusal> {
        Ok(self.not_carried(functions).await?.is_empty())
    }

    async fn not_carried(&self, functions: &[String]) -> Result<Vec<String>, Refusal> {
        if functions.is_empty() {
            return Ok(Vec::new());
        }
        let deployed = self.function_diff().await?.deployed;
        let missing = functions.iter().filter(|slug| deployed.contains(slug));
        Ok(missing.cloned().collect())
    }

    /// Waits until production has these functions as the branch has them, or the platform's workflow
    /// has been over for a while. Answers what is missing.
    pub(super) async fn settled_functions(
        &self,
        functions: &[String],
    ) -> Result<Vec<String>, Refusal> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        let mut pauses = Pauses::new(Duration::from_millis(10), Duration::from_secs(2));
        let mut over: Option<tokio::time::Instant> = None;
        loop {
            // The status first: once it is settled, what is deployed after it is final.
            let status = self.production_workflow().await?;
            let missing = self.not_carried(functions).await?;
            let now = tokio::time::Instant::now();
            over = match status {
                Some(status) if !status.is_settled() => None,
                _ => over.or(Some(now)),
            };
            let rested = over.is_some_and(|since| now - since >= REST);
            if missing.is_empty() || rested || now >= deadline {
                return Ok(missing);
            }
            pauses.rest().await;
        }
    }

    /// Slugs that production has and the branch does not: what a merge may be asked to delete.
    pub(super) fn deletable(
        diff: &FunctionDiff,
        wanted: &[String],
    ) -> Result<Vec<String>, Refusal> {
        let mut deleted: Vec<String> = wanted.to_vec();
        deleted.sort();
        deleted.dedup();
        match deleted
            .iter()
            .find(|slug| !diff.only_on_production.contains(slug))
        {
            None => Ok(deleted),
            Some(slug) => Err(Refusal::invalid(format!(
                "delete_functions names functions that production has and the branch does not, and {} is none: {}",
                quote(slug),
                match diff.only_on_production.as_slice() {
                    [] => "there are none".to_owned(),
                    some => format!("there are {}", quote(some.join(", "))),
                }
            ))),
        }
    }

    /// Deletes functions of production.
    pub(super) async fn delete_on_production(
        &self,
        permit: &ReleasePermit,
        functions: &[String],
    ) -> Result<(), Refusal> {
        let client = self.call.guard.client();
        for slug in functions {
            self.call.step(format!(
                "deleting the function {} on production",
                quote(slug)
            ));
            let path = (self.branch.project().clone(), slug.clone());
            let deleted = client
                .release::<DeleteFunction>(permit, path, &(), &())
                .await;
            match deleted {
                // Somebody else was faster.
                Err(error) if error.status() == Some(404) => {}
                other => other?,
            }
        }
        Ok(())
    }
}

fn form() -> Result<Form<Deployment>, Refusal> {
    DeployFunction::BODY_FORM.ok_or_else(|| unkept("it has no form".to_owned()))
}

fn unkept(reason: String) -> Refusal {
    Refusal::new(
        Code::InternalError,
        format!("a function's sources cannot be kept: {}", quote(reason)),
    )
}
