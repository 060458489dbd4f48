//! The platform's own API: what somebody with the platform's token can do, past every guardrail.

use reqwest::Method;
use serde_json::{Value, json};

use super::processes::until;

/// A client of the Management API.
#[derive(Clone)]
pub(crate) struct Api {
    http: reqwest::Client,
    base: String,
    token: String,
}

impl Api {
    /// Of the platform that wrote this `ready.json`.
    pub(super) fn new(ready: &Value) -> Self {
        Self {
            http: http_client(),
            base: ready["api_url"].as_str().unwrap().to_owned(),
            token: ready["access_token"].as_str().unwrap().to_owned(),
        }
    }

    /// The base URL.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// The bearer token.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// Sends a request; gives status and body.
    pub(crate) async fn send(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let url = format!("{}{path}", self.base);
        let mut request = self.http.request(method, url).bearer_auth(&self.token);
        if !body.is_null() {
            request = request.json(&body);
        }
        let response = request.send().await.expect("the platform does not answer");
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        (status, body)
    }

    /// Sends a form as it came; gives status and body.
    pub(crate) async fn send_form(&self, path: &str, form: String) -> (u16, Value) {
        let request = self.http.post(format!("{}{path}", self.base));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let response = request.body(form).send().await.unwrap();
        let status = response.status().as_u16();
        (status, response.json().await.unwrap())
    }

    /// The same with another token.
    pub(crate) fn with_token(&self, token: &str) -> Self {
        Self {
            token: token.to_owned(),
            ..self.clone()
        }
    }

    /// The client that requests are sent with; it follows no redirects.
    pub(crate) fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// GET.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let (status, body) = self.send(Method::GET, path, Value::Null).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    /// POST that must succeed.
    pub(crate) async fn post(&self, path: &str, body: Value) -> Value {
        let (status, body) = self.send(Method::POST, path, body).await;
        assert!((200..300).contains(&status), "{path}: {status} {body}");
        body
    }

    /// Runs SQL as `postgres` on any project or branch; gives status and rows, or the error.
    pub(crate) async fn try_query(&self, reference: &str, sql: &str) -> (u16, Value) {
        let path = format!("/v1/projects/{reference}/database/query");
        self.send(Method::POST, &path, json!({ "query": sql }))
            .await
    }

    /// SQL that must succeed; gives the rows.
    pub(crate) async fn query(&self, reference: &str, sql: &str) -> Value {
        let (status, rows) = self.try_query(reference, sql).await;
        assert!((200..300).contains(&status), "{sql}: {status} {rows}");
        rows
    }

    /// A query as the role that sees everything and writes nothing.
    pub(crate) async fn read(&self, reference: &str, sql: &str) -> Value {
        let path = format!("/v1/projects/{reference}/database/query");
        self.post(&path, json!({ "query": sql, "read_only": true }))
            .await
    }

    /// Applies a migration, which the platform gives a version.
    pub(crate) async fn migrate(&self, reference: &str, name: &str, sql: &str) {
        let path = format!("/v1/projects/{reference}/database/migrations");
        self.post(&path, json!({ "name": name, "query": sql }))
            .await;
    }

    /// Makes a branch and waits until it is usable. Gives its ref.
    pub(crate) async fn branch(&self, project: &str, name: &str) -> String {
        let path = format!("/v1/projects/{project}/branches");
        let made = self.post(&path, json!({ "branch_name": name })).await;
        let id = made["id"].as_str().unwrap().to_owned();
        until("the branch", async || {
            let listed = self.get(&path).await;
            let branch = listed
                .as_array()?
                .iter()
                .find(|branch| branch["id"] == id.as_str())?
                .clone();
            (branch["status"] == "FUNCTIONS_DEPLOYED")
                .then(|| branch["project_ref"].as_str().unwrap().to_owned())
        })
        .await
    }
}

/// An HTTP client. No TLS is spoken here, and reqwest wants a provider all the same.
pub(crate) fn http_client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .timeout(super::processes::PATIENCE)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap()
}
