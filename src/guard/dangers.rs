//! Settings that are not what they seem: those that open what must stay closed, wherever they are
//! made; those that are a development branch's own and must not reach production; and those that make
//! production weaker than it is, for whoever is asked.

use std::net::{Ipv4Addr, Ipv6Addr};

use serde_json::{Value, json};
use url::{Host, Url};

use super::ledger::text;
use super::{Code, Guard, Next, Refusal};
use crate::api::Ref;
use crate::api::config::{Service, Settings, schemas};
use crate::fence::quote;

/// The list of schemas that the Data API exposes.
pub(super) const EXPOSED: &str = "db_schema";
/// Schemas of the platform, which hold users, secrets and the ledger.
const PLATFORM_SCHEMAS: &[&str] = &[
    "auth",
    "cron",
    "drydock",
    "extensions",
    "graphql",
    "information_schema",
    "net",
    "pgbouncer",
    "pgmq",
    "pgsodium",
    "pgsodium_masks",
    "realtime",
    "repack",
    "supabase_functions",
    "supabase_migrations",
    "tiger",
    "topology",
    "vault",
];
/// Names of machines that answer at somebody's desk, or for a day.
const DISPOSABLE: &[&str] = &[
    "app.github.dev",
    "csb.app",
    "example",
    "expose.dev",
    "gitpod.io",
    "host.docker.internal",
    "internal",
    "invalid",
    "lan",
    "local",
    "localhost",
    "localhost.run",
    "loca.lt",
    "localtest.me",
    "lvh.me",
    "ngrok-free.app",
    "ngrok-free.dev",
    "ngrok.app",
    "ngrok.dev",
    "ngrok.io",
    "nip.io",
    "serveo.net",
    "sslip.io",
    "stackblitz.io",
    "test",
    "trycloudflare.com",
    "webcontainer.io",
];
/// Switches of Auth that make signing in easier for strangers when they are on.
const WEAKER_ON: &[&str] = &[
    "external_anonymous_users_enabled",
    "external_google_skip_nonce_check",
    "mailer_allow_unverified_email_sign_ins",
    "mailer_autoconfirm",
    "oauth_server_allow_dynamic_registration",
    "security_manual_linking_enabled",
    "sms_autoconfirm",
];
/// Switches that do so when they are off.
const WEAKER_OFF: &[&str] = &[
    "disable_signup",
    "mailer_secure_email_change_enabled",
    "password_hibp_enabled",
    "private_only",
    "refresh_token_rotation_enabled",
    "security_captcha_enabled",
    "security_update_password_require_current_password",
    "security_update_password_require_reauthentication",
];

/// Why a setting is not made anywhere, if it is not.
pub(super) fn unsafe_setting(service: Service, name: &str, value: &Value) -> Option<String> {
    match (service, name) {
        (Service::DataApi, EXPOSED | "db_extra_search_path") => {
            let list = value.as_str().unwrap_or_default();
            // Extensions may be found there, and nothing of them is exposed by that.
            let may = |schema: &str| name != EXPOSED && schema == "extensions";
            schemas(list)
                .find(|schema| is_platforms(schema) && !may(schema))
                .map(|schema| {
                    format!("{name}: the schema {schema} holds what is the platform's own, and the API never shows it; put a view or a function that shows only what the app needs into a schema of your own")
                })
                .or_else(|| {
                    let is_empty = name == EXPOSED && schemas(list).next().is_none();
                    is_empty.then(|| format!("{name} names no schema, so the API would show nothing"))
                })
        }
        (Service::Database, "session_replication_role") => (value.as_str() != Some("origin")
            && !value.is_null())
        .then(|| {
            "session_replication_role: anything but origin switches off foreign keys and triggers, and with them what checks the app's data".to_owned()
        }),
        (Service::Database, "statement_timeout") => {
            let is_short = value.as_str().is_some_and(|text| {
                milliseconds(text).is_none_or(|span| span != 0.0 && span < 1000.0)
            });
            is_short.then(|| "statement_timeout: nothing could be mended with less than a second; 0 is none at all".to_owned())
        }
        _ => None,
    }
}

fn is_platforms(schema: &str) -> bool {
    let schema = schema.to_lowercase();
    PLATFORM_SCHEMAS.contains(&schema.as_str()) || schema.starts_with("pg_")
}

fn milliseconds(span: &str) -> Option<f64> {
    let end = span
        .find(|one: char| one.is_ascii_lowercase())
        .unwrap_or(span.len());
    let (number, unit) = span.split_at(end);
    let factor = match unit {
        "us" => 0.001,
        "" | "ms" => 1.0,
        "s" => 1000.0,
        "min" => 60_000.0,
        "h" => 3_600_000.0,
        "d" => 86_400_000.0,
        _ => return None,
    };
    Some(number.parse::<f64>().ok()? * factor)
}

/// Refuses to expose a schema that is not there: the API would not come up again.
pub(super) async fn check_schemas(
    guard: &Guard,
    reference: &Ref,
    service: Service,
    settings: &Settings,
) -> Result<(), Refusal> {
    let Some(list) = settings.get(EXPOSED).and_then(Value::as_str) else {
        return Ok(());
    };
    if service != Service::DataApi {
        return Ok(());
    }
    let names: Vec<&str> = schemas(list)
        // It comes with an extension that the platform adds by itself.
        .filter(|name| *name != "graphql_public")
        .collect();
    let rows = guard
        .client()
        .query_read_only(
            reference,
            include_str!("exposed_schemas.sql"),
            Some(vec![json!(names.join(","))]),
        )
        .await?;
    let missing: Vec<String> = rows.iter().filter_map(|row| text(row, "name")).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Refusal::new(
        Code::UnsafeSetting,
        format!(
            "{reference} has no schema {}, and the API does not come up with one that is missing: a migration makes it first",
            quote(missing.join(", "))
        ),
    )
    .next(Next::new(
        "list_tables",
        json!({ "project_id": reference }),
        "shows what there is",
    )))
}

/// Why a value is a development branch's own, if it looks like that. `branches` are the refs of the
/// project's branches.
pub(super) fn development_value(name: &str, value: &Value, branches: &[Ref]) -> Option<String> {
    if name == "sms_test_otp" || name == "sms_test_otp_valid_until" {
        return Some("it lets whoever knows a test code sign in".to_owned());
    }
    let text = value.as_str()?;
    // Texts of mails hold addresses as well; what they call an address is the platform's template.
    let words = text.split(|one: char| {
        one.is_whitespace()
            || matches!(
                one,
                ',' | ';' | '"' | '\'' | '<' | '>' | '(' | ')' | '{' | '}'
            )
    });
    names_a_branch(text, branches).or_else(|| {
        words
            .filter(|word| !word.is_empty())
            .find_map(|word| disposable(word, is_address(name), branches))
    })
}

fn names_a_branch(text: &str, branches: &[Ref]) -> Option<String> {
    let text = text.to_ascii_lowercase();
    let branch = branches
        .iter()
        .find(|branch| text.contains(branch.as_str()))?;
    Some(format!("it names the branch {branch}, which is disposable"))
}

/// Whether a field holds addresses, and nothing else.
fn is_address(name: &str) -> bool {
    [
        "_url",
        "_uri",
        "uri_allow_list",
        "_host",
        "_rp_id",
        "_rp_origins",
    ]
    .iter()
    .any(|end| name.ends_with(end))
}

fn disposable(word: &str, is_address: bool, branches: &[Ref]) -> Option<String> {
    let lower = word.to_ascii_lowercase();
    if is_address && lower.starts_with("http://") {
        return Some("it is not encrypted: http".to_owned());
    }
    if is_address && allows_any_host(&lower) {
        return Some("it allows any host".to_owned());
    }
    let host = host_of(&lower)?;
    // As it is asked for, however it was written.
    if let Some(why) = names_a_branch(&host.to_string(), branches) {
        return Some(why);
    }
    let is_disposable = match &host {
        Host::Domain(domain) => {
            let domain = domain.trim_end_matches('.');
            DISPOSABLE
                .iter()
                .any(|name| match domain.strip_suffix(name) {
                    Some("") => is_address || domain == "localhost",
                    Some(before) => before.ends_with('.'),
                    None => false,
                })
        }
        // In a text `0.5` is a number.
        Host::Ipv4(address) => is_near(*address) && (is_address || lower.matches('.').count() > 2),
        Host::Ipv6(address) => is_near_v6(*address),
    };
    is_disposable.then(|| format!("{host} answers at a desk, or for a day"))
}

/// The host of a URL, or of what would be one behind `https://`.
fn host_of(word: &str) -> Option<Host<String>> {
    // A wildcard is no host; what stands in its place does not matter here.
    let plain = word.replace('*', "x");
    let url = match Url::parse(&plain) {
        Ok(url) if url.has_host() => url,
        _ => Url::parse(&format!("https://{plain}")).ok()?,
    };
    Some(match url.host()? {
        // Other schemes do not read numbers as addresses.
        Host::Domain(domain) => Host::parse(domain).unwrap_or(Host::Domain(domain.to_owned())),
        other => other.to_owned(),
    })
}

/// A scheme and nothing but wildcards, or no more than a public ending behind them.
fn allows_any_host(word: &str) -> bool {
    let rest = word.split_once("://").map_or(word, |(_, rest)| rest);
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    host.contains('*') && {
        let fixed: Vec<&str> = host
            .split('.')
            .filter(|label| !label.is_empty() && !label.contains('*'))
            .collect();
        fixed.len() < 2
    }
}

fn is_near(address: Ipv4Addr) -> bool {
    address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.octets()[0] == 0
}

fn is_near_v6(address: Ipv6Addr) -> bool {
    address.is_loopback()
        || address.is_unspecified()
        || address.is_unique_local()
        || address.is_unicast_link_local()
        || address.to_ipv4_mapped().is_some_and(is_near)
}

/// What makes production weaker than it is, in words.
pub(super) fn weaker(service: Service, name: &str, from: &Value, to: &Value) -> Option<String> {
    let turned = |on: bool| to == &json!(on) && from != &json!(on);
    let number = |value: &Value| value.as_f64();
    let lower = number(to) < number(from);
    let what = if WEAKER_ON.contains(&name) && turned(true) {
        "lets more people in"
    } else if WEAKER_OFF.contains(&name) && from == &json!(true) && to != &json!(true) {
        "asks less of whoever comes"
    } else if name.ends_with("_email_optional") && turned(true) {
        "takes accounts without an address"
    } else if name == "password_min_length" && lower {
        "takes shorter passwords"
    } else if name == "password_required_characters"
        && from != to
        && to.as_str().is_none_or(str::is_empty)
    {
        "takes simpler passwords"
    } else if name.starts_with("rate_limit_") && !lower && from != to {
        "lets more attempts through"
    } else if matches!(name, "jwt_exp" | "mailer_otp_exp" | "sms_otp_exp") && !lower && from != to {
        "keeps tokens and codes valid for longer"
    } else if service == Service::DataApi && name == EXPOSED && from != to {
        "changes what the API shows"
    } else if from != to
        && (name == "smtp_host" || (name.starts_with("external_") && name.ends_with("_url")))
    {
        "sends production's own password or secret to another address"
    } else if name.starts_with("hook_") && name.ends_with("_uri") && from != to {
        match to.as_str() {
            Some(address) if !address.is_empty() => "hands sign-ins to other code",
            _ => "takes away code that sign-ins go through",
        }
    } else {
        return None;
    };
    Some(format!("{name} {what}"))
}

/// The list of schemas that the Data API would show, if it shows one that it does not show now.
pub(super) fn exposes_more<'a>(
    service: Service,
    present: &Settings,
    changes: &'a Settings,
) -> Option<&'a str> {
    if service != Service::DataApi {
        return None;
    }
    let to = changes.get(EXPOSED)?.as_str()?;
    let from = present
        .get(EXPOSED)
        .and_then(Value::as_str)
        .unwrap_or_default();
    let is_new = |name: &str| !schemas(from).any(|known| known == name);
    schemas(to).any(is_new).then_some(to)
}
