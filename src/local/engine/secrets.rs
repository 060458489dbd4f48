//! The passwords of a cluster's own roles, and their SCRAM verifiers.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::ClusterId;
use crate::chance;

/// Rounds of key stretching, as the verifier names them. Stretching makes *guessable* passwords costly to try; ours are 256 random bits, which
/// nobody tries, so one round is as strong as 4,096 and saves milliseconds of every connect.
const ITERATIONS: u32 = 1;
/// Rounds for a shorter password, which somebody may have thought of: PostgreSQL's own number.
const ITERATIONS_GIVEN: u32 = 4096;
/// The length of our own, in characters.
const OWN_LENGTH: usize = 43;

/// A random password of 256 bits, as 43 characters of URL-safe base64. Never shown by `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Secret(String);

impl Secret {
    /// A new one that nobody is ever told.
    pub(super) fn generate() -> Self {
        Self(URL_SAFE_NO_PAD.encode(chance::unseen::<32>()))
    }

    /// A new one of a cluster's user, who may be told.
    fn of_user(cluster: ClusterId) -> Self {
        let drawn = chance::draw::<32>("cluster's password", &cluster.to_string());
        Self(URL_SAFE_NO_PAD.encode(drawn))
    }

    /// A password that somebody else has chosen.
    pub(super) fn given(password: &str) -> Self {
        Self(password.to_owned())
    }

    /// The password itself, for the one place that sends it.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }

    /// The form that PostgreSQL stores (`SCRAM-SHA-256$…`), with a fresh salt. Computed here so that the password
    /// itself never reaches a server's memory or log.
    pub(super) fn verifier(&self) -> String {
        let salt = chance::unseen::<16>();
        let iterations = if self.0.len() < OWN_LENGTH {
            ITERATIONS_GIVEN
        } else {
            ITERATIONS
        };
        let salted = stretch(self.0.as_bytes(), &salt, iterations);
        let client_key = hmac(&salted, &[b"Client Key"]);
        let stored_key = Sha256::digest(client_key);
        let server_key = hmac(&salted, &[b"Server Key"]);
        format!(
            "SCRAM-SHA-256${iterations}:{}${}:{}",
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

/// `Hi` of RFC 5802: the first block of PBKDF2.
fn stretch(password: &[u8], salt: &[u8], iterations: u32) -> [u8; 32] {
    let mut block = hmac(password, &[salt, &[0, 0, 0, 1]]);
    let mut salted = block;
    for _ in 1..iterations {
        block = hmac(password, &[&block]);
        for (sum, byte) in salted.iter_mut().zip(block) {
            *sum ^= byte;
        }
    }
    salted
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
    /// New ones; the user's may be given.
    pub(super) fn of(cluster: ClusterId, user: Option<Secret>) -> Self {
        Self {
            admin: Secret::generate(),
            user: user.unwrap_or_else(|| Secret::of_user(cluster)),
            read_only: Secret::generate(),
        }
    }
}
