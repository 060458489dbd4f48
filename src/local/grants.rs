//! Grants profiles: what the API's roles may do with what migrations make in schema public.
//!
//! A project gets its profile when it is created and keeps it, and its branches have the same: otherwise a replay on
//! a branch would not give what production has. The template is `explicit`; `legacy` is added while a database is made,
//! so that no history of it is without.

use clap::ValueEnum;

use super::Platform;
use super::engine::ClusterId;
use super::fault::Fault;
use crate::api::Ref;

/// What anon, authenticated and service_role may do with a new table, sequence or function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum GrantsProfile {
    /// Nothing until a migration grants it: the platform's projects since May 2026.
    Explicit,
    /// Everything, row security being the only gate: older projects.
    Legacy,
}

impl GrantsProfile {
    /// As it is stored.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Explicit => "explicit",
            Self::Legacy => "legacy",
        }
    }

    /// What makes a database of it from one that is `explicit`.
    fn sql(self) -> &'static str {
        match self {
            Self::Explicit => "",
            Self::Legacy => include_str!("bootstrap/grants_legacy.sql"),
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        Self::value_variants()
            .iter()
            .copied()
            .find(|profile| profile.as_str() == text)
    }
}

impl Platform {
    /// Makes a database for a project or branch, by its profile. If that fails, the project says why.
    pub(super) async fn new_cluster(
        &self,
        reference: &Ref,
        password: Option<String>,
    ) -> Result<ClusterId, Fault> {
        let profile = self.project(reference).await?.grants;
        match self.engine().create_with(password, profile.sql()).await {
            Ok(cluster) => Ok(cluster),
            Err(error) => {
                let fault = Fault::from(error);
                self.registry()
                    .fail_project(reference, fault.message())
                    .await?;
                Err(fault)
            }
        }
    }
}
