//! What a new project's services are set to.

use serde_json::{Value, json};

use super::{Kind, Service, Settings, flat};

/// Switches of Auth that are on by default.
const ON: &[&str] = &[
    "external_email_enabled",
    "mailer_secure_email_change_enabled",
    "mfa_totp_enroll_enabled",
    "mfa_totp_verify_enabled",
    "refresh_token_rotation_enabled",
];
/// Numbers of Auth that are not null by default.
const NUMBERS: &[(&str, i64)] = &[
    ("jwt_exp", 3600),
    ("mailer_otp_exp", 3600),
    ("mailer_otp_length", 8),
    ("mfa_max_enrolled_factors", 10),
    ("mfa_phone_max_frequency", 5),
    ("mfa_phone_otp_length", 6),
    ("password_min_length", 6),
    ("rate_limit_anonymous_users", 30),
    ("rate_limit_email_sent", 2),
    ("rate_limit_otp", 30),
    ("rate_limit_sms_sent", 30),
    ("rate_limit_token_refresh", 150),
    ("rate_limit_verify", 30),
    ("rate_limit_web3", 30),
    ("security_refresh_token_reuse_interval", 10),
    ("sessions_inactivity_timeout", 0),
    ("sessions_timebox", 0),
    ("smtp_max_frequency", 60),
    ("sms_max_frequency", 5),
    ("sms_otp_exp", 60),
    ("sms_otp_length", 6),
    // What the reply has beyond what can be written.
    ("custom_oauth_max_providers", 3),
];
/// Texts of Auth that are not null by default.
const TEXTS: &[(&str, &str)] = &[
    ("site_url", "http://localhost:3000"),
    ("uri_allow_list", ""),
    ("sms_provider", "twilio"),
];

/// The schemas that the Data API exposes by default.
pub const EXPOSED_SCHEMAS: &str = "public,graphql_public";

impl Service {
    /// What a new project has of the service, flat: every field that can be written, and what a
    /// reply holds beyond them. Texts of mails are the platform's own, and stand here as null.
    pub fn defaults(self) -> Settings {
        let given = match self {
            Self::Auth => auth_defaults(),
            Self::DataApi => json!({
                "db_schema": EXPOSED_SCHEMAS,
                "max_rows": 1000,
                "db_extra_search_path": "public, extensions",
                "db_pool": null,
                "db_pool_acquisition_timeout": null,
                "db_pool_max_lifetime": null,
                "db_pool_max_idletime": null,
            }),
            Self::Storage => json!({
                "fileSizeLimit": 52_428_800,
                "features": {
                    "imageTransformation": { "enabled": false },
                    "s3Protocol": { "enabled": true },
                    "purgeCache": { "enabled": false },
                    "icebergCatalog": {
                        "enabled": false, "maxNamespaces": 10, "maxTables": 10, "maxCatalogs": 2,
                    },
                    "vectorBuckets": { "enabled": false, "maxBuckets": 10, "maxIndexes": 5 },
                },
                "capabilities": {
                    "list_v2": true, "iceberg_catalog": false, "object_versioning": false,
                },
                "external": { "upstreamTarget": "main" },
                "migrationVersion": null,
            }),
            Self::Realtime => json!({
                "private_only": null,
                "connection_pool": null,
                "postgres_changes_pool": null,
                "max_concurrent_users": null,
                "max_events_per_second": null,
                "max_bytes_per_second": null,
                "max_channels_per_client": null,
                "max_joins_per_second": null,
                "max_presence_events_per_second": null,
                "max_payload_size_in_kb": null,
                "suspend": false,
                "presence_enabled": true,
                "admin_suspended_at": null,
            }),
            // Only what was set is said of it.
            Self::Database => json!({}),
        };
        given.as_object().map(flat).unwrap_or_default()
    }
}

fn auth_defaults() -> Value {
    let mut settings = Settings::new();
    for field in Service::Auth.fields() {
        let value = match field.kind {
            Kind::Boolean => json!(false),
            _ => Value::Null,
        };
        settings.insert(field.name.to_owned(), value);
    }
    // What the reply has beyond what can be written.
    for name in [
        "nimbus_oauth_email_optional",
        "saml_allow_encrypted_assertions",
    ] {
        settings.insert(name.to_owned(), json!(false));
    }
    for name in ON {
        settings.insert((*name).to_owned(), json!(true));
    }
    for (name, number) in NUMBERS {
        settings.insert((*name).to_owned(), json!(number));
    }
    for (name, text) in TEXTS {
        settings.insert((*name).to_owned(), json!(text));
    }
    Value::Object(settings)
}
