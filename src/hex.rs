//! Bytes as hexadecimal digits.

use std::fmt::Write;

use sha2::{Digest, Sha256};

/// Two lower-case digits a byte.
pub(crate) fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// SHA-256 over a text, as hexadecimal digits.
pub(crate) fn sha256_text(text: &str) -> String {
    encode(&Sha256::digest(text.as_bytes()))
}

/// SHA-256 over parts, each preceded by its length, as hexadecimal digits.
pub(crate) fn sha256_of<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    encode(&hasher.finalize())
}
