//! Workflows: what goes on after a route has answered. Each is written down as a run before the
//! answer; a run whose process died is begun again by the next, so each can be begun again.

use serde_json::{Value, json};

use super::Platform;
use super::actions::Action;
use super::engine::wire::{ResultSet, WireError};
use super::engine::{ClusterId, Connection, EngineError, Limits, Login};
use super::fault::Fault;
use super::registry::{Run, RunKind, StoredProject, new_uuid};
use crate::api::Ref;
use crate::api::actions::StepName;
use crate::api::branches::{Branch, BranchStatus};
use crate::api::projects::ProjectStatus;
use crate::clock;

/// One row of a ledger, whole: what a replay repeats.
#[derive(Debug, Clone)]
struct LedgerRow {
    version: String,
    statements: Vec<String>,
    /// name, created_by, idempotency_key, rollback, as they were.
    rest: [Value; 4],
}

impl Run {
    pub(super) fn new(kind: RunKind, reference: &Ref, migration_version: Option<String>) -> Self {
        Self {
            id: new_uuid("workflow run", &format!("{reference}/{kind:?}")),
            kind,
            reference: reference.clone(),
            migration_version,
        }
    }
}

impl Platform {
    /// Carries a run out in the background.
    pub(super) fn begin(&self, run: Run) {
        let platform = self.clone();
        tokio::spawn(async move {
            if let Err(fault) = platform.carry_out(&run).await {
                tracing::error!(kind = ?run.kind, reference = %run.reference, message = fault.message(), "a workflow failed");
            }
            if let Err(error) = platform.registry().end_run(&run.id).await {
                tracing::error!(%error, "a workflow's end could not be stored");
            }
        });
    }

    async fn carry_out(&self, run: &Run) -> Result<(), Fault> {
        if run.kind == RunKind::Launch {
            let _turn = self.turn(&run.reference).await;
            return self.launch(run).await;
        }
        if run.kind == RunKind::Recovery {
            let _turn = self.turn(&run.reference).await;
            return self.recover(run).await;
        }
        let branch = self
            .registry()
            .branch(run.reference.as_str())
            .await?
            .ok_or_else(Fault::no_branch)?;
        // A merge works on production, everything else on the branch.
        let subject = match run.kind {
            RunKind::Merge => &branch.parent_project_ref,
            _ => &branch.project_ref,
        };
        let _turn = self.turn(subject).await;
        let mut action = self.action(run, &branch).await;
        let up_to = run.migration_version.as_deref();
        let done = match run.kind {
            RunKind::Launch | RunKind::Recovery => Ok(()),
            RunKind::Branch => self.make_branch(&branch, &mut action).await,
            RunKind::Push => {
                let (production, branch) = (&branch.parent_project_ref, &branch.project_ref);
                self.carry_over(production, branch, (None, None), &mut action)
                    .await
            }
            RunKind::Reset => self.reset(&branch, up_to, &mut action).await,
            RunKind::Merge => {
                let stops = self.faults().and_then(|faults| faults.merge_stops(&branch));
                let (branch, production) = (&branch.project_ref, &branch.parent_project_ref);
                self.carry_over(branch, production, (up_to, stops), &mut action)
                    .await
            }
        };
        let (production, own) = (&branch.parent_project_ref, &branch.project_ref);
        let done = match (done, run.kind) {
            (Ok(()), RunKind::Branch | RunKind::Push) => {
                self.carry_functions(production, own, &mut action).await
            }
            (Ok(()), RunKind::Merge) => self.carry_functions(own, production, &mut action).await,
            (done, _) => done,
        };
        let status = match &done {
            Ok(()) => BranchStatus::FunctionsDeployed,
            Err(_) => BranchStatus::MigrationsFailed,
        };
        // Before the status: whoever sees the end of a run can read what it said.
        action.end(&done).await;
        self.registry().set_branch(subject, status).await?;
        done
    }

    /// Deploys what one has and the other lacks, or has otherwise.
    async fn carry_functions(
        &self,
        from: &Ref,
        to: &Ref,
        action: &mut Action,
    ) -> Result<(), Fault> {
        action.step(StepName::Deploy).await;
        Ok(self.registry().carry_functions(from, to).await?)
    }

    async fn launch(&self, run: &Run) -> Result<(), Fault> {
        let reference = &run.reference;
        let password = self.registry().launch_password(&run.id).await?;
        let cluster = self.new_cluster(reference, password).await?;
        self.registry()
            .set_cluster(reference, cluster, ProjectStatus::ActiveHealthy)
            .await?;
        Ok(())
    }

    /// Returns a project's database to a point in time, unless that was done before the platform died.
    /// Where it cannot be done the engine has left the database as it was.
    async fn recover(&self, run: &Run) -> Result<(), Fault> {
        let reference = &run.reference;
        let (second, left_before) = self
            .registry()
            .recovery(&run.id)
            .await?
            .ok_or_else(Fault::no_project)?;
        let cluster = self
            .project(reference)
            .await?
            .cluster
            .ok_or_else(Fault::no_project)?;
        let reach = self.engine().reach(cluster).await?;
        let left = if reach.times_left() > left_before {
            Ok(reach.left.last().copied())
        } else {
            let moment = clock::to_real(second * 1000);
            let recovered = self.engine().recover(cluster, moment).await;
            recovered.map(|recovered| {
                tracing::info!(%reference, second, total_ms = recovered.total_ms, "returned to a point in time");
                Some(recovered.left_at)
            })
        };
        if let Ok(Some(left)) = left {
            clock::part_at(left);
        }
        self.registry()
            .set_project(reference, ProjectStatus::ActiveHealthy)
            .await?;
        left?;
        Ok(())
    }

    async fn make_branch(&self, branch: &Branch, action: &mut Action) -> Result<(), Fault> {
        let parent = self.project(&branch.parent_project_ref).await?;
        let rows = self.ledger_of(&parent).await?;
        self.rebuild(branch, &rows, action).await
    }

    async fn reset(
        &self,
        branch: &Branch,
        up_to: Option<&str>,
        action: &mut Action,
    ) -> Result<(), Fault> {
        let own = self.project(&branch.project_ref).await?;
        let mut rows = self.ledger_of(&own).await?;
        if let Some(last) = up_to.and_then(|version| version.parse::<u64>().ok()) {
            rows.retain(|row| {
                row.version
                    .parse::<u64>()
                    .is_ok_and(|version| version <= last)
            });
        }
        self.rebuild(branch, &rows, action).await
    }

    /// Gives a branch a new database made of these migrations. The old one serves until the new
    /// one is there.
    async fn rebuild(
        &self,
        branch: &Branch,
        rows: &[LedgerRow],
        action: &mut Action,
    ) -> Result<(), Fault> {
        action.step(StepName::Clone).await;
        let reference = &branch.project_ref;
        let before = self.project(reference).await?.cluster;
        let cluster = self.new_cluster(reference, None).await?;
        self.carry_settings(reference, cluster).await;
        self.registry()
            .set_branch(reference, BranchStatus::RunningMigrations)
            .await?;
        action.step(StepName::Migrate).await;
        let replayed = self.replay(cluster, rows, action).await;
        match (before, replayed) {
            // What was there is worth more than half of what was asked for.
            (Some(_), Err(fault)) => {
                self.engine().destroy(cluster).await?;
                Err(fault)
            }
            (before, replayed) => {
                // A new branch whose migrations fail exists all the same: it can be looked at.
                self.registry()
                    .set_cluster(reference, cluster, ProjectStatus::ActiveHealthy)
                    .await?;
                if let Some(before) = before {
                    self.read_postgres_log(reference, before).await?;
                    self.engine().destroy(before).await?;
                }
                replayed
            }
        }
    }

    /// Applies to `to` what the ledger of `from` has more, up to a version, in order. It fails after so
    /// many, where that is planned.
    async fn carry_over(
        &self,
        from: &Ref,
        to: &Ref,
        (up_to, stops): (Option<&str>, Option<usize>),
        action: &mut Action,
    ) -> Result<(), Fault> {
        action.step(StepName::Pull).await;
        self.registry()
            .set_branch(to, BranchStatus::RunningMigrations)
            .await?;
        let (from, to) = (self.project(from).await?, self.project(to).await?);
        let have = self.ledger_of(&to).await?;
        let mut rows = self.ledger_of(&from).await?;
        rows.retain(|row| !have.iter().any(|other| other.version == row.version));
        if let Some(last) = up_to.and_then(|version| version.parse::<u64>().ok()) {
            rows.retain(|row| {
                row.version
                    .parse::<u64>()
                    .is_ok_and(|version| version <= last)
            });
        }
        let cluster = to.cluster.ok_or_else(Fault::no_project)?;
        action.step(StepName::Migrate).await;
        let Some(stops) = stops else {
            return self.replay(cluster, &rows, action).await;
        };
        rows.truncate(stops);
        self.replay(cluster, &rows, action).await?;
        Err(Fault::new(500, "the workflow stopped, as was planned"))
    }

    /// Runs migrations one by one, each in a transaction of its own with its ledger row.
    ///
    /// They share a session, because a session's first DDL costs more than all that follow. Between
    /// two of them everything that a session holds is discarded, as if each had one of its own; after
    /// one that changed what a login sets, the next gets a new one indeed.
    async fn replay(
        &self,
        cluster: ClusterId,
        rows: &[LedgerRow],
        action: &Action,
    ) -> Result<(), Fault> {
        let mut open: Option<(Connection, Option<String>)> = None;
        for row in rows {
            let (mut session, settings) = match open.take() {
                Some(open) => open,
                None => {
                    let mut session = self.engine().connect(cluster, Login::User).await?;
                    let settings = login_settings(&mut session).await?;
                    (session, settings)
                }
            };
            let sql = row.statements.join(";\n");
            if let Err(error) = apply(&mut session, row, &sql).await {
                session.close().await;
                action.note(format!("migration {} failed", row.version));
                return Err(Fault::of_sql(error, &sql));
            }
            action.note(format!("migration {} is applied", row.version));
            session.run("discard all", Limits::default()).await?;
            if login_settings(&mut session).await? == settings {
                open = Some((session, settings));
            } else {
                session.close().await;
            }
        }
        if let Some((session, _)) = open {
            session.close().await;
        }
        Ok(())
    }

    /// The SQL of the migrations that `branch` has and `production` lacks.
    pub(super) async fn unmerged_sql(
        &self,
        production: &Ref,
        branch: &Ref,
    ) -> Result<String, Fault> {
        let have = self.ledger_of(&self.project(production).await?).await?;
        let mut text = String::new();
        for row in self.ledger_of(&self.project(branch).await?).await? {
            if !have.iter().any(|other| other.version == row.version) {
                let name = row.rest.first().and_then(Value::as_str).unwrap_or_default();
                text.push_str(&format!("-- migration {} {name}\n", row.version));
                text.push_str(&row.statements.join(";\n"));
                text.push('\n');
            }
        }
        Ok(text)
    }

    async fn ledger_of(&self, project: &StoredProject) -> Result<Vec<LedgerRow>, Fault> {
        let Some(cluster) = project.cluster else {
            return Ok(Vec::new());
        };
        let sql = "select version, statements, name, created_by, idempotency_key, rollback \
                   from supabase_migrations.schema_migrations order by version";
        let result = self
            .engine()
            .read_only(cluster, sql, &[], Limits::default())
            .await
            .map_err(|error| Fault::of_sql(error, sql))?;
        Ok(ledger_rows(&result))
    }
}

fn ledger_rows(result: &ResultSet) -> Vec<LedgerRow> {
    result
        .to_json()
        .into_iter()
        .map(|mut row| {
            let mut take = |column: &str| row.remove(column).unwrap_or(Value::Null);
            let statements = match take("statements") {
                Value::Array(items) => items
                    .into_iter()
                    .filter_map(|item| item.as_str().map(str::to_owned))
                    .collect(),
                _ => Vec::new(),
            };
            LedgerRow {
                version: take("version").as_str().unwrap_or_default().to_owned(),
                statements,
                rest: [
                    take("name"),
                    take("created_by"),
                    take("idempotency_key"),
                    take("rollback"),
                ],
            }
        })
        .collect()
}

/// What `alter role … set` and `alter database … set` have left for logins, as one text.
async fn login_settings(session: &mut Connection) -> Result<Option<String>, EngineError> {
    let results = session
        .run(
            "select pg_catalog.string_agg(s::text, ' ' order by s::text) from pg_catalog.pg_db_role_setting as s",
            Limits::default(),
        )
        .await?;
    Ok(results.last().and_then(|result| result.text(0, 0)))
}

async fn apply(session: &mut Connection, row: &LedgerRow, sql: &str) -> Result<(), EngineError> {
    let limits = Limits::default();
    session.run("begin", limits).await?;
    session.run(sql, limits).await?;
    session.run("reset role", limits).await?;
    let [name, created_by, idempotency_key, rollback] = row.rest.clone();
    session
        .run_with(
            "insert into supabase_migrations.schema_migrations \
             (version, statements, name, created_by, idempotency_key, rollback) \
             values ($1, $2, $3, $4, $5, $6)",
            &[
                json!(row.version),
                json!(row.statements),
                name,
                created_by,
                idempotency_key,
                rollback,
            ],
            limits,
        )
        .await?;
    let committed = session.run("commit", limits).await?;
    // A migration that ended the transaction itself would make this an empty commit.
    match committed.last() {
        Some(result) if result.tag() == "COMMIT" => Ok(()),
        _ => Err(WireError::LeftTransaction.into()),
    }
}
