//! A migration: one transaction that runs the SQL and inserts the ledger row, then a restore
//! point. The server chooses version and idempotency key, so nothing runs twice.
//!
//! ```text
//! intended ──transaction──► committed ──restore point──► available
//!    │            │ refused: forgotten     └ failed: missing (no further migration, no merge)
//!    └ answer lost: the ledger is read ► there / not there / in doubt
//! ```

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::judging::{AskedSql, AskedTool};
use super::settle::{Settled, settle};
use super::transaction::{LEDGER_TOUCHED, transaction, without_wrapping};
use super::warnings::changes_of;
use super::weaker::WEAKER;
use super::{Code, Dev, LostData, Next, Refusal, Warning};
use crate::api::ApiError;
use crate::api::database::{QueryBody, RunQuery};
use crate::hex;
use crate::redact;
use crate::sql;
use crate::store::PointStatus;

/// How many changes a result lists.
const CHANGES: usize = 200;

/// A migration that is asked for.
#[derive(Debug, Clone)]
pub struct MigrationRequest {
    /// What to call it.
    pub name: String,
    /// Its SQL.
    pub query: String,
    /// Its version; the server's choice without.
    pub version: Option<String>,
    /// The key under which it runs once.
    pub idempotency_key: Option<String>,
}

/// A migration as the ledger has it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct AppliedMigration {
    /// Its version.
    pub version: String,
    /// Its name.
    pub name: String,
}

/// The restore point that follows a migration.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct MadePoint {
    /// Its name, to give to revert_to_restore_point.
    pub name: String,
    /// `available`; `branch_reset` where the platform offers none and the operator has chosen to go on;
    /// `missing` if it could not be made.
    pub status: String,
    /// What returning to it loses that a restore point keeps.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub weaker: Option<String>,
}

impl MadePoint {
    pub(super) fn new(name: &str, status: PointStatus) -> Self {
        Self {
            name: name.to_owned(),
            status: status.as_str().to_owned(),
            weaker: (status == PointStatus::BranchReset).then(|| WEAKER.to_owned()),
        }
    }
}

/// One thing that a migration changed.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Change {
    /// What was done: create, alter, drop, grant, …
    pub action: String,
    /// To what kind of object.
    pub kind: String,
    /// To which.
    pub object: String,
    /// Whether rows or values were lost by it.
    pub loses_data: bool,
}

/// What came of a migration.
#[derive(Debug, Clone)]
pub struct Migrated {
    /// The ledger's new row.
    pub migration: AppliedMigration,
    /// The point that follows it.
    pub restore_point: MadePoint,
    /// What it changed.
    pub changes: Vec<Change>,
    /// What was lost by it.
    pub data_lost: Vec<LostData>,
    /// What it makes others wait for, and what it left undone.
    pub warnings: Vec<Warning>,
    /// What an agent should know besides.
    pub notes: Vec<String>,
    /// Whether an earlier call had run it already.
    pub repeated: bool,
}

impl MigrationRequest {
    /// SQL that came without a name, named by the first thing that it does.
    pub fn unnamed(query: String) -> Self {
        let first = sql::judge(&query).ok().and_then(|batch| {
            let effect = batch.effects().next()?;
            Some(redact::clean(format!(
                "{} {} {}",
                effect.action, effect.object_kind, effect.object
            )))
        });
        let mut name: String = first
            .unwrap_or_else(|| "execute sql".to_owned())
            .chars()
            .map(|one| if one.is_alphanumeric() { one } else { '_' })
            .take(60)
            .collect();
        name.make_ascii_lowercase();
        Self {
            name,
            query,
            version: None,
            idempotency_key: None,
        }
    }
}

impl Dev {
    /// Applies one migration, and makes its restore point.
    pub async fn migrate(&self, mut request: MigrationRequest) -> Result<Migrated, Refusal> {
        // A call that takes up the work of one whose process died finds what that one did.
        request
            .idempotency_key
            .get_or_insert_with(|| self.call.operation.clone());
        let asked = AskedSql {
            tool: AskedTool::ApplyMigration {
                name: &request.name,
            },
            project: self.branch.project().as_str(),
            branch: Some(self.branch.name()),
            query: &request.query,
        };
        let (batch, _) = asked.judge(sql::Place::Dev)?;
        check_name(&request.name)?;
        let keyless = Next::new(
            "apply_migration",
            json!({
                "project_id": self.branch.project(),
                "branch": self.branch.name(),
                "name": request.name,
                "query": request.query,
            }),
            "runs it as a migration of its own",
        );
        check_key(request.idempotency_key.as_deref())
            .map_err(|refusal| refusal.next(keyless.clone()))?;
        let guard = &self.call.guard;
        let _turn = guard.branch_turn(self.branch.reference()).await?;
        self.repair().await?;
        let ledger = guard.ledger(self.branch.reference()).await?;
        self.refuse_strangers(&ledger).await?;
        if let Some(key) = &request.idempotency_key
            && let Some(done) = ledger
                .0
                .iter()
                .find(|entry| entry.idempotency_key.as_ref() == Some(key))
        {
            if done.digest != hex::sha256_text(&request.query) {
                return Err(Refusal::invalid(
                    "this idempotency_key was used for other SQL; a new migration needs a new key",
                )
                .next(keyless));
            }
            return self.already_done(&done.version, done.name.clone()).await;
        }
        guard
            .refuse_secrets_behind(
                self.branch.reference(),
                asked,
                &batch,
                sql::Purpose::Migrate,
            )
            .await?;
        let mut warnings = self.lock_warnings(&request.query, &batch).await;
        let data_lost = self.losses(&batch).await;
        let version = self.choose_version(&request, &ledger).await?;
        let point = self.name_point(&version).await?;
        let mut after = ledger.versions();
        after.push(version.clone());
        // On disk before the effect: whoever comes next finds what was about to happen.
        guard
            .store()
            .put_point(
                self.branch.project(),
                self.branch.reference(),
                &point,
                Some(&version),
                PointStatus::Intended,
                &after,
            )
            .await?;
        self.call.step("applying the migration");
        let marker = format!("drydock {}", self.call.id);
        let script = transaction(&marker, &request, &version, &ledger);
        self.execute(&script, &marker, &version, &point).await?;
        self.refuse_more_than(&after, &point).await?;
        self.call.step("making the restore point");
        let restore_point = self.finish_point(&point).await.map_err(|mut refusal| {
            refusal.message = format!(
                "migration {version} is applied, and its restore point {point} is not recorded: {}",
                refusal.message
            );
            refusal
        })?;
        let mut changes = changes_of(&batch);
        warnings.extend(self.unreachable_tables(&batch).await);
        let mut notes: Vec<String> = super::cautions::caution(&request.query)
            .into_iter()
            .collect();
        if changes.len() > CHANGES {
            notes.push(format!(
                "{} changes were made, of which the first {CHANGES} are listed",
                changes.len()
            ));
            changes.truncate(CHANGES);
        }
        Ok(Migrated {
            migration: AppliedMigration {
                version,
                name: request.name,
            },
            restore_point,
            changes,
            data_lost,
            warnings,
            notes,
            repeated: false,
        })
    }

    async fn already_done(&self, version: &str, name: Option<String>) -> Result<Migrated, Refusal> {
        let points = self
            .call
            .guard
            .store()
            .points(self.branch.reference())
            .await?;
        let point = points
            .iter()
            .rev()
            .find(|point| point.migration_version.as_deref() == Some(version));
        Ok(Migrated {
            migration: AppliedMigration {
                version: version.to_owned(),
                name: name.unwrap_or_default(),
            },
            restore_point: match point {
                Some(point) => MadePoint::new(&point.name, point.status),
                None => MadePoint::new(&format!("rp-{version}"), PointStatus::Missing),
            },
            changes: Vec::new(),
            data_lost: Vec::new(),
            warnings: Vec::new(),
            notes: vec!["this idempotency key was used before: nothing ran again".to_owned()],
            repeated: true,
        })
    }

    /// Sends the transaction. When this answers Ok the ledger row is committed.
    async fn execute(
        &self,
        script: &str,
        marker: &str,
        version: &str,
        point: &str,
    ) -> Result<(), Refusal> {
        let guard = &self.call.guard;
        let body = QueryBody {
            query: script.to_owned(),
            parameters: None,
            read_only: None,
        };
        let error = match guard
            .client()
            .write::<RunQuery>(&self.branch, &(), &body)
            .await
        {
            Ok(_) => return Ok(()),
            Err(error) => error,
        };
        let nothing_sent = matches!(
            error,
            ApiError::Unreachable { .. } | ApiError::NotStarted(_)
        );
        if nothing_sent {
            guard
                .store()
                .forget_point(self.branch.reference(), point)
                .await?;
            return Err(error.into());
        }
        // Whatever the error says: what the ledger says is what happened.
        tracing::debug!(%error, version, "a migration was not acknowledged; reading the ledger");
        match settle(guard, &self.branch, marker, version).await {
            Settled::Applied => Ok(()),
            Settled::NotApplied => {
                guard
                    .store()
                    .forget_point(self.branch.reference(), point)
                    .await?;
                if !error.may_have_happened() {
                    return Err(self.explain(error));
                }
                Err(Refusal::new(
                    Code::NotApplied,
                    format!("the migration was not applied ({error}); nothing of it remains, send it again"),
                ))
            }
            Settled::Unknown => Err(Refusal::new(
                Code::InDoubt,
                format!("whether the migration was applied is not known ({error}); no other one runs on this branch until it is"),
            )
            .next(Next::new(
                "list_migrations",
                json!({ "project_id": self.branch.project() }),
                format!("shows whether version {version} is in the ledger"),
            ))),
        }
    }

    /// A refusal by the database, in the agent's terms.
    fn explain(&self, error: ApiError) -> Refusal {
        if let ApiError::Status { message, .. } = &error
            && touches_ledger(message)
        {
            return Refusal::new(
                Code::LedgerIsProtected,
                "this migration changes the ledger of migrations; it was rolled back whole",
            );
        }
        let refusal = Refusal::from(error);
        if refusal.code != Code::SqlError {
            return refusal;
        }
        // Taken apart again, so that the place in `details` is the migration's own as well.
        let mut own = Refusal::sql_error(&without_wrapping(&refusal.message));
        own.message = format!(
            "the migration failed and was rolled back whole: {}",
            own.message
        );
        own
    }
}

/// Whether the transaction's own check, or the ledger's owner, says that the ledger was reached for.
fn touches_ledger(message: &str) -> bool {
    let denied = message.contains("42501")
        && ["schema_migrations", "the migration ledger is append-only"]
            .iter()
            .any(|ledger| message.contains(ledger));
    denied || message.contains(LEDGER_TOUCHED)
}

/// A key that an index and a header can bear.
fn check_key(key: Option<&str>) -> Result<(), Refusal> {
    let fits =
        key.is_none_or(|key| (1..=200).contains(&key.len()) && !key.chars().any(char::is_control));
    if fits {
        return Ok(());
    }
    Err(Refusal::invalid(
        "an idempotency_key is 1 to 200 bytes without control characters",
    ))
}

/// A name that a ledger, a file name and a person can bear.
fn check_name(name: &str) -> Result<(), Refusal> {
    let fits = (1..=100).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    if fits {
        return Refusal::unless_harmless("migration's name", name);
    }
    Err(Refusal::invalid(
        "a migration's name is 1 to 100 characters, like create_todos",
    ))
}
