//! Secrets of a project's or branch's edge functions: written by value, read back as digests.

use serde::{Deserialize, Serialize};

use super::endpoint::endpoints;
use super::reference::Ref;

/// The start of names that the platform gives to functions by itself.
pub const RESERVED_PREFIX: &str = "SUPABASE_";
/// The longest name, in characters.
pub const NAME_CHARACTERS: usize = 256;
/// The longest value, in characters.
pub const VALUE_CHARACTERS: usize = 24_576;

/// A secret with its value.
#[derive(Clone, Serialize, Deserialize)]
pub struct NewSecret {
    /// At most [`NAME_CHARACTERS`], not beginning with [`RESERVED_PREFIX`].
    pub name: String,
    /// At most [`VALUE_CHARACTERS`].
    pub value: String,
}

/// Without the value, so that no log shows one by accident.
impl std::fmt::Debug for NewSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewSecret")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// A secret as the platform shows it.
#[derive(Clone, Serialize, Deserialize)]
pub struct ListedSecret {
    /// Its name.
    pub name: String,
    /// The SHA-256 digest of its value, in hexadecimal.
    pub value: String,
    /// When it was set last; RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<String>,
}

endpoints! {
    /// Lists the secrets with their digests.
    ListSecrets: Looks GET "/v1/projects/{ref}/secrets" (Ref) => 200 Vec<ListedSecret>, needs "edge_functions_secrets_read";
    /// Sets secrets, those of the same name anew; the others stay.
    SetSecrets: WritesBranch POST "/v1/projects/{ref}/secrets" (Ref) { Vec<NewSecret> } => 201 (), needs "edge_functions_secrets_write";
    /// Deletes secrets by name; one that is not there is no error.
    DeleteSecrets: WritesBranch DELETE "/v1/projects/{ref}/secrets" (Ref) { Vec<String> } => 200 (), needs "edge_functions_secrets_write";
}
