//! What must not get out: secrets, by their shape, in every text of a result.

use serde_json::Value;

/// Prefixes of secret tokens, and how many characters more make one.
const TOKENS: [(&str, usize); 9] = [
    ("sb_secret_", 8),
    ("sbp_", 20),
    ("sk_live_", 8),
    ("rk_live_", 8),
    ("ghp_", 20),
    ("github_pat_", 20),
    ("xoxb-", 10),
    ("AKIA", 16),
    ("sk-ant-", 10),
];
const MARK: &str = "[redacted]";

/// Replaces what looks like a secret, in every string of a value.
pub(super) fn value(value: &mut Value) {
    match value {
        Value::String(string) => {
            if let Some(clean) = text(string) {
                *string = clean;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(self::value),
        Value::Object(object) => object.values_mut().for_each(self::value),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The text with its secrets replaced; `None` if it holds none.
pub(super) fn text(original: &str) -> Option<String> {
    let mut clean = String::new();
    let mut done = 0;
    let mut at = 0;
    while let Some(rest) = original.get(at..) {
        let Some(next) = rest.chars().next() else {
            break;
        };
        let starts_word = original[..at]
            .chars()
            .next_back()
            .is_none_or(|before| !is_token_char(before));
        let found = starts_word.then(|| secret_at(rest)).flatten();
        if let Some((keep, length)) = found {
            clean.push_str(&original[done..at + keep]);
            clean.push_str(MARK);
            at += length;
            done = at;
        } else {
            at += next.len_utf8();
        }
    }
    if done == 0 {
        return None;
    }
    clean.push_str(&original[done..]);
    Some(clean)
}

/// How much of the secret that `text` begins with may be shown, and how long it is, in bytes.
fn secret_at(text: &str) -> Option<(usize, usize)> {
    for (prefix, least) in TOKENS {
        if text.starts_with(prefix) {
            let length = token_length(text);
            return (length >= prefix.len() + least).then_some((prefix.len(), length));
        }
    }
    json_web_token(text)
        .or_else(|| password_hash(text))
        .map(|length| (0, length))
        .or_else(|| url_password(text))
}

fn is_token_char(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '-')
}

fn token_length(text: &str) -> usize {
    text.find(|character| !is_token_char(character))
        .unwrap_or(text.len())
}

/// `eyJ….eyJ….…`: three parts of base64url, the first two JSON.
fn json_web_token(text: &str) -> Option<usize> {
    if !text.starts_with("eyJ") {
        return None;
    }
    let header = token_length(text);
    let payload = text.get(header..)?.strip_prefix('.')?;
    if !payload.starts_with("eyJ") {
        return None;
    }
    let payload_length = token_length(payload);
    let signature = payload.get(payload_length..)?.strip_prefix('.')?;
    Some(header + 1 + payload_length + 1 + token_length(signature))
}

/// What databases keep of passwords: bcrypt, argon2 and SCRAM verifiers.
fn password_hash(text: &str) -> Option<usize> {
    const FORMS: [(&str, usize); 5] = [
        ("$2a$", 50),
        ("$2b$", 50),
        ("$2y$", 50),
        ("$argon2", 40),
        ("SCRAM-SHA-256$", 60),
    ];
    let (_, least) = FORMS.iter().find(|(form, _)| text.starts_with(form))?;
    let length = text
        .find(|one: char| {
            !(one.is_ascii_alphanumeric()
                || matches!(one, '$' | '.' | '/' | '+' | '=' | ':' | ',' | '-'))
        })
        .unwrap_or(text.len());
    (length >= *least).then_some(length)
}

/// `postgres://user:password@host`: the password is replaced, the rest stays.
fn url_password(text: &str) -> Option<(usize, usize)> {
    let scheme = ["postgresql://", "postgres://"]
        .into_iter()
        .find(|scheme| text.starts_with(scheme))?;
    let rest = text.get(scheme.len()..)?;
    let end = rest
        .find(|character: char| character.is_whitespace() || matches!(character, '"' | '\'' | '/'))
        .unwrap_or(rest.len());
    let authority = rest.get(..end)?;
    let at = authority.rfind('@')?;
    let colon = authority.get(..at)?.find(':')?;
    Some((scheme.len() + colon + 1, scheme.len() + at))
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn secrets_are_replaced_and_the_rest_stays() {
        for (original, clean) in [
            ("key sb_secret_abcdefghijkl.", "key sb_secret_[redacted]."),
            (
                "postgres://postgres:hunter2@db:5432/x",
                "postgres://postgres:[redacted]@db:5432/x",
            ),
            (
                "a eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0dXJl b",
                "a [redacted] b",
            ),
        ] {
            assert_eq!(text(original).as_deref(), Some(clean));
        }
    }

    #[test]
    fn ordinary_text_is_left_alone() {
        for original in [
            "",
            "sk_live_ is a prefix",
            "eyJ.x",
            "Grüße, postgres://host/db",
            "risk_live_12345678",
        ] {
            assert_eq!(text(original), None, "{original}");
        }
    }
}
