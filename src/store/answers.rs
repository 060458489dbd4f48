//! Answers to what waits for approval: by the operator, by the operator's backend, by the user
//! behind a client. Each is journalled in the transaction that takes it.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::approvals::{by_id, end_expired, millis};
use super::{Approval, Entry, Kind, Store, StoreError, journal};
use crate::chance;
use crate::clock;

/// For how long signed messages are remembered: longer than any of them counts.
const REMEMBERED: Duration = Duration::from_secs(3600);

/// On which road an answer comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Road {
    /// From the user behind the client: only as good as the client.
    Client,
    /// From the operator, or the operator's backend.
    Operator,
}

impl Road {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Operator => "operator",
        }
    }
}

/// Yes or no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// Yes.
    Grant,
    /// No.
    Deny,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Yes or no.
    pub decision: Decision,
    /// On which road it comes.
    pub road: Road,
    /// Who answers, in words.
    pub by: String,
    /// Why, if that was said.
    pub reason: Option<String>,
}

/// What became of an answer.
#[derive(Debug, Clone)]
pub enum Answered {
    /// It counts.
    Counts(Approval),
    /// There is no such approval.
    Unknown,
    /// It came too late: the approval is no longer pending.
    TooLate(Approval),
    /// The message was heard before.
    Replayed,
}

impl Store {
    /// Answers a pending approval.
    pub async fn answer_approval(&self, id: &str, answer: Answer) -> Result<Answered, StoreError> {
        let id = id.to_owned();
        self.run(move |connection| take(connection, &id, &answer))
            .await
    }

    /// The same for a signed message, which is heard once, whatever comes of it.
    pub async fn answer_by_message(
        &self,
        message: &str,
        id: &str,
        answer: Answer,
    ) -> Result<Answered, StoreError> {
        let (message, id) = (message.to_owned(), id.to_owned());
        self.run(move |connection| {
            let now = clock::unix_millis();
            connection.execute(
                "delete from heard where heard_ms <= ?1",
                params![now - millis(REMEMBERED)],
            )?;
            let new = connection.execute(
                "insert or ignore into heard (message, heard_ms) values (?1, ?2)",
                params![message, now],
            )?;
            if new == 0 {
                return Ok(Answered::Replayed);
            }
            take(connection, &id, &answer)
        })
        .await
    }

    /// Remembers that a client was given a question about a pending approval, to be answered once
    /// with `handle`, by the same principal with the same call. An earlier one counts no more.
    pub async fn put_question(
        &self,
        id: &str,
        handle: &str,
        principal: &str,
        tool: &str,
        arguments: &str,
    ) -> Result<(), StoreError> {
        let row = [id, handle, principal, tool, arguments].map(str::to_owned);
        self.run(move |connection| {
            let [id, handle, principal, tool, arguments] = row;
            connection.execute(
                "insert or replace into questions (approval, handle, principal, tool, arguments) values (?1, ?2, ?3, ?4, ?5)",
                params![id, handle, principal, tool, arguments],
            )?;
            Ok(())
        })
        .await
    }

    /// Takes the question of `handle` away, and answers the id of its approval; `None` if this
    /// call was given no such question. One that is asked for with another call's arguments is
    /// left to its own.
    pub async fn take_question(
        &self,
        handle: &str,
        principal: &str,
        tool: &str,
        arguments: &str,
    ) -> Result<Option<String>, StoreError> {
        let row = [handle, principal, tool, arguments].map(str::to_owned);
        self.run(move |connection| {
            let [handle, principal, tool, arguments] = row;
            Ok(connection
                .prepare_cached("delete from questions where handle = ?1 and principal = ?2 and tool = ?3 and arguments = ?4 returning approval")?
                .query_row(params![handle, principal, tool, arguments], |row| row.get(0))
                .optional()?)
        })
        .await
    }
}

fn take(connection: &Connection, id: &str, answer: &Answer) -> Result<Answered, StoreError> {
    let now = clock::unix_millis();
    end_expired(connection, now)?;
    let status = match answer.decision {
        Decision::Grant => "granted",
        Decision::Deny => "denied",
    };
    // From now on: what was granted late can still be used.
    let changed = connection.execute(
        "update approvals set status = ?2, road = ?3, answered_by = ?4, reason = ?5, answered_ms = ?6, expires_ms = ?6 + lasts_ms where id = ?1 and status = 'pending'",
        params![id, status, answer.road.as_str(), answer.by, answer.reason, now],
    )?;
    let Some(approval) = by_id(connection, id)? else {
        return Ok(Answered::Unknown);
    };
    if changed == 0 {
        return Ok(Answered::TooLate(approval));
    }
    journal::append(
        connection,
        &Entry {
            call_id: chance::hex::<8>("answer's call id", id),
            kind: Kind::Outcome,
            tool: "approve",
            body: json!({
                "decision": status,
                "approval": id,
                "road": answer.road.as_str(),
                "by": answer.by,
                "reason": answer.reason,
                "asked_by": approval.principal,
                "asked_with": approval.tool,
                "subject": approval.subject,
            }),
        },
    )?;
    Ok(Answered::Counts(approval))
}
