//! The published description: finding it, and finding things in it.

use std::io::Write;
use std::path::PathBuf;

use serde_json::Value;

use super::Failure;

/// The description, whole.
pub(crate) struct Description(Value);

/// What an operation answers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Reply<'a> {
    /// JSON that fits a schema.
    Json(&'a Value),
    /// Plain text.
    Text,
    /// Nothing, or something that is not described.
    Open,
}

impl Description {
    /// The description; `None`, with the reason on standard error, where there is none.
    pub(crate) fn open(test: &str) -> Result<Option<Self>, Failure> {
        let Some(path) = std::env::var_os("DRYDOCK_OPENAPI").map(PathBuf::from) else {
            // Past the harness, which would show it for failures alone.
            writeln!(
                std::io::stderr(),
                "{test}: skipped, because DRYDOCK_OPENAPI names no description of the Management API"
            )?;
            return Ok(None);
        };
        let text = std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Some(Self(serde_json::from_slice(&text)?)))
    }

    /// An operation, by method and by path with its `{parameters}`.
    pub(crate) fn operation(&self, method: &str, path: &str) -> Option<&Value> {
        self.0["paths"].get(path)?.get(method.to_lowercase())
    }

    /// The schema itself, where it is only named.
    pub(crate) fn resolve<'a>(&'a self, schema: &'a Value) -> &'a Value {
        let named = schema["$ref"].as_str();
        match named.and_then(|name| self.0.pointer(name.strip_prefix('#')?)) {
            Some(found) => self.resolve(found),
            None => schema,
        }
    }

    /// What an operation answers with `status`; `None` if that status is not declared.
    pub(crate) fn reply<'a>(&'a self, operation: &'a Value, status: u16) -> Option<Reply<'a>> {
        let responses = &operation["responses"];
        // Some operations say of a success only that it is one.
        let any = || {
            responses
                .get("2XX")
                .filter(|_| (200..300).contains(&status))
        };
        let response = responses.get(status.to_string()).or_else(any)?;
        let content = &response["content"];
        Some(match content.get("application/json") {
            Some(json) => Reply::Json(&json["schema"]),
            None if content.get("text/plain").is_some() => Reply::Text,
            None => Reply::Open,
        })
    }

    /// The schema of an operation's body.
    pub(crate) fn body<'a>(&'a self, operation: &'a Value) -> Option<&'a Value> {
        let content = &operation["requestBody"]["content"];
        [
            "application/json",
            "multipart/form-data",
            "application/x-www-form-urlencoded",
        ]
        .iter()
        .find_map(|kind| content[kind].get("schema"))
    }

    /// The parameters of an operation's query string: name, schema, whether it must be there.
    pub(crate) fn query<'a>(
        &'a self,
        operation: &'a Value,
    ) -> impl Iterator<Item = (&'a str, &'a Value, bool)> {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        parameters
            .filter(|parameter| parameter["in"] == "query")
            .filter_map(|parameter| {
                let name = parameter["name"].as_str()?;
                Some((name, &parameter["schema"], parameter["required"] == true))
            })
    }
}

#[cfg(test)]
impl Description {
    /// A description of a test's own.
    pub(crate) fn of(whole: Value) -> Self {
        Self(whole)
    }
}
