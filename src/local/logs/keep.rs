//! The file of the logs: what is inserted, what goes out, what is read.

use std::collections::HashMap;

use rusqlite::{Connection, params};
use serde_json::{Map, Value};

use super::event::{Event, Line, Source};
use crate::api::Ref;
use crate::clock;
use crate::redact;
use crate::sqlite::StoreError;

/// Bytes of lines that one ref keeps.
const BYTES_OF_ONE: i64 = 16 * 1024 * 1024;
/// Bytes of lines that all refs keep together.
const BYTES_OF_ALL: i64 = 256 * 1024 * 1024;
/// How long a line is kept at most, in microseconds: seven days.
const AGE: i64 = 7 * 24 * 3600 * 1_000_000;
/// How often lines that are too old are looked for, in microseconds: an hour.
const LOOK_FOR_OLD: i64 = 3600 * 1_000_000;

/// Lines on their way into the file.
#[derive(Debug, Default)]
pub(super) struct Pending {
    pub(super) lines: Vec<(Ref, Line)>,
    /// How many found no room.
    pub(super) dropped: HashMap<(Ref, Source), u64>,
}

/// Knows how much there is, so that nothing has to be counted with each line.
#[derive(Debug, Default)]
pub(super) struct Keeper {
    bytes_of: HashMap<String, i64>,
    looked_for_old: i64,
}

impl Keeper {
    /// Counts what is there, and removes what belongs to nobody.
    pub(super) fn begin(
        &mut self,
        connection: &Connection,
        known: &[Ref],
    ) -> Result<(), StoreError> {
        let mut statement = connection.prepare("select ref, sum(bytes) from lines group by ref")?;
        let sums = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        self.bytes_of = sums.collect::<Result<_, _>>()?;
        let strangers: Vec<String> = self
            .bytes_of
            .keys()
            .filter(|name| !known.iter().any(|known| known.as_str() == *name))
            .cloned()
            .collect();
        for stranger in strangers {
            self.remove(connection, &stranger)?;
        }
        Ok(())
    }

    /// Writes lines down, and removes what is then too much.
    pub(super) fn store(
        &mut self,
        connection: &Connection,
        pending: Pending,
    ) -> Result<(), StoreError> {
        let dropped = pending
            .dropped
            .into_iter()
            .map(|((reference, source), count)| {
                let line = dropped(count).into_line(&reference, source);
                (reference, line)
            });
        let mut touched: Vec<String> = Vec::new();
        {
            let mut insert = connection.prepare_cached(
                "insert into lines (ref, at, source, id, severity, message, attributes, bytes) \
                 values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?;
            for (reference, line) in pending.lines.into_iter().chain(dropped) {
                let bytes = i64::try_from(line.bytes()).unwrap_or(i64::MAX);
                let line = clean(line);
                insert.execute(params![
                    reference.as_str(),
                    line.at,
                    line.source.as_str(),
                    line.id,
                    line.severity,
                    line.message,
                    attributes_json(line.attributes),
                    bytes,
                ])?;
                *self.bytes_of.entry(reference.to_string()).or_default() += bytes;
                if touched.last().map(String::as_str) != Some(reference.as_str()) {
                    touched.push(reference.to_string());
                }
            }
        }
        for reference in touched {
            if self.bytes(&reference) > BYTES_OF_ONE {
                self.trim(connection, &reference, BYTES_OF_ONE / 4 * 3)?;
            }
        }
        while self.bytes_of.values().sum::<i64>() > BYTES_OF_ALL
            && let Some((largest, bytes)) = self.bytes_of.iter().max_by_key(|(_, bytes)| **bytes)
        {
            let (largest, bytes) = (largest.clone(), *bytes);
            self.trim(connection, &largest, bytes / 2)?;
        }
        self.remove_old(connection)
    }

    fn bytes(&self, reference: &str) -> i64 {
        self.bytes_of.get(reference).copied().unwrap_or_default()
    }

    /// Removes the oldest lines of a ref until `keep` bytes are left.
    fn trim(
        &mut self,
        connection: &Connection,
        reference: &str,
        keep: i64,
    ) -> Result<(), StoreError> {
        let mut excess = self.bytes(reference) - keep;
        // The last line that goes; many may be of one moment.
        let mut last: (i64, i64) = (i64::MIN, 0);
        let mut statement = connection
            .prepare_cached("select at, seq, bytes from lines where ref = ?1 order by at, seq")?;
        let mut rows = statement.query(params![reference])?;
        while excess > 0
            && let Some(row) = rows.next()?
        {
            last = (row.get(0)?, row.get(1)?);
            excess -= row.get::<_, i64>(2)?;
        }
        drop(rows);
        connection
            .prepare_cached("delete from lines where ref = ?1 and (at, seq) <= (?2, ?3)")?
            .execute(params![reference, last.0, last.1])?;
        self.count(connection, reference)
    }

    fn remove_old(&mut self, connection: &Connection) -> Result<(), StoreError> {
        let now = clock::unix_micros();
        if now - self.looked_for_old < LOOK_FOR_OLD {
            return Ok(());
        }
        self.looked_for_old = now;
        for reference in self.bytes_of.keys().cloned().collect::<Vec<_>>() {
            let gone = connection
                .prepare_cached("delete from lines where ref = ?1 and at < ?2")?
                .execute(params![reference, now - AGE])?;
            if gone > 0 {
                self.count(connection, &reference)?;
            }
        }
        Ok(())
    }

    fn count(&mut self, connection: &Connection, reference: &str) -> Result<(), StoreError> {
        let left: i64 = connection.query_row(
            "select coalesce(sum(bytes), 0) from lines where ref = ?1",
            params![reference],
            |row| row.get(0),
        )?;
        if left == 0 {
            self.bytes_of.remove(reference);
        } else {
            self.bytes_of.insert(reference.to_owned(), left);
        }
        Ok(())
    }

    /// Removes everything of a ref.
    pub(super) fn forget(
        &mut self,
        connection: &Connection,
        reference: &Ref,
    ) -> Result<(), StoreError> {
        self.remove(connection, reference.as_str())
    }

    fn remove(&mut self, connection: &Connection, reference: &str) -> Result<(), StoreError> {
        connection.execute("delete from lines where ref = ?1", params![reference])?;
        connection.execute("delete from tails where ref = ?1", params![reference])?;
        self.bytes_of.remove(reference);
        Ok(())
    }
}

/// The line that stands for lines that found no room.
fn dropped(count: u64) -> Event {
    Event::now(format!(
        "{count} lines were dropped here: they came faster than they can be kept"
    ))
    .severity("WARN")
    .with("dropped", count)
}

fn clean(mut line: Line) -> Line {
    line.message = redact::clean(line.message);
    for (key, value) in &mut line.attributes {
        *value = if redact::is_secret_member(key, value) {
            redact::MARK.to_owned()
        } else {
            redact::clean(std::mem::take(value))
        };
    }
    line
}

fn attributes_json(attributes: Vec<(String, String)>) -> String {
    let members: Map<String, Value> = attributes
        .into_iter()
        .map(|(key, value)| (key, Value::String(value)))
        .collect();
    Value::Object(members).to_string()
}

/// The lines of a ref from `from` to before `to`, oldest first.
pub(super) fn window(
    connection: &Connection,
    reference: &Ref,
    from: i64,
    to: i64,
    sources: Option<&[String]>,
) -> Result<Vec<Line>, StoreError> {
    let mut statement = connection.prepare_cached(
        "select at, source, id, severity, message, attributes from lines \
         where ref = ?1 and at >= ?2 and at < ?3 order by at, seq",
    )?;
    let mut rows = statement.query(params![reference.as_str(), from, to])?;
    let mut lines = Vec::new();
    while let Some(row) = rows.next()? {
        let name: String = row.get(1)?;
        let Some(source) = Source::parse(&name) else {
            continue;
        };
        if sources.is_some_and(|wanted| !wanted.contains(&name)) {
            continue;
        }
        let attributes: HashMap<String, String> = serde_json::from_str(&row.get::<_, String>(5)?)?;
        let mut attributes: Vec<(String, String)> = attributes.into_iter().collect();
        attributes.sort();
        lines.push(Line {
            at: row.get(0)?,
            source,
            id: row.get(2)?,
            severity: row.get(3)?,
            message: row.get(4)?,
            attributes,
        });
    }
    Ok(lines)
}
