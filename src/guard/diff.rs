//! What a branch has and production has not.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::state::differences;
use super::{Code, Next, Read, Refusal};

/// One object that differs between production and a branch.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ObjectChange {
    /// `added`, `changed` or `removed` on the branch.
    pub change: String,
    /// Table, column, policy, function, …
    pub kind: String,
    /// Which.
    pub object: String,
}

/// What a merge would carry.
#[derive(Debug, Clone)]
pub struct Diff {
    /// The unmerged migrations: version, name, SQL.
    pub migrations: Vec<(String, String, String)>,
    /// The objects that differ.
    pub objects: Vec<ObjectChange>,
    /// Versions that production has and the branch lacks.
    pub behind: Vec<String>,
}

impl Read {
    /// What a merge of the branch would carry.
    pub async fn diff(&self) -> Result<Diff, Refusal> {
        let guard = &self.call.guard;
        let (project, reference) = (self.project()?, self.reference()?);
        if self.branch_name().is_none() {
            return Err(Refusal::new(
                Code::NoDevBranch,
                format!("project {project} has no DEV branch, so there is nothing to compare"),
            )
            .next(Next::new(
                "create_branch",
                json!({ "project_id": project }),
                "makes the DEV branch; writes land there",
            )));
        }
        let production = guard.state(project).await?;
        let branch = guard.state(reference).await?;
        let versions: Vec<String> = branch
            .ledger
            .missing_from(&production.ledger)
            .map(|entry| entry.version.clone())
            .collect();
        Ok(Diff {
            migrations: guard
                .migrations(reference, &versions)
                .await?
                .into_iter()
                .map(|migration| {
                    (
                        migration.version,
                        migration.name.unwrap_or_default(),
                        migration.sql,
                    )
                })
                .collect(),
            objects: differences(&production.catalogue, &branch.catalogue)
                .into_iter()
                .map(|difference| ObjectChange {
                    change: difference.change.to_owned(),
                    kind: difference.kind,
                    object: difference.identity,
                })
                .collect(),
            behind: production
                .ledger
                .missing_from(&branch.ledger)
                .map(|entry| entry.version.clone())
                .collect(),
        })
    }
}
