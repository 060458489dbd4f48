//! Scale to zero: the server of a database that nobody has used for a while is stopped, cleanly, and the
//! next use starts it again. Its project stays ACTIVE_HEALTHY, as nobody has to do anything to wake it.

use std::time::Duration;

use super::Platform;

/// How often idle databases are looked for, at most and at least.
const OFTEN: Duration = Duration::from_millis(250);
const SELDOM: Duration = Duration::from_secs(15);

impl Platform {
    /// Stops what has been idle for so long, as long as the platform serves; never without.
    pub(super) async fn put_to_sleep(&self, after: Option<Duration>) {
        let Some(after) = after else {
            return std::future::pending().await;
        };
        loop {
            tokio::time::sleep((after / 4).clamp(OFTEN, SELDOM)).await;
            for cluster in self.engine().clusters() {
                let runs = matches!(self.engine().server_pid(cluster).await, Ok(Some(_)));
                if !runs {
                    continue;
                }
                match self.engine().stop_if_idle(cluster, after).await {
                    Ok(true) => tracing::debug!(%cluster, "a database sleeps"),
                    Ok(false) => {}
                    Err(error) => {
                        tracing::warn!(%error, %cluster, "an idle database could not be stopped");
                    }
                }
            }
        }
    }
}
