//! What the engine does beside the service of databases: new bases for replays, and the removal of history that
//! nobody can ask for any more. One database after the other, so that the disk is left to those who work.

use std::time::Duration;

use super::Platform;

/// How often every database is looked at. Looking at one takes a tenth of a millisecond.
const OFTEN: Duration = Duration::from_secs(5);

impl Platform {
    /// Does what is due, as long as the platform serves.
    pub(super) async fn tend(&self) -> std::convert::Infallible {
        loop {
            tokio::time::sleep(OFTEN).await;
            for cluster in self.engine().clusters() {
                if let Err(error) = self.engine().tend(cluster).await {
                    tracing::warn!(%error, %cluster, "what is kept of a database's history could not be tended");
                }
            }
        }
    }
}
