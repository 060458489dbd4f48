//! Following a recovery to its end: also one whose server died.

use std::time::Duration;

use serde_json::json;

use super::super::pauses::Pauses;
use super::super::{Call, Check, CheckStatus, Code, Next, PATIENCE, Production, Refusal};
use super::{LostWindow, Recovered, shown};
use crate::api::Ref;
use crate::api::backups::{BackupStatus, ListBackups};
use crate::api::projects::{GetProject, ProjectStatus};
use crate::clock;
use crate::store::Recovering;

/// How long the platform may take to begin with what it was told, and the request of a server that died
/// may take to reach it.
const BEGINNING: Duration = Duration::from_secs(120);

impl Production {
    /// Waits until production is restored and healthy, and says what that lost.
    pub(super) async fn follow(&self, begun: &Recovering) -> Result<Recovered, Refusal> {
        let guard = &self.call.guard;
        self.until_restored(begun).await?;
        self.call.step("looking at what production is now");
        let state = guard.state(&self.project).await?;
        let way_back = self.way_back(begun).await?;
        let after = state.ledger.versions();
        let before = begun.before.as_ref();
        let migrations_lost: Option<Vec<String>> =
            before.map(|before| missing_from(before, &after));
        let still_on_dev = match &migrations_lost {
            Some(lost) if !lost.is_empty() => self.on_dev(lost).await,
            _ => Vec::new(),
        };
        // Recorded before the recovery is forgotten: a failure here is made good by the next call.
        guard
            .record_state(&self.project, &state, "recovery")
            .await?;
        // A merge that was under way then has another production before it now.
        guard.store().end_merge(&self.project).await?;
        guard.store().end_recovery(&self.project).await?;
        Ok(Recovered {
            lost: LostWindow::between(begun.target, begun.started_at),
            migrations_lost,
            migrations_back: before
                .map(|before| missing_from(&after, before))
                .unwrap_or_default(),
            still_on_dev,
            undo_point: begun.undo_point.clone(),
            way_back,
        })
    }

    async fn until_restored(&self, begun: &Recovering) -> Result<(), Refusal> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        let begins_by = tokio::time::Instant::now() + BEGINNING;
        let mut pauses = Pauses::new(Duration::from_millis(20), Duration::from_secs(5));
        let mut seen = false;
        loop {
            let client = self.call.guard.client();
            let status = match client.look::<GetProject>(self.project.clone(), &()).await {
                Ok(project) => project.project.status,
                Err(error) if error.may_have_happened() => ProjectStatus::Unknown,
                Err(error) => return Err(error.into()),
            };
            seen |= status == ProjectStatus::Restoring;
            let now = tokio::time::Instant::now();
            if status == ProjectStatus::ActiveHealthy {
                let timeline = self.timeline().await;
                if timeline.is_some() && timeline != begun.timeline && begun.timeline.is_some() {
                    return Ok(());
                }
                // A log that has no name to compare with leaves the platform's word alone.
                if begun.timeline.is_none() && seen {
                    return Ok(());
                }
                if (seen || now >= begins_by) && timeline.is_some() {
                    return Err(self.not_restored(begun).await?);
                }
            }
            // It may be an earlier recovery's, until the platform begins with this one.
            if status == ProjectStatus::RestoreFailed && (seen || now >= begins_by) {
                self.call.guard.store().end_recovery(&self.project).await?;
                return Err(Refusal::new(
                    Code::PlatformError,
                    "the platform says that the recovery failed, and production is down",
                )
                .operator("look at the project in the dashboard and ask the platform's support; a recovery to another moment can be tried"));
            }
            if now >= deadline {
                return Err(Refusal::new(
                    Code::InProgress,
                    format!(
                        "the recovery is under way ({}) and needs more time; repeat the call to follow it",
                        status.as_str()
                    ),
                )
                .next(self.again(begun.target)));
            }
            pauses.rest().await;
        }
    }

    async fn not_restored(&self, begun: &Recovering) -> Result<Refusal, Refusal> {
        self.call.guard.store().end_recovery(&self.project).await?;
        let target = shown(begun.target);
        let message = if begun.timeline.is_some() {
            format!(
                "the platform was told to return production to {target} and has not done so: production is as it was"
            )
        } else {
            format!(
                "the platform was told to return production to {target}, and whether it has done so cannot be told, because production could not be read before: look at what is there"
            )
        };
        Ok(Refusal::new(Code::RevertUnverified, message)
            .next(Next::new(
                "get_recovery_options",
                json!({ "project_id": self.project }),
                "shows what production can be returned to now",
            ))
            .operator("the platform's own log says why"))
    }

    /// Where the platform keeps what was left, to the moment that it names; else to the latest that it
    /// knew when the recovery began.
    async fn way_back(&self, begun: &Recovering) -> Result<Next, Refusal> {
        let client = self.call.guard.client();
        let backups = client
            .look::<ListBackups>(self.project.clone(), &())
            .await?;
        let kept = backups
            .backups
            .iter()
            .filter(|backup| backup.status == BackupStatus::Archived)
            .filter_map(|backup| clock::seconds_of(&backup.inserted_at))
            .filter(|at| *at >= begun.latest)
            .min();
        Ok(self.again(kept.unwrap_or(begun.latest)))
    }

    fn again(&self, time: i64) -> Next {
        Next::new(
            "restore_to_point_in_time",
            json!({ "project_id": self.project, "time": shown(time) }),
            "returns production to that moment, after an approval",
        )
    }

    /// Those of `versions` that the DEV branch has; none where it cannot be told.
    async fn on_dev(&self, versions: &[String]) -> Vec<String> {
        let guard = &self.call.guard;
        let name = &guard.policy().dev_branch.name;
        let Ok(branches) = guard.branches_of(&self.project).await else {
            return Vec::new();
        };
        let Some(dev) = branches.iter().find(|branch| &branch.name == name) else {
            return Vec::new();
        };
        match guard.ledger(&dev.project_ref).await {
            Ok(ledger) => versions
                .iter()
                .filter(|version| ledger.find(version).is_some())
                .cloned()
                .collect(),
            Err(error) => {
                tracing::debug!(%error, "the DEV branch's ledger cannot be read");
                Vec::new()
            }
        }
    }
}

impl Call {
    /// What the condition `name` says while production is being returned to a point in time: what it
    /// will be then is not known yet.
    pub(in crate::guard) async fn recovery_under_way(
        &self,
        project: &Ref,
        name: &str,
    ) -> Result<Option<Check>, Refusal> {
        let Some(begun) = self.guard.store().recovering(project).await? else {
            return Ok(None);
        };
        let target = shown(begun.target);
        let check = Check::new(
            name,
            CheckStatus::Failed,
            format!(
                "production is being returned to {target}, and that has not been followed to its end"
            ),
        );
        Ok(Some(check.next(Next::new(
            "restore_to_point_in_time",
            json!({ "project_id": project, "time": target }),
            "follows the recovery that was begun, without another approval",
        ))))
    }

    /// A recovery whose server died is followed to its end before production is changed otherwise.
    pub(in crate::guard) async fn settle_recovery(&self, project: &Ref) -> Result<(), Refusal> {
        let Some(begun) = self.guard.store().recovering(project).await? else {
            return Ok(());
        };
        self.step("following the recovery that was begun before");
        let production = Production {
            call: self.clone(),
            project: project.clone(),
        };
        production.follow(&begun).await?;
        Ok(())
    }
}

fn missing_from(versions: &[String], others: &[String]) -> Vec<String> {
    versions
        .iter()
        .filter(|version| !others.contains(version))
        .cloned()
        .collect()
}
