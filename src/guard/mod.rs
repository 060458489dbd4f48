//! The one road from a request to an effect.
//!
//! A tool is handed a grant and nothing else. What a grant can do stands in this module's files,
//! one per concern, as methods on the grant:
//!
//! ```text
//! pipeline   admit, resolve the grant, journal the intent, call, redact, fence, journal the outcome
//! present    a result as a client gets it
//! target     what a project_id and a branch stand for; what is not proven DEV is production
//! grant      Read, Sql, Dev, Launch, Release, Production: who may do what
//! branches   making, rebasing, resetting and deleting branches;  diff: comparing one with production
//! migrate    a migration: one transaction, one ledger row, one restore point
//!            version: which comes next;  transaction: its text;  settle: what a lost answer turned out to be
//!            warnings: what it makes others wait for, and what was lost
//! points     restore points and their repair;  revert: returning to one
//! recovery   returning production to a point in time;  backups: between which, and what else can be returned to
//! ledger     the ledger as it is;  strangers: rows that no migration made;  state: the hashes of schema and ledger
//! gate       the conditions of a merge;  rehearsal: the replay;  advice, remedies: the advisor's verdict, and what mends it
//!            findings: what the advisors find, in few words;  opening: what becomes public
//! merge      the merge itself, followed to its end;  merged: what came of it
//! judging    the SQL judge's answer in the guard's terms;  reach: the secrets behind what SQL names
//!            trial: a read as a user of the app
//! cautions   what is worth a word;  storage: its buckets;  typescript: a database's types, cut to size
//! projects   launching projects;  lifecycle: pausing, bringing back, deleting them;  passwords: sealed before they are sent;  keys: of their APIs;  reading: what only looks
//! functions  Edge Functions on a branch;  sources: what is deployed, checked;  invoke: calling one;  carried: how they reach production
//! handover   what must be removed before a user claims a project;  customs: settings that a new project does not have
//! claims     the link by which a user claims it;  claimed: the answer, and the tokens that keep access
//! costs      prices, bills and the cap on them
//! logs       what only looks at logs: queries in both dialects, a service's lines;  masking: values in messages
//! config     what services are set to;  configuring: changing it on branches;  dangers: settings that are not what they seem;  promote: carrying them to production
//!            exposure: what production's API shows, wherever the advisor looks;  access, matrix: who can reach what through it;  conditions: what a policy asks
//! secrets    of functions;  environment: the operator's;  payment: live keys
//! operations long work: in_progress, and attaching to it;  asked: what makes two calls the same;  pauses: between two looks at what takes its time
//! approval   leave to do what the policy does not allow by itself;  leaves: what for;  roads: the policy's part
//! user       asking the user behind the client;  caller: who calls;  quote: others' words, for people
//! backend    telling and hearing the operator's backend
//! policy     the operator's limits;  refusal: a typed "no";  ways: what to do after it;  redact: what must not get out
//! ```

mod access;
mod advice;
mod approval;
mod asked;
mod backend;
mod backups;
mod branches;
mod caller;
mod carried;
mod cautions;
mod claimed;
mod claims;
mod code;
mod conditions;
mod config;
mod configuring;
mod constraints;
mod costs;
mod customs;
mod dangers;
mod data_loss;
mod diff;
mod drift;
mod environment;
mod exposure;
mod findings;
mod functions;
mod gate;
mod grant;
mod handover;
mod health;
mod invoke;
mod judging;
mod keys;
mod leaves;
mod ledger;
mod lifecycle;
mod logs;
mod masking;
mod matrix;
mod merge;
mod merged;
mod migrate;
mod opening;
mod operations;
mod passwords;
mod pauses;
mod payment;
mod pipeline;
mod points;
mod policy;
mod present;
mod prices;
mod projects;
mod promote;
mod quote;
mod reach;
mod reading;
mod rebase;
mod recovery;
mod refusal;
mod rehearsal;
mod remedies;
mod revert;
mod roads;
mod rule;
mod secrets;
mod settle;
mod shape;
mod sources;
mod state;
mod storage;
mod strangers;
mod target;
mod tool;
mod transaction;
mod trial;
mod typescript;
mod user;
mod version;
mod warnings;
mod ways;
mod weaker;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::OwnedMutexGuard;

use crate::api::{Client, Meter, Ref};
use crate::store::{Lease, Store, StoreError};
use crate::webhook::Webhook;

pub use asked::WAIT_ARGUMENT;
pub use backend::{Letter, Unheard};
pub use backups::{ListedBackup, RecoveryOption, RecoveryWindow};
pub use branches::DroppedMigration;
pub use caller::{Asking, Caller, Principal, Put, Question, Reply, Said};
pub use claimed::{OauthApp, Unclaimed};
pub use claims::ClaimLink;
pub use config::ShownConfig;
pub use configuring::{ChangedConfig, ChangedField, CheckedSettings};
pub use costs::Cost;
pub use customs::CustomSetting;
pub use diff::{Diff, ObjectChange};
pub use findings::{Advice, Advisor, FoundLint, LintCounts};
pub use functions::{ShownFile, ShownFunction, WantedFunction};
pub use gate::{Check, CheckStatus, FixMigration, Verdict};
pub use grant::{Class, Dev, Grant, Launch, Production, Read, Release, Sql};
pub use handover::{Leftover, Prepared};
pub use invoke::{Invocated, InvokeRole, WantedCall};
pub use judging::judged_sql;
pub use keys::{EnvironmentKeys, MadeKey, PublishableKey, SecretKey};
pub use logs::{AskedWindow, FoundLogs, LogWindow};
pub use matrix::{AccessMatrix, Tried};
pub use merged::{Merged, MergedMigrations, NotMerged};
pub use migrate::{AppliedMigration, Change, MadePoint, Migrated, MigrationRequest};
pub use pipeline::{Outcome, run};
pub use points::ListedPoint;
pub use policy::{
    BranchCreation, Day, Freeze, Frozen, Group, Key, Limits, Looser, Narrowing, Policy,
    PolicyError, PolicyFile, ProductionRows, Switch,
};
pub use prices::ComputeSize;
pub use projects::{LaunchedProject, NewProject};
pub use quote::visible;
pub use reading::{ChangedRows, QueryResult};
pub use rebase::Rebased;
pub use recovery::{LostWindow, Recovered};
pub use refusal::{Code, Next, Refusal};
pub use revert::{Revert, Reverted, RowCount};
pub use roads::{Approvals, Operation, Road};
pub use secrets::{DevSecrets, SecretDigest};
pub use state::StateHashes;
pub use storage::FoundBucket;
pub use target::{Environment, Target, TargetView};
pub use tool::{Call, Progress, Tool};
pub use typescript::GeneratedTypes;
pub use warnings::{LostData, Warning, say_consequences};

/// From which Jaro-Winkler similarity on one name may be meant by another.
const ALIKE: f64 = 0.85;
/// How long work waits for its turn or for the platform before it gives up. Its caller is answered
/// long before, with `in_progress`.
pub(crate) const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// What the pipeline works with. Cheap to clone.
#[derive(Clone)]
pub struct Guard {
    inner: Arc<Inner>,
    policy: Arc<Policy>,
    /// The client of one call, which counts what that sends.
    metered: Option<Arc<Client>>,
}

struct Inner {
    client: Client,
    store: Store,
    webhook: Option<Webhook>,
    /// The app through which projects are handed over.
    oauth: Option<OauthApp>,
    /// Turns of this process, by what they are for; between processes the store's leases decide.
    turns: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
    /// Calls whose callers were told to come back.
    operations: operations::Operations,
    /// When branches were last listed.
    listings: target::Listings,
}

impl Guard {
    /// A guard over one platform, one store and one policy; with the operator's backend and OAuth
    /// app, if there are any.
    pub fn new(
        client: Client,
        store: Store,
        policy: Policy,
        webhook: Option<Webhook>,
        oauth: Option<OauthApp>,
    ) -> Self {
        let client = match &oauth {
            Some(app) => {
                let keeper = claimed::Keeper::new(client.clone(), store.clone(), app.clone());
                client.with_claimed(Arc::new(keeper))
            }
            None => client,
        };
        Self {
            inner: Arc::new(Inner {
                client,
                store,
                webhook,
                oauth,
                turns: Mutex::default(),
                operations: operations::Operations::default(),
                listings: target::Listings::default(),
            }),
            policy: Arc::new(policy),
            metered: None,
        }
    }

    /// The same for one call, whose requests are counted.
    fn metered(&self, meter: &Arc<Meter>) -> Self {
        Self {
            metered: Some(Arc::new(self.inner.client.metered(Arc::clone(meter)))),
            ..self.clone()
        }
    }

    /// The same under a policy that one request may tighten and not loosen.
    ///
    /// # Errors
    ///
    /// A list of which the policy allows nothing.
    pub fn narrowed(&self, given: &Narrowing) -> Result<Self, Looser> {
        let policy = Policy::clone(&self.policy).met(given)?;
        Ok(Self {
            inner: Arc::clone(&self.inner),
            policy: Arc::new(policy),
            metered: self.metered.clone(),
        })
    }

    /// Answers once every call that has been answered is in the journal on disk.
    pub async fn settle(&self) -> Result<(), StoreError> {
        self.store().settle().await
    }

    /// The operator's limits.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    fn client(&self) -> &Client {
        self.metered.as_deref().unwrap_or(&self.inner.client)
    }

    fn webhook(&self) -> Option<&Webhook> {
        self.inner.webhook.as_ref()
    }

    fn store(&self) -> &Store {
        &self.inner.store
    }

    /// The turn to change one branch: first among this process's calls, in order of arrival, then
    /// among processes.
    async fn branch_turn(&self, branch: &Ref) -> Result<Turn, Refusal> {
        self.turn(format!("branch:{branch}"), PATIENCE).await
    }

    /// The turn to change production of one project.
    async fn project_turn(&self, project: &Ref) -> Result<Turn, Refusal> {
        self.turn(format!("project:{project}"), PATIENCE).await
    }

    async fn turn(&self, name: String, patience: Duration) -> Result<Turn, Refusal> {
        let queue = {
            let mut turns = self
                .inner
                .turns
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            // Queues that nobody stands in are dropped before they add up.
            turns.retain(|_, queue| Arc::strong_count(queue) > 1);
            Arc::clone(turns.entry(name.clone()).or_default())
        };
        let busy = || {
            Refusal::new(
                Code::Busy,
                "another call has been working on the same thing for a long time; try again",
            )
        };
        let place = tokio::time::timeout(patience, queue.lock_owned())
            .await
            .map_err(|_| busy())?;
        let lease = self
            .store()
            .lease(&name, patience)
            .await?
            .ok_or_else(busy)?;
        Ok(Turn {
            _lease: lease,
            _place: place,
        })
    }
}

/// The right to change one thing, until it is dropped.
struct Turn {
    // Dropped in this order: the lease is given back before the next of this process is let in.
    _lease: Lease,
    _place: OwnedMutexGuard<()>,
}
