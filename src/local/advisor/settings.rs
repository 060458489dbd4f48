//! Findings in the configuration of Auth.
//!
//! Only what somebody has set to something weak is found: a project that nobody has configured has
//! no finding here. The platform also reports what comes switched off (the check of passwords
//! against leaks), what only it can set (enforced TLS, network restrictions) and what it keeps
//! itself (its builds of PostgreSQL, backups); none of these is a setting here, or nobody's choice.

use serde_json::{Value, json};

use crate::api::advisors::{Level, Lint};
use crate::api::config::Settings;

/// Seconds; a code that is valid for longer is open to guessing.
const LONGEST_CODE: i64 = 3600;
/// Digits; a shorter code is open to guessing.
const SHORTEST_CODE: i64 = 6;

/// What is found in these settings of Auth, which hold only what was set.
pub(in crate::local) fn of_auth(set: &Settings) -> Vec<Lint> {
    let number = |name: &str| set.get(name).and_then(Value::as_i64);
    let is = |name: &str, value: bool| set.get(name).and_then(Value::as_bool) == Some(value);
    let mut found = Vec::new();
    if let Some(seconds) = number("mailer_otp_exp").filter(|seconds| *seconds > LONGEST_CODE) {
        found.push(finding(
            "auth_otp_long_expiry",
            "Auth OTP long expiry",
            "Codes that are sent by email are valid for longer than an hour.",
            format!("mailer_otp_exp is {seconds} s; an hour (3600) or less is recommended"),
            "platform/going-into-prod#security",
        ));
    }
    let texts = is("external_phone_enabled", true);
    let short = [("mailer_otp_length", true), ("sms_otp_length", texts)]
        .into_iter()
        .filter(|(_, sent)| *sent)
        .find_map(|(name, _)| Some((name, number(name).filter(|digits| *digits < SHORTEST_CODE)?)));
    if let Some((name, digits)) = short {
        found.push(finding(
            "auth_otp_short_length",
            "Auth OTP short length",
            "Codes that are sent to users are shorter than six digits.",
            format!("{name} is {digits}; six digits or more are recommended"),
            "platform/going-into-prod#security",
        ));
    }
    if is("password_hibp_enabled", false) {
        found.push(finding(
            "auth_leaked_password_protection",
            "Leaked Password Protection Disabled",
            "Passwords are not compared with those that are known to have leaked.",
            "password_hibp_enabled is false".to_owned(),
            "auth/password-security#password-strength-and-leaked-password-protection",
        ));
    }
    found
}

fn finding(name: &str, title: &str, description: &str, detail: String, guide: &str) -> Lint {
    Lint {
        name: name.to_owned(),
        title: title.to_owned(),
        level: Level::Warn,
        facing: "EXTERNAL".to_owned(),
        categories: vec!["SECURITY".to_owned()],
        description: description.to_owned(),
        detail,
        remediation: format!("https://supabase.com/docs/guides/{guide}"),
        metadata: Some(json!({ "type": "auth", "entity": "Auth" })),
        cache_key: name.to_owned(),
        observed_at: None,
    }
}
