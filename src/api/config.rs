//! Configuration of a project's or branch's services.
//!
//! ```text
//! fields     a field, and what its value may be
//! auth       the fields of Auth;  services: those of the others
//! defaults   what a new project has
//! ```
//!
//! The platform describes bodies of up to 235 optional fields. Here they are data: a body is a map,
//! and [`Service::checked`] holds it against the table of its service before it is sent or taken.
//! What a reply holds beyond the table is kept. Objects in objects are flat here, dots in their
//! names: `features.imageTransformation.enabled`.

mod auth;
mod defaults;
mod fields;
mod services;

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::endpoint::endpoints;
use super::reference::Ref;

pub use defaults::EXPOSED_SCHEMAS;
pub use fields::{Field, Kind, schemas};
pub use services::RESTART;

/// Fields by name.
pub type Settings = Map<String, Value>;

/// A service that can be configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Service {
    /// Users, signing in, mails.
    Auth,
    /// The API over the database's schemas.
    DataApi,
    /// Files.
    Storage,
    /// Channels.
    Realtime,
    /// Settings of PostgreSQL.
    Database,
}

/// The words alone: models know the services.
impl JsonSchema for Service {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Service".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "enum": Self::ALL.map(Self::as_str) })
    }
}

impl Service {
    /// Every service.
    pub const ALL: [Self; 5] = [
        Self::Auth,
        Self::DataApi,
        Self::Storage,
        Self::Realtime,
        Self::Database,
    ];

    /// The word that tools use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::DataApi => "data_api",
            Self::Storage => "storage",
            Self::Realtime => "realtime",
            Self::Database => "database",
        }
    }

    /// The service of that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == word)
    }

    /// The name that the platform's health has for it.
    pub fn in_health(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::DataApi => "rest",
            Self::Storage => "storage",
            Self::Realtime => "realtime",
            Self::Database => "db",
        }
    }

    /// What can be written.
    pub fn fields(self) -> &'static [Field] {
        match self {
            Self::Auth => auth::FIELDS,
            Self::DataApi => services::DATA_API,
            Self::Storage => services::STORAGE,
            Self::Realtime => services::REALTIME,
            Self::Database => services::DATABASE,
        }
    }

    /// The field of that name.
    pub fn field(self, name: &str) -> Option<&'static Field> {
        self.fields().iter().find(|field| field.name == name)
    }

    /// Whether a field of that name must never be shown.
    pub fn holds_secret(self, name: &str) -> bool {
        self.field(name).is_some_and(|field| field.secret)
    }

    /// Flat settings that are all known and of the right kind.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with them, a sentence each; values are not repeated.
    pub fn checked(self, given: &Settings) -> Result<Settings, Vec<String>> {
        let flat = flat(given);
        let problems: Vec<String> = flat
            .iter()
            .filter_map(|(name, value)| match self.field(name) {
                None => Some(self.unknown(name)),
                Some(field) => field.misfit(value).map(|misfit| format!("{name} {misfit}")),
            })
            .collect();
        if problems.is_empty() {
            Ok(flat)
        } else {
            Err(problems)
        }
    }

    /// That there is no field of that name, and which was probably meant.
    pub fn unknown(self, name: &str) -> String {
        let short: String = name.chars().take(80).collect();
        let own = format!("{short} is no field of {}", self.as_str());
        let other = Self::ALL.into_iter().find(|one| one.field(name).is_some());
        if let Some(other) = other {
            return format!("{own}, but of {}", other.as_str());
        }
        match self.nearest(name) {
            Some(field) => format!("{own}; did you mean {field}?"),
            None if self.fields().len() <= 50 => {
                let names: Vec<&str> = self.fields().iter().map(|field| field.name).collect();
                format!("{own}; there are {}", names.join(", "))
            }
            None => own,
        }
    }

    /// The field whose name is most like this one, however words are put together in it.
    pub fn nearest(self, name: &str) -> Option<&'static str> {
        let plain = |name: &str| -> String {
            name.chars()
                .filter(|one| !matches!(one, '_' | '-' | '.'))
                .flat_map(char::to_lowercase)
                .take(80)
                .collect()
        };
        let wanted = plain(name);
        let wanted = wanted.strip_prefix("gotrue").unwrap_or(&wanted);
        self.fields()
            .iter()
            .map(|field| (strsim::jaro_winkler(&plain(field.name), wanted), field.name))
            .max_by(|one, other| one.0.total_cmp(&other.0))
            .filter(|(likeness, _)| *likeness > 0.75)
            .map(|(_, name)| name)
    }
}

/// Settings in which no object lies in another: names joined by dots.
pub fn flat(given: &Settings) -> Settings {
    fn into(flat: &mut Settings, prefix: &str, given: &Settings) {
        for (name, value) in given {
            let name = if prefix.is_empty() {
                name.clone()
            } else {
                format!("{prefix}.{name}")
            };
            match value {
                Value::Object(inner) if !inner.is_empty() => into(flat, &name, inner),
                value => {
                    flat.insert(name, value.clone());
                }
            }
        }
    }
    let mut found = Settings::new();
    into(&mut found, "", given);
    found
}

/// The opposite of [`flat`], for the one service whose objects lie in each other.
pub fn nested(flat: &Settings) -> Settings {
    let mut whole = Settings::new();
    for (name, value) in flat {
        let mut place = &mut whole;
        let mut parts = name.split('.').peekable();
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                place.insert(part.to_owned(), value.clone());
                break;
            }
            let below = place
                .entry(part)
                .or_insert_with(|| Value::Object(Settings::new()));
            match below {
                Value::Object(below) => place = below,
                _ => break,
            }
        }
    }
    whole
}

endpoints! {
    /// The configuration of Auth. Secrets in it are digests of themselves.
    GetAuthConfig: Looks GET "/v1/projects/{ref}/config/auth" (Ref) => 200 Settings, needs "auth_config_read";
    /// Changes fields of it.
    UpdateAuthConfig: WritesBranch PATCH "/v1/projects/{ref}/config/auth" (Ref) { Settings } => 200 Settings, needs "auth_config_write";
    /// The configuration of the Data API. May hold the secret that signs tokens.
    GetDataApiConfig: Looks GET "/v1/projects/{ref}/postgrest" (Ref) => 200 Settings, needs "data_api_config_read";
    /// Changes fields of it.
    UpdateDataApiConfig: WritesBranch PATCH "/v1/projects/{ref}/postgrest" (Ref) { Settings } => 200 Settings, needs "data_api_config_write";
    /// The configuration of Storage.
    GetStorageConfig: Looks GET "/v1/projects/{ref}/config/storage" (Ref) => 200 Settings, needs "storage_config_read";
    /// Changes fields of it; a feature is given whole.
    UpdateStorageConfig: WritesBranch PATCH "/v1/projects/{ref}/config/storage" (Ref) { Settings } => 200 (), needs "storage_config_write";
    /// The configuration of Realtime.
    GetRealtimeConfig: Looks GET "/v1/projects/{ref}/config/realtime" (Ref) => 200 Settings, needs "realtime_config_read";
    /// Changes fields of it.
    UpdateRealtimeConfig: WritesBranch PATCH "/v1/projects/{ref}/config/realtime" (Ref) { Settings } => 204 (), needs "realtime_config_write";
    /// The settings of PostgreSQL that stand instead of the platform's own.
    GetPostgresConfig: Looks GET "/v1/projects/{ref}/config/database/postgres" (Ref) => 200 Settings, needs "database_config_read";
    /// Replaces all of them.
    UpdatePostgresConfig: WritesBranch PUT "/v1/projects/{ref}/config/database/postgres" (Ref) { Settings } => 200 Settings, needs "database_config_write";
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Service, flat, nested};

    #[test]
    fn an_unknown_field_is_answered_with_the_nearest_known_one() {
        for (service, given, meant) in [
            (Service::Auth, "siteUrl", "site_url"),
            (Service::Auth, "GOTRUE_JWT_EXP", "jwt_exp"),
            (
                Service::Auth,
                "minimum_password_length",
                "password_min_length",
            ),
            (Service::DataApi, "db_schemas", "db_schema"),
            (Service::Storage, "file_size_limit", "fileSizeLimit"),
        ] {
            assert_eq!(service.nearest(given), Some(meant));
        }
        assert!(
            Service::Database
                .unknown("site_url")
                .contains("but of auth")
        );
        assert!(Service::DataApi.unknown("jwt_secret").contains("no field"));
    }

    #[test]
    fn what_was_nested_is_nested_again() {
        let given =
            json!({ "fileSizeLimit": 1, "features": { "s3Protocol": { "enabled": true } } });
        let given = given.as_object().unwrap();
        assert_eq!(flat(given).len(), 2);
        assert_eq!(&nested(&flat(given)), given);
    }
}
