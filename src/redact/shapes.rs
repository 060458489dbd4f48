//! Secrets known by how they look.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use super::{MARK, Span};

/// What to look for at a place where one of the words in [`WORDS`] stands.
#[derive(Clone, Copy)]
enum Shape {
    /// A prefix, then at least so many characters of a token.
    Token(usize),
    /// The same, only where a word begins: the prefix is the end of ordinary words.
    Word(usize),
    /// The same, and one of the characters is a digit.
    Mixed(usize),
    /// A prefix, then exactly so many capital letters and digits.
    Capitals(usize),
    /// `eyJ….eyJ….…`
    JsonWebToken,
    /// A JSON web token in base64.
    EncodedToken,
    /// What databases keep of a password; at least so many characters in all.
    Hash(usize),
    /// `scheme://user:password@host`, as it is or with its slashes escaped.
    Url,
    /// The same, percent-encoded.
    EncodedUrl,
    /// `-----BEGIN … PRIVATE KEY-----`
    Pem,
    /// `Bearer …`, `Basic …`
    Header,
    /// `password=…` among the parts of a connection string.
    Part,
    /// `name = value`, where the name says that the value is a secret.
    Setting,
}

/// What a secret, or the name of one, begins with. The scan disregards case; shapes that care look
/// again. Of two words at one place the longer is the earlier in this list.
const WORDS: &[(&str, Shape)] = &[
    // This platform.
    ("sb_secret_", Shape::Token(8)),
    ("sbp_", Shape::Token(20)),
    ("sb_temp_", Shape::Token(16)),
    // Payment.
    ("sk_live_", Shape::Word(8)),
    ("rk_live_", Shape::Word(8)),
    ("sk_test_", Shape::Word(16)),
    ("rk_test_", Shape::Word(16)),
    ("whsec_", Shape::Token(16)),
    ("shpat_", Shape::Token(24)),
    // Code and packages.
    ("github_pat_", Shape::Token(20)),
    ("ghp_", Shape::Token(20)),
    ("gho_", Shape::Token(20)),
    ("ghu_", Shape::Token(20)),
    ("ghs_", Shape::Token(20)),
    ("ghr_", Shape::Token(20)),
    ("glpat-", Shape::Token(16)),
    ("npm_", Shape::Mixed(30)),
    ("pypi-AgEI", Shape::Token(40)),
    // Chat.
    ("xoxb-", Shape::Token(10)),
    ("xoxp-", Shape::Token(10)),
    ("xoxa-", Shape::Token(10)),
    ("xoxr-", Shape::Token(10)),
    ("xoxs-", Shape::Token(10)),
    ("xapp-", Shape::Mixed(10)),
    ("hooks.slack.com/services/", Shape::Token(20)),
    // Clouds and models.
    ("AKIA", Shape::Capitals(16)),
    ("ASIA", Shape::Capitals(16)),
    ("AIza", Shape::Mixed(35)),
    ("ya29.", Shape::Token(20)),
    ("GOCSPX-", Shape::Token(20)),
    ("sk-ant-", Shape::Token(10)),
    ("sk-proj-", Shape::Mixed(16)),
    ("sk-svcacct-", Shape::Mixed(16)),
    ("sk-", Shape::Mixed(32)),
    ("hf_", Shape::Mixed(30)),
    ("dop_v1_", Shape::Token(40)),
    ("SG.", Shape::Mixed(40)),
    // Signed and hashed.
    ("eyJ", Shape::JsonWebToken),
    ("ZXlKaGJHY2lPaU", Shape::EncodedToken),
    ("ZXlKMGVYQWlPaU", Shape::EncodedToken),
    ("ZXlKcmFXUWlPaU", Shape::EncodedToken),
    ("$2a$", Shape::Hash(50)),
    ("$2b$", Shape::Hash(50)),
    ("$2y$", Shape::Hash(50)),
    ("$argon2", Shape::Hash(40)),
    ("$scrypt$", Shape::Hash(40)),
    ("SCRAM-SHA-256$", Shape::Hash(60)),
    ("-----BEGIN", Shape::Pem),
    // Connections.
    ("://", Shape::Url),
    (":\\/\\/", Shape::Url),
    ("%3A%2F%2F", Shape::EncodedUrl),
    ("bearer ", Shape::Header),
    ("basic ", Shape::Header),
    ("password", Shape::Part),
    ("pwd", Shape::Part),
    // Settings.
    ("pgpassword", Shape::Setting),
    ("db_pass", Shape::Setting),
    ("db_password", Shape::Setting),
    ("database_password", Shape::Setting),
    ("postgres_password", Shape::Setting),
    ("secret_access_key", Shape::Setting),
    ("secretaccesskey", Shape::Setting),
    ("service_role_key", Shape::Setting),
    ("client_secret", Shape::Setting),
    ("jwt_secret", Shape::Setting),
];

/// How far is looked before a decision, in bytes: text made of beginnings must not cost the square
/// of its length.
const HORIZON: usize = 1024;

static SCAN: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .build(WORDS.iter().map(|(word, _)| *word))
        .ok()
});

/// Adds where secrets stand in `text`.
pub(super) fn find(text: &str, spans: &mut Vec<Span>) {
    let Some(scan) = SCAN.as_ref() else {
        // A list that cannot be looked for is a list of everything.
        spans.push(0..text.len());
        return;
    };
    // Past the end of a secret there is nothing to look for again.
    let mut done = 0;
    for found in scan.find_overlapping_iter(text) {
        if found.start() < done {
            continue;
        }
        let Some((word, shape)) = WORDS.get(found.pattern().as_usize()) else {
            continue;
        };
        if let Some(span) = look(text, found.start(), word, *shape) {
            done = span.end;
            spans.push(span);
        }
    }
}

/// The part to replace, if the text at `at`, which begins with `word`, is of that shape.
fn look(text: &str, at: usize, word: &str, shape: Shape) -> Option<Span> {
    let from = at + word.len();
    let (before, rest) = (text.get(..at)?, text.get(from..)?);
    let same_case = || text.get(at..from) == Some(word);
    let token = |least: usize| {
        let length = rest.find(|one| !is_token_char(one)).unwrap_or(rest.len());
        (same_case() && length >= least).then_some(from..from + length)
    };
    match shape {
        Shape::Token(least) if word.contains(['.', '/']) => {
            let length = rest
                .find(|one| !(is_token_char(one) || matches!(one, '.' | '/')))
                .unwrap_or(rest.len());
            (same_case() && length >= least).then_some(from..from + length)
        }
        Shape::Token(least) => token(least),
        Shape::Word(least) if begins_word(before) => token(least),
        Shape::Mixed(least) if begins_word(before) => {
            let has_digit = rest
                .bytes()
                .take(HORIZON)
                .take_while(|byte| is_token_char(char::from(*byte)))
                .any(|byte| byte.is_ascii_digit());
            has_digit.then(|| token(least)).flatten()
        }
        Shape::Capitals(exactly) if begins_word(before) && same_case() => {
            let fits = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
            let length = rest
                .bytes()
                .take(exactly + 1)
                .take_while(|byte| fits(byte))
                .count();
            let ends = !rest
                .as_bytes()
                .get(length)
                .is_some_and(|byte| is_token_char(char::from(*byte)));
            (length == exactly && ends).then_some(from..from + length)
        }
        Shape::Word(_) | Shape::Mixed(_) | Shape::Capitals(_) => None,
        Shape::JsonWebToken if same_case() => {
            json_web_token(text.get(at..)?).map(|length| at..at + length)
        }
        Shape::EncodedToken if same_case() => {
            let length = rest
                .find(|one| !(is_token_char(one) || matches!(one, '+' | '/' | '=')))
                .unwrap_or(rest.len());
            (length >= 40).then_some(at..from + length)
        }
        Shape::JsonWebToken | Shape::EncodedToken => None,
        Shape::Hash(least) => {
            let length = rest
                .find(|one: char| {
                    !(one.is_ascii_alphanumeric()
                        || matches!(one, '$' | '.' | '/' | '+' | '=' | ':' | ',' | '-' | '_'))
                })
                .unwrap_or(rest.len());
            (same_case() && word.len() + length >= least).then_some(at..from + length)
        }
        Shape::Url => url_password(before, rest).map(|span| shifted(span, from)),
        Shape::EncodedUrl => encoded_url_password(rest).map(|span| shifted(span, from)),
        Shape::Pem => private_key(rest).map(|length| at..from + length),
        Shape::Header => credentials(rest)
            .filter(|_| begins_word(before))
            .map(|span| shifted(span, from)),
        Shape::Part => connection_part(text, at, rest).map(|span| shifted(span, from)),
        Shape::Setting => setting(rest).map(|span| shifted(span, from)),
    }
}

fn shifted(span: Span, by: usize) -> Span {
    span.start + by..span.end + by
}

fn is_token_char(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '-')
}

/// Whether a word can begin after `before`: what stands there is no letter, or the end of an
/// escape such as `\n` or `%20`.
fn begins_word(before: &str) -> bool {
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

/// `eyJ….eyJ….…`: three parts of base64url, the first two JSON. The dots may be percent-encoded.
fn json_web_token(text: &str) -> Option<usize> {
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
    if !text.get(payload..)?.starts_with("eyJ") {
        return None;
    }
    part(dot(part(payload)?)?)
}

/// The password in what follows `scheme://`.
fn url_password(before: &str, rest: &str) -> Option<Span> {
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
fn encoded_url_password(rest: &str) -> Option<Span> {
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
fn private_key(rest: &str) -> Option<usize> {
    const KIND: &str = "PRIVATE KEY";
    /// More bytes than any key has.
    const LONGEST: usize = 16 * 1024;
    let rest = nearby(rest, 0, LONGEST);
    let head = rest.get(..rest.len().min(48)).or_else(|| rest.get(..32))?;
    let kind = head.find(KIND)?;
    if head.get(..kind)?.contains("-----") {
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
fn credentials(rest: &str) -> Option<Span> {
    let length = rest
        .find(|one| !(is_token_char(one) || matches!(one, '.' | '+' | '/' | '=' | '~')))
        .unwrap_or(rest.len());
    let token = rest.get(..length)?;
    (length >= 12 && token.contains(|one: char| one.is_ascii_digit())).then_some(0..length)
}

/// The value after `password` where it is one part of a connection string: in the query of a URL,
/// or beside a host or user.
fn connection_part(text: &str, at: usize, rest: &str) -> Option<Span> {
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
fn setting(rest: &str) -> Option<Span> {
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
    const NAMES: [&str; 10] = [
        "password",
        "passwd",
        "pgpassword",
        "db_pass",
        "db_password",
        "database_password",
        "secret_access_key",
        "secretaccesskey",
        "client_secret",
        "service_role_key",
    ];
    let name = name.to_ascii_lowercase();
    let name = name.strip_prefix("aws_").unwrap_or(&name);
    NAMES.contains(&name) && text.len() >= 6 && text != MARK && !text.contains(char::is_whitespace)
}
