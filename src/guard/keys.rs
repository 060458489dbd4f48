//! API keys: the publishable ones are given to agents, the secret ones to nobody.

use std::future::ready;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, json};

use super::approval::Ask;
use super::{Call, Environment, Guard, Operation, Production, Read, Refusal, Road};
use crate::api::Ref;
use crate::api::keys::{ApiKey, CreateApiKey, CreateKeyBody, KeyKind, ListApiKeys, RevealQuery};

/// What a key is called that Drydock has made.
const NAME: &str = "default";

/// The keys of one environment.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct EnvironmentKeys {
    /// Production or dev.
    pub environment: Environment,
    /// The branch's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub branch: Option<String>,
    /// Its ref.
    #[serde(rename = "ref")]
    pub reference: String,
    /// For browsers and apps.
    pub publishable: Vec<PublishableKey>,
    /// For servers, without the keys themselves.
    pub secret: Vec<SecretKey>,
    /// The names of the older keys, if there are any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub legacy: Vec<String>,
}

/// A key that may be shown to anybody.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PublishableKey {
    /// What it is called.
    pub name: String,
    /// The key.
    pub api_key: String,
}

/// A key that nobody is shown.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct SecretKey {
    /// What it is called.
    pub name: String,
    /// Its id on the platform, where the operator finds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub id: Option<String>,
}

/// A key that was made.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct MadeKey {
    /// Production, or the branch's name.
    pub of: String,
    /// publishable or secret.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it is called.
    pub name: String,
}

impl Read {
    /// The keys of production and of every branch.
    pub async fn api_keys(&self) -> Result<Vec<EnvironmentKeys>, Refusal> {
        let guard = &self.call.guard;
        let mut all = Vec::new();
        for (branch, reference) in guard.environments(self.project()?).await? {
            let keys = self.call.keys_once_up(&reference).await?;
            all.push(sorted(branch, &reference, keys));
        }
        Ok(all)
    }
}

impl Production {
    /// Makes the publishable and the secret key of production and of each branch, where they are
    /// missing. Nobody is shown the secret ones.
    pub async fn create_api_keys(self) -> Result<Vec<MadeKey>, Refusal> {
        let _turn = self.call.guard.project_turn(&self.project).await?;
        self.call.missing_keys(&self.project).await
    }
}

impl Call {
    /// Gives a project that was just created its keys, where the platform has made none. A project
    /// without them is none the less created: create_api_keys makes them then, after the approval
    /// that the policy may want for it.
    pub(super) async fn first_keys(&self, project: &Ref) {
        if self.guard.policy().approvals.road(Operation::CreateApiKeys) != Road::None {
            return;
        }
        if let Err(refusal) = self.missing_keys(project).await {
            tracing::warn!(%project, message = refusal.message, "the keys of a new project could not be made");
            self.step("its API keys are not made yet: create_api_keys makes them");
        }
    }

    /// The keys of a project or branch, once it is up.
    async fn keys_once_up(&self, reference: &Ref) -> Result<Vec<ApiKey>, Refusal> {
        self.once_up(reference).await?;
        Ok(self
            .guard
            .client()
            .look::<ListApiKeys>(reference.clone(), &RevealQuery::default())
            .await?)
    }

    async fn missing_keys(&self, project: &Ref) -> Result<Vec<MadeKey>, Refusal> {
        let guard = &self.guard;
        let mut missing = Vec::new();
        for (branch, reference) in guard.environments(project).await? {
            let keys = self.keys_once_up(&reference).await?;
            let of = branch.unwrap_or_else(|| "production".to_owned());
            missing.extend(missing_kinds(&keys).map(|kind| (of.clone(), reference.clone(), kind)));
        }
        if missing.is_empty() {
            return Ok(Vec::new());
        }
        let listed: Vec<String> = missing
            .iter()
            .map(|(of, _, kind)| format!("{of}: {}", word(*kind)))
            .collect();
        let ask = Ask {
            what: format!("make {} API key(s) of {project}", missing.len()),
            subject: Some((project.clone(), None)),
            state: listed.clone(),
            facts: json!({ "keys": listed }),
            for_a_while: false,
        };
        let leave = self
            .leave(&[Operation::CreateApiKeys], ready(Ok(ask)))
            .await?;
        let mut made = Vec::new();
        for (of, reference, kind) in missing {
            let service_role = Map::from_iter([("role".to_owned(), json!("service_role"))]);
            let body = CreateKeyBody {
                kind,
                name: NAME.to_owned(),
                description: None,
                secret_jwt_template: (kind == KeyKind::Secret).then_some(service_role),
            };
            guard
                .client()
                .release::<CreateApiKey>(&leave.permit(), reference, &RevealQuery::default(), &body)
                .await?;
            made.push(MadeKey {
                of,
                kind: word(kind).to_owned(),
                name: NAME.to_owned(),
            });
        }
        Ok(made)
    }
}

impl Guard {
    /// Production, and every branch by its name.
    async fn environments(&self, project: &Ref) -> Result<Vec<(Option<String>, Ref)>, Refusal> {
        let branches = self.branches_of(project).await?;
        let branches = branches
            .into_iter()
            .map(|branch| (Some(branch.name), branch.project_ref));
        Ok([(None, project.clone())]
            .into_iter()
            .chain(branches)
            .collect())
    }
}

fn missing_kinds(keys: &[ApiKey]) -> impl Iterator<Item = KeyKind> {
    [KeyKind::Publishable, KeyKind::Secret]
        .into_iter()
        .filter(|kind| keys.iter().all(|key| key.kind != Some(*kind)))
}

fn sorted(branch: Option<String>, reference: &Ref, keys: Vec<ApiKey>) -> EnvironmentKeys {
    let mut sorted = EnvironmentKeys {
        environment: match branch {
            Some(_) => Environment::Dev,
            None => Environment::Production,
        },
        branch,
        reference: reference.to_string(),
        publishable: Vec::new(),
        secret: Vec::new(),
        legacy: Vec::new(),
    };
    for key in keys {
        match (key.kind, key.api_key) {
            (Some(KeyKind::Publishable), Some(api_key)) => {
                sorted.publishable.push(PublishableKey {
                    name: key.name,
                    api_key,
                });
            }
            (Some(KeyKind::Secret), _) => sorted.secret.push(SecretKey {
                name: key.name,
                id: key.id,
            }),
            _ => sorted.legacy.push(key.name),
        }
    }
    sorted
}

fn word(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::Legacy => "legacy",
        KeyKind::Publishable => "publishable",
        KeyKind::Secret => "secret",
    }
}
