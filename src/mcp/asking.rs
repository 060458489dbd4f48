//! Asking the user behind the client, in both eras: 2025-11-25 and before by a request of the
//! server's own (`elicitation/create`), 2026-07-28 and after by a result that says
//! `input_required`, which the client answers by calling again.

use std::collections::BTreeMap;

use rmcp::model::{
    CallToolRequestParams, ClientResult, ElicitRequest, ElicitRequestParams, ElicitResult,
    ElicitationAction, ElicitationSchema, InputRequest, InputRequiredResult, ProtocolVersion,
    ServerRequest,
};
use rmcp::service::{PeerRequestOptions, RequestContext, RoleServer};
use serde_json::Value;
use tokio::sync::mpsc;

use crate::guard::{Asking, Put, Question, Reply, Said};

/// What the question is called among a result's input requests.
const KEY: &str = "approval";
/// The one field of the form.
const FIELD: &str = "approve";

/// How this call's client can ask its user, and where questions for it come in.
pub(super) fn way_to_ask(
    context: &RequestContext<RoleServer>,
) -> (Asking, mpsc::UnboundedReceiver<Put>) {
    let (questions, waiting) = mpsc::unbounded_channel();
    let can = context
        .client_capabilities()
        .and_then(|can| can.elicitation)
        // A client of the older kind names no mode, and means forms.
        .is_some_and(|modes| modes.form.is_some() || modes.url.is_none());
    let by_calling_again = context
        .protocol_version()
        .is_some_and(|version| version >= ProtocolVersion::V_2026_07_28);
    let asking = match (can, by_calling_again) {
        (false, _) => Asking::Never,
        (true, true) => Asking::ByCallingAgain,
        (true, false) => Asking::Meanwhile(questions),
    };
    (asking, waiting)
}

/// Puts a question to the user while the call waits. Sent from the task that serves the request,
/// so that it travels on that request's own stream.
pub(super) async fn ask(context: &RequestContext<RoleServer>, question: Question) -> Said {
    let Some(params) = form(&question) else {
        return Said::Nothing;
    };
    let request = ServerRequest::ElicitRequest(ElicitRequest::new(params));
    let options = PeerRequestOptions::with_timeout(question.patience);
    let answer = async {
        let sent = context
            .peer
            .send_request_with_option(request, options)
            .await?;
        sent.await_response().await
    };
    let answer = tokio::select! {
        answer = answer => answer,
        () = context.ct.cancelled() => return Said::Nothing,
    };
    match answer {
        Ok(ClientResult::ElicitResult(result)) => said(&result),
        Ok(_) => Said::Nothing,
        Err(error) => {
            tracing::debug!(%error, "a question was not answered");
            Said::Nothing
        }
    }
}

/// The result that ends a call with a question.
pub(super) fn input_required(question: Question) -> Option<InputRequiredResult> {
    let request = InputRequest::Elicitation(ElicitRequest::new(form(&question)?));
    let requests = BTreeMap::from([(KEY.to_owned(), request)]);
    Some(InputRequiredResult::new(
        Some(requests),
        Some(question.handle),
    ))
}

/// The answer that came with a call; none if it is no answer to anything.
pub(super) fn reply(request: &mut CallToolRequestParams) -> Option<Reply> {
    let (state, responses) = (request.request_state.take(), request.input_responses.take());
    if state.is_none() && responses.is_none() {
        return None;
    }
    let answer = responses
        .and_then(|mut responses| responses.remove(KEY))
        .and_then(|answer| serde_json::from_value::<ElicitResult>(answer).ok());
    Some(Reply {
        handle: state.unwrap_or_default(),
        said: answer.as_ref().map_or(Said::Nothing, said),
    })
}

fn form(question: &Question) -> Option<ElicitRequestParams> {
    let schema = ElicitationSchema::builder()
        .required_bool_with(FIELD, |field| field.title("Approve"))
        .build()
        .ok()?;
    Some(ElicitRequestParams::FormElicitationParams {
        meta: None,
        message: question.message.clone(),
        requested_schema: schema,
    })
}

/// Accepting the form is not yet a yes: its field must say so.
fn said(result: &ElicitResult) -> Said {
    let field = result
        .content
        .as_ref()
        .and_then(|content| content.get(FIELD));
    match (&result.action, field) {
        (ElicitationAction::Accept, Some(Value::Bool(true))) => Said::Yes,
        (ElicitationAction::Accept, Some(Value::Bool(false))) | (ElicitationAction::Decline, _) => {
            Said::No
        }
        _ => Said::Nothing,
    }
}
