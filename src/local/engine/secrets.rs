//! The passwords of a cluster's own roles, and their SCRAM verifiers.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use rand::Rng;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Rounds of key stretching, as the verifier names them. Stretching makes *guessable* passwords costly to try; ours are 256 random bits, which
/// nobody tries, so one round is as strong as 4,096 and saves milliseconds of every connect.
const ITERATIONS: u32 = 1;

/// A random password of 256 bits, as 43 characters of URL-safe base64. Never shown by `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Secret(String);

impl Secret {
    /// A new one from the operating system's generator.
    pub(super) fn generate() -> Self {
        let mut bytes = [0_u8; 32];
        rand::rng().fill_bytes(&mut bytes);
        Self(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// The password itself, for the one place that sends it.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }

    /// The form that PostgreSQL stores (`SCRAM-SHA-256$…`), with a fresh salt. Computed here so that the password
    /// itself never reaches a server's memory or log.
    pub(super) fn verifier(&self) -> String {
        let mut salt = [0_u8; 16];
        rand::rng().fill_bytes(&mut salt);
        // `Hi` of RFC 5802 with one round: the first block of PBKDF2.
        let salted = hmac(self.0.as_bytes(), &[&salt, &[0, 0, 0, 1]]);
        let client_key = hmac(&salted, &[b"Client Key"]);
        let stored_key = Sha256::digest(client_key);
        let server_key = hmac(&salted, &[b"Server Key"]);
        format!(
            "SCRAM-SHA-256${ITERATIONS}:{}${}:{}",
            STANDARD.encode(salt),
            STANDARD.encode(stored_key),
            STANDARD.encode(server_key),
        )
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    // A key of any length is accepted: this constructor cannot fail, and an empty MAC would only fail a login.
    let Ok(mut mac) = <Hmac<Sha256> as KeyInit>::new_from_slice(key) else {
        return [0; 32];
    };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// The secrets of one cluster, one per role that the engine logs in as.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Secrets {
    pub(super) admin: Secret,
    pub(super) user: Secret,
    pub(super) read_only: Secret,
}

impl Secrets {
    pub(super) fn generate() -> Self {
        Self {
            admin: Secret::generate(),
            user: Secret::generate(),
            read_only: Secret::generate(),
        }
    }
}
