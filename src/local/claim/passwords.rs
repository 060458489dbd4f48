//! Passwords of accounts: kept as PBKDF2 digests.

use axum::response::{IntoResponse, Response};
use sha2::Sha256;

use crate::chance;
use crate::hex;
use crate::local::fault::Fault;
use crate::local::registry::Login;

/// How often the digest is taken.
const ROUNDS: u32 = 100_000;

fn digest(password: &str, salt: &str) -> String {
    let bytes =
        pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(password.as_bytes(), salt.as_bytes(), ROUNDS);
    hex::encode(&bytes)
}

/// A new salt, and the digest of the password with it.
pub(super) async fn sealed(password: String) -> Result<(String, String), Response> {
    in_a_thread(move || {
        let salt = chance::unseen_hex::<16>();
        let digest = digest(&password, &salt);
        (salt, digest)
    })
    .await
}

/// The account, if the password is its own. Takes as long for an address that nobody has.
pub(super) async fn fits(
    login: Option<Login>,
    password: String,
) -> Result<Option<String>, Response> {
    in_a_thread(move || {
        let salt = login.as_ref().map_or("", |login| &login.salt);
        let given = digest(&password, salt);
        login
            .filter(|login| login.password == given)
            .map(|login| login.id)
    })
    .await
}

async fn in_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Response> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| Fault::new(500, "the local platform failed").into_response())
}
