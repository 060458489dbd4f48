//! Secrets that the operator has put into this process's environment for agents to place without
//! seeing them.
//!
//! Only variables with one of two prefixes can be named at all, so no agent places the access token
//! or anything else that lies there; and what is for production never reaches a development branch,
//! where code of an agent's own could print it.

use super::{Code, Refusal};
use crate::fence::quote;
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
            format!(
                "the operator has put no {} into this server's environment",
                quote(&variable)
            ),
        )
        .operator(format!(
            "start the server with the value in that variable; only variables that begin with {} are read",
            place.prefix()
        ))),
    }
}
