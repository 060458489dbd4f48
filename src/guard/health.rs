//! Waiting for a project or branch that is on its way to somewhere.

use std::time::Duration;

use super::pauses::Pauses;
use super::{Call, Code, Guard, PATIENCE, Refusal};
use crate::api::Ref;
use crate::api::projects::{GetProject, ProjectStatus};

impl Guard {
    /// Waits until `is_over`, or as long as work may take; answers the status then. A platform that
    /// does not answer for a while is waited for as well.
    async fn status_when(
        &self,
        reference: &Ref,
        is_over: impl Fn(ProjectStatus) -> bool,
        mut tell: impl FnMut(ProjectStatus),
    ) -> Result<ProjectStatus, Refusal> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        let mut pauses = Pauses::new(Duration::from_millis(10), Duration::from_secs(2));
        loop {
            let looked = self.client().look::<GetProject>(reference.clone(), &());
            let status = match looked.await {
                Ok(project) => project.project.status,
                Err(error) if error.may_have_happened() => ProjectStatus::Unknown,
                Err(error) => return Err(error.into()),
            };
            if is_over(status) || tokio::time::Instant::now() >= deadline {
                return Ok(status);
            }
            tell(status);
            pauses.rest().await;
        }
    }

    /// Waits until a branch's project is healthy after something was done to its database.
    pub(super) async fn until_healthy(&self, reference: &Ref) -> Result<(), Refusal> {
        let is_over =
            |status: ProjectStatus| status == ProjectStatus::ActiveHealthy || status.is_dead_end();
        let status = self.status_when(reference, is_over, |_| {}).await?;
        require_healthy(status, "its database cannot be used")
    }
}

impl Call {
    /// Waits while a project or branch is coming up; answers how it stands then.
    pub(super) async fn once_up(&self, reference: &Ref) -> Result<ProjectStatus, Refusal> {
        let is_coming = |status| {
            matches!(
                status,
                ProjectStatus::ComingUp | ProjectStatus::Restoring | ProjectStatus::Unknown
            )
        };
        self.guard
            .status_when(
                reference,
                |status| !is_coming(status),
                |_| self.step("waiting for the database to become healthy"),
            )
            .await
    }
}

/// The refusal where the status is another; `so` says what that means.
pub(super) fn require_healthy(status: ProjectStatus, so: &str) -> Result<(), Refusal> {
    if status == ProjectStatus::ActiveHealthy {
        return Ok(());
    }
    Err(Refusal::new(
        Code::BranchFailed,
        format!("the branch is {}, and {so}", status.as_str()),
    ))
}
