//! The schemas that production's API exposes, wherever the advisor looks at something that is to
//! become production: an advisor that looks at other schemas has nothing to say of these.

use serde_json::{Value, json};

use super::dangers::EXPOSED;
use super::gate::{Check, CheckStatus, Finding};
use super::rehearsal::new_name;
use super::{Advisor, Code, Dev, Guard, Next, Refusal};
use crate::api::config::{Service, Settings, UpdateDataApiConfig, schemas};
use crate::api::{DevBranch, Ref};
use crate::fence::quote;

impl Guard {
    /// The schemas that the API of a project or branch exposes, with commas between them.
    pub(super) async fn exposed(&self, reference: &Ref) -> Result<String, Refusal> {
        let settings = self.configuration(reference, Service::DataApi).await?;
        let list = settings.get(EXPOSED).and_then(Value::as_str);
        Ok(list.unwrap_or_default().to_owned())
    }

    /// Exposes on a temporary branch what production exposes.
    pub(super) async fn expose_as_production(
        &self,
        rehearsal: &DevBranch,
        project: &Ref,
    ) -> Result<(), Refusal> {
        let production = self.exposed(project).await?;
        if production.is_empty() || production == self.exposed(rehearsal.reference()).await? {
            return Ok(());
        }
        self.expose(rehearsal, &production).await
    }

    async fn expose(&self, rehearsal: &DevBranch, list: &str) -> Result<(), Refusal> {
        let body = Settings::from_iter([(EXPOSED.to_owned(), json!(list))]);
        self.client()
            .write::<UpdateDataApiConfig>(rehearsal, &(), &body)
            .await?;
        Ok(())
    }
}

impl Dev {
    /// Without a replay the advisor looks at the branch itself: whether it would overlook a schema
    /// there that production exposes.
    pub(super) async fn hidden_schemas(&self) -> Result<Option<Finding>, Refusal> {
        let guard = &self.call.guard;
        let production = guard.exposed(self.branch.project()).await?;
        let own = guard.exposed(self.branch.reference()).await?;
        let hidden: Vec<&str> = schemas(&production)
            .filter(|name| !schemas(&own).any(|known| known == *name))
            .collect();
        if hidden.is_empty() {
            return Ok(None);
        }
        let all: Vec<&str> = schemas(&own).chain(hidden.iter().copied()).collect();
        let check = Check::new(
            "advisor",
            CheckStatus::Failed,
            format!(
                "production's API exposes {}, which the branch's does not, so the advisor would overlook what is in there",
                quote(hidden.join(", "))
            ),
        )
        .next(Next::new(
            "update_config",
            json!({
                "project_id": self.branch.project(),
                "branch": self.branch.name(),
                "service": Service::DataApi.as_str(),
                "settings": { EXPOSED: all.join(",") },
            }),
            "exposes it on the branch as well; then check again",
        ));
        Ok(Some((check, Some(Code::AdvisorFailed))))
    }

    /// What the advisor says of production's migrations with these schemas exposed: as a condition of
    /// the gate, and the keys of everything that it found.
    pub(super) async fn rehearse_exposure(
        &self,
        list: &str,
    ) -> Result<(Finding, Vec<String>), Refusal> {
        let guard = &self.call.guard;
        let project = self.branch.project();
        self.call
            .step("replaying production's migrations on a temporary branch");
        let name = new_name(project);
        let made = guard.client().create_branch(project, &name, &[]).await?;
        let judged = async {
            let rehearsal = guard
                .until_settled(&self.call, project, &made.project_ref)
                .await?;
            guard.expose(&rehearsal, list).await?;
            let (mut finding, _) = self.check_advisor(&rehearsal).await?;
            if finding.1.is_none() {
                finding = self.check_exposure(&rehearsal, list).await?.finding;
            }
            let lints = guard.lints(rehearsal.reference(), Advisor::Schema).await?;
            let keys = lints.into_iter().map(|lint| lint.cache_key).collect();
            Ok((finding, keys))
        };
        let found = judged.await;
        self.clear_rehearsal(&name).await;
        found
    }
}
