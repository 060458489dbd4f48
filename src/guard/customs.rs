//! Custom configuration: what a project's services are set to and a new project's are not.
//!
//! ```text
//! accounts with others, and what opens them ── the builder's: must not go along to a user
//!     mail, providers that sign users in, messages, captchas, hooks of other machines, test codes
//! everything else, as the app's own address  ── the app's: goes along unless it is named
//! ```

use serde::Serialize;
use serde_json::Value;

use super::config::{cut, is_hidden, is_set, shown};
use super::{Guard, Refusal};
use crate::api::Ref;
use crate::api::config::{RESTART, Service, Settings};

/// How names of Auth's fields begin that are an account with somebody else.
const ACCOUNTS: &[&str] = &[
    "nimbus_oauth_",
    "security_captcha_enabled",
    "security_captcha_secret",
    "sms_messagebird_",
    "sms_test_otp",
    "sms_textlocal_",
    "sms_twilio_",
    "sms_vonage_",
    "smtp_",
];
/// Fields whose names begin so and that are limits of the project's own.
const LIMITS: &[&str] = &["smtp_max_frequency"];
/// How the address of a hook begins that is a function of the project's own database.
const OWN_HOOK: &str = "pg-functions:";

/// A field that is not as a new project has it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Custom {
    pub(super) service: Service,
    pub(super) field: &'static str,
    /// Its value; a secret's as the platform shows it.
    pub(super) present: Value,
    /// What a new project has.
    pub(super) default: Value,
    /// Whether it must not go along: it is the builder's, or was named.
    pub(super) must_go: bool,
}

/// The same, for whoever reads it.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct CustomSetting {
    /// Service and field, as auth.site_url.
    pub name: String,
    /// Its value.
    pub value: Value,
    /// A new project's.
    pub default: Value,
}

impl Custom {
    /// The service's word and the field's.
    pub(super) fn name(&self) -> String {
        format!("{}.{}", self.service.as_str(), self.field)
    }

    /// Without what must not be shown, and cut to size.
    pub(super) fn shown(&self) -> CustomSetting {
        let side = |value: &Value| cut(&shown(self.service, self.field, Some(value)));
        CustomSetting {
            name: self.name(),
            value: side(&self.present),
            default: side(&self.default),
        }
    }
}

impl Guard {
    /// Every setting of a project that a new project does not have.
    pub(super) async fn customs(&self, project: &Ref) -> Result<Vec<Custom>, Refusal> {
        let mut customs = Vec::new();
        for service in Service::ALL {
            let present = self.configuration(project, service).await?;
            let defaults = service.defaults();
            for field in service.fields().iter().filter(|one| one.name != RESTART) {
                let of = |settings: &Settings| settings.get(field.name).cloned();
                let (now, new) = (of(&present), of(&defaults));
                let same = now == new || (!is_set(now.as_ref()) && !is_set(new.as_ref()));
                if !same {
                    customs.push(Custom {
                        service,
                        field: field.name,
                        present: now.unwrap_or_default(),
                        default: new.unwrap_or_default(),
                        must_go: is_builders(service, field.name, &present),
                    });
                }
            }
        }
        Ok(customs)
    }
}

/// Whether a field is an account of the builder's with somebody else, or what opens one.
fn is_builders(service: Service, name: &str, present: &Settings) -> bool {
    if service != Service::Auth || LIMITS.contains(&name) {
        return false;
    }
    if let Some(hook) = name.strip_prefix("hook_") {
        let hook = hook.rsplit_once('_').map_or(hook, |(hook, _)| hook);
        let address = present.get(&format!("hook_{hook}_uri"));
        let is_own = address
            .and_then(Value::as_str)
            .is_some_and(|address| address.starts_with(OWN_HOOK));
        return !is_own || is_hidden(service, name);
    }
    let is_providers = || {
        let secrets = service.fields().iter().filter(|field| field.secret);
        secrets
            .filter_map(|field| field.name.strip_suffix("secret"))
            .any(|provider| provider.starts_with("external_") && name.starts_with(provider))
    };
    is_hidden(service, name)
        || ACCOUNTS.iter().any(|start| name.starts_with(start))
        || is_providers()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Service, is_builders};

    #[test]
    fn accounts_with_others_are_the_builders_and_the_apps_own_settings_are_not() {
        let present = json!({
            "hook_send_email_uri": "https://builder.example/mail",
            "hook_custom_access_token_uri": "pg-functions://postgres/public/claims",
        });
        let present = present.as_object().unwrap();
        for (name, expected) in [
            ("smtp_host", true),
            ("smtp_max_frequency", false),
            ("external_google_enabled", true),
            ("external_slack_oidc_client_id", true),
            ("external_email_enabled", false),
            ("external_anonymous_users_enabled", false),
            ("external_web3_solana_enabled", false),
            ("sms_provider", false),
            ("sms_twilio_verify_auth_token", true),
            ("sms_test_otp_valid_until", true),
            ("sms_otp_length", false),
            ("security_captcha_enabled", true),
            ("security_captcha_provider", false),
            ("security_manual_linking_enabled", false),
            ("hook_send_email_enabled", true),
            ("hook_custom_access_token_enabled", false),
            ("hook_custom_access_token_secrets", true),
            ("site_url", false),
            ("mailer_templates_invite_content", false),
        ] {
            assert_eq!(
                is_builders(Service::Auth, name, present),
                expected,
                "{name}"
            );
        }
    }
}
