//! Secrets known by how they look.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use super::Span;
use super::forms::{
    HORIZON, begins_word, connection_part, credentials, encoded_url_password, is_token_char,
    json_web_token, private_key, setting, url_password,
};

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

static SCAN: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .build(WORDS.iter().map(|(word, _)| *word))
        .ok()
});

/// Adds where secrets stand in `text`.
pub(super) fn find(text: &str, spans: &mut Vec<Span>) {
    find_where(text, spans, |_| true);
}

/// Adds where secrets stand in a program: those that are told by themselves. A name beside a value
/// tells nothing there, because the value is an expression.
pub(super) fn find_in_source(text: &str, spans: &mut Vec<Span>) {
    find_where(text, spans, |shape| {
        !matches!(shape, Shape::Header | Shape::Part | Shape::Setting)
    });
    // What a program puts together at run time stands nowhere.
    spans.retain(|span| {
        !text
            .get(span.clone())
            .is_some_and(|found| found.contains(['$', '{']))
    });
}

fn find_where(text: &str, spans: &mut Vec<Span>, counts: impl Fn(&Shape) -> bool) {
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
        if !counts(shape) {
            continue;
        }
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
        Shape::JsonWebToken => json_web_token(text.get(at..)?).map(|length| at..at + length),
        Shape::EncodedToken if same_case() => {
            let length = rest
                .find(|one| !(is_token_char(one) || matches!(one, '+' | '/' | '=')))
                .unwrap_or(rest.len());
            (length >= 40).then_some(at..from + length)
        }
        Shape::EncodedToken => None,
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
