//! Pausing a project, bringing it back, changing its compute size, and deleting it.

use std::future::ready;
use std::time::Duration;

use serde_json::json;

use super::approval::Ask;
use super::costs::Extra;
use super::pauses::Pauses;
use super::prices::{VARIANT, current_size, unlisted_size};
use super::projects::allow_size;
use super::quote::quoted;
use super::{Call, Code, LaunchedProject, Next, Operation, PATIENCE, Production, Refusal};
use crate::api::Ref;
use crate::api::billing::{ApplyAddon, ApplyAddonBody, COMPUTE, GetAddons};
use crate::api::projects::{
    DeleteProject, GetProject, PauseProject, Project, ProjectStatus, RestoreProject,
};
use crate::fence::quote;
use crate::store::{NEXT_PASSWORD, OAUTH_TOKENS, PASSWORD};

impl Production {
    /// Takes the project offline, and waits until it is.
    pub async fn pause(self) -> Result<LaunchedProject, Refusal> {
        let _turn = self.call.guard.project_turn(&self.project).await?;
        let project = self.look().await?;
        match project.project.status {
            ProjectStatus::Inactive => return Ok(project.project.into()),
            ProjectStatus::Pausing => {}
            status => {
                let ask = self.ask(&project, status, "take offline, until it is restored,");
                let leave = self
                    .call
                    .leave(&[Operation::PauseProject], ready(Ok(ask)))
                    .await?;
                self.call.step("pausing the project");
                self.call
                    .guard
                    .client()
                    .release::<PauseProject>(&leave.permit(), self.project.clone(), &(), &())
                    .await?;
            }
        }
        until(&self.call, &self.project, ProjectStatus::Inactive).await
    }

    /// Brings a paused project back, and waits until it is healthy.
    pub async fn restore(self) -> Result<LaunchedProject, Refusal> {
        let _turn = self.call.guard.project_turn(&self.project).await?;
        let project = self.look().await?;
        match project.project.status {
            ProjectStatus::Inactive | ProjectStatus::RestoreFailed | ProjectStatus::PauseFailed => {
                // What is off is not on the bill.
                let extra = Extra::machine(self.size().await?.as_deref());
                let cost = self
                    .call
                    .check_cost(&project.project.organization_slug, &extra)
                    .await?;
                let mut ask = self.ask(&project, project.project.status, "bring back");
                ask.what.push_str(cost.words());
                ask.facts["cost"] = cost.facts();
                let leave = self
                    .call
                    .leave(&cost.operations(Operation::RestoreProject), ready(Ok(ask)))
                    .await?;
                self.call.step("bringing the project back");
                self.call
                    .guard
                    .client()
                    .release::<RestoreProject>(&leave.permit(), self.project.clone(), &(), &())
                    .await?;
            }
            _ => {}
        }
        until(&self.call, &self.project, ProjectStatus::ActiveHealthy).await
    }

    /// Deletes the project with its branches, its data and its backups. Answers its name.
    pub async fn delete(self) -> Result<String, Refusal> {
        let guard = &self.call.guard;
        let _turn = guard.project_turn(&self.project).await?;
        let project = self.look().await?.project;
        let branches = guard.branches_of(&self.project).await?;
        let (names, refs): (Vec<&str>, Vec<&str>) = branches
            .iter()
            .map(|branch| (branch.name.as_str(), branch.project_ref.as_str()))
            .unzip();
        let ask = Ask {
            what: format!(
                "delete for ever, with its {} branch(es), its data and its backups, the project {} ({})",
                branches.len(),
                quoted(&project.name),
                self.project
            ),
            subject: Some((self.project.clone(), None)),
            state: [self.project.as_str(), &project.name]
                .into_iter()
                .chain(refs)
                .map(str::to_owned)
                .collect(),
            facts: json!({
                "name": project.name,
                "organization": project.organization_slug,
                "status": project.status,
                "created_at": project.created_at,
                "branches": names,
            }),
            for_a_while: false,
        };
        let leave = self
            .call
            .leave(&[Operation::DeleteProject], ready(Ok(ask)))
            .await?;
        self.call.step("deleting the project");
        let told = guard
            .client()
            .release::<DeleteProject>(&leave.permit(), self.project.clone(), &(), &())
            .await;
        if let Err(error) = told {
            // The answer to what was done all the same can be lost.
            let gone = error.may_have_happened() && self.is_gone().await;
            if !gone {
                return Err(error.into());
            }
        }
        guard.store().forget_project(&self.project).await?;
        for secret in [PASSWORD, NEXT_PASSWORD, OAUTH_TOKENS] {
            guard
                .store()
                .drop_sealed(self.project.as_str(), secret)
                .await?;
        }
        Ok(project.name)
    }

    /// Gives the project another compute size, and waits until it is healthy again.
    pub async fn change_compute_size(self, size: &str) -> Result<LaunchedProject, Refusal> {
        let guard = &self.call.guard;
        let _turn = guard.project_turn(&self.project).await?;
        let project = self.look().await?;
        let addons = guard
            .client()
            .look::<GetAddons>(self.project.clone(), &())
            .await?;
        if let Some(refusal) = unlisted_size(size, &self.project, &addons) {
            return Err(refusal);
        }
        allow_size(&guard.policy().launch, size, &self.project)?;
        let before = current_size(&addons);
        if before.as_deref() != Some(size) {
            let extra = Extra {
                size: Some(size.to_owned()),
                instead_of: before.clone(),
            };
            let cost = self
                .call
                .check_cost(&project.project.organization_slug, &extra)
                .await?;
            let mut ask = self.ask(
                &project,
                project.project.status,
                &format!("change to the compute size {size}, with a restart,"),
            );
            ask.what.push_str(cost.words());
            ask.state.extend(before.clone());
            ask.facts["instance_size"] = json!({ "now": before, "then": size });
            ask.facts["cost"] = cost.facts();
            let leave = self
                .call
                .leave(
                    &cost.operations(Operation::ChangeComputeSize),
                    ready(Ok(ask)),
                )
                .await?;
            self.call.step("changing the compute size");
            let body = ApplyAddonBody {
                addon_type: COMPUTE.to_owned(),
                addon_variant: format!("{VARIANT}{size}"),
            };
            guard
                .client()
                .release::<ApplyAddon>(&leave.permit(), self.project.clone(), &(), &body)
                .await?;
        }
        until(&self.call, &self.project, ProjectStatus::ActiveHealthy).await
    }

    /// Its compute size, where there is a cap that it counts against.
    async fn size(&self) -> Result<Option<String>, Refusal> {
        let guard = &self.call.guard;
        if guard.policy().cost.usd_per_month.is_none() {
            return Ok(None);
        }
        let addons = guard
            .client()
            .look::<GetAddons>(self.project.clone(), &())
            .await?;
        Ok(current_size(&addons))
    }

    /// The project as the platform has it.
    pub(super) async fn look(&self) -> Result<Project, Refusal> {
        let client = self.call.guard.client();
        client
            .look::<GetProject>(self.project.clone(), &())
            .await
            .map_err(|error| match error.status() {
                Some(404) => Refusal::new(
                    Code::NotFound,
                    format!("the platform has no project {}", self.project),
                )
                .next(Next::new(
                    "list_projects",
                    json!({}),
                    "lists the projects that there are",
                )),
                _ => error.into(),
            })
    }

    /// Whether the platform says that the project is no more.
    async fn is_gone(&self) -> bool {
        match self.look().await {
            Ok(project) => matches!(
                project.project.status,
                ProjectStatus::GoingDown | ProjectStatus::Removed
            ),
            Err(refusal) => refusal.code == Code::NotFound,
        }
    }

    fn ask(&self, project: &Project, status: ProjectStatus, verb: &str) -> Ask {
        let name = &project.project.name;
        Ask {
            what: format!("{verb} the project {} ({})", quoted(name), self.project),
            subject: Some((self.project.clone(), None)),
            state: vec![self.project.to_string(), status.as_str().to_owned()],
            facts: json!({ "name": name, "status": status }),
            for_a_while: false,
        }
    }
}

/// Waits for a status as long as work may take; answers how the project stands then.
pub(super) async fn until(
    call: &Call,
    reference: &Ref,
    wanted: ProjectStatus,
) -> Result<LaunchedProject, Refusal> {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let mut pauses = Pauses::new(Duration::from_millis(5), Duration::from_secs(3));
    let mut shown = None;
    loop {
        let project = call
            .guard
            .client()
            .look::<GetProject>(reference.clone(), &())
            .await?
            .project;
        let status = project.status;
        if shown != Some(status) {
            call.step(format!("{}: {}", quote(&project.name), status.as_str()));
            shown = Some(status);
        }
        if status == wanted || tokio::time::Instant::now() >= deadline {
            return Ok(project.into());
        }
        if status.is_dead_end() {
            let why = super::projects::why_unhealthy(call, reference).await;
            return Err(Refusal::new(
                Code::PlatformError,
                format!(
                    "project {reference} is {} and will not become {}: {}",
                    status.as_str(),
                    wanted.as_str(),
                    quote(why)
                ),
            )
            .operator("mend what the message names; a project that was never up can be deleted and created again"));
        }
        pauses.rest().await;
    }
}
