//! The journal: for every call one record, made of chained entries.
//!
//! A call that writes has an `intent`, on disk before the effect, and an `outcome`; a call that
//! only reads has an `outcome`, written in a group with others. Each entry's hash covers the
//! entry before it, so that a changed or missing one shows.

use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Store, StoreError};
use crate::clock;
use crate::hex;

/// What an entry says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
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
#[derive(Debug, Clone, Serialize)]
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
    /// SHA-256 over the previous entry's hash and this entry, hexadecimal.
    pub hash: String,
}

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
        self.run(move |connection| {
            let mut statement = connection.prepare_cached(
                "select seq, at, call_id, kind, tool, body, hash from journal order by seq desc limit ?1",
            )?;
            let mut records = Vec::new();
            let mut rows = statement.query(params![count])?;
            while let Some(row) = rows.next()? {
                records.push(Record {
                    seq: row.get(0)?,
                    at: row.get(1)?,
                    call_id: row.get(2)?,
                    kind: row.get(3)?,
                    tool: row.get(4)?,
                    body: serde_json::from_str(&row.get::<_, String>(5)?)?,
                    hash: row.get(6)?,
                });
            }
            records.reverse();
            Ok(records)
        })
        .await
    }

    /// Walks the whole chain; the place of the first entry that does not fit, if one does not.
    pub async fn journal_verify(&self) -> Result<Option<i64>, StoreError> {
        self.run(|connection| {
            let mut statement = connection.prepare(
                "select seq, at, call_id, kind, tool, body, previous, hash from journal order by seq",
            )?;
            let mut rows = statement.query([])?;
            let (mut previous, mut expected_seq) = (String::new(), 1_i64);
            while let Some(row) = rows.next()? {
                let seq: i64 = row.get(0)?;
                let texts: [String; 5] = [
                    row.get(1)?,
                    row.get(2)?,
                    row.get(3)?,
                    row.get(4)?,
                    row.get(5)?,
                ];
                let (stored_previous, hash): (String, String) = (row.get(6)?, row.get(7)?);
                if seq != expected_seq
                    || stored_previous != previous
                    || hash != chain_hash(&previous, seq, &texts)
                {
                    return Ok(Some(seq));
                }
                previous = hash;
                expected_seq += 1;
            }
            Ok(None)
        })
        .await
    }
}

fn append(connection: &Connection, entry: &Entry) -> Result<(), StoreError> {
    let last: Option<(i64, String)> = connection
        .prepare_cached("select seq, hash from journal order by seq desc limit 1")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (last_seq, previous) = last.unwrap_or_default();
    let seq = last_seq + 1;
    let texts = [
        clock::now(),
        entry.call_id.clone(),
        entry.kind.as_str().to_owned(),
        entry.tool.to_owned(),
        serde_json::to_string(&entry.body)?,
    ];
    let hash = chain_hash(&previous, seq, &texts);
    let [at, call_id, kind, tool, body] = texts;
    connection
        .prepare_cached(
            "insert into journal (seq, at, call_id, kind, tool, body, previous, hash) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![seq, at, call_id, kind, tool, body, previous, hash])?;
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
