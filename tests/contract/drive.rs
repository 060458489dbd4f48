//! Calls the local platform, and holds every answer against the description.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use super::description::{Description, Reply};
use super::platform::Platform;
use super::schema::misfits;
use super::{Failure, assert_none};

pub(super) const QUERY: &str = "POST /v1/projects/{ref}/database/query";
pub(super) const MIGRATE: &str = "POST /v1/projects/{ref}/database/migrations";

/// What is not as described, on purpose: part of a place, and why.
const KNOWN: [(&str, &str); 2] = [
    (
        // The real platform sends lints that its own description does not name.
        "GET /v1/projects/{ref}/advisors/security: $.lints",
        ".name: ",
    ),
    (
        // Its description says JSON, and it sends a form.
        "GET /v1/projects/{ref}/functions/{function_slug}/body: ",
        "",
    ),
];

/// Calls the platform and holds every answer against the description.
pub(super) struct Drive {
    description: Description,
    platform: Platform,
    http: reqwest::Client,
    pub(super) driven: BTreeSet<String>,
    pub(super) found: Vec<String>,
}

impl Drive {
    pub(super) fn start(description: Description) -> Result<Self, Failure> {
        Ok(Self {
            description,
            platform: Platform::start()?,
            http: reqwest::Client::builder().tcp_nodelay(true).build()?,
            driven: BTreeSet::new(),
            found: Vec::new(),
        })
    }

    async fn send(
        &self,
        method: &str,
        path: &str,
        values: &[&str],
        body: Option<&Value>,
    ) -> Result<(u16, Vec<u8>), Failure> {
        let mut filled = path.to_owned();
        for value in values {
            let (start, end) = filled
                .find('{')
                .zip(filled.find('}'))
                .ok_or("too many values")?;
            filled.replace_range(start..=end, value);
        }
        let method = reqwest::Method::from_bytes(method.as_bytes())?;
        let url = format!("{}{filled}", self.platform.base);
        let mut request = self
            .http
            .request(method, url)
            .bearer_auth(&self.platform.token);
        if let Some(body) = body {
            request = match body["metadata"]["entrypoint_path"].as_str() {
                Some(entrypoint) => {
                    let (kind, form) = form(body, entrypoint);
                    request.header("content-type", kind).body(form)
                }
                None => request.json(body),
            };
        }
        let response = request.send().await?;
        Ok((response.status().as_u16(), response.bytes().await?.to_vec()))
    }

    /// A call that must succeed. `path` may end in a query string.
    pub(super) async fn call(
        &mut self,
        operation: &str,
        values: &[&str],
        body: Option<Value>,
    ) -> Result<Value, Failure> {
        let (method, path) = operation.split_once(' ').ok_or("no method")?;
        let bare = path.split('?').next().unwrap_or(path);
        let (status, bytes) = self.send(method, path, values, body.as_ref()).await?;
        let place = format!("{method} {bare}");
        self.driven.insert(place.clone());
        let described = self
            .description
            .operation(method, bare)
            .ok_or_else(|| format!("{place}: there is no such operation"))?;
        if let (Some(schema), Some(body)) = (self.description.body(described), &body) {
            // The test itself must not ask for what nobody offers.
            let wrong = misfits(&self.description, schema, body);
            assert_none(&format!("{place}: the body of this test"), &wrong);
        }
        let words = String::from_utf8_lossy(&bytes);
        if !(200..300).contains(&status) {
            return Err(format!("{place}: {status} {words}").into());
        }
        let json = serde_json::from_slice(&bytes).unwrap_or_default();
        match self.description.reply(described, status) {
            None => self
                .found
                .push(format!("{place}: {status} is not declared")),
            Some(Reply::Json(schema)) => {
                let misfits = misfits(&self.description, schema, &json);
                let found = misfits
                    .into_iter()
                    .map(|misfit| format!("{place}: {misfit}"));
                self.found.extend(found.filter(|found| !is_known(found)));
            }
            Some(Reply::Text) if json.is_object() => {
                self.found.push(format!("{place}: not plain text: {words}"));
            }
            Some(Reply::Text | Reply::Open) => {}
        }
        Ok(json)
    }

    /// A call that must fail with this status, in the platform's one form of an error.
    pub(super) async fn refused(
        &mut self,
        status: u16,
        operation: &str,
        values: &[&str],
        body: Option<Value>,
    ) -> Result<(), Failure> {
        let (method, path) = operation.split_once(' ').ok_or("no method")?;
        let (answered, bytes) = self.send(method, path, values, body.as_ref()).await?;
        let json: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let keys: Vec<_> = json
            .as_object()
            .into_iter()
            .flat_map(|error| error.keys())
            .collect();
        if answered != status || keys != ["message"] || !json["message"].is_string() {
            let words = String::from_utf8_lossy(&bytes);
            self.found.push(format!(
                "{operation}: not {status} with a message: {answered} {words}"
            ));
        }
        Ok(())
    }

    /// Asks until a field of the answer is `wanted`.
    pub(super) async fn until(
        &mut self,
        operation: &str,
        values: &[&str],
        field: &str,
        wanted: &str,
    ) -> Result<Value, Failure> {
        let what = format!("{field} did not become {wanted}");
        self.once(operation, values, &what, |answer| answer[field] == wanted)
            .await
    }

    /// Asks until the answer is as it should be; `otherwise` says what was waited for in vain.
    pub(super) async fn once(
        &mut self,
        operation: &str,
        values: &[&str],
        otherwise: &str,
        is_so: impl Fn(&Value) -> bool,
    ) -> Result<Value, Failure> {
        for _ in 0..600 {
            let answer = self.call(operation, values, None).await?;
            if is_so(&answer) {
                return Ok(answer);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Err(format!("{operation}: {otherwise}").into())
    }
}

/// A deployment of one file as it travels: the description shows a file by its content alone.
fn form(body: &Value, entrypoint: &str) -> (&'static str, String) {
    let source = body["file"][0].as_str().unwrap_or_default();
    let metadata = &body["metadata"];
    let form = format!(
        "--part\r\ncontent-disposition: form-data; name=\"metadata\"\r\n\r\n{metadata}\r\n\
         --part\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{entrypoint}\"\r\n\r\n{source}\r\n\
         --part--\r\n"
    );
    ("multipart/form-data; boundary=part", form)
}

fn is_known(found: &str) -> bool {
    KNOWN
        .iter()
        .any(|(place, what)| found.starts_with(place) && found.contains(what))
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
