//! Approvals: a yes to one exact call, asked for, given once, used once.
//!
//! ```text
//! asked ─► pending ─► granted ─► used
//!             │  └──► denied      (a reusable one stays granted)
//!             └─────────┴───────► expired
//! ```
//!
//! Every step is one statement that names the status before it, in the transaction of the one
//! writer: of several processes that want to make the same step, one does.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Serialize;
use serde_json::Value;

use super::{Road, Store, StoreError};
use crate::chance;
use crate::clock;

/// For how long what has ended can still be shown.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);
/// For how long one process may be at telling the backend.
const TELLING: Duration = Duration::from_secs(300);
/// The letters of an id: none that is read for another.
const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// What a call asks an approval for.
#[derive(Debug, Clone)]
pub struct NewApproval {
    /// Who calls.
    pub principal: String,
    /// The tool.
    pub tool: String,
    /// The policy's word for what it does.
    pub operation: String,
    /// Production's ref, or `ref/branch`; empty where the call concerns no project.
    pub subject: String,
    /// SHA-256 of the arguments; empty where the approval is for any.
    pub arguments: String,
    /// SHA-256 of the state that it is asked for.
    pub state: String,
    /// What is asked, in words.
    pub summary: String,
    /// The same as facts.
    pub facts: Value,
    /// Whether it serves until it expires, rather than once.
    pub reusable: bool,
    /// For how long it waits for an answer.
    pub waits: Duration,
    /// For how long the answer counts.
    pub lasts: Duration,
}

/// An approval as it stands.
#[derive(Debug, Clone, Serialize)]
pub struct Approval {
    /// What it is called; cannot be guessed.
    pub id: String,
    /// `pending`, `granted`, `denied`, `used` or `expired`.
    pub status: String,
    /// What is asked, in words.
    pub summary: String,
    /// Who new.
    pub principal: String,
    /// With which tool.
    pub tool: String,
    /// The policy's word for what it does.
    pub operation: String,
    /// Production's ref, or `ref/branch`; empty where the call concerns no project.
    pub subject: String,
    /// What is asked, as facts.
    pub facts: Value,
    /// Whether it serves until it expires, rather than once.
    pub reusable: bool,
    /// When it was asked for; RFC 3339.
    pub created_at: String,
    /// When it ends by itself; RFC 3339.
    pub expires_at: String,
    /// When it was answered; RFC 3339.
    pub answered_at: Option<String>,
    /// Who answered.
    pub answered_by: Option<String>,
    /// On which road: `client` or `operator`.
    pub road: Option<String>,
    /// Why, if that was said.
    pub reason: Option<String>,
    /// When it was used; RFC 3339.
    pub used_at: Option<String>,
}

/// How a call stands that needs an approval.
#[derive(Debug, Clone)]
pub enum Standing {
    /// There was a yes, and this call has it now.
    Granted(Approval),
    /// There was a no.
    Denied(Approval),
    /// It waits for an answer.
    Pending {
        /// What waits.
        approval: Approval,
        /// The same call's approval for another state, if one was given before.
        for_another_state: Option<Box<Approval>>,
    },
    /// So many wait already that no other may.
    TooMany(u32),
}

/// What is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Open {
    /// What waits for an answer, or for its call.
    Only,
    /// What has ended as well.
    OrEnded,
}

const COLUMNS: &str = "id, status, summary, principal, tool, operation, subject, facts, reusable, created_ms, expires_ms, answered_ms, answered_by, road, reason, used_ms";

impl Store {
    /// Takes the approval that fits a call, if there is one that came on a road in `roads`; else
    /// says how the call stands, and lets it wait if it did not yet. At most `most` wait for one
    /// principal, and denied ones count until they expire, so that nobody is asked without end.
    pub async fn claim_approval(
        &self,
        new: NewApproval,
        roads: &'static [Road],
        most: u32,
    ) -> Result<Standing, StoreError> {
        self.run(move |connection| {
            let now = clock::unix_millis();
            end_expired(connection, now)?;
            forget_old(connection, now)?;
            for road in roads {
                if let Some(granted) = fitting(connection, &new, "granted", Some(*road))? {
                    return Ok(Standing::Granted(use_up(connection, granted, now)?));
                }
            }
            if let Some(denied) = fitting(connection, &new, "denied", None)? {
                return Ok(Standing::Denied(denied));
            }
            let for_another_state = other_state(connection, &new)?.map(Box::new);
            if let Some(approval) = fitting(connection, &new, "pending", None)? {
                return Ok(Standing::Pending {
                    approval,
                    for_another_state,
                });
            }
            // What the same call waited for before is no longer what it would do.
            connection.execute(
                "update approvals set status = 'expired' where status = 'pending' and principal = ?1 and tool = ?2 and operation = ?3 and subject = ?4 and arguments = ?5",
                params![new.principal, new.tool, new.operation, new.subject, new.arguments],
            )?;
            let waiting: u32 = connection
                .prepare_cached("select count(*) from approvals where principal = ?1 and (status = 'pending' or status = 'denied' and expires_ms > ?2)")?
                .query_row(params![new.principal, now], |row| row.get(0))?;
            if waiting >= most {
                return Ok(Standing::TooMany(waiting));
            }
            Ok(Standing::Pending {
                approval: insert(connection, &new, now)?,
                for_another_state,
            })
        })
        .await
    }

    /// Approvals, oldest first.
    pub async fn approvals(&self, open: Open) -> Result<Vec<Approval>, StoreError> {
        self.run(move |connection| {
            end_expired(connection, clock::unix_millis())?;
            let which = match open {
                Open::Only => "where status in ('pending', 'granted')",
                Open::OrEnded => "",
            };
            let mut statement = connection.prepare(&format!(
                "select {COLUMNS} from approvals {which} order by created_ms, id"
            ))?;
            let rows = statement.query_map([], read)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// One approval.
    pub async fn approval(&self, id: &str) -> Result<Option<Approval>, StoreError> {
        let id = id.to_owned();
        self.run(move |connection| {
            end_expired(connection, clock::unix_millis())?;
            by_id(connection, &id)
        })
        .await
    }

    /// Whether the caller is to tell the operator's backend of a pending approval: nobody has, and
    /// nobody else is at it.
    pub async fn claim_telling(&self, id: &str) -> Result<bool, StoreError> {
        let id = id.to_owned();
        self.run(move |connection| {
            let now = clock::unix_millis();
            let claimed = connection.execute(
                "update approvals set telling_until_ms = ?2 where id = ?1 and status = 'pending' and told = 0 and telling_until_ms <= ?3",
                params![id, now + millis(TELLING), now],
            )?;
            Ok(claimed == 1)
        })
        .await
    }

    /// Says whether the backend has been told; if not, the next call tries again.
    pub async fn end_telling(&self, id: &str, told: bool) -> Result<(), StoreError> {
        let id = id.to_owned();
        self.run(move |connection| {
            connection.execute(
                "update approvals set told = ?2, telling_until_ms = 0 where id = ?1",
                params![id, told],
            )?;
            Ok(())
        })
        .await
    }
}

/// The approval of this very call in a status; for a granted one, on this road.
fn fitting(
    connection: &Connection,
    new: &NewApproval,
    status: &str,
    road: Option<Road>,
) -> Result<Option<Approval>, StoreError> {
    Ok(connection
        .prepare_cached(&format!(
            "select {COLUMNS} from approvals where principal = ?1 and tool = ?2 and operation = ?3 and subject = ?4 and arguments = ?5 and state = ?6 and reusable = ?7 and status = ?8 and (?9 is null or road = ?9) and expires_ms > ?10 order by created_ms limit 1"
        ))?
        .query_row(
            params![
                new.principal,
                new.tool,
                new.operation,
                new.subject,
                new.arguments,
                new.state,
                new.reusable,
                status,
                road.map(Road::as_str),
                clock::unix_millis(),
            ],
            read,
        )
        .optional()?)
}

/// A yes to the same call in another state.
fn other_state(connection: &Connection, new: &NewApproval) -> Result<Option<Approval>, StoreError> {
    Ok(connection
        .prepare_cached(&format!(
            "select {COLUMNS} from approvals where principal = ?1 and tool = ?2 and operation = ?3 and subject = ?4 and arguments = ?5 and state <> ?6 and status = 'granted' order by created_ms desc limit 1"
        ))?
        .query_row(
            params![
                new.principal,
                new.tool,
                new.operation,
                new.subject,
                new.arguments,
                new.state,
            ],
            read,
        )
        .optional()?)
}

fn use_up(connection: &Connection, granted: Approval, now: i64) -> Result<Approval, StoreError> {
    if !granted.reusable {
        connection.execute(
            "update approvals set status = 'used', used_ms = ?2 where id = ?1 and status = 'granted'",
            params![granted.id, now],
        )?;
    }
    Ok(granted)
}

fn insert(connection: &Connection, new: &NewApproval, now: i64) -> Result<Approval, StoreError> {
    let id = new_id(&new.arguments);
    connection.execute(
        "insert into approvals (id, principal, tool, operation, subject, arguments, state, summary, facts, reusable, status, created_ms, lasts_ms, expires_ms) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 'pending', ?11, ?12, ?13)",
        params![
            id,
            new.principal,
            new.tool,
            new.operation,
            new.subject,
            new.arguments,
            new.state,
            new.summary,
            serde_json::to_string(&new.facts)?,
            new.reusable,
            now,
            millis(new.lasts),
            now.saturating_add(millis(new.waits)),
        ],
    )?;
    by_id(connection, &id)?
        .ok_or_else(|| StoreError::NotCommitted("an approval is not where it was put".to_owned()))
}

pub(super) fn by_id(connection: &Connection, id: &str) -> Result<Option<Approval>, StoreError> {
    Ok(connection
        .prepare_cached(&format!("select {COLUMNS} from approvals where id = ?1"))?
        .query_row(params![id], read)
        .optional()?)
}

/// Ends what has waited, or lain unused, for too long.
pub(super) fn end_expired(connection: &Connection, now: i64) -> Result<(), StoreError> {
    connection
        .prepare_cached("update approvals set status = 'expired' where status in ('pending', 'granted') and expires_ms <= ?1")?
        .execute(params![now])?;
    Ok(())
}

/// The journal keeps what was answered; this table need not.
fn forget_old(connection: &Connection, now: i64) -> Result<(), StoreError> {
    connection
        .prepare_cached("delete from approvals where status in ('denied', 'used', 'expired') and expires_ms <= ?1")?
        .execute(params![now - millis(KEPT)])?;
    connection
        .prepare_cached("delete from questions where approval not in (select id from approvals where status = 'pending')")?
        .execute([])?;
    Ok(())
}

pub(super) fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

/// Sixty random bits in twelve letters.
fn new_id(of: &str) -> String {
    chance::text("approval", of, LETTERS, 12)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Approval> {
    let time = |column: usize| -> rusqlite::Result<Option<String>> {
        Ok(row.get::<_, Option<i64>>(column)?.map(clock::at))
    };
    let facts: String = row.get(7)?;
    Ok(Approval {
        id: row.get(0)?,
        status: row.get(1)?,
        summary: row.get(2)?,
        principal: row.get(3)?,
        tool: row.get(4)?,
        operation: row.get(5)?,
        subject: row.get(6)?,
        facts: serde_json::from_str(&facts).unwrap_or_default(),
        reusable: row.get(8)?,
        created_at: time(9)?.unwrap_or_default(),
        expires_at: time(10)?.unwrap_or_default(),
        answered_at: time(11)?,
        answered_by: row.get(12)?,
        road: row.get(13)?,
        reason: row.get(14)?,
        used_at: time(15)?,
    })
}
