//! Secrets that the operator has put into this process's environment for agents to place, and for
//! none to see.
//!
//! Only variables with one of two prefixes can be named at all, so no agent reads the access token or
//! anything else that lies there; and what is for production never reaches a development branch,
//! where an agent's own code would read it.

use super::{Code, Refusal};
use crate::redact;

/// For whom a variable is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum For {
    /// Development branches.
    Dev,
    /// Production.
    Production,
}

impl For {
    fn prefix(self) -> &'static str {
        match self {
            Self::Dev => "DRYDOCK_DEV_SECRET_",
            Self::Production => "DRYDOCK_PRODUCTION_SECRET_",
        }
    }
}

/// The value of a secret of that name, which is known as one from here on. An empty one is none.
pub(super) fn secret(place: For, name: &str) -> Result<String, Refusal> {
    let variable = format!("{}{name}", place.prefix());
    match std::env::var(&variable) {
        Ok(value) if !value.is_empty() => {
            redact::keep_secret(&value);
            Ok(value)
        }
        _ => Err(Refusal::new(
            Code::SecretMissing,
            format!("the operator has put no {variable} into this server's environment"),
        )
        .operator(format!(
            "start the server with the value in {variable}; only variables that begin with {} are read",
            place.prefix()
        ))),
    }
}
