//! How the longer shapes are read: where in a text that begins like a secret the secret itself stands.
//!
//! No reader looks further than [`HORIZON`] before it has decided: text made of beginnings must not
//! cost the square of its length.

use super::{MARK, Span};

/// How far is looked before a decision, in bytes.
pub(super) const HORIZON: usize = 1024;

pub(super) fn is_token_char(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '-')
}

/// Whether a word can begin after `before`: what stands there is no letter, or the end of an
/// escape such as `\n` or `%20`.
pub(super) fn begins_word(before: &str) -> bool {
    let mut back = before.bytes().rev();
    let (last, second, third) = (back.next(), back.next(), back.next());
    match last {
        None => true,
        Some(byte) if !byte.is_ascii_alphanumeric() => true,
        Some(b'n' | b't' | b'r' | b'b' | b'f') if second == Some(b'\\') => true,
        Some(byte) => {
            third == Some(b'%')
                && byte.is_ascii_hexdigit()
                && second.is_some_and(|byte| byte.is_ascii_hexdigit())
        }
    }
}

/// `eyJ….eyJ….…`: three parts of base64url, the first two JSON. The dots may be percent-encoded,
/// and a database that took it for a name has made its letters small.
pub(super) fn json_web_token(text: &str) -> Option<usize> {
    let part = |from: usize| -> Option<usize> {
        let rest = text.get(from..)?;
        Some(from + rest.find(|one| !is_token_char(one)).unwrap_or(rest.len()))
    };
    let dot = |from: usize| -> Option<usize> {
        let rest = text.get(from..)?;
        ["%2E", "%2e", "\\u002e", "\\u002E", "."]
            .iter()
            .find(|dot| rest.starts_with(**dot))
            .map(|dot| from + dot.len())
    };
    let header = text
        .bytes()
        .take(HORIZON)
        .take_while(|byte| is_token_char(char::from(*byte)))
        .count();
    let payload = dot(header)?;
    let begins = text.get(payload..payload + 3)?;
    if !begins.eq_ignore_ascii_case("eyJ") {
        return None;
    }
    part(dot(part(payload)?)?)
}

/// The password in what follows `scheme://`.
pub(super) fn url_password(before: &str, rest: &str) -> Option<Span> {
    let rest = nearby(rest, 0, HORIZON);
    let end = rest
        .find(|one: char| one.is_whitespace() || matches!(one, '"' | '\'' | '`' | '<' | '>' | '\\'))
        .unwrap_or(rest.len());
    let whole = rest.get(..end)?;
    let authority = whole.split(['/', '?', '#']).next().unwrap_or(whole);
    let userinfo = match authority.rfind('@') {
        Some(at) => authority.get(..at)?,
        None => {
            // Only a database's URL is worth a guess: its password may hold a bare slash.
            let scheme = before
                .rsplit(|one: char| {
                    !(one.is_ascii_alphanumeric() || matches!(one, '+' | '-' | '.'))
                })
                .next()?;
            let port = authority.split_once(':')?.1;
            let is_port = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
            if is_port || matches!(scheme, "http" | "https" | "ws" | "wss" | "file") {
                return None;
            }
            whole.get(..whole.rfind('@')?)?
        }
    };
    let colon = userinfo.find(':')?;
    (colon + 1 < userinfo.len()).then_some(colon + 1..userinfo.len())
}

/// The same where colon and at sign are percent-encoded.
pub(super) fn encoded_url_password(rest: &str) -> Option<Span> {
    let rest = nearby(rest, 0, HORIZON);
    let end = rest
        .find(|one: char| one.is_whitespace() || matches!(one, '"' | '\'' | '&'))
        .unwrap_or(rest.len());
    let whole = rest.get(..end)?.to_ascii_uppercase();
    let userinfo = whole.get(..whole.rfind("%40")?)?;
    let from = userinfo.find("%3A")? + "%3A".len();
    (from < userinfo.len()).then_some(from..userinfo.len())
}

/// How long what follows `-----BEGIN` is, if it is a private key.
pub(super) fn private_key(rest: &str) -> Option<usize> {
    const KIND: &str = "PRIVATE KEY";
    /// More bytes than any key has.
    const LONGEST: usize = 16 * 1024;
    let rest = nearby(rest, 0, LONGEST);
    let head = rest.get(..rest.len().min(48)).or_else(|| rest.get(..32))?;
    let kind = head.find(KIND)?;
    let is_kind = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b' ';
    if !head.get(..kind)?.bytes().all(is_kind) {
        return None;
    }
    let body = kind + KIND.len();
    let end = rest.get(body..)?.find("-----END").map(|end| body + end);
    let Some(end) = end else {
        // It was cut: nothing that could still belong to it stays.
        let tail = rest.get(body..)?;
        let length = tail
            .find(|one: char| {
                !(one.is_ascii_alphanumeric()
                    || one.is_ascii_whitespace()
                    || matches!(one, '+' | '/' | '=' | '-' | '\\' | ':' | ','))
            })
            .unwrap_or(tail.len());
        return Some(body + length);
    };
    let end = end + "-----END".len();
    let after = rest.get(end..)?;
    let close = after
        .find(|one: char| !(one.is_ascii_uppercase() || matches!(one, ' ' | '-')))
        .unwrap_or(after.len());
    Some(end + after.get(..close)?.trim_end().len())
}

/// The credentials after `Bearer ` or `Basic `: long, and not a word.
pub(super) fn credentials(rest: &str) -> Option<Span> {
    let length = rest
        .find(|one| !(is_token_char(one) || matches!(one, '.' | '+' | '/' | '=' | '~')))
        .unwrap_or(rest.len());
    let token = rest.get(..length)?;
    (length >= 12 && token.contains(|one: char| one.is_ascii_digit())).then_some(0..length)
}

/// The value after `password` where it is one part of a connection string: in the query of a URL,
/// or beside a host or user.
pub(super) fn connection_part(text: &str, at: usize, rest: &str) -> Option<Span> {
    const NEIGHBOURS: [&str; 8] = [
        "host=",
        "hostaddr=",
        "user=",
        "dbname=",
        "port=",
        "server=",
        "database=",
        "user id=",
    ];
    /// How far a neighbour may stand away, in bytes.
    const REACH: usize = 256;
    let span = value_after(rest, &['='])?;
    let before = nearby(text.get(..at)?, at.saturating_sub(HORIZON), at);
    if before.ends_with(['?', '&']) && before.contains("://") {
        return Some(span);
    }
    let near = nearby(text, at.saturating_sub(REACH), at + REACH).to_ascii_lowercase();
    let near = near.replace(" =", "=");
    NEIGHBOURS
        .iter()
        .any(|neighbour| near.contains(neighbour))
        .then_some(span)
}

/// The text between two places, moved outwards to where characters begin.
fn nearby(text: &str, from: usize, to: usize) -> &str {
    let from = (0..=from)
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or_default();
    let to = (to..text.len())
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(text.len());
    text.get(from..to).unwrap_or(text)
}

/// The value after a setting's name, if it is one and not the name of one.
pub(super) fn setting(rest: &str) -> Option<Span> {
    let span = value_after(rest, &['=', ':'])?;
    let value = rest.get(span.clone())?;
    let is_reference = value.len() < 8 || value.contains("env") || value.contains('(');
    (!is_reference).then_some(span)
}

/// `= value`, quoted or not, its quotes escaped or not. A place holder is no value.
fn value_after(rest: &str, signs: &[char]) -> Option<Span> {
    let rest = nearby(rest, 0, HORIZON);
    let is_quote = |one: char| matches!(one, '"' | '\'' | '\\' | '`');
    let sign = rest.find(|one: char| !(is_quote(one) || one == ' '))?;
    let after = rest.get(sign..)?.strip_prefix(signs)?;
    let start = rest.len()
        - after
            .trim_start_matches(|one| is_quote(one) || one == ' ')
            .len();
    let value = rest.get(start..)?;
    let end = value
        .find(|one: char| {
            one.is_whitespace() || is_quote(one) || matches!(one, ';' | '&' | ',' | '}' | ')')
        })
        .unwrap_or(value.len());
    let found = value.get(..end)?;
    let is_holder =
        found.is_empty() || found.starts_with(['$', '<', '%', '{', '*']) || found.starts_with(MARK);
    (!is_holder).then_some(start..start + end)
}

/// Whether a member of that name holds a secret, whatever it looks like.
pub(crate) fn is_secret_member(name: &str, text: &str) -> bool {
    const ENDS: [&str; 7] = [
        "password",
        "passwd",
        "_pass",
        "_secret",
        "secret_access_key",
        "secretaccesskey",
        "service_role_key",
    ];
    let name = name.as_bytes();
    ENDS.iter().any(|end| {
        let from = name.len().saturating_sub(end.len());
        name.get(from..)
            .is_some_and(|last| last.eq_ignore_ascii_case(end.as_bytes()))
    }) && text.len() >= 6
        && text != MARK
        && !text.contains(char::is_whitespace)
        && !text.contains("://")
}
