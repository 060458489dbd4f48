//! What a route answers when it does not answer with its reply: a status and `{"message"}`.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::engine::EngineError;
use super::engine::wire::WireError;
use crate::api::ErrorBody;
use crate::sqlite::StoreError;

/// An error on the wire.
#[derive(Debug)]
pub(super) struct Fault {
    status: u16,
    message: String,
}

impl Fault {
    /// An error with a status and words.
    pub(super) fn new(status: u16, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
        }
    }

    /// No project or branch has that ref.
    pub(super) fn no_project() -> Self {
        Self::new(404, "Project not found")
    }

    /// No branch has that id, ref or name.
    pub(super) fn no_branch() -> Self {
        Self::new(404, "Branch not found")
    }

    /// An error of the database, in the platform's words, with the place in `sql`.
    pub(super) fn of_sql(error: EngineError, sql: &str) -> Self {
        let message = match &error {
            EngineError::Wire(WireError::Sql(sql_error)) => Some(sql_error.platform_message(sql)),
            EngineError::Wire(
                wire @ (WireError::TooLarge { .. }
                | WireError::TimedOut { .. }
                | WireError::LeftTransaction
                | WireError::Parameter { .. }
                | WireError::Unsendable(_)),
            ) => Some(format!("Failed to run sql query: {wire}")),
            _ => None,
        };
        match message {
            Some(message) => Self::new(400, message),
            None => Self::from(error),
        }
    }

    /// An error of a statement that may have written: where it cannot be said that nothing
    /// happened, the status is one that clients take for a lost answer.
    pub(super) fn of_write(error: EngineError, sql: &str) -> Self {
        let in_doubt = matches!(
            &error,
            EngineError::Wire(
                WireError::TooLarge { .. }
                    | WireError::TimedOut { .. }
                    | WireError::LeftTransaction
                    | WireError::AnswerLost { .. }
            )
        );
        let mut fault = Self::of_sql(error, sql);
        if in_doubt {
            fault.status = 504;
        }
        fault
    }

    /// The status.
    pub(super) fn status(&self) -> u16 {
        self.status
    }

    /// The words.
    pub(super) fn message(&self) -> &str {
        &self.message
    }
}

impl From<EngineError> for Fault {
    fn from(error: EngineError) -> Self {
        if matches!(error, EngineError::Unreachable { .. }) {
            return Self::new(410, error.to_string());
        }
        let mut message = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            message.push_str(": ");
            message.push_str(&cause.to_string());
            source = cause.source();
        }
        tracing::error!(message, "the engine failed");
        Self::new(500, message)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the registry failed");
        Self::new(500, error.to_string())
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = ErrorBody {
            message: self.message,
        };
        (status, Json(body)).into_response()
    }
}
