//! Secrets of which only the digest is known: a platform shows no more of a function's secrets, and a process that
//! did not set them has never seen their values. A word whose digest is among them is one, and is known by its value
//! from then on.
//!
//! Words are what stands between spaces and punctuation, the strings of a JSON text, whole lines, and what those say
//! in base64 or hexadecimal. What was changed in another way is not found.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde_json::Value;

use super::keep_given;
use crate::hex;

/// How many words are looked at, at most: a digest takes about a microsecond.
const MOST: usize = 50_000;

/// Keeps every word of a text that one of these SHA-256 digests, in hexadecimal, is of.
pub(crate) fn keep_by_digest(text: &str, digests: &HashSet<String>) {
    if digests.is_empty() {
        return;
    }
    let mut seen = HashSet::new();
    let mut look = |word: &str| {
        if seen.len() < MOST && seen.insert(word.to_owned()) {
            for form in forms(word) {
                if digests.contains(&hex::sha256_text(&form)) {
                    keep_given(&form);
                }
            }
        }
    };
    look(text.trim());
    if let Ok(value) = serde_json::from_str(text) {
        strings(&value, &mut look);
    }
    for line in text.lines() {
        look(line.trim());
        let ends = |letter: char| letter.is_whitespace() || "\"'`,;<>()[]{}|".contains(letter);
        for word in line.split(ends) {
            look(word);
            // `NAME=value`, `name: value`, `Bearer:value`
            for mark in ['=', ':'] {
                if let Some((_, value)) = word.split_once(mark) {
                    look(value);
                }
            }
        }
    }
}

fn strings(value: &Value, look: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => look(text),
        Value::Array(items) => items.iter().for_each(|item| strings(item, look)),
        Value::Object(members) => {
            for (name, member) in members {
                look(name);
                strings(member, look);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A word, and what it says if it is encoded.
fn forms(word: &str) -> Vec<String> {
    let bare = word.trim_end_matches('=');
    let decoded = [
        STANDARD_NO_PAD.decode(bare).ok(),
        URL_SAFE_NO_PAD.decode(bare).ok(),
        hex::decode(word),
    ];
    let texts = decoded
        .into_iter()
        .flatten()
        .filter_map(|bytes| String::from_utf8(bytes).ok());
    std::iter::once(word.to_owned()).chain(texts).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_known_by_its_digest_once_it_is_seen() {
        let texts: [fn(&str) -> String; 8] = [
            |secret| secret.to_owned(),
            |secret| format!("{{\"env\": {{\"TOKEN\": \"{secret}\"}}}}"),
            |secret| format!("the token is '{secret}'."),
            |secret| format!("TOKEN={secret}\nHOME=/tmp"),
            |secret| format!("Authorization:{secret}"),
            |secret| format!("x {} y", STANDARD_NO_PAD.encode(secret)),
            |secret| format!("x {}= y", URL_SAFE_NO_PAD.encode(secret)),
            |secret| hex::encode(secret.as_bytes()),
        ];
        for (n, text) in texts.iter().enumerate() {
            let secret = format!("by-digest-{n}-7d0e38");
            let text = text(&secret);
            let digests = HashSet::from([hex::sha256_text(&secret)]);
            assert!(super::super::text(&text).is_none(), "{text}");
            keep_by_digest(&text, &digests);
            let clean = super::super::text(&text);
            assert!(
                clean
                    .as_ref()
                    .is_some_and(|clean| clean.contains(super::super::MARK)),
                "{text}: {clean:?}"
            );
        }
        keep_by_digest("nothing of it", &HashSet::from([hex::sha256_text("else")]));
        assert!(super::super::text("nothing of it").is_none());
    }
}
