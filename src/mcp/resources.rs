//! Resources: what a client may put before its model without a call. Each is a tool's answer under
//! another name, so that it passes the same pipeline: policy, journal, redaction and all.

use rmcp::ErrorData;
use rmcp::model::{
    CacheScope, ListResourceTemplatesResult, ListResourcesResult, ReadResourceResult, Resource,
    ResourceContents, ResourceTemplate,
};
use serde_json::{Map, Value, json};

use crate::fence;
use crate::guard::{Caller, Guard, Principal};
use crate::tools;

const POLICY: &str = "drydock://policy";
const PROJECTS: &str = "drydock://projects/";

/// What is told of a project: the last part of its address, the tool that answers, and what it is.
const OF_A_PROJECT: [(&str, &str, &str); 3] = [
    (
        "schema",
        "list_tables",
        "Tables and views, row security and columns, of DEV where it exists.",
    ),
    (
        "ledger",
        "list_migrations",
        "The migrations, of DEV where it exists.",
    ),
    (
        "restore_points",
        "list_restore_points",
        "The restore points of DEV, and which can be returned to.",
    ),
];

pub(super) fn list() -> ListResourcesResult {
    let policy = Resource::new(POLICY, "policy")
        .with_title("The policy")
        .with_description("The operator's limits, key by key, with what each means.")
        .with_mime_type("application/json");
    ListResourcesResult::with_all_items(vec![policy])
        .with_ttl_ms(60_000)
        .with_cache_scope(CacheScope::Private)
}

pub(super) fn list_templates() -> ListResourceTemplatesResult {
    let templates = OF_A_PROJECT
        .iter()
        .map(|(name, _, description)| {
            ResourceTemplate::new(format!("{PROJECTS}{{project_id}}/{name}"), *name)
                .with_description(*description)
                .with_mime_type("text/plain")
        })
        .collect();
    ListResourceTemplatesResult::with_all_items(templates)
        .with_ttl_ms(60_000)
        .with_cache_scope(CacheScope::Private)
}

/// Reads one; what a tool refuses is an error with the tool's own words.
pub(super) async fn read(
    guard: &Guard,
    principal: &Principal,
    uri: &str,
) -> Result<ReadResourceResult, ErrorData> {
    let contents = if uri == POLICY {
        let keys: Map<String, Value> = guard
            .policy()
            .keys()
            .into_iter()
            // Where the operator's backend answers is no business of an agent's.
            .filter(|key| key.name != "approvals.webhook_url")
            .map(|key| {
                (
                    key.name,
                    json!({ "value": key.value, "meaning": key.meaning }),
                )
            })
            .collect();
        let mut policy = Value::Object(keys);
        fence::plain_value(&mut policy);
        ResourceContents::text(policy.to_string(), uri).with_mime_type("application/json")
    } else {
        ResourceContents::text(of_a_project(guard, principal, uri).await?, uri)
            .with_mime_type("text/plain")
    };
    Ok(ReadResourceResult::new(vec![contents])
        .with_ttl_ms(0)
        .with_cache_scope(CacheScope::Private))
}

async fn of_a_project(
    guard: &Guard,
    principal: &Principal,
    uri: &str,
) -> Result<String, ErrorData> {
    let unknown = || ErrorData::resource_not_found("there is no such resource", None);
    let (project, name) = uri
        .strip_prefix(PROJECTS)
        .and_then(|rest| rest.split_once('/'))
        .ok_or_else(unknown)?;
    let tool = OF_A_PROJECT
        .iter()
        .find(|(known, ..)| *known == name)
        .and_then(|(_, tool, _)| tools::find(tool))
        .filter(|tool| guard.policy().offers(tool.group))
        .ok_or_else(unknown)?;
    let mut arguments = Map::new();
    arguments.insert("project_id".to_owned(), json!(project));
    let caller = Caller::new(principal.clone());
    let outcome = tool.call(guard.clone(), arguments, caller).await;
    if outcome.is_error {
        return Err(ErrorData::resource_not_found(
            outcome.text,
            Some(outcome.structured),
        ));
    }
    Ok(outcome.text)
}
