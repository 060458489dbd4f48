//! `invoke_edge_function`

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::guard::{Dev, InvokeRole, Refusal, Target, Tool, WantedCall};

/// Calls a function of a branch.
pub(super) struct InvokeEdgeFunction;

#[derive(Deserialize, JsonSchema, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum Role {
    Anon,
    #[serde(rename = "service_role")]
    Service,
    None,
}

/// Which, and how.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// Project or branch ref.
    project_id: String,
    /// Its slug.
    function_slug: String,
    /// Default POST.
    #[serde(default)]
    #[schemars(with = "String")]
    method: Option<String>,
    /// /items?id=1
    #[serde(default)]
    #[schemars(with = "String")]
    path: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// Text or JSON.
    #[serde(default)]
    body: Option<Value>,
    /// Default anon.
    #[serde(default)]
    #[schemars(with = "Role")]
    role: Option<Role>,
    #[serde(default)]
    #[schemars(with = "String")]
    branch: Option<String>,
}

/// What it answered.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    status: u16,
    headers: BTreeMap<String, String>,
    body: Value,
    truncated: bool,
    took_ms: u64,
}

impl Tool for InvokeEdgeFunction {
    const NAME: &'static str = "invoke_edge_function";
    type Input = Input;
    type Output = Output;
    type Grant = Dev;
    const SLOW: bool = true;
    // What a function does when it is called twice is its own affair.
    const RESUMES: bool = false;

    fn target(input: &Input) -> Result<Target, Refusal> {
        Ok(Target::project(&input.project_id).branch(input.branch.as_deref()))
    }

    async fn call(grant: Dev, input: Input) -> Result<Output, Refusal> {
        let wanted = WantedCall {
            slug: input.function_slug,
            method: input.method,
            path: input.path,
            headers: input.headers.into_iter().collect(),
            body: input.body,
            role: input.role.map(|role| match role {
                Role::Anon => InvokeRole::Anon,
                Role::Service => InvokeRole::ServiceRole,
                Role::None => InvokeRole::None,
            }),
        };
        let answered = grant.invoke_function(wanted).await?;
        Ok(Output {
            status: answered.status,
            headers: answered.headers.into_iter().collect(),
            body: answered.body,
            truncated: answered.truncated,
            took_ms: answered.took_ms,
        })
    }

    fn say(output: &Output) -> String {
        format!(
            "The function answered {} in {} ms.",
            output.status, output.took_ms
        )
    }
}
