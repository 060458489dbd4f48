//! How one HTTP request tightens the policy: by query parameters of the endpoint's address, or by
//! headers, `/mcp?read_only=true` and `Drydock-Read-Only: true`. A name that is not known is an
//! error: a misspelt limit would be none.

use axum::extract::{Query, Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::request::Parts;

use crate::guard::{Group, Guard, Narrowing};

const PREFIX: &str = "drydock-";

/// Puts the request's own guard into its extensions, or answers 400 or 403.
pub(super) async fn narrow(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let narrowing = match narrowing(&parts) {
        Ok(narrowing) => narrowing,
        Err(problem) => return (StatusCode::BAD_REQUEST, problem).into_response(),
    };
    match guard.narrowed(&narrowing) {
        Ok(guard) => parts.extensions.insert(guard),
        Err(looser) => return (StatusCode::FORBIDDEN, looser.to_string()).into_response(),
    };
    next.run(Request::from_parts(parts, body)).await
}

fn narrowing(parts: &Parts) -> Result<Narrowing, String> {
    let mut narrowing = Narrowing::default();
    let Query(parameters) = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri)
        .map_err(|error| format!("the query of the address: {error}"))?;
    for (name, value) in &parameters {
        take(&mut narrowing, name, value)?;
    }
    for (name, value) in &parts.headers {
        if let Some(name) = name.as_str().strip_prefix(PREFIX) {
            let value = value
                .to_str()
                .map_err(|_| format!("the header {PREFIX}{name} is no text"))?;
            take(&mut narrowing, &name.replace('-', "_"), value)?;
        }
    }
    Ok(narrowing)
}

fn take(narrowing: &mut Narrowing, name: &str, value: &str) -> Result<(), String> {
    let bad = |expected: &str| format!("{name} = {value:?}: expected {expected}");
    let number = || value.parse::<u64>().ok().filter(|number| *number > 0);
    match name {
        "read_only" => {
            narrowing.read_only = Some(value.parse().map_err(|_| bad("true or false"))?);
        }
        "project_ref" => {
            let project = value.parse().map_err(|error| format!("{name}: {error}"))?;
            narrowing.projects = Some(vec![project]);
        }
        "features" => {
            let groups: Result<Vec<Group>, String> = value
                .split(',')
                .map(|word| <Group as clap::ValueEnum>::from_str(word.trim(), false))
                .collect();
            narrowing.features = Some(groups.map_err(|_| bad("groups of tools, with commas"))?);
        }
        "max_rows" => {
            let rows = number().ok_or_else(|| bad("a number of rows"))?;
            narrowing.rows = Some(usize::try_from(rows).unwrap_or(usize::MAX));
        }
        "wait_s" => narrowing.wait_s = Some(number().ok_or_else(|| bad("seconds"))?),
        _ => {
            return Err(format!(
                "{name} is nothing that a request can say; there are read_only, project_ref, features, max_rows and wait_s"
            ));
        }
    }
    Ok(())
}
