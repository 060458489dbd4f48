//! The configuration of a project or branch: what was set, on top of the platform's defaults. What
//! can act here acts: the advisor looks at the schemas that the Data API exposes, and settings of
//! PostgreSQL are its cluster's.

use serde_json::{Value, json};

use super::Platform;
use super::engine::{ClusterId, EngineError};
use super::fault::Fault;
use crate::api::Ref;
use crate::api::config::{Kind, RESTART, Service, Settings, flat, nested};
use crate::hex;

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
const EXPOSED_SCHEMAS: &str = "public,graphql_public";

/// What a service has by default, flat.
fn defaults(service: Service) -> Settings {
    let given = match service {
        Service::Auth => auth_defaults(),
        Service::DataApi => json!({
            "db_schema": EXPOSED_SCHEMAS,
            "max_rows": 1000,
            "db_extra_search_path": "public, extensions",
            "db_pool": null,
            "db_pool_acquisition_timeout": null,
            "db_pool_max_lifetime": null,
            "db_pool_max_idletime": null,
        }),
        Service::Storage => json!({
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
        Service::Realtime => json!({
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
        Service::Database => json!({}),
    };
    given.as_object().map(flat).unwrap_or_default()
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

impl Platform {
    /// A service's configuration as the platform answers it: secrets as their digests.
    pub(super) async fn configuration(
        &self,
        reference: &Ref,
        service: Service,
    ) -> Result<Settings, Fault> {
        self.exists(reference).await?;
        let mut settings = defaults(service);
        settings.extend(self.registry().config(reference, service).await?);
        Ok(match service {
            Service::Storage => nested(&settings),
            _ => settings,
        })
    }

    /// Changes fields of a service's configuration; of the database's, replaces all that is set.
    pub(super) async fn configure(
        &self,
        reference: &Ref,
        service: Service,
        given: &Settings,
    ) -> Result<(), Fault> {
        self.exists(reference).await?;
        let mut changes = service
            .checked(given)
            .map_err(|problems| Fault::new(400, problems.join("; ")))?;
        // Nothing here has a use for a secret, so it is not kept.
        for (name, value) in &mut changes {
            let is_secret = service.holds_secret(name);
            let digest = value
                .as_str()
                .filter(|text| is_secret && !text.is_empty())
                .map(hex::sha256_text);
            if let Some(digest) = digest {
                *value = json!(digest);
            }
        }
        let _turn = self.turn(reference).await;
        let mut settings = self.registry().config(reference, service).await?;
        match service {
            Service::Database => {
                let restart = changes.remove(RESTART) == Some(json!(true));
                let cluster = self.cluster(reference).await?;
                self.override_settings(cluster, &changes, restart).await?;
                settings = changes;
            }
            _ => settings.extend(changes),
        }
        self.registry()
            .set_config(reference, service, &settings)
            .await?;
        Ok(())
    }

    /// Gives a new cluster the settings that its branch has.
    pub(super) async fn carry_settings(&self, reference: &Ref, cluster: ClusterId) {
        let carried = async {
            let settings = self.registry().config(reference, Service::Database).await?;
            if settings.is_empty() {
                return Ok(());
            }
            self.override_settings(cluster, &settings, true).await
        };
        if let Err(fault) = carried.await {
            // It serves with the engine's own all the same.
            tracing::error!(%reference, message = fault.message(), "settings could not be carried over");
        }
    }

    async fn override_settings(
        &self,
        cluster: ClusterId,
        settings: &Settings,
        restart: bool,
    ) -> Result<(), Fault> {
        let overrides = settings
            .iter()
            .map(|(name, value)| {
                let text = match value {
                    Value::Bool(true) => "on".to_owned(),
                    Value::Bool(false) => "off".to_owned(),
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                };
                (name.clone(), text)
            })
            .collect();
        let set = self
            .engine()
            .set_overrides(cluster, overrides, restart)
            .await;
        set.map_err(|error| match error {
            EngineError::Setting { .. } => Fault::new(400, error.to_string()),
            other => other.into(),
        })
    }

    /// The schemas that the Data API of a project or branch exposes, as it is configured.
    pub(super) async fn exposed_schemas(&self, reference: &Ref) -> Result<String, Fault> {
        let settings = self.registry().config(reference, Service::DataApi).await?;
        let set = settings.get("db_schema").and_then(Value::as_str);
        Ok(set.unwrap_or(EXPOSED_SCHEMAS).to_owned())
    }

    async fn exists(&self, reference: &Ref) -> Result<(), Fault> {
        let project = self.registry().project(reference).await?;
        project.map(drop).ok_or_else(Fault::no_project)
    }
}
