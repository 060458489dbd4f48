use proptest::prelude::*;
use serde_json::json;

use super::{MARK, keep_secret, text, value};

const JWT: &str = "eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoic2VydmljZV9yb2xlIn0.c2lnbmF0dXJlMDEyMzQ1";

#[test]
fn secrets_are_replaced_and_the_rest_stays() {
    for (original, clean) in [
        ("key sb_secret_abcdefghijkl.", "key sb_secret_[redacted]."),
        (
            "postgres://postgres:hunter2@db:5432/x",
            "postgres://postgres:[redacted]@db:5432/x",
        ),
        (
            "postgresql://u:a/b?c@d@db/x y",
            "postgresql://u:[redacted]@db/x y",
        ),
        (
            r"postgres:\/\/u:hunter2@db\/x",
            r"postgres:\/\/u:[redacted]@db\/x",
        ),
        (
            "postgres%3A%2F%2Fu%3Ahunter2%40db",
            "postgres%3A%2F%2Fu%3A[redacted]%40db",
        ),
        (
            "see https://me:hunter2@example.com/a",
            "see https://me:[redacted]@example.com/a",
        ),
        (
            "postgres://db/x?user=u&password=hunter2&a=b",
            "postgres://db/x?user=u&password=[redacted]&a=b",
        ),
        (
            "host=db user=u password=hunter2 dbname=x",
            "host=db user=u password=[redacted] dbname=x",
        ),
        (
            "host=db password = 'hunter2'",
            "host=db password = '[redacted]'",
        ),
        (
            "Server=db;User Id=u;Password=hunter2;",
            "Server=db;User Id=u;Password=[redacted];",
        ),
        ("PGPASSWORD=hunter22 psql", "PGPASSWORD=[redacted] psql"),
        (
            r#"{\"aws_secret_access_key\": \"wJalrXUtnFEMI/K7MDENG\"}"#,
            r#"{\"aws_secret_access_key\": \"[redacted]\"}"#,
        ),
        ("AKIAIOSFODNN7EXAMPLE", "AKIA[redacted]"),
        ("a ghp_abcdefghijklmnopqrst01 b", "a ghp_[redacted] b"),
        (
            "Authorization: Bearer abcdef012345",
            "Authorization: Bearer [redacted]",
        ),
        ("md\nwhsec_abcdefghijklmnop", "md\nwhsec_[redacted]"),
        (r"line\nsk_live_abcdefgh", r"line\nsk_live_[redacted]"),
        ("a%20sk_live_abcdefgh", "a%20sk_live_[redacted]"),
        (
            "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nafter",
            "[redacted]\nafter",
        ),
        (
            "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy",
            "[redacted]",
        ),
    ] {
        assert_eq!(text(original).as_deref(), Some(clean), "{original}");
    }
}

#[test]
fn json_web_tokens_are_replaced_however_they_are_written() {
    use base64::Engine as _;
    let encoded = base64::engine::general_purpose::STANDARD.encode(JWT);
    for original in [
        JWT.to_owned(),
        JWT.to_lowercase(),
        JWT.replace('.', "%2E"),
        JWT.replace('.', "\\u002e"),
        encoded,
    ] {
        let clean = text(&format!("a {original} b"));
        assert_eq!(clean.as_deref(), Some("a [redacted] b"), "{original}");
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
        "create table passwords (password text not null, pwd text)",
        "set password = crypt('x', gen_salt('bf'))",
        "where password = $1 and host = $2",
        "the password is required; host is optional",
        "http://localhost:5432/a?b=c@d",
        "postgres://host:5432/db?application_name=a@b",
        "Bearer authentication is used",
        "npm_config_registry",
        "basic understanding",
        "sb_publishable_abcdefghijklmnop",
        "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----",
        "DB_PASSWORD=$DB_PASSWORD and client_secret: env(CLIENT_SECRET)",
    ] {
        assert_eq!(text(original), None, "{original}");
    }
}

#[test]
fn names_of_members_are_cleaned_and_none_is_lost() {
    let mut row = json!({
        "sb_secret_abcdefghijkl": 1,
        "sb_secret_mnopqrstuvwx": 2,
        "password": "hunter2",
        "nested": [{ "aws_secret_access_key": "abcdef" }],
    });
    value(&mut row);
    assert_eq!(
        row,
        json!({
            "sb_secret_[redacted]": 1,
            "sb_secret_[redacted] (2)": 2,
            "password": MARK,
            "nested": [{ "aws_secret_access_key": MARK }],
        })
    );
}

#[test]
fn a_known_value_is_found_in_every_form_and_in_the_middle_of_things() {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    let secret = "Kn0wn \"value\"/of+this=process";
    keep_secret(secret);
    let forms = [
        secret.to_owned(),
        secret.to_uppercase(),
        "Kn0wn%20%22value%22%2Fof%2Bthis%3Dprocess".to_owned(),
        crate::hex::encode(secret.as_bytes()),
        serde_json::Value::String(secret.to_owned()).to_string(),
    ];
    for form in forms {
        let clean = text(&format!("xx{form}yy")).unwrap_or_default();
        assert!(
            clean.starts_with("xx") && clean.ends_with("yy"),
            "{form}: {clean}"
        );
        assert!(!clean.contains("value"), "{form}: {clean}");
    }
    for before in ["", "u", "us", "user:"] {
        let whole = format!("{before}{secret}!!");
        for encoded in [STANDARD.encode(&whole), URL_SAFE_NO_PAD.encode(&whole)] {
            let clean = text(&encoded).unwrap_or_default();
            // At each end one group of four may stay: neighbours take part in it.
            assert!(clean.len() <= MARK.len() + 20, "{before}: {clean}");
        }
    }
}

#[test]
fn text_made_of_beginnings_is_read_all_the_same() {
    // Each of these would take minutes if every beginning were followed to the end.
    for piece in [
        "eyJ",
        "sk-",
        "://",
        "%3A%2F%2F",
        "password=",
        "-----BEGIN PRIVATE KEY{",
        "$2a$",
        "bearer ",
    ] {
        let text_of_it = piece.repeat(64 * 1024 / piece.len());
        let once = text(&text_of_it).unwrap_or(text_of_it);
        assert!(text(&once).is_none_or(|twice| twice == once), "{piece}");
    }
}

#[test]
fn a_short_value_is_not_kept() {
    keep_secret("public");
    assert_eq!(text("the schema public"), None);
}

/// Secrets with what must not survive of each.
fn secret() -> impl Strategy<Value = (String, String)> {
    let body = "[A-Za-z0-9]{24,60}7";
    prop_oneof![
        (
            prop::sample::select(vec![
                "sb_secret_",
                "sbp_",
                "whsec_",
                "ghp_",
                "github_pat_",
                "xoxb-",
                "sk-ant-",
            ]),
            body
        )
            .prop_map(|(prefix, body)| (format!("{prefix}{body}"), body)),
        body.prop_map(|body| (format!("postgres://postgres:{body}@db/x"), body)),
        body.prop_map(|body| (format!("host=db password={body} user=x"), body)),
        body.prop_map(|body| (format!("eyJhbGciOi.eyJzdWIiOi.{body}"), body)),
        body.prop_map(|body| (
            format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----"),
            body
        )),
    ]
}

proptest! {
    #[test]
    fn any_text_is_cleaned_once_and_for_all(original in any::<String>()) {
        if let Some(clean) = text(&original) {
            prop_assert!(clean.contains(MARK));
            prop_assert_eq!(text(&clean), None);
        }
    }

    #[test]
    fn text_made_of_what_secrets_are_made_of_is_cleaned_once_and_for_all(
        pieces in prop::collection::vec(prop::sample::select(vec![
            "sb_secret_", "eyJ", ".", "://", "@", ":", "/", "password", "=", " ", "host=", "\"",
            "\\", "-----BEGIN", " PRIVATE KEY-----", "-----END", "%40", "%3A", "%3A%2F%2F", "AKIA",
            "abcdefgh12345678", "$2a$", "bearer ", "é", "\u{200b}", "[redacted]", "&", "?",
        ]), 0..24)
    ) {
        let original = pieces.concat();
        let once = text(&original).unwrap_or(original);
        let twice = text(&once).unwrap_or_else(|| once.clone());
        prop_assert_eq!(&once, &twice);
    }

    #[test]
    fn nothing_of_a_secret_survives(
        (secret, body) in secret(),
        before in "[ \\n\"'(,;a-z]{0,12}[ \\n\"'(]",
        after in "[ \\n\"')][ a-z]{0,12}",
    ) {
        let clean = text(&format!("{before}{secret}{after}")).unwrap_or_default();
        prop_assert!(clean.contains(MARK), "{}", clean);
        prop_assert!(!clean.contains(&body), "{}", clean);
        prop_assert!(clean.starts_with(&before) && clean.ends_with(&after), "{}", clean);
    }

    #[test]
    fn words_are_left_alone(words in "([a-z]{1,9}[ .,;\\n]){0,40}") {
        prop_assert_eq!(text(&words), None);
    }
}
