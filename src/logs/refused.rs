//! Why a query is not one of the subset.

use std::fmt;

/// A query that is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Refused {
    /// The place in the text, in characters from 1.
    pub at: usize,
    /// What is wrong.
    pub what: String,
    /// What to write instead, where there is something.
    pub instead: Option<String>,
}

impl Refused {
    pub(super) fn new(at: usize, what: impl Into<String>) -> Self {
        Self {
            at,
            what: what.into(),
            instead: None,
        }
    }

    pub(super) fn instead(mut self, instead: impl Into<String>) -> Self {
        self.instead = Some(instead.into());
        self
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at character {}: {}", self.at, self.what)?;
        match &self.instead {
            Some(instead) => write!(f, "; write {instead}"),
            None => Ok(()),
        }
    }
}
