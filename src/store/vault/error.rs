//! Why the vault says no.

use std::path::PathBuf;

use crate::store::StoreError;

/// Why the vault cannot do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// A key is not what it should be.
    #[error(
        "{place} holds no key: a key is 32 random bytes, in base64 or hexadecimal (`openssl rand -base64 32` makes one)"
    )]
    BadKey {
        /// The variable or the file.
        place: String,
    },
    /// The old key is given and no new one.
    #[error(
        "DRYDOCK_VAULT_KEY_OLD is given without DRYDOCK_VAULT_KEY: the old key only opens, and something has to seal"
    )]
    OldKeyAlone,
    /// Others can read the file.
    #[error("{} can be read by others (mode {mode:03o}), so its key is not used: `chmod 600` it, and rotate it if somebody may have read it", path.display())]
    Readable {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The file cannot be used.
    #[error("cannot use {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A record is sealed under a key that is not here.
    #[error(
        "the vault is sealed under key {needed}, and {}: give that key, as DRYDOCK_VAULT_KEY or as vault.key in the data directory",
        here(there)
    )]
    OtherKey {
        /// The id of the key that it takes.
        needed: String,
        /// The ids of the keys that there are.
        there: Vec<String>,
    },
    /// The key is right, and the record is not what was sealed with it.
    #[error(
        "{0} does not open: the record was changed since it was sealed, or put in another's place"
    )]
    Damaged(String),
    /// There is no such record.
    #[error("the vault holds no {0}")]
    NotFound(String),
}

fn here(there: &[String]) -> String {
    match there {
        [] => "there is no key here".to_owned(),
        ids => format!("the keys here are {}", ids.join(", ")),
    }
}

impl From<VaultError> for StoreError {
    fn from(error: VaultError) -> Self {
        Self::Vault(Box::new(error))
    }
}
