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

/// The bytes of two digits each; `None` where that is not what they are.
pub(crate) fn decode(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2);
    pairs
        .map(|pair| {
            let text = std::str::from_utf8(pair)
                .ok()
                .filter(|text| text.len() == 2)?;
            u8::from_str_radix(text, 16).ok()
        })
        .collect()
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
