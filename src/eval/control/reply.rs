//! What the control plane answers: a value, or why not.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::eval::fleet::FleetError;
use crate::fence;

/// What a route answers.
pub(super) type Reply = Result<Json<Value>, Fault>;

/// Why a request is not done.
pub(super) struct Fault {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl Fault {
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid", message)
    }

    pub(super) fn world(message: String) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "world_failed", message)
    }

    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
        }
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        // A world's platform quotes what databases say.
        let message = fence::plain(&self.message);
        let body = json!({ "error": { "code": self.code, "message": message } });
        (self.status, Json(body)).into_response()
    }
}

impl From<FleetError> for Fault {
    fn from(error: FleetError) -> Self {
        let (status, code) = match &error {
            FleetError::NoSnapshot(_) | FleetError::NoWorkspace(_) => {
                (StatusCode::NOT_FOUND, "not_found")
            }
            FleetError::Name(_) => (StatusCode::CONFLICT, "name_taken"),
            FleetError::Asked(_) => (StatusCode::BAD_REQUEST, "invalid"),
            FleetError::File { .. } | FleetError::World(_) | FleetError::InUse(_) => {
                (StatusCode::INTERNAL_SERVER_ERROR, "world_failed")
            }
        };
        Self::new(status, code, error.to_string())
    }
}

/// A body, or the default where there is none.
pub(super) fn read<T: Default>(body: Result<Json<T>, JsonRejection>) -> Result<T, Fault> {
    match body {
        Ok(Json(body)) => Ok(body),
        Err(JsonRejection::MissingJsonContentType(_)) => Ok(T::default()),
        Err(error) => Err(Fault::new(
            StatusCode::BAD_REQUEST,
            "invalid",
            error.body_text(),
        )),
    }
}

pub(super) type Body<T> = Result<Json<T>, JsonRejection>;

/// A value as the answer.
pub(super) fn shown(value: &impl serde::Serialize) -> Reply {
    serde_json::to_value(value).map(Json).map_err(|error| {
        Fault::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "unreadable",
            error.to_string(),
        )
    })
}
