//! References: the identifiers that name a project or a branch in the API's paths.

use std::fmt;
use std::str::FromStr;

use crate::fence::quote;
use serde::{Deserialize, Deserializer, Serialize};

/// The ref of a project or of a branch: exactly 20 lower-case ASCII letters.
///
/// A branch is itself a project, so its ref works on every `/projects/{ref}/…` route.
/// Nothing else can be put into a path: text that is not a ref has no `Ref`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Ref(String);

/// Why a text is not a [`Ref`].
#[derive(Debug, thiserror::Error)]
#[error("a project ref is 20 lower-case letters; this is {}", quote(found))]
pub struct NotARef {
    found: String,
}

impl Ref {
    /// How many letters a ref has.
    pub const LEN: usize = 20;

    /// The ref as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Ref {
    type Err = NotARef;

    fn from_str(text: &str) -> Result<Self, NotARef> {
        if text.len() == Self::LEN && text.bytes().all(|byte| byte.is_ascii_lowercase()) {
            return Ok(Self(text.to_owned()));
        }
        // The text is shown escaped and cut: it may hold anything at all.
        let shown: String = text.chars().take(40).flat_map(char::escape_debug).collect();
        Err(NotARef {
            found: format!("\"{shown}\" ({} characters)", text.chars().count()),
        })
    }
}

impl<'de> Deserialize<'de> for Ref {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for Ref {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Ref {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ref({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Ref;

    #[test]
    fn only_twenty_lower_case_letters_are_a_ref() {
        assert!("abcdefghijklmnopqrst".parse::<Ref>().is_ok());
        for text in [
            "",
            "DEV",
            "ABCDEFGHIJKLMNOPQRST",
            "abcdefghijklmnopqrst ",
            "abcdefghijklmnopqrs\u{200b}",
            "../abcdefghijklmnopq",
            "abcdefghijklmnopqr?x",
            "abcdefghijklmnopqrs1",
        ] {
            assert!(text.parse::<Ref>().is_err(), "{text:?}");
        }
    }
}
