//! Grants profiles: what the API's roles may do with what migrations make in schema public.
//!
//! A project gets its profile when it is created and keeps it, and its branches have the same: otherwise a replay on
//! a branch would not give what production has. The template is `explicit`; `legacy` is added to a new database before
//! anybody else can use it.

use clap::ValueEnum;

use super::Platform;
use super::engine::{ClusterId, EngineError, Limits, Login};
use super::fault::Fault;
use crate::api::Ref;

const LEGACY: &str = include_str!("bootstrap/grants_legacy.sql");

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
        match self.cluster_with(profile, password).await {
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

    async fn cluster_with(
        &self,
        profile: GrantsProfile,
        password: Option<String>,
    ) -> Result<ClusterId, EngineError> {
        let engine = self.engine();
        let cluster = engine.create_with(password).await?;
        if profile == GrantsProfile::Legacy
            && let Err(error) = self.open_to_the_api(cluster).await
        {
            engine.destroy(cluster).await?;
            return Err(error);
        }
        Ok(cluster)
    }

    async fn open_to_the_api(&self, cluster: ClusterId) -> Result<(), EngineError> {
        let mut session = self.engine().connect(cluster, Login::Admin).await?;
        let granted = session.run(LEGACY, Limits::default()).await;
        session.close().await;
        granted.map(drop)
    }
}
