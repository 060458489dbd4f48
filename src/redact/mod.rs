//! What must not get out: secrets, by their shape and by their value, in every text that leaves.
//!
//! ```text
//! shapes   secrets known by how they look: tokens by prefix, JSON web tokens, URLs with a password, …
//! forms    how the longer shapes are read
//! known    secrets known by their value: the access token, what the vault made or opened, the environment's
//! digests  secrets of which a digest is known alone: a function's, which others have set
//! ```
//!
//! One scan finds where a secret could begin, and only there is looked more closely, so that text
//! without any costs little. Every JSON web token is replaced, the legacy anonymous key among them:
//! it is public, but nothing except its payload tells it from the one that is not, and the
//! publishable key does its work. What somebody transforms on purpose (reverses, encrypts, cuts into
//! pieces) is not found.

mod digests;
mod forms;
mod known;
mod shapes;

use serde_json::{Map, Value};

pub(crate) use digests::keep_by_digest;
pub(crate) use forms::is_secret_member;
pub use known::{keep_environment, keep_given, keep_secret};

/// What stands where a secret stood.
pub const MARK: &str = "[redacted]";

/// A piece of a text, in bytes.
type Span = std::ops::Range<usize>;

/// The text with its secrets replaced; `None` if it holds none.
pub fn text(original: &str) -> Option<String> {
    let mut spans: Vec<Span> = Vec::new();
    known::find(original, &mut spans);
    shapes::find(original, &mut spans);
    spans.retain(|span| original.get(span.clone()) != Some(MARK));
    if spans.is_empty() {
        return None;
    }
    spans.sort_by_key(|span| (span.start, span.end));
    let mut clean = String::with_capacity(original.len());
    // Where the part begins that is not written yet, and where the last secret ended.
    let (mut from, mut ended) = (0, None);
    for span in spans {
        if ended.is_some_and(|end| span.start < end) {
            // It overlaps the one before: one mark stands for both.
            from = from.max(span.end);
        } else {
            clean.push_str(original.get(from..span.start).unwrap_or_default());
            clean.push_str(MARK);
            from = span.end;
        }
        ended = Some(from);
    }
    clean.push_str(original.get(from..).unwrap_or_default());
    Some(clean)
}

/// In which line of a program, counted from 1, a secret is spelled out first.
pub fn line_of_secret(source: &str) -> Option<usize> {
    let mut spans: Vec<Span> = Vec::new();
    known::find(source, &mut spans);
    shapes::find_in_source(source, &mut spans);
    let first = spans.iter().map(|span| span.start).min()?;
    let before = source.get(..first).unwrap_or_default();
    Some(before.matches('\n').count() + 1)
}

/// The text, its secrets replaced.
pub fn clean(original: String) -> String {
    text(&original).unwrap_or(original)
}

/// Replaces secrets in every string of a value, names of members included.
pub fn value(value: &mut Value) {
    rewrite(value, &|string| text(string), &is_secret_member);
}

/// Rewrites every string of a value, names of members included, where `change` gives another.
/// Members that `hidden` says hold a secret, by name and text, are replaced whole.
pub(crate) fn rewrite(
    value: &mut Value,
    change: &impl Fn(&str) -> Option<String>,
    hidden: &impl Fn(&str, &str) -> bool,
) {
    match value {
        Value::String(string) => {
            if let Some(changed) = change(string) {
                *string = changed;
            }
        }
        Value::Array(items) => {
            for item in items {
                rewrite(item, change, hidden);
            }
        }
        Value::Object(object) => {
            for (name, member) in object.iter_mut() {
                match member {
                    Value::String(string) if hidden(name, string) => MARK.clone_into(string),
                    member => rewrite(member, change, hidden),
                }
            }
            if object.keys().any(|name| change(name).is_some()) {
                *object = renamed(std::mem::take(object), change);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Members under their changed names, none lost where two names have become one.
fn renamed(
    object: Map<String, Value>,
    change: &impl Fn(&str) -> Option<String>,
) -> Map<String, Value> {
    let mut members = Map::new();
    for (name, member) in object {
        let name = change(&name).unwrap_or(name);
        let mut free = name.clone();
        let mut count = 2;
        while members.contains_key(&free) {
            free = format!("{name} ({count})");
            count += 1;
        }
        members.insert(free, member);
    }
    members
}

#[cfg(test)]
mod tests;
