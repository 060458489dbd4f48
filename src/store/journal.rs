//! The journal: for every call one record, made of chained entries.
//!
//! A call that writes has an `intent`, on disk before the effect, and an `outcome`; a call that
//! only reads has an `outcome`, written in a group with others. Each entry's hash covers the
//! entry before it, so that a changed or missing one shows.

use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Store, StoreError};
use crate::clock;
use crate::hex;
use crate::redact;

/// What an entry says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A write is about to happen.
    Intent,
    /// What came of a call.
    Outcome,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Intent => "intent",
            Self::Outcome => "outcome",
        }
    }
}

/// What to write down.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The call that the entry belongs to.
    pub call_id: String,
    /// Intent or outcome.
    pub kind: Kind,
    /// The tool.
    pub tool: &'static str,
    /// Decision, target, code, time: never a secret, never a row.
    pub body: Value,
}

/// An entry as it stands in the journal.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Record {
    /// Its place, from 1.
    pub seq: i64,
    /// When; RFC 3339.
    pub at: String,
    /// The call.
    pub call_id: String,
    /// `intent` or `outcome`.
    pub kind: String,
    /// The tool.
    pub tool: String,
    /// What was written down.
    pub body: Value,
    /// The hash of the entry before it; empty for the first.
    pub previous: String,
    /// SHA-256 over the previous entry's hash and this entry, hexadecimal.
    pub hash: String,
}

/// The end of a chain: the last entry's place and hash.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Head {
    /// The place; 0 for an empty journal.
    pub seq: i64,
    /// The hash; empty for an empty journal.
    pub hash: String,
}

impl Head {
    /// Takes one entry more, if it is the one that follows.
    ///
    /// # Errors
    ///
    /// The place of an entry that does not.
    pub fn follow(&mut self, record: &Record) -> Result<(), i64> {
        let texts = [
            record.at.clone(),
            record.call_id.clone(),
            record.kind.clone(),
            record.tool.clone(),
            record.body.to_string(),
        ];
        let fits = record.seq == self.seq + 1
            && record.previous == self.hash
            && record.hash == chain_hash(&self.hash, record.seq, &texts);
        if !fits {
            return Err(record.seq);
        }
        self.seq = record.seq;
        self.hash.clone_from(&record.hash);
        Ok(())
    }
}

/// How many entries are read at a time.
const PAGE: u32 = 1000;

impl Store {
    /// Writes an entry; it is on disk when this answers.
    pub async fn journal(&self, entry: Entry) -> Result<(), StoreError> {
        self.run(move |connection| append(connection, &entry)).await
    }

    /// Writes an entry with the next group, and does not wait.
    pub fn journal_later(&self, entry: Entry) {
        self.gather("a journal entry", move |connection| {
            append(connection, &entry)
        });
    }

    /// The last `count` entries, oldest first.
    pub async fn journal_tail(&self, count: u32) -> Result<Vec<Record>, StoreError> {
        self.look(move |connection| {
            let mut records = select(connection, "order by seq desc limit ?1", params![count])?;
            records.reverse();
            Ok(records)
        })
        .await
    }

    /// The entries of one call, oldest first.
    pub async fn journal_of(&self, call_id: &str) -> Result<Vec<Record>, StoreError> {
        let call_id = call_id.to_owned();
        self.look(move |connection| {
            select(
                connection,
                "where call_id = ?1 order by seq",
                params![call_id],
            )
        })
        .await
    }

    /// The entries after a place, oldest first: a page of them, empty at the end.
    pub async fn journal_after(&self, seq: i64) -> Result<Vec<Record>, StoreError> {
        self.look(move |connection| {
            select(
                connection,
                "where seq > ?1 order by seq limit ?2",
                params![seq, PAGE],
            )
        })
        .await
    }

    /// The end of the chain as it was written down with the last entry.
    pub async fn journal_head(&self) -> Result<Head, StoreError> {
        self.look(|connection| Ok(head(connection)?.unwrap_or_default()))
            .await
    }
}

fn select(
    connection: &Connection,
    rest: &str,
    parameters: impl rusqlite::Params,
) -> Result<Vec<Record>, StoreError> {
    let mut statement = connection.prepare(&format!(
        "select seq, at, call_id, kind, tool, body, previous, hash from journal {rest}"
    ))?;
    let mut rows = statement.query(parameters)?;
    let mut records = Vec::new();
    while let Some(row) = rows.next()? {
        records.push(Record {
            seq: row.get(0)?,
            at: row.get(1)?,
            call_id: row.get(2)?,
            kind: row.get(3)?,
            tool: row.get(4)?,
            body: serde_json::from_str(&row.get::<_, String>(5)?)?,
            previous: row.get(6)?,
            hash: row.get(7)?,
        });
    }
    Ok(records)
}

fn head(connection: &Connection) -> Result<Option<Head>, StoreError> {
    Ok(connection
        .prepare_cached("select seq, hash from journal_head")?
        .query_row([], |row| {
            Ok(Head {
                seq: row.get(0)?,
                hash: row.get(1)?,
            })
        })
        .optional()?)
}

/// Writes an entry in the transaction of what it is about.
pub(super) fn append(connection: &Connection, entry: &Entry) -> Result<(), StoreError> {
    let Head {
        seq: last,
        hash: previous,
    } = head(connection)?.unwrap_or_default();
    let seq = last + 1;
    let mut body = entry.body.clone();
    redact::value(&mut body);
    let texts = [
        clock::now(),
        entry.call_id.clone(),
        entry.kind.as_str().to_owned(),
        entry.tool.to_owned(),
        serde_json::to_string(&body)?,
    ];
    let hash = chain_hash(&previous, seq, &texts);
    let [at, call_id, kind, tool, body] = texts;
    connection
        .prepare_cached(
            "insert into journal (seq, at, call_id, kind, tool, body, previous, hash) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![seq, at, call_id, kind, tool, body, previous, hash])?;
    // Beside the entries, so that an end that was cut off shows.
    connection
        .prepare_cached("insert or replace into journal_head (one, seq, hash) values (1, ?1, ?2)")?
        .execute(params![seq, hash])?;
    Ok(())
}

/// Every part is preceded by its length, so that no two entries hash alike.
fn chain_hash(previous: &str, seq: i64, texts: &[String; 5]) -> String {
    let mut hasher = Sha256::new();
    hasher.update(previous.as_bytes());
    hasher.update(seq.to_be_bytes());
    for text in texts {
        hasher.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
        hasher.update(text.as_bytes());
    }
    hex::encode(&hasher.finalize())
}
