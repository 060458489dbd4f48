//! What can go wrong between a request and its reply.
//!
//! What the platform says of it is quoted: it holds a database's own messages, and whatever those
//! repeat.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::fence::quote;

/// The platform's error body: one field.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ErrorBody {
    /// What happened, in words.
    pub message: String,
}

/// A call that did not give the reply that was asked for.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The platform could not be reached; nothing was sent.
    #[error("the platform at {base} cannot be reached: {reason}")]
    Unreachable {
        /// The base URL that was tried.
        base: String,
        /// What the transport says.
        reason: String,
    },
    /// The local platform did not start; nothing was sent.
    #[error("{}", quote(.0))]
    NotStarted(String),
    /// The request was sent and no whole answer came: it may or may not have been carried out.
    #[error("no answer to {operation}: {}", quote(reason))]
    AnswerLost {
        /// The endpoint's name.
        operation: &'static str,
        /// What the transport says.
        reason: String,
    },
    /// The platform answered with an error status.
    #[error("{} (HTTP {status})", quote(message))]
    Status {
        /// The endpoint's name.
        operation: &'static str,
        /// The HTTP status.
        status: u16,
        /// The permission that the endpoint needs; empty where it needs none of its own.
        permission: &'static str,
        /// The platform's own words.
        message: String,
    },
    /// The platform's rate limit is used up, and stays so; nothing was carried out.
    #[error("the platform's rate limit is used up, by this access token or by others of its user")]
    TooFast {
        /// The endpoint's name.
        operation: &'static str,
    },
    /// The platform's answer does not have the shape that its contract states.
    #[error(
        "the platform's answer to {operation} cannot be read: {}",
        quote(reason)
    )]
    Unreadable {
        /// The endpoint's name.
        operation: &'static str,
        /// What the decoder says; never the body itself.
        reason: String,
    },
}

impl ApiError {
    /// Of what kind it is, for who counts them: a status, or a word.
    pub(crate) fn kind(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Unreachable { .. } => "unreachable",
            Self::NotStarted(_) => "not_started",
            Self::AnswerLost { .. } => "answer_lost",
            Self::TooFast { .. } => "too_fast",
            Self::Unreadable { .. } => "unreadable",
            Self::Status { status, .. } => return Cow::Owned(status.to_string()),
        })
    }

    /// The HTTP status, where there was one.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// Whether the request may have been carried out although no answer says so.
    ///
    /// A 5xx counts: a gateway gives one when the machine behind it went away mid-request.
    pub fn may_have_happened(&self) -> bool {
        match self {
            Self::AnswerLost { .. } | Self::Unreadable { .. } => true,
            Self::Status { status, .. } => *status >= 500,
            Self::Unreachable { .. } | Self::NotStarted(_) | Self::TooFast { .. } => false,
        }
    }
}
