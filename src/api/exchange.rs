//! One exchange with the platform: a request that is made once, and sent until there is an answer.
//!
//! ```text
//! exchange_again_if_lost   what changes nothing is asked again when its answer is lost
//! └ exchange_anew          where nobody could be reached, the platform is looked for anew
//!   └ exchange_in_turn     what came too fast is sent again when the platform says
//!     └ exchange_as_owner  with the builder's token, or that of the user who has claimed the project
//!       └ exchange_once
//! ```
//!
//! Nothing here depends on the endpoint's types: these are spent when the request is made, and asked for again when
//! the answer is read.

use std::any::TypeId;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use serde::Serialize;
use tracing::{Instrument, Span};

use super::actions::RunCount;
use super::client::{Client, Place, chain, error_message, header_text};
use super::endpoint::{Endpoint, PathParams, fill_path};
use super::error::ApiError;
use super::meter::CALL_HEADER;
use super::pace::scope_of;
use crate::{redact, spans};

/// How often a request that changes nothing is sent again.
const RETRIES: u32 = 2;
/// How often a request that came too fast is sent.
const TURNS: u32 = 3;

/// What is sent.
pub(super) struct Request {
    operation: &'static str,
    permission: &'static str,
    method: Method,
    /// As the platform's description writes it.
    template: &'static str,
    /// With its parameters and the query string.
    path: String,
    /// What the platform's rate limit counts it to.
    scope: String,
    /// The project or branch that it is about, where it is about one.
    about: Option<String>,
    body: Option<Body>,
    wants_a_form: bool,
}

struct Body {
    content_type: String,
    bytes: Bytes,
}

/// What came back, of a success.
pub(super) struct Answer {
    content_type: String,
    bytes: Bytes,
}

impl Request {
    pub(super) fn of<E: Endpoint>(
        path: &E::Path,
        query: &E::Query,
        body: Option<&E::Body>,
    ) -> Result<Self, ApiError> {
        let unsendable = |reason| ApiError::Unreadable {
            operation: E::NAME,
            reason,
        };
        let values = path.values();
        let mut filled = fill_path(E::PATH, &values);
        if TypeId::of::<E::Query>() != TypeId::of::<()>() {
            let query = serde_urlencoded::to_string(query)
                .map_err(|error| unsendable(error.to_string()))?;
            if !query.is_empty() {
                filled.push('?');
                filled.push_str(&query);
            }
        }
        let takes_a_body = matches!(E::METHOD, Method::POST | Method::PUT | Method::PATCH)
            || TypeId::of::<E::Body>() != TypeId::of::<()>();
        let body = match body.filter(|_| takes_a_body) {
            None => None,
            Some(body) => Some(match &E::BODY_FORM {
                Some(form) => {
                    let (content_type, bytes) = form.encode(body).map_err(unsendable)?;
                    Body {
                        content_type,
                        bytes: bytes.into(),
                    }
                }
                None => json(body).map_err(|error| unsendable(error.to_string()))?,
            }),
        };
        Ok(Self {
            operation: E::NAME,
            permission: E::PERMISSION,
            method: E::METHOD,
            template: E::PATH,
            path: filled,
            scope: scope_of(E::PATH, &values),
            about: values.first().map(|value| (*value).to_owned()),
            body,
            wants_a_form: E::REPLY_FORM.is_some(),
        })
    }
}

fn json(body: &impl Serialize) -> serde_json::Result<Body> {
    let value = serde_json::to_value(body)?;
    // Some operations take no body at all, some an empty object: both accept one.
    let bytes = match value.is_null() {
        true => b"{}".to_vec(),
        false => serde_json::to_vec(&value)?,
    };
    Ok(Body {
        content_type: "application/json".to_owned(),
        bytes: bytes.into(),
    })
}

impl Answer {
    pub(super) async fn read<E: Endpoint>(self) -> Result<E::Reply, ApiError> {
        let unreadable = |reason| ApiError::Unreadable {
            operation: E::NAME,
            reason,
        };
        if let Some(form) = &E::REPLY_FORM {
            let decoded = form.decode(&self.content_type, self.bytes).await;
            return decoded.map_err(unreadable);
        }
        // A reply that says nothing is read as that, whatever a platform puts there.
        let says_nothing = self.bytes.is_empty() || TypeId::of::<E::Reply>() == TypeId::of::<()>();
        let json: &[u8] = if says_nothing { b"null" } else { &self.bytes };
        serde_json::from_slice(json).map_err(|error| unreadable(error.to_string()))
    }
}

impl Client {
    /// For what changes nothing: a lost answer is asked for again.
    pub(super) async fn exchange_again_if_lost(
        &self,
        request: &Request,
    ) -> Result<Answer, ApiError> {
        let mut attempt = 0;
        loop {
            let result = self.exchange_anew(request).await;
            match &result {
                Err(error) if attempt < RETRIES && is_passing(error) => {
                    attempt += 1;
                    tracing::debug!(operation = request.operation, %error, attempt, "asking again");
                    tokio::time::sleep(Duration::from_millis(50 << (2 * attempt))).await;
                }
                _ => return result,
            }
        }
    }

    /// Sends once; where nobody could be reached nothing was sent, so the platform is looked for
    /// anew and the request sent there.
    pub(super) async fn exchange_anew(&self, request: &Request) -> Result<Answer, ApiError> {
        match self.exchange_in_turn(request).await {
            Err(ApiError::Unreachable { .. }) => self.exchange_in_turn(request).await,
            other => other,
        }
    }

    /// Sends within the platform's rate limit. What it refuses for coming too fast was not carried
    /// out, so it is sent again when the platform says, whatever it is.
    async fn exchange_in_turn(&self, request: &Request) -> Result<Answer, ApiError> {
        let mut turn = 1;
        loop {
            self.pace.wait(&request.scope).await;
            match self.exchange_as_owner(request).await {
                Err(ApiError::TooFast { .. }) if turn < TURNS => turn += 1,
                other => return other,
            }
        }
    }

    /// Sends with the builder's token, or, for a project that a user has claimed, with the one that
    /// its user has granted. What a platform does not let a token do was not carried out.
    async fn exchange_as_owner(&self, request: &Request) -> Result<Answer, ApiError> {
        let (Some(claimed), Some(about)) = (&self.claimed, request.about.as_deref()) else {
            return self.exchange_once(request, None).await;
        };
        let mut token = claimed.known(about);
        let first = self.exchange_once(request, token.as_deref()).await;
        if !is_kept_out(&first) {
            return first;
        }
        // A token that was kept may have ended before its time: then another is had for it, once.
        for _ in 0..2 {
            token = claimed.find(about, token.as_deref()).await;
            if token.is_none() {
                break;
            }
            let again = self.exchange_once(request, token.as_deref()).await;
            if !is_kept_out(&again) {
                return again;
            }
        }
        first
    }

    async fn exchange_once(
        &self,
        request: &Request,
        token: Option<&str>,
    ) -> Result<Answer, ApiError> {
        let place = self.place().await?;
        let span = spans::sent(request.operation, &request.method, request.template);
        let sent = self.exchange_with(&place, request, token);
        let answer = sent.instrument(span.clone()).await;
        if let Err(error) = &answer {
            spans::failed(&span, &error.kind());
        }
        answer
    }

    async fn exchange_with(
        &self,
        place: &Place,
        request: &Request,
        token: Option<&str>,
    ) -> Result<Answer, ApiError> {
        let operation = request.operation;
        let token = token.unwrap_or(&place.token);
        redact::keep_secret(token);
        let url = format!("{}{}", place.base, request.path);
        let mut sending = self
            .http()?
            .request(request.method.clone(), url)
            .header(AUTHORIZATION, format!("Bearer {token}"));
        self.count();
        if let Some(meter) = self.meter.as_ref().filter(|_| place.is_local) {
            sending = sending.header(CALL_HEADER, meter.call());
        }
        if let Some(body) = &request.body {
            sending = sending
                .header(CONTENT_TYPE, &body.content_type)
                .body(body.bytes.clone());
        }
        if request.wants_a_form {
            sending = sending.header(ACCEPT, "multipart/form-data");
        }
        let response = sending.send().await.map_err(|error| {
            if error.is_connect() || error.is_builder() {
                self.locator.lost(place);
                ApiError::Unreachable {
                    base: place.base.clone(),
                    reason: chain(&error),
                }
            } else {
                ApiError::AnswerLost {
                    operation,
                    reason: chain(&error),
                }
            }
        })?;
        let status = response.status().as_u16();
        spans::status(&Span::current(), status);
        let content_type = header_text(&response, CONTENT_TYPE.as_str());
        // The answer to a HEAD has no body.
        let count =
            (request.method == Method::HEAD).then(|| header_text(&response, RunCount::HEADER));
        let again = self.pace.heard(&request.scope, status, response.headers());
        let bytes = response
            .bytes()
            .await
            .map_err(|error| ApiError::AnswerLost {
                operation,
                reason: chain(&error),
            })?;
        let bytes = count.map_or(bytes, Bytes::from);
        if again {
            return Err(ApiError::TooFast { operation });
        }
        if !(200..300).contains(&status) {
            return Err(ApiError::Status {
                operation,
                status,
                permission: request.permission,
                message: error_message(status, &bytes),
            });
        }
        Ok(Answer {
            content_type,
            bytes,
        })
    }
}

/// Whether asking again may help.
fn is_passing(error: &ApiError) -> bool {
    match error {
        ApiError::Unreachable { .. } | ApiError::AnswerLost { .. } => true,
        ApiError::Status { status, .. } => matches!(status, 502..=504),
        ApiError::NotStarted(_) | ApiError::Unreadable { .. } | ApiError::TooFast { .. } => false,
    }
}

/// Whether the token was not let to do this: another may be.
fn is_kept_out<T>(result: &Result<T, ApiError>) -> bool {
    matches!(
        result,
        Err(ApiError::Status {
            status: 401 | 403 | 404,
            ..
        })
    )
}
