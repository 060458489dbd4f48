//! Signed messages between Drydock and the operator's own backend, after Standard Webhooks: the
//! headers `webhook-id`, `webhook-timestamp` and `webhook-signature`, which is
//! `v1,base64(hmac-sha256(secret, id.timestamp.body))`. The secret is `whsec_` and base64.
//!
//! The signature covers neither the address nor the direction of a message, so a body must say
//! itself what it is about.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::{Client, Url};
use sha2::Sha256;

use crate::clock;

/// How far a message's time may be from the present, either way.
const TOLERANCE: Duration = Duration::from_secs(300);
/// How long the other side may take to answer.
const DEADLINE: Duration = Duration::from_secs(10);
/// Pauses between deliveries; then it is given up.
const PAUSES: [Duration; 4] = [
    Duration::from_millis(500),
    Duration::from_secs(2),
    Duration::from_secs(10),
    Duration::from_secs(30),
];
/// How many bytes a secret has, by the specification.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// The secret that both sides share, ready to sign. Never shown.
#[derive(Clone)]
pub struct Secret(Hmac<Sha256>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl std::str::FromStr for Secret {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.trim()
            .strip_prefix("whsec_")
            .and_then(|encoded| STANDARD.decode(encoded).ok())
            .filter(|bytes| SECRET_BYTES.contains(&bytes.len()))
            .and_then(|bytes| Hmac::new_from_slice(&bytes).ok())
            .map(Self)
            .ok_or("a webhook secret is whsec_ and the base64 of 24 to 64 random bytes")
    }
}

/// The three headers of a message.
#[derive(Debug, Clone, Copy)]
pub struct Headers<'a> {
    /// `webhook-id`: the message's own, the same whenever it is sent again.
    pub id: &'a str,
    /// `webhook-timestamp`: seconds since the Unix epoch.
    pub timestamp: &'a str,
    /// `webhook-signature`: signatures with their versions, separated by spaces.
    pub signature: &'a str,
}

/// Why a message is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unbelieved {
    /// No signature is the right one.
    #[error("the signature is not the one of this message under the shared secret")]
    Signature,
    /// It is too old, or comes from the future.
    #[error("webhook-timestamp is more than five minutes from the present")]
    Time,
}

impl Secret {
    /// The signature of a message, with its version.
    fn sign(&self, id: &str, timestamp: &str, body: &[u8]) -> String {
        format!(
            "v1,{}",
            STANDARD.encode(self.mac(id, timestamp, body).finalize().into_bytes())
        )
    }

    /// Believes a message whose signature is right and whose time is near. Whether it was heard
    /// before is for the caller to know.
    pub fn verify(&self, headers: Headers<'_>, body: &[u8]) -> Result<(), Unbelieved> {
        let Headers {
            id,
            timestamp,
            signature,
        } = headers;
        let signed = signature
            .split(' ')
            .filter_map(|one| STANDARD.decode(one.strip_prefix("v1,")?).ok())
            // Compared in constant time.
            .any(|one| self.mac(id, timestamp, body).verify_slice(&one).is_ok());
        if !signed {
            return Err(Unbelieved::Signature);
        }
        let seconds: i64 = timestamp.parse().map_err(|_| Unbelieved::Time)?;
        let apart = seconds.abs_diff(clock::real_millis() / 1000);
        if apart > TOLERANCE.as_secs() {
            return Err(Unbelieved::Time);
        }
        Ok(())
    }

    fn mac(&self, id: &str, timestamp: &str, body: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
            mac.update(part);
        }
        mac
    }
}

/// Where the operator's backend is told, and heard from. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Webhook {
    secret: Secret,
    url: Option<Url>,
    /// Made with the first message: reading the machine's certificates takes its time.
    http: Arc<OnceLock<Client>>,
}

impl Webhook {
    /// A backend that signs with `secret` and is told at `url`; without one it is only heard.
    ///
    /// # Errors
    ///
    /// A sentence, if the URL is neither https nor on loopback, or holds a password.
    pub fn new(secret: Secret, url: Option<&str>) -> Result<Self, String> {
        Ok(Self {
            secret,
            url: url.map(check_url).transpose()?,
            http: Arc::default(),
        })
    }

    /// The secret that both sides share.
    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    /// Whether there is somebody to tell.
    pub fn tells(&self) -> bool {
        self.url.is_some()
    }

    /// Sends a message until it is accepted, or until it has failed too often; says which.
    pub async fn deliver(&self, id: &str, body: &str) -> bool {
        for pause in PAUSES.map(Some).into_iter().chain([None]) {
            match self.send(id, body).await {
                Ok(status) if status.is_success() => return true,
                Ok(status) => tracing::warn!(%status, "the webhook did not take a message"),
                Err(error) => tracing::warn!(%error, "the webhook did not answer"),
            }
            let Some(pause) = pause else { break };
            tokio::time::sleep(pause).await;
        }
        false
    }

    async fn send(&self, id: &str, body: &str) -> Result<reqwest::StatusCode, String> {
        let url = self.url.clone().ok_or("there is no URL")?;
        let timestamp = (clock::real_millis() / 1000).to_string();
        let signature = self.secret.sign(id, &timestamp, body.as_bytes());
        let response = self
            .http()?
            .post(url)
            .header("content-type", "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", signature)
            .body(body.to_owned())
            .send()
            .await
            // The URL may hold a token of its own.
            .map_err(|error| error.without_url().to_string())?;
        Ok(response.status())
    }

    fn http(&self) -> Result<&Client, String> {
        if let Some(http) = self.http.get() {
            return Ok(http);
        }
        // Fails only when another provider is installed already, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = Client::builder()
            .user_agent(concat!("drydock/", env!("CARGO_PKG_VERSION")))
            .timeout(DEADLINE)
            // What is meant for the backend goes nowhere else.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| error.to_string())?;
        Ok(self.http.get_or_init(|| http))
    }
}

/// The URL of a backend: https, or http on loopback, without a user and a password.
///
/// # Errors
///
/// A sentence.
pub fn check_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("the webhook's URL: {error}"))?;
    let host = url.host_str().unwrap_or_default();
    let on_loopback = host == "localhost"
        || host
            .trim_matches(['[', ']'])
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback());
    let is_safe = url.scheme() == "https" || url.scheme() == "http" && on_loopback;
    if !is_safe {
        return Err("the webhook's URL is https, or http on loopback".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            "the webhook's URL holds no user and no password: messages are signed".to_owned(),
        );
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::{Headers, Secret, Unbelieved, Webhook, clock};

    const SECRET: &str = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";

    fn secret() -> Secret {
        SECRET.parse().unwrap()
    }

    fn verify(id: &str, seconds: i64, signature: &str, body: &[u8]) -> Result<(), Unbelieved> {
        let timestamp = seconds.to_string();
        let headers = Headers {
            id,
            timestamp: &timestamp,
            signature,
        };
        secret().verify(headers, body)
    }

    #[test]
    fn a_message_is_signed_as_other_implementations_sign_it() {
        // Computed with openssl over `msg_1.1700000000.{"a":1}`.
        assert_eq!(
            secret().sign("msg_1", "1700000000", br#"{"a":1}"#),
            "v1,1l34d9U9bSaAVQFy2uVdg3CHHT+o7pMzi59Vrub2gOE="
        );
    }

    #[test]
    fn only_the_signed_message_of_the_present_is_believed() {
        let now = clock::real_millis() / 1000;
        let good = secret().sign("m", &now.to_string(), b"body");
        assert_eq!(verify("m", now, &good, b"body"), Ok(()));
        // During a change of secrets there are several.
        assert_eq!(
            verify("m", now, &format!("v1,AAAA v2,x {good}"), b"body"),
            Ok(())
        );
        for (id, seconds, signature, body) in [
            ("n", now, good.as_str(), &b"body"[..]),
            ("m", now + 1, &good, b"body"),
            ("m", now, &good, b"bodY"),
            ("m", now, "", b"body"),
            ("m", now, "v1,", b"body"),
            ("m", now, &good.replace("v1,", "v2,"), b"body"),
            ("m", now, good.trim_start_matches("v1,"), b"body"),
        ] {
            assert_eq!(
                verify(id, seconds, signature, body),
                Err(Unbelieved::Signature),
                "{signature}"
            );
        }
        for other in [now - 301, now + 302] {
            let signature = secret().sign("m", &other.to_string(), b"body");
            assert_eq!(
                verify("m", other, &signature, b"body"),
                Err(Unbelieved::Time)
            );
        }
    }

    #[test]
    fn a_secret_that_is_none_is_refused() {
        for text in [
            "",
            "whsec_",
            "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
            "whsec_c2hvcnQ=",
            "whsec_%%%",
        ] {
            assert!(text.parse::<Secret>().is_err(), "{text}");
        }
        assert_eq!(format!("{:?}", secret()), "Secret(..)");
    }

    #[test]
    fn messages_go_to_https_or_loopback_alone() {
        for url in [
            "https://example.com/hook",
            "http://127.0.0.1:9/x",
            "http://[::1]:9/",
            "http://localhost/",
        ] {
            assert!(Webhook::new(secret(), Some(url)).is_ok(), "{url}");
        }
        for url in [
            "http://example.com/hook",
            "http://localhost.example.com/",
            "http://127.0.0.1.example.com/",
            "ftp://127.0.0.1/",
            "https://user:password@example.com/",
            "example.com",
            "",
        ] {
            assert!(Webhook::new(secret(), Some(url)).is_err(), "{url}");
        }
    }
}
