//! The state of a world as hashes, one environment at a time.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::api::Ref;
use crate::eval::fleet::Workspace;
use crate::eval::platform::Platform;
use crate::eval::world::wire::Ask;
use crate::guard::StateHashes;
use crate::hex;

/// Services whose settings are compared.
const SETTINGS: [&str; 5] = [
    "config/auth",
    "postgrest",
    "config/storage",
    "config/realtime",
    "config/database/postgres",
];

/// One project's or branch's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::eval) struct Environment {
    /// Production's ref.
    pub(in crate::eval) project: String,
    /// The project's name.
    pub(in crate::eval) name: String,
    /// `production`, or the branch's name.
    pub(in crate::eval) environment: String,
    /// Its own ref.
    pub(in crate::eval) reference: String,
    /// Where it stands: a paused project has no hashes.
    pub(in crate::eval) status: String,
    /// Definitions, privileges, policies.
    pub(in crate::eval) schema_hash: String,
    /// Applied migrations.
    pub(in crate::eval) ledger_hash: String,
    /// Every row.
    pub(in crate::eval) rows_hash: String,
    /// Settings and the names and digests of secrets.
    pub(in crate::eval) settings_hash: String,
    /// Schema, ledger, functions, settings, and rows without what the database itself stamps: the same for
    /// the same calls in a world of the same seed.
    pub(in crate::eval) state_hash: String,
}

/// Every environment of a world, sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::eval) struct WorldState {
    pub(in crate::eval) environments: Vec<Environment>,
}

impl WorldState {
    /// Reads it.
    pub(in crate::eval) async fn read(workspace: &Workspace) -> Result<Self, String> {
        let platform = workspace.platform();
        let mut environments = Vec::new();
        for project in list(&platform, "/v1/projects").await? {
            let reference = text(&project, "ref");
            let (name, status) = (text(&project, "name"), text(&project, "status"));
            let mut parts = vec![("production".to_owned(), reference.clone())];
            let branches = list(&platform, &format!("/v1/projects/{reference}/branches")).await?;
            for branch in branches
                .iter()
                .filter(|branch| branch["is_default"] == false)
            {
                parts.push((text(branch, "name"), text(branch, "project_ref")));
            }
            for (environment, own) in parts {
                let of = Environment {
                    project: reference.clone(),
                    name: name.clone(),
                    environment,
                    reference: own,
                    status: status.clone(),
                    schema_hash: String::new(),
                    ledger_hash: String::new(),
                    rows_hash: String::new(),
                    settings_hash: String::new(),
                    state_hash: String::new(),
                };
                environments.push(of.look(workspace, &platform).await?);
            }
        }
        environments.sort_by(|one, other| {
            (&one.name, &one.project, &one.environment).cmp(&(
                &other.name,
                &other.project,
                &other.environment,
            ))
        });
        Ok(Self { environments })
    }

    /// One hash over all of it.
    pub(in crate::eval) fn hash(&self) -> String {
        hex::sha256_of(self.environments.iter().flat_map(|one| {
            [
                one.name.as_str(),
                &one.project,
                &one.environment,
                &one.reference,
                &one.status,
                &one.state_hash,
            ]
        }))
    }

    /// Whether every production of `before` is there, to the row as it was.
    pub(in crate::eval) fn has_productions_of(&self, before: &Self) -> bool {
        before
            .environments
            .iter()
            .filter(|one| one.environment == "production")
            .all(|one| self.environments.contains(one))
    }

    /// An environment by project and name; `dev` is the branch of that name in capitals.
    pub(in crate::eval) fn find(&self, project: &str, on: &str) -> Option<&Environment> {
        let on = branch_of(on);
        self.environments
            .iter()
            .find(|one| one.project == project && one.environment == on)
    }
}

/// The environment that a scenario's `on` names.
pub(in crate::eval) fn branch_of(on: &str) -> &str {
    if on == "dev" { "DEV" } else { on }
}

impl Environment {
    async fn look(mut self, workspace: &Workspace, platform: &Platform) -> Result<Self, String> {
        if self.status != "ACTIVE_HEALTHY" {
            return Ok(self);
        }
        let reference: Ref = self
            .reference
            .parse()
            .map_err(|error: crate::api::NotARef| error.to_string())?;
        let hashes = workspace
            .ask(&Ask::Hashes { reference })
            .await
            .map_err(|error| error.to_string())?;
        let hashes: StateHashes =
            serde_json::from_value(hashes).map_err(|error| error.to_string())?;
        let rows = platform
            .query(&self.reference, include_str!("rows.sql"), true)
            .await?;
        let digest = |field: &str| {
            // A table that is new and empty is a matter of the schema.
            let filled = rows.iter().filter(|row| row["rows"] != 0);
            let parts: Vec<String> = filled
                .flat_map(|row| [text(row, "name"), row["rows"].to_string(), text(row, field)])
                .collect();
            hex::sha256_of(parts.iter().map(String::as_str))
        };
        let settings = self.settings(platform).await?;
        self.rows_hash = digest("exact");
        self.settings_hash = hex::sha256_of(settings.iter().map(String::as_str));
        self.state_hash = hex::sha256_of([
            hashes.state_hash.as_str(),
            &self.settings_hash,
            &digest("told"),
        ]);
        self.schema_hash = hashes.schema_hash;
        self.ledger_hash = hashes.ledger_hash;
        Ok(self)
    }

    async fn settings(&self, platform: &Platform) -> Result<Vec<String>, String> {
        let mut parts = Vec::new();
        for service in SETTINGS {
            let path = format!("/v1/projects/{}/{service}", self.reference);
            let mut found = platform.get(&path).await?.unwrap_or_default();
            // What signs tokens is drawn, and no setting.
            if let Some(fields) = found.as_object_mut() {
                fields.remove("jwt_secret");
            }
            parts.push(found.to_string());
        }
        let secrets = list(
            platform,
            &format!("/v1/projects/{}/secrets", self.reference),
        )
        .await?;
        parts.extend(
            secrets
                .iter()
                .map(|one| format!("{} {}", text(one, "name"), text(one, "value"))),
        );
        Ok(parts)
    }
}

/// What is listed at a path; nothing where the platform says that there is none.
pub(in crate::eval) async fn list(platform: &Platform, path: &str) -> Result<Vec<Value>, String> {
    match platform.get(path).await {
        Ok(Some(Value::Array(items))) => Ok(items),
        Ok(_) => Ok(Vec::new()),
        // The platform's word for "there are no branches".
        Err(error) if path.ends_with("/branches") && error.contains(" 422 ") => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

pub(in crate::eval) fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_default().to_owned()
}
