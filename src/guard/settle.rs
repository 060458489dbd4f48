//! What a lost answer turned out to be: the ledger and the backends are asked until it is known.

use std::time::Duration;

use serde_json::json;

use super::Guard;
use crate::api::database::{QueryBody, RunQuery};
use crate::api::{ApiError, DevBranch};

/// How long a lost migration's backend is waited for before it is `in_doubt`.
const SETTLE: Duration = Duration::from_secs(20);

/// What a lost answer turned out to be.
pub(super) enum Settled {
    Applied,
    NotApplied,
    Unknown,
}

/// Reads the ledger until the migration is there, or its backend is gone.
pub(super) async fn settle(
    guard: &Guard,
    branch: &DevBranch,
    marker: &str,
    version: &str,
) -> Settled {
    let deadline = tokio::time::Instant::now() + SETTLE;
    let mut pause = Duration::from_millis(50);
    loop {
        // The backend first: once it is gone, the ledger read after that is final.
        let running = is_running(guard, branch, marker).await;
        let there = guard
            .ledger(branch.reference())
            .await
            .map(|ledger| ledger.find(version).is_some());
        match (running, there) {
            (_, Ok(true)) => return Settled::Applied,
            (Ok(false), Ok(false)) => return Settled::NotApplied,
            _ if tokio::time::Instant::now() >= deadline => return Settled::Unknown,
            _ => tokio::time::sleep(pause).await,
        }
        pause = (pause * 2).min(Duration::from_secs(1));
    }
}

/// Whether a backend still works on the text that carries `marker`.
async fn is_running(guard: &Guard, branch: &DevBranch, marker: &str) -> Result<bool, ApiError> {
    // As the branch's own role: the read-only role does not see others' queries.
    let body = QueryBody {
        query: "select pg_catalog.count(*) as running from pg_catalog.pg_stat_activity \
                where pg_catalog.strpos(query, $1) = 1 and pid <> pg_catalog.pg_backend_pid() \
                and state <> 'idle'"
            .to_owned(),
        parameters: Some(vec![json!(format!("/* {marker} */"))]),
        read_only: None,
    };
    let rows = guard.client().write::<RunQuery>(branch, &(), &body).await?;
    Ok(rows
        .first()
        .and_then(|row| row.get("running"))
        .is_none_or(|count| count.as_i64() != Some(0)))
}
