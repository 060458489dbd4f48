//! PostgreSQL's lines, read by the prefix that the engine gives them
//! ([`LOG_LINE_PREFIX`](crate::local::engine::LOG_LINE_PREFIX)).
//!
//! ```text
//! time|process|session|line|SQLSTATE|transaction|query id|backend|command|from|user|database| ERROR:  message
//! …| STATEMENT:  what was run
//! <tab>its second line
//! ```
//!
//! A server puts a tab before every line of a text but the first, so a line without one begins
//! something new. Processes that serve no session print neither user nor database.

use chrono::{DateTime, NaiveDateTime};

use super::event::Event;
use crate::clock;

/// The fields that every line begins with, after the time, by the platform's keys.
const FIELDS: [&str; 9] = [
    "parsed.process_id",
    "parsed.session_id",
    "parsed.session_line_num",
    "parsed.sql_state_code",
    "parsed.transaction_id",
    "parsed.query_id",
    "parsed.backend_type",
    "parsed.command_tag",
    "parsed.connection_from",
];
const SEVERITIES: [&str; 12] = [
    "LOG", "ERROR", "FATAL", "PANIC", "WARNING", "NOTICE", "INFO", "DEBUG1", "DEBUG2", "DEBUG3",
    "DEBUG4", "DEBUG5",
];
/// What a line says more of the one before it, and the platform's key for it.
const MORE: [(&str, &str); 7] = [
    ("DETAIL", "parsed.detail"),
    ("HINT", "parsed.hint"),
    ("QUERY", "parsed.internal_query"),
    ("CONTEXT", "parsed.context"),
    ("STATEMENT", "parsed.query"),
    ("LOCATION", "parsed.location"),
    ("BACKTRACE", "parsed.backtrace"),
];

/// One message of a server with everything that it says more.
#[derive(Debug)]
struct Message {
    at: Option<i64>,
    severity: String,
    text: String,
    fields: Vec<(&'static str, String)>,
}

/// Reads a text that begins at the beginning of a line and ends at the end of one. `identifier` is
/// the project's or branch's ref.
pub(super) fn events(text: &str, identifier: &str) -> Vec<Event> {
    let mut messages: Vec<Message> = Vec::new();
    for line in text.lines() {
        let more = line.strip_prefix('\t');
        match (more, messages.last_mut()) {
            (Some(more), Some(message)) => {
                let text = message
                    .fields
                    .last_mut()
                    .filter(|(key, _)| MORE.iter().any(|(_, known)| known == key))
                    .map_or(&mut message.text, |(_, value)| value);
                text.push('\n');
                text.push_str(more);
            }
            (_, last) => match read(line) {
                Some(Read::More(key, value)) => match last {
                    Some(message) => message.fields.push((key, value)),
                    None => messages.push(foreign(&value)),
                },
                Some(Read::Message(message)) => messages.push(message),
                None if line.is_empty() => {}
                // Printed past the server's own log: by a library, or a process that could not start.
                None => messages.push(foreign(line)),
            },
        }
    }
    messages
        .into_iter()
        .filter(|message| !message.is_of_the_machine())
        .map(|message| event(message, identifier))
        .collect()
}

impl Message {
    /// Whether it says where the server listens: a path of this machine, at which nobody else is served.
    fn is_of_the_machine(&self) -> bool {
        self.severity == "LOG" && self.text.starts_with("listening on ")
    }
}

fn event(message: Message, identifier: &str) -> Event {
    let mut event = Event::now(message.text)
        .severity(message.severity.clone())
        .with("identifier", identifier)
        .with("parsed.error_severity", message.severity);
    if let Some(at) = message.at {
        event = event.at(at);
    }
    for (key, value) in message.fields {
        event = event.with(key, value);
    }
    event
}

fn foreign(line: &str) -> Message {
    Message {
        at: None,
        severity: "LOG".to_owned(),
        text: line.to_owned(),
        fields: Vec::new(),
    }
}

/// What a line with a prefix is.
enum Read {
    Message(Message),
    More(&'static str, String),
}

fn read(line: &str) -> Option<Read> {
    let (time, mut rest) = line.split_once('|')?;
    let real = micros(time)?;
    let at = clock::to_shown_micros(real);
    let time = if at == real {
        time.to_owned()
    } else {
        printed(at)
    };
    let mut fields = vec![("parsed.timestamp", time)];
    for key in FIELDS {
        let (value, after) = rest.split_once('|')?;
        if !value.is_empty() {
            fields.push((key, value.to_owned()));
        }
        rest = after;
    }
    let mut said = said(rest.trim_start());
    if said.is_none() {
        let (user, after) = rest.split_once('|')?;
        let (database, after) = after.split_once("| ")?;
        fields.push(("parsed.user_name", user.to_owned()));
        fields.push(("parsed.database_name", database.to_owned()));
        said = self::said(after);
    }
    let (word, text) = said?;
    if let Some((_, key)) = MORE.iter().find(|(known, _)| *known == word) {
        return Some(Read::More(key, text.to_owned()));
    }
    Some(Read::Message(Message {
        at: Some(at),
        severity: word.to_owned(),
        text: text.to_owned(),
        fields,
    }))
}

/// `ERROR:  text` as its two parts.
fn said(text: &str) -> Option<(&str, &str)> {
    let (word, text) = text.split_once(":  ")?;
    let known = SEVERITIES.contains(&word) || MORE.iter().any(|(more, _)| *more == word);
    known.then_some((word, text))
}

fn micros(time: &str) -> Option<i64> {
    let time = time.strip_suffix(" UTC")?;
    let time = NaiveDateTime::parse_from_str(time, "%Y-%m-%d %H:%M:%S%.f").ok()?;
    Some(time.and_utc().timestamp_micros())
}

/// A moment as a server prints it.
pub(super) fn printed(micros: i64) -> String {
    DateTime::from_timestamp_micros(micros)
        .map(|time| time.format("%Y-%m-%d %H:%M:%S%.3f UTC").to_string())
        .unwrap_or_default()
}
