//! Secrets that this process knows by their value. They are replaced wherever they occur: as they
//! are, escaped, encoded, and in the middle of something longer.
//!
//! What is kept here lives as long as the process: it has to be compared with.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError, RwLock};

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use super::Span;
use crate::hex;

/// The fewest bytes of a secret: shorter ones are words, and replacing those would spoil results.
const LEAST: usize = 8;
/// How many secrets are kept; the oldest make place. A server that launches projects for months
/// adds one for each, and none of them passes through it again.
const MOST: usize = 1000;
/// How many bytes of secrets that callers gave are kept; the oldest make place. They are looked for
/// by themselves: whoever gives often enough gets none of the operator's out of sight.
const MOST_GIVEN: usize = 16 * 1024;
/// How many bytes of one such secret are looked for.
const MOST_OF_ONE: usize = 4 * 1024;
/// Longer ones are looked for piece by piece: one pattern of their length would cost too much.
const PIECE: usize = 64;
/// The fewest bytes of an encoded form that are looked for.
const LEAST_ENCODED: usize = 8;

static KNOWN: RwLock<Known> = RwLock::new(Known {
    secrets: VecDeque::new(),
    scan: None,
});
static GIVEN: RwLock<Known> = RwLock::new(Known {
    secrets: VecDeque::new(),
    scan: None,
});

struct Known {
    secrets: VecDeque<String>,
    scan: Option<Arc<AhoCorasick>>,
}

/// Replaces this value from now on, wherever it occurs. Shorter than eight bytes it is not kept.
pub fn keep_secret(secret: &str) {
    let is_kept = |known: &Known| known.secrets.iter().rev().any(|one| one == secret);
    if !is_kept(&KNOWN.read().unwrap_or_else(PoisonError::into_inner)) {
        keep([secret.to_owned()]);
    }
}

/// The same for a value that a caller gave, as far as there is room. A word is not kept: its owner
/// would spoil everybody's results with it.
pub fn keep_given(secret: &str) {
    if secret.len() < LEAST || is_word(secret, 20) {
        return;
    }
    let mut known = GIVEN.write().unwrap_or_else(PoisonError::into_inner);
    let before = known.secrets.len();
    for piece in pieces(secret) {
        if !known.secrets.contains(&piece) {
            known.secrets.push_back(piece);
        }
    }
    if known.secrets.len() == before {
        return;
    }
    while known.secrets.iter().map(String::len).sum::<usize>() > MOST_GIVEN {
        known.secrets.pop_front();
    }
    known.look_for_all(Some(AhoCorasickKind::ContiguousNFA));
}

/// A short secret itself; a long one in pieces, of which the last reaches back into the one before.
fn pieces(secret: &str) -> Vec<String> {
    let boundary = |at: usize| {
        (0..=at.min(secret.len()))
            .rev()
            .find(|at| secret.is_char_boundary(*at))
            .unwrap_or(0)
    };
    let end = boundary(MOST_OF_ONE);
    let mut starts: Vec<usize> = (0..end).step_by(PIECE).map(boundary).collect();
    if let Some(last) = starts.last_mut() {
        *last = boundary((*last).min(end.saturating_sub(PIECE)));
    }
    starts
        .into_iter()
        .filter_map(|start| secret.get(start..boundary(start + PIECE).min(end)))
        .filter(|piece| piece.len() >= LEAST)
        .map(str::to_owned)
        .collect()
}

/// Keeps what the environment of this process says under names that speak of secrets.
pub fn keep_environment() {
    let secrets = std::env::vars_os().filter_map(|(name, value)| {
        let (name, value) = (name.into_string().ok()?, value.into_string().ok()?);
        is_secret(&name, &value).then_some(value)
    });
    keep(secrets);
}

/// Whether a variable's name says that its value is a secret, and the value could be one: such
/// names are also given to modes, paths and addresses, and half the world's passwords for
/// development are `postgres`; to replace such words would spoil every result.
fn is_secret(name: &str, value: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let speaks_of = |words: &[&str]| name.split('_').any(|part| words.contains(&part));
    let is_place =
        value.starts_with(['/', '~', '.']) || (value.contains("://") && !value.contains('@'));
    let passwords = ["PASSWORD", "PASSWD", "PASSPHRASE", "PASS", "PGPASSWORD"];
    let others = [
        "KEY",
        "KEYS",
        "APIKEY",
        "TOKEN",
        "SECRET",
        "SECRETS",
        "CREDENTIALS",
    ];
    !is_place
        && ((speaks_of(&passwords) && !is_word(value, 12))
            || (speaks_of(&others) && !is_word(value, 20)))
}

/// Whether a value of fewer bytes than `below` is a word.
fn is_word(value: &str, below: usize) -> bool {
    value.len() < below
        && value
            .bytes()
            .all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'-' | b'_'))
}

fn keep(secrets: impl IntoIterator<Item = String>) {
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    let before = known.secrets.len();
    for secret in secrets {
        if secret.len() >= LEAST && !known.secrets.contains(&secret) {
            known.secrets.push_back(secret);
        }
    }
    if known.secrets.len() == before {
        return;
    }
    while known.secrets.len() > MOST {
        known.secrets.pop_front();
    }
    known.look_for_all(None);
}

impl Known {
    fn look_for_all(&mut self, kind: Option<AhoCorasickKind>) {
        let forms: Vec<String> = self.secrets.iter().flat_map(|one| forms(one)).collect();
        match AhoCorasick::builder()
            .kind(kind)
            .ascii_case_insensitive(true)
            .build(&forms)
        {
            Ok(scan) => self.scan = Some(Arc::new(scan)),
            // As many words as this never are too many; what was known before is still looked for.
            Err(error) => tracing::error!(%error, "a secret's value cannot be looked for"),
        }
    }
}

/// A secret as it is, JSON-escaped, percent-encoded, in hexadecimal, and in base64 at each of the
/// three places where it can begin.
fn forms(secret: &str) -> Vec<String> {
    let mut forms = vec![secret.to_owned(), hex::encode(secret.as_bytes())];
    let escaped = serde_json::Value::String(secret.to_owned()).to_string();
    forms.push(escaped.trim_matches('"').to_owned());
    forms.push(percent_encoded(secret));
    for before in 0..3_usize {
        let mut bytes = vec![0; before];
        bytes.extend_from_slice(secret.as_bytes());
        // Characters that neighbouring bytes take part in are left out.
        let (first, last) = (before.div_ceil(3) * 4 * before.min(1), bytes.len() / 3 * 4);
        for encoded in [
            STANDARD_NO_PAD.encode(&bytes),
            URL_SAFE_NO_PAD.encode(&bytes),
        ] {
            forms.extend(encoded.get(first..last).map(str::to_owned));
        }
    }
    forms.retain(|form| form.len() >= LEAST_ENCODED);
    forms.sort_unstable();
    forms.dedup();
    forms
}

fn percent_encoded(text: &str) -> String {
    use std::fmt::Write;
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// Adds where known secrets stand in `text`.
pub(super) fn find(text: &str, spans: &mut Vec<Span>) {
    if text.len() < LEAST {
        return;
    }
    for known in [&KNOWN, &GIVEN] {
        let scan = known
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .scan
            .clone();
        let Some(scan) = scan else { continue };
        spans.extend(
            scan.find_overlapping_iter(text)
                .map(|found| found.range())
                // A form matched without regard to case is ASCII at its ends, or equal bytes: but a
                // cut through a character is never made.
                .filter(|span| text.get(span.clone()).is_some()),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::{is_secret, pieces};

    #[test]
    fn the_pieces_of_a_long_secret_leave_no_gap() {
        for length in [8, 63, 64, 65, 100, 128, 1000] {
            let numbers: String = (0..length).map(|n| format!("{n:04}")).collect();
            let secret = &numbers[..length];
            let mut covered = vec![false; length];
            for piece in pieces(secret) {
                for (start, _) in secret.match_indices(&piece) {
                    covered[start..start + piece.len()].fill(true);
                }
            }
            assert!(covered.iter().all(|one| *one), "{length}");
        }
    }

    #[test]
    fn a_variable_is_kept_if_name_and_value_could_be_a_secrets() {
        for (name, value) in [
            ("STRIPE_SECRET_KEY", "tweet-chirp-39-warble"),
            ("db_password", "hunter22"),
            ("POSTGRES_PASSWORD", "correcthorsebattery"),
            ("DATABASE_SECRET", "postgres://u:p@h/d"),
        ] {
            assert!(is_secret(name, value), "{name}");
        }
        for (name, value) in [
            ("POSTGRES_PASSWORD", "postgres"),
            ("SECRET_BACKEND", "kubernetes"),
            ("TOKEN_FILE", "/run/secrets/token1"),
            ("KEY_SERVER", "https://keys.example.com/1"),
            ("KEYBOARD", "qwertz1234"),
            ("PATH", "a1b2c3d4e5"),
        ] {
            assert!(!is_secret(name, value), "{name}");
        }
    }
}
