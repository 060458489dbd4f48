//! JSON web tokens as the platform's projects sign them: HS256 under one secret.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::api::Ref;
use crate::clock;

/// For how long a project's own keys are good: as on the platform, ten years.
const KEY_SECONDS: i64 = 10 * 365 * 24 * 60 * 60;

/// A project's key for one of its roles, `anon` or `service_role`. The same whenever it is asked for.
pub(in crate::local) fn key(secret: &str, reference: &Ref, role: &str, made_at: i64) -> String {
    sign(
        secret,
        &json!({
            "iss": "supabase",
            "ref": reference.as_str(),
            "role": role,
            "iat": made_at,
            "exp": made_at.saturating_add(KEY_SECONDS),
        }),
    )
}

fn sign(secret: &str, claims: &Value) -> String {
    let header = json!({ "alg": "HS256", "typ": "JWT" });
    let text = [header.to_string(), claims.to_string()]
        .map(|part| URL_SAFE_NO_PAD.encode(part))
        .join(".");
    let signature =
        mac(secret, &text).map(|mac| URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()));
    format!("{text}.{}", signature.unwrap_or_default())
}

/// Whether the token was signed under the secret and is good now.
pub(super) fn is_valid(secret: &str, token: &str) -> bool {
    claims(secret, token).is_some_and(|claims| {
        let now = clock::unix_millis() / 1000;
        let before = claims["exp"].as_i64().is_none_or(|end| now < end);
        let after = claims["nbf"].as_i64().is_none_or(|start| start <= now);
        before && after
    })
}

fn claims(secret: &str, token: &str) -> Option<Value> {
    let (text, signature) = token.rsplit_once('.')?;
    let (header, payload) = text.split_once('.')?;
    let read = |part: &str| -> Option<Value> {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
    };
    // What the token says of its algorithm is not a choice that its bearer has.
    if read(header)?["alg"] != "HS256" {
        return None;
    }
    let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
    mac(secret, text)?.verify_slice(&signature).ok()?;
    read(payload).filter(Value::is_object)
}

fn mac(secret: &str, text: &str) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
    mac.update(text.as_bytes());
    Some(mac)
}
