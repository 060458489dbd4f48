//! Long work: a call answers within its wait, with its result or with `in_progress`, and the same
//! call repeated attaches to the work instead of starting it a second time.
//!
//! ```text
//! call ─► was the same call left behind?
//!           no ─► run it ─► done within the wait ─► its outcome
//!           │                └ not done ─► left behind: stored, `in_progress`
//!           ├ it runs here ─► attach            its outcome is given once;
//!           ├ it runs in another process ─► wait for its lease       then the
//!           ├ it is done ─► its outcome                       call starts anew
//!           └ its process died ─► again under the same operation id, where the tool can resume
//! ```

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::json;
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;
use tracing::Instrument;

use super::asked::Asked;
use super::pipeline::{About, Served, finish};
use super::{Call, Caller, Code, Guard, Next, Outcome, Progress, Refusal};
use crate::clock;
use crate::spans;
use crate::store::{Lease, LeftOperation};

/// The operations of this process whose callers have gone.
#[derive(Default)]
pub(super) struct Operations {
    running: Mutex<HashMap<String, Arc<Running>>>,
    /// Whether there ever was one: until then a look needs not ask the store for its outcome.
    any: AtomicBool,
}

/// Work that is under way.
struct Running {
    id: String,
    started_at: String,
    outcome: watch::Receiver<Option<Outcome>>,
    progress: Progress,
    /// Whether somebody has been given the outcome.
    given: AtomicBool,
}

/// What is known of an earlier call of the same kind.
enum Earlier {
    /// There is none: the call is begun.
    None,
    /// It is over, or goes on for longer than this call waits.
    Outcome(Outcome),
    /// Its process died; its operation is taken up, by whoever holds this.
    Died(LeftOperation, Lease),
}

impl Running {
    /// What came of the work, if it is done by then.
    async fn outcome_by(&self, deadline: Instant) -> Option<Outcome> {
        let mut outcome = self.outcome.clone();
        let waited = tokio::time::timeout_at(deadline, outcome.wait_for(Option::is_some)).await;
        waited.ok()?.ok()?.clone()
    }
}

impl Operations {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Running>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call's work, before it is begun.
pub(super) type Work = Box<dyn FnOnce(Call) -> BoxFuture<'static, Served> + Send>;

/// Begins a call's work, or attaches to the same that is under way, and answers within its wait.
pub(super) async fn operate(guard: &Guard, asked: Asked, caller: Caller, work: Work) -> Outcome {
    let deadline = Instant::now() + asked.wait;
    // Before anything else: what is no answer to this very call is refused, whatever it meets.
    if let Err(refusal) = guard.take_reply(&asked, caller.reply.as_ref()).await {
        return guard.refuse(asked.tool, &asked.principal, refusal).await;
    }
    let progress = caller.progress.clone();
    let resumed = match guard.earlier(&asked, &progress, deadline).await {
        Ok(Earlier::None) => None,
        Ok(Earlier::Outcome(outcome)) => return outcome,
        Ok(Earlier::Died(left, lease)) if asked.resumes => Some((left, lease)),
        Ok(Earlier::Died(left, _)) => {
            let refusal = guard.interrupted(&asked, &left).await;
            return guard.refuse(asked.tool, &asked.principal, refusal).await;
        }
        Err(refusal) => return guard.refuse(asked.tool, &asked.principal, refusal).await,
    };
    let arguments = asked.arguments.clone();
    let mut call = Call::new(guard.clone(), asked.tool, arguments, caller, deadline);
    let lease = resumed.map(|(left, lease)| {
        call.operation = left.id;
        lease
    });
    let (sender, outcome) = watch::channel(None);
    let (leave, left) = oneshot::channel();
    let running = Arc::new(Running {
        id: call.operation.clone(),
        started_at: clock::now(),
        outcome,
        progress,
        given: AtomicBool::new(false),
    });
    let work = serve_whole(guard.clone(), About::of(&call), work(call))
        .instrument(spans::executed(asked.tool));
    tokio::spawn(supervise(
        guard.clone(),
        asked.key.clone(),
        asked.tool,
        Arc::clone(&running),
        work.boxed(),
        (left, lease),
        sender,
    ));
    let waiting = Waiting {
        guard,
        asked: &asked,
        running,
        leave: Some(leave),
    };
    waiting.wait(deadline).await
}

/// A call's work to its end: a panic ends it and not the server.
async fn serve_whole(guard: Guard, about: About, work: BoxFuture<'static, Served>) -> Outcome {
    let served = AssertUnwindSafe(work)
        .catch_unwind()
        .await
        .unwrap_or_else(|_| {
            tracing::error!(tool = about.tool, call = %about.id, "a call failed");
            let refusal = Refusal::new(
                Code::InternalError,
                "Drydock failed while serving this call; what it had begun may or may not be done",
            )
            .operator("look into the server's log, and report what stands there");
            Served::refused(refusal, true)
        });
    finish(&guard, about, served).await
}

/// Runs a call's work in a task of its own, so that a client that goes away does not end it
/// half-way, and stores what came of it if its caller is told to come back.
async fn supervise(
    guard: Guard,
    key: String,
    tool: &'static str,
    running: Arc<Running>,
    mut work: BoxFuture<'static, Outcome>,
    (left, lease): (oneshot::Receiver<Stored>, Option<Lease>),
    sender: watch::Sender<Option<Outcome>>,
) {
    let row = |outcome: Option<&Outcome>| LeftOperation {
        key: key.clone(),
        id: running.id.clone(),
        tool: tool.to_owned(),
        started_at: running.started_at.clone(),
        outcome: outcome.map(Outcome::to_json),
    };
    let was_resumed = lease.is_some();
    let (held, answer) = tokio::select! {
        biased;
        outcome = &mut work => {
            sender.send_replace(Some(outcome));
            if was_resumed {
                guard.forget(&running.id).await;
            }
            return;
        }
        answer = left => {
            let held = match lease {
                Some(lease) => Ok(Some(lease)),
                None => guard.store().lease(&lease_name(&running.id), Duration::ZERO).await,
            };
            (held, answer)
        }
    };
    let stored = guard.store().put_operation(row(None)).await;
    if let Some(error) = held.as_ref().err().or(stored.as_ref().err()) {
        tracing::warn!(%error, tool, "a call that goes on is known to this process alone");
    }
    if let Ok(answer) = answer {
        // A caller that went away waits for no answer.
        let _ = answer.send(());
    }
    let outcome = work.await;
    let result = guard.store().put_operation(row(Some(&outcome))).await;
    sender.send_replace(Some(outcome));
    if let Err(error) = result {
        // Still in this process's list: whoever repeats the call here is given it.
        tracing::warn!(%error, tool, "the outcome of a call could not be stored");
        return;
    }
    guard.operations().lock().remove(&key);
    if running.given.load(Ordering::Acquire) {
        guard.forget(&running.id).await;
    }
}

fn lease_name(id: &str) -> String {
    format!("operation:{id}")
}

/// Who waits for a call's outcome. One that goes away leaves the work behind.
struct Waiting<'a> {
    guard: &'a Guard,
    asked: &'a Asked,
    running: Arc<Running>,
    leave: Option<oneshot::Sender<Stored>>,
}

/// Told once the store knows of the work: only then may its caller be told to come back.
type Stored = oneshot::Sender<()>;

impl Waiting<'_> {
    async fn wait(mut self, deadline: Instant) -> Outcome {
        if let Some(outcome) = self.running.outcome_by(deadline).await {
            self.leave = None;
            self.running.progress.close();
            return outcome;
        }
        let step = self.running.progress.last();
        let (stored, is_stored) = oneshot::channel();
        let at_the_last_moment = self.leave(stored);
        self.running.progress.close();
        if let Some(outcome) = at_the_last_moment {
            return outcome;
        }
        if is_stored.await.is_err()
            && let Some(outcome) = self.running.outcome_by(deadline).await
        {
            // The work ended in the very moment in which it was left.
            self.guard.operations().lock().remove(&self.asked.key);
            return outcome;
        }
        let refusal = self
            .asked
            .in_progress(&self.running.id, &self.running.started_at, step);
        Outcome::of_refusal(&refusal)
    }

    /// Leaves the work behind; its outcome, if that has come at the last moment.
    fn leave(&mut self, stored: Stored) -> Option<Outcome> {
        let leave = self.leave.take()?;
        let mut operations = self.guard.operations().lock();
        if let Some(outcome) = self.running.outcome.borrow().as_ref() {
            return Some(outcome.clone());
        }
        operations.insert(self.asked.key.clone(), Arc::clone(&self.running));
        self.guard.operations().any.store(true, Ordering::Release);
        let _ = leave.send(stored);
        None
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.leave(oneshot::channel().0);
    }
}

impl Guard {
    fn operations(&self) -> &Operations {
        &self.inner.operations
    }

    /// Looks for the same call, left behind earlier, and waits for it.
    async fn earlier(
        &self,
        asked: &Asked,
        progress: &Progress,
        deadline: Instant,
    ) -> Result<Earlier, Refusal> {
        let here = self.operations().lock().get(&asked.key).cloned();
        if let Some(running) = here {
            running.progress.also_to(progress);
            let outcome = running.outcome_by(deadline).await;
            running.progress.no_longer_to(progress);
            let Some(outcome) = outcome else {
                return Err(asked.in_progress(
                    &running.id,
                    &running.started_at,
                    running.progress.last(),
                ));
            };
            running.given.store(true, Ordering::Release);
            self.operations().lock().remove(&asked.key);
            self.forget(&running.id).await;
            return Ok(Earlier::Outcome(self.attached(asked, &running.id, outcome)));
        }
        if !asked.writes && !self.operations().any.load(Ordering::Acquire) {
            return Ok(Earlier::None);
        }
        let Some(left) = self.store().left_operation(&asked.key).await? else {
            return Ok(Earlier::None);
        };
        let patience = deadline.saturating_duration_since(Instant::now());
        let Some(lease) = self.store().lease(&lease_name(&left.id), patience).await? else {
            return Err(asked.in_progress(&left.id, &left.started_at, None));
        };
        // Read again under the lease: it may have ended meanwhile, and been given to another.
        match self.store().left_operation(&asked.key).await? {
            None => Ok(Earlier::None),
            Some(left) => match left.outcome.as_deref().and_then(Outcome::from_json) {
                None => Ok(Earlier::Died(left, lease)),
                Some(outcome) => {
                    self.forget(&left.id).await;
                    Ok(Earlier::Outcome(self.attached(asked, &left.id, outcome)))
                }
            },
        }
    }

    /// Forgets an operation whose outcome is given.
    async fn forget(&self, id: &str) {
        if let Err(error) = self.store().end_operation(id).await {
            tracing::warn!(%error, "an operation that is over could not be forgotten");
        }
    }

    /// Journals the call that was given an earlier call's outcome.
    fn attached(&self, asked: &Asked, operation: &str, outcome: Outcome) -> Outcome {
        self.journal_attachment(asked, operation, &outcome);
        outcome
    }

    /// A call that died with its process, and that cannot simply be made again.
    async fn interrupted(&self, asked: &Asked, left: &LeftOperation) -> Refusal {
        self.forget(&left.id).await;
        Refusal::new(
            Code::InDoubt,
            format!(
                "the server died while this call was under way (since {}), and whether it changed anything is not known; look before you repeat it, nothing runs twice by itself",
                left.started_at
            ),
        )
        .next(match asked.arguments.get("project_id") {
            Some(project) => Next::new(
                "list_tables",
                json!({ "project_id": project, "branch": asked.arguments.get("branch") }),
                "a place to look from",
            ),
            None => Next::new("list_projects", json!({}), "a place to look from"),
        })
        .details(json!({ "operation": { "id": left.id, "tool": left.tool } }))
    }
}
