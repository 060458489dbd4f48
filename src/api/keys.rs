//! API keys: what apps present to a project's own API.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::endpoint::{endpoints, present};
use super::reference::Ref;

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyKind {
    /// The older `anon` and `service_role`, which are JWTs.
    Legacy,
    /// For browsers and apps: it may be shown to anybody.
    Publishable,
    /// For servers alone: it passes row security.
    Secret,
}

/// An API key.
#[derive(Clone, Serialize, Deserialize)]
pub struct ApiKey {
    /// The key itself; masked for a secret one, unless it was asked to be revealed.
    #[serde(default)]
    pub api_key: Option<String>,
    /// Its id; legacy keys may have none.
    #[serde(default)]
    pub id: Option<String>,
    /// What it is for; none for some legacy keys.
    #[serde(default, rename = "type")]
    pub kind: Option<KeyKind>,
    /// Its first characters.
    #[serde(default)]
    pub prefix: Option<String>,
    /// What it is called: `default`, for instance, or `anon`.
    pub name: String,
    /// What somebody wrote about it.
    #[serde(default)]
    pub description: Option<String>,
    /// The claims that it stands for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_jwt_template: Option<Map<String, Value>>,
    /// When it was made; RFC 3339.
    #[serde(default)]
    pub inserted_at: Option<String>,
    /// When it was changed last; RFC 3339.
    #[serde(default)]
    pub updated_at: Option<String>,
}

impl std::fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiKey")
            .field("name", &self.name)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// Whether secret keys are given whole. Drydock never asks for it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct RevealQuery {
    /// Whether they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reveal: Option<bool>,
}

/// A key that is asked for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CreateKeyBody {
    /// Publishable or secret.
    #[serde(rename = "type")]
    pub kind: KeyKind,
    /// What to call it: 4 to 64 lower-case letters, digits and underscores.
    pub name: String,
    /// What to write about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The claims that a secret key stands for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_jwt_template: Option<Map<String, Value>>,
}

/// What is changed of a key; the key itself stays.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct UpdateKeyBody {
    /// What to call it: 4 to 64 lower-case letters, digits and underscores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What to write about it; nothing any more where it is `Some(None)`.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub description: Option<Option<String>>,
    /// The claims that a secret key stands for; none any more where it is `Some(None)`.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub secret_jwt_template: Option<Option<Map<String, Value>>>,
}

/// Why a key goes.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct DeleteKeyQuery {
    /// Whether a secret key is given whole, for the last time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reveal: Option<bool>,
    /// Whether somebody else has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub was_compromised: Option<bool>,
    /// Why, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Whether the legacy keys work.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LegacyKeys {
    /// Whether they do.
    pub enabled: bool,
}

endpoints! {
    /// The API keys of a project or branch.
    ListApiKeys: Looks GET "/v1/projects/{ref}/api-keys" (Ref) ? RevealQuery => 200 Vec<ApiKey>, needs "api_gateway_keys_read";
    /// Makes an API key.
    CreateApiKey: Releases POST "/v1/projects/{ref}/api-keys" (Ref) ? RevealQuery { CreateKeyBody } => 201 ApiKey, needs "api_gateway_keys_write";
    /// One API key.
    GetApiKey: Looks GET "/v1/projects/{ref}/api-keys/{id}" ((Ref, String)) ? RevealQuery => 200 ApiKey, needs "api_gateway_keys_read";
    /// Changes what is said of a key.
    UpdateApiKey: Releases PATCH "/v1/projects/{ref}/api-keys/{id}" ((Ref, String)) ? RevealQuery { UpdateKeyBody } => 200 ApiKey, needs "api_gateway_keys_write";
    /// Ends a key for good.
    DeleteApiKey: Releases DELETE "/v1/projects/{ref}/api-keys/{id}" ((Ref, String)) ? DeleteKeyQuery => 200 ApiKey, needs "api_gateway_keys_write";
    /// Whether the legacy keys work.
    GetLegacyKeys: Looks GET "/v1/projects/{ref}/api-keys/legacy" (Ref) => 200 LegacyKeys, needs "api_gateway_keys_read";
}
