//! Ways on: the call to make after a refusal that was made where nobody knew the whole call.
//!
//! A refusal says what to do next, or what the operator must do. Most are made where the way on is
//! known; the others get theirs here, from their code and from the call that was refused. What can
//! pass by itself may be tried again, and says what the operator must do should it stay.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::{Class, Code, Grant, Next, Refusal, Tool};
use crate::api::Ref;
use crate::api::config::Service;
use crate::fence::quote;

/// A call as it came.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) tool: &'static str,
    pub(super) arguments: Arc<Map<String, Value>>,
}

/// Names under which models know an argument from elsewhere, and what it is called here.
const OTHER_NAMES: [(&str, &str); 7] = [
    ("project_ref", "project_id"),
    ("ref", "project_id"),
    ("id", "project_id"),
    ("branch_id", "project_id"),
    ("sql", "query"),
    ("branch_name", "branch"),
    ("organization_slug", "organization_id"),
];

/// Arguments that other servers want and that mean nothing here: they can be left out of any call.
const MEANINGLESS: [&str; 1] = ["confirm_cost_id"];

impl Request {
    /// The refusal, with a way on if it had none.
    pub(super) fn way_on(&self, refusal: Refusal) -> Refusal {
        let refusal = match refusal.code {
            // Which of them is meant, nobody here can know.
            Code::AmbiguousBranch => {
                refusal.operator("delete or rename all but one of them on the platform")
            }
            Code::RevertUnverified => {
                refusal.operator("look at the branch's database on the platform, should it stay so")
            }
            _ => refusal,
        };
        if refusal.next.is_some() || refusal.operator.is_some() {
            return refusal;
        }
        match refusal.code {
            Code::SqlError | Code::Sql(_) => refusal.next(self.look(
                "list_tables",
                json!({ "verbose": true }),
                "shows the tables and columns that there are, to write the SQL by",
            )),
            Code::LedgerIsProtected => refusal.next(self.look(
                "list_migrations",
                json!({}),
                "shows the ledger; leave it out of the SQL",
            )),
            Code::ProductionIsProtected if self.arguments.contains_key("environment") => refusal
                .next(self.without(
                    "environment",
                    "the same on the DEV branch, where writes land",
                )),
            Code::NotApplied => refusal.next(self.again("sends it again; nothing of it remains")),
            Code::Busy => refusal
                .next(self.again("tries again; the other call may be done"))
                .operator("see whether a server hangs, should it stay so"),
            Code::PlatformUnreachable => refusal
                .next(self.look(
                    "list_migrations",
                    json!({}),
                    "shows what has been carried out",
                ))
                .operator("see to it that the platform answers, should it stay so"),
            Code::AdvisorUnavailable => refusal
                .next(self.again("asks the advisor again"))
                .operator("see to it that the platform's advisor answers, should it stay so"),
            Code::PlatformError => refusal.operator(
                "see what the platform says of itself; it refused what Drydock asked of it",
            ),
            Code::SecretInSource => refusal.next(self.look(
                "list_secrets",
                json!({}),
                "shows which secrets there are; set_secrets adds one, and the function reads it with Deno.env.get",
            )),
            Code::UnsafeSetting => refusal.next(self.look(
                "get_config",
                json!({ "service": self.arguments.get("service") }),
                "shows what is set now; leave this one out",
            )),
            Code::InvalidArguments if self.service().is_some() => refusal.next(self.look(
                "get_config",
                json!({ "service": self.service() }),
                "shows the fields of this service and what they are set to",
            )),
            Code::InternalError => {
                refusal.operator("look into the server's log, and report what stands there")
            }
            Code::RestorePointMissing => refusal
                .operator("see to it that the platform offers restore points to this project"),
            Code::BranchFailed => refusal
                .next(self.look(
                    "get_project",
                    json!({}),
                    "shows how the project and its branches are",
                ))
                .operator("mend the database on the platform, should it stay so"),
            Code::NotFound if self.project().is_some() => refusal.next(self.look(
                "get_project",
                json!({}),
                "shows the project and its branches",
            )),
            _ => refusal.next(self.look(
                "get_project",
                json!({}),
                "shows the project and its branches with their refs",
            )),
        }
    }

    /// The same call.
    fn again(&self, why: &str) -> Next {
        Next::new(self.tool, Value::Object(Map::clone(&self.arguments)), why)
    }

    /// The same call without one of its arguments.
    fn without(&self, name: &str, why: &str) -> Next {
        let mut arguments = Map::clone(&self.arguments);
        arguments.shift_remove(name);
        Next::new(self.tool, Value::Object(arguments), why)
    }

    /// A look at the same project; at the list of projects where the call named none.
    fn look(&self, tool: &'static str, more: Value, why: &str) -> Next {
        let Some(project) = self.project() else {
            return Next::new(
                "list_projects",
                json!({}),
                "lists the projects with their refs, which every other tool wants",
            );
        };
        let mut arguments = Map::new();
        arguments.insert("project_id".to_owned(), json!(project));
        if tool != "get_project"
            && let Some(branch) = self.arguments.get("branch").filter(|name| name.is_string())
        {
            arguments.insert("branch".to_owned(), branch.clone());
        }
        if let Value::Object(more) = more {
            arguments.extend(more);
        }
        Next::new(tool, Value::Object(arguments), why)
    }

    /// The service that the call named, where there is one of that name.
    fn service(&self) -> Option<Service> {
        serde_json::from_value(self.arguments.get("service")?.clone()).ok()
    }

    fn project(&self) -> Option<Ref> {
        self.arguments.get("project_id")?.as_str()?.parse().ok()
    }
}

/// Arguments that a tool does not take: refused, with the call that was probably meant.
pub(super) fn misread<T: Tool>(request: &Request, error: &serde_json::Error) -> Refusal {
    let refusal = Refusal::invalid(format!("{}: {}", T::NAME, quote(error)));
    let takes = properties::<T>();
    let Some(mended) = mend(&request.arguments, &takes, T::Grant::CLASS == Class::Read) else {
        return refusal;
    };
    if !fits::<T::Input>(&mended) {
        return refusal;
    }
    refusal.next(Next::new(
        T::NAME,
        Value::Object(mended),
        "the same call with the arguments that this tool takes",
    ))
}

/// The arguments under the names that the tool takes. What it does not take is left out of a look,
/// and out of nothing else: a word like `dry_run` may be all that the caller meant.
fn mend(
    arguments: &Map<String, Value>,
    takes: &[String],
    is_look: bool,
) -> Option<Map<String, Value>> {
    let is_taken = |name: &str| takes.iter().any(|one| one == name);
    let mut mended = Map::new();
    for (name, value) in arguments {
        let other = OTHER_NAMES
            .iter()
            .find(|(other, own)| other == name && is_taken(own) && !arguments.contains_key(*own));
        if is_taken(name) {
            mended.insert(name.clone(), value.clone());
        } else if let Some((_, own)) = other {
            mended.insert((*own).to_owned(), value.clone());
        } else if !is_look && !MEANINGLESS.contains(&name.as_str()) {
            return None;
        }
    }
    (&mended != arguments).then_some(mended)
}

/// The names of a tool's arguments.
fn properties<T: Tool>() -> Vec<String> {
    let schema = schemars::schema_for!(T::Input);
    let named = schema.get("properties").and_then(Value::as_object);
    named.map_or_else(Vec::new, |named| named.keys().cloned().collect())
}

fn fits<Input: DeserializeOwned>(arguments: &Map<String, Value>) -> bool {
    serde_json::from_value::<Input>(Value::Object(arguments.clone())).is_ok()
}
