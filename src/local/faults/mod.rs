//! Faults on purpose: what the local platform does wrong when it is told to, for trials of those who
//! work with it.
//!
//! ```text
//! Faults::plan ─► every call of the API is counted against every fault of the plan that it concerns
//!                   └ the first fault whose turn it is strikes ─► Hit
//!                 every merge workflow is counted against the plan's `merge_stops`
//! ```
//!
//! A platform fails like this only if its [`PlatformSettings`](super::PlatformSettings) were built
//! with a handle: no flag, variable, request or tool leads here. What is planned is forgotten with the
//! process.

mod blow;
mod plan;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::{HeaderMap, Method};
use axum::response::Response;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use self::plan::Turn;
use crate::api::branches::{Branch, MergeBranch};
use crate::api::{CALL_HEADER, Endpoint};

pub use self::plan::{Fault, Kind, What};

/// What a platform is to do wrong, and what it has done wrong. Its clones are one and the same.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    plan: Vec<Planned>,
    hits: Vec<Hit>,
    /// Which calls asked for a merge, by the branch as they named it.
    merges: HashMap<String, String>,
}

#[derive(Debug)]
struct Planned {
    fault: Fault,
    /// How many calls it has concerned so far.
    seen: u64,
}

/// One time that a fault struck.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hit {
    /// The fault, as it was planned.
    pub fault: Fault,
    /// What was done: the fault's own kind, or what a storm chose.
    pub kind: Kind,
    /// The request's method.
    pub method: String,
    /// The request's path as the API declares it, with its parameters in braces.
    pub path: String,
    /// The how-manieth call it was of those that the fault concerns, from 1; of a merge, the
    /// how-manieth merge.
    pub count: u64,
    /// The MCP call that sent the request, where it said so.
    pub call: Option<String>,
}

/// A call as the plan sees it.
pub(super) struct Called {
    pub(super) method: Method,
    /// The path as its endpoint declares it.
    pub(super) path: &'static str,
    /// The MCP call that it belongs to.
    call: Option<String>,
    /// The branch that it is about, if it merges one.
    merges: Option<String>,
}

impl Called {
    /// A request to an endpoint.
    pub(super) fn of<E: Endpoint>(path: &str, headers: &HeaderMap) -> Self {
        let is_merge = E::METHOD == MergeBranch::METHOD && E::PATH == MergeBranch::PATH;
        // /v1/branches/{branch_id_or_ref}/merge
        let branch = path.split('/').nth(3).filter(|_| is_merge);
        Self {
            method: E::METHOD,
            path: E::PATH,
            call: call_of(headers),
            merges: branch.map(str::to_owned),
        }
    }
}

/// The call that a request says it belongs to, if what it says can be an id.
fn call_of(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(CALL_HEADER)?.to_str().ok()?;
    let is_an_id = !id.is_empty() && id.len() <= 64;
    let plain = |one: u8| one.is_ascii_alphanumeric() || one == b'-' || one == b'_';
    (is_an_id && id.bytes().all(plain)).then(|| id.to_owned())
}

impl Faults {
    /// Replaces the plan. Counting begins anew, and the hits of the earlier plan are forgotten.
    pub fn plan(&self, faults: Vec<Fault>) {
        let mut inner = self.lock();
        inner.plan = faults
            .into_iter()
            .map(|fault| Planned { fault, seen: 0 })
            .collect();
        inner.hits.clear();
        inner.merges.clear();
    }

    /// Every time that a fault of this plan struck, in order.
    pub fn hits(&self) -> Vec<Hit> {
        self.lock().hits.clone()
    }

    /// Whether nothing is planned.
    pub fn is_empty(&self) -> bool {
        self.lock().plan.is_empty()
    }

    /// Answers a call: by `answer`, which does its work, unless a fault strikes.
    pub(super) async fn around(
        &self,
        called: Called,
        answer: BoxFuture<'static, Response>,
    ) -> Response {
        match self.strike(&called) {
            None => answer.await,
            Some(blow) => blow.on(&called.method, answer).await,
        }
    }

    /// Counts a call, and says what becomes of it.
    fn strike(&self, called: &Called) -> Option<blow::Blow> {
        let mut inner = self.lock();
        let Inner { plan, hits, merges } = &mut *inner;
        if let (Some(branch), Some(call)) = (&called.merges, &called.call)
            && !plan.is_empty()
        {
            merges.insert(branch.clone(), call.clone());
        }
        let mut struck = None;
        for planned in plan {
            if !planned.fault.concerns(called) {
                continue;
            }
            planned.seen += 1;
            if struck.is_some() {
                continue;
            }
            if let Turn::Strikes(blow) = planned.fault.turn(planned.seen) {
                hits.push(Hit {
                    fault: planned.fault.clone(),
                    kind: blow.kind(),
                    method: called.method.to_string(),
                    path: called.path.to_owned(),
                    count: planned.seen,
                    call: called.call.clone(),
                });
                struck = Some(blow);
            }
        }
        if let (Some(blow), Some(hit)) = (&struck, inner.hits.last()) {
            tracing::info!(kind = ?blow.kind(), method = hit.method, path = hit.path, call = hit.call, "a planned fault strikes");
        }
        struck
    }

    /// Counts a merge workflow: after how many migrations it stops, if it does.
    pub(super) fn merge_stops(&self, branch: &Branch) -> Option<usize> {
        let mut inner = self.lock();
        let Inner { plan, hits, merges } = &mut *inner;
        let call = [branch.id.as_str(), branch.project_ref.as_str()]
            .iter()
            .find_map(|name| merges.remove(*name));
        let mut stops = None;
        for planned in plan {
            let What::MergeStops { after } = planned.fault.what else {
                continue;
            };
            planned.seen += 1;
            if stops.is_none() && planned.fault.is_due(planned.seen) {
                stops = Some(after);
                hits.push(Hit {
                    fault: planned.fault.clone(),
                    kind: Kind::MergeStops,
                    method: MergeBranch::METHOD.to_string(),
                    path: MergeBranch::PATH.to_owned(),
                    count: planned.seen,
                    call: call.clone(),
                });
            }
        }
        stops
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
