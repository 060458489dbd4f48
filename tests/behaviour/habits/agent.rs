//! How the habitual agent goes about a script, and what it spends.

use serde_json::{Value, json};

use super::script::Step;
use crate::harness::{Mcp, until};

/// How many refusals of one wish it follows before it gives up.
const PATIENCE: usize = 4;

/// Where it works, and so how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Road {
    /// Drydock: production's ref everywhere, and merge_branch in the end.
    Drydock,
    /// The official server, on a branch, with migrations: what execute_sql makes there is lost at
    /// the merge, so this is the only way to one.
    OfficialOverBranch,
    /// The official server, on production itself: nothing to merge, nothing that asks.
    OfficialOnProduction,
}

/// One call that it made.
#[derive(Debug)]
pub(super) struct Made {
    /// The tool.
    tool: String,
    /// The code of the refusal, if it was one.
    refused: Option<String>,
    /// Whether it set the stage: the launch and, where one must be asked for, the branch.
    stage: bool,
}

/// An agent on one server.
pub(super) struct Agent<'a> {
    server: &'a Mcp,
    road: Road,
    project: String,
    /// Whose ref it gives: production's, or the official branch's.
    target: String,
    branch_id: String,
    staging: bool,
    /// What it did.
    pub(super) trace: Vec<Made>,
    /// The SQL of the migrations that a refused merge told it to apply.
    pub(super) fixes: Vec<String>,
}

impl<'a> Agent<'a> {
    pub(super) fn new(server: &'a Mcp, road: Road) -> Self {
        Self {
            server,
            road,
            project: String::new(),
            target: String::new(),
            branch_id: String::new(),
            staging: false,
            trace: Vec::new(),
            fixes: Vec::new(),
        }
    }

    /// Takes every step. Gives production's ref.
    pub(super) async fn follow(&mut self, script: &[Step]) -> String {
        for step in script {
            self.take(*step).await;
        }
        self.project.clone()
    }

    /// How many calls it made.
    pub(super) fn calls(&self) -> usize {
        self.trace.len()
    }

    /// How many of them were the work itself.
    pub(super) fn work(&self) -> usize {
        self.trace.iter().filter(|made| !made.stage).count()
    }

    /// What it was refused.
    pub(super) fn stumbles(&self) -> Vec<String> {
        self.trace
            .iter()
            .filter_map(|made| Some(format!("{}: {}", made.tool, made.refused.as_ref()?)))
            .collect()
    }

    async fn take(&mut self, step: Step) {
        let target = self.target.clone();
        match step {
            Step::Orient => {
                self.ask("list_organizations", json!({})).await;
                self.ask("list_projects", json!({})).await;
            }
            Step::Launch => {
                self.staging = true;
                self.launch().await;
                self.staging = false;
            }
            Step::Tables { verbose } => {
                let arguments =
                    json!({ "project_id": target, "schemas": ["public"], "verbose": verbose });
                self.ask("list_tables", arguments).await;
            }
            Step::Schema(name, sql) | Step::Mixed(name, sql) => match self.road {
                Road::OfficialOverBranch => {
                    let arguments = json!({ "project_id": target, "name": name, "query": sql });
                    self.ask("apply_migration", arguments).await;
                }
                Road::Drydock | Road::OfficialOnProduction => self.sql(sql).await,
            },
            Step::Rows(sql) | Step::Look(sql) => self.sql(sql).await,
            Step::Advice => {
                let arguments = json!({ "project_id": target, "type": "security" });
                self.ask("get_advisors", arguments).await;
            }
            Step::Address => {
                self.ask("get_project_url", json!({ "project_id": target }))
                    .await;
            }
            Step::GoLive => match self.road {
                Road::Drydock => {
                    self.ask("merge_branch", json!({ "project_id": target }))
                        .await;
                }
                Road::OfficialOverBranch => {
                    self.ask("merge_branch", json!({ "branch_id": self.branch_id }))
                        .await;
                    self.settled().await;
                }
                // It is there already.
                Road::OfficialOnProduction => {}
            },
        }
    }

    async fn sql(&mut self, query: &str) {
        let arguments = json!({ "project_id": self.target, "query": query });
        self.ask("execute_sql", arguments).await;
    }

    /// What each server demands before there is something to work on.
    async fn launch(&mut self) {
        if self.road == Road::Drydock {
            let made = self.ask("create_project", json!({ "name": "Todos" })).await;
            self.project = text(&made["project"]["id"]);
            self.target = self.project.clone();
            return;
        }
        let cost = self.cost("project").await;
        let made = self
            .ask(
                "create_project",
                json!({
                    "name": "Todos", "region": "us-east-1", "organization_id": "local",
                    "confirm_cost_id": cost,
                }),
            )
            .await;
        self.project = text(&made["id"]);
        self.target = self.project.clone();
        self.settled().await;
        if self.road == Road::OfficialOverBranch {
            let cost = self.cost("branch").await;
            let arguments = json!({
                "project_id": self.project, "name": "develop", "confirm_cost_id": cost,
            });
            let branch = self.ask("create_branch", arguments).await;
            self.branch_id = text(&branch["id"]);
            self.target = text(&branch["project_ref"]);
            self.settled().await;
        }
    }

    async fn cost(&mut self, kind: &str) -> Value {
        let asked = json!({ "type": kind, "organization_id": "local" });
        let cost = self.ask("get_cost", asked).await;
        let confirmed = json!({
            "type": kind, "recurrence": cost["recurrence"], "amount": cost["amount"],
        });
        self.ask("confirm_cost", confirmed).await["confirmation_id"].clone()
    }

    /// The official server leaves waiting to the agent. How often it would have to look depends on
    /// the clock, so no look is counted: the count that is held against Drydock is the lowest.
    async fn settled(&self) {
        until("the platform to be done", async || {
            let project = self
                .server
                .ok("get_project", json!({ "id": self.project }))
                .await;
            if project["status"] != "ACTIVE_HEALTHY" {
                return None;
            }
            let listed = self
                .server
                .ok("list_branches", json!({ "project_id": self.project }))
                .await;
            listed["branches"]
                .as_array()?
                .iter()
                .all(|branch| {
                    ["FUNCTIONS_DEPLOYED", "MIGRATIONS_PASSED"]
                        .contains(&branch["status"].as_str().unwrap_or_default())
                })
                .then_some(())
        })
        .await;
    }

    /// Calls, and after a refusal does what it is told and asks again.
    async fn ask(&mut self, tool: &str, arguments: Value) -> Value {
        for _ in 0..PATIENCE {
            let error = match self.call(tool, &arguments).await {
                Ok(value) => return value,
                Err(error) => error,
            };
            let next = error["next"].clone();
            let Some(instead) = next["tool"].as_str() else {
                panic!("{tool} gave no next: {error}; {:#?}", self.trace);
            };
            let done = self
                .call(instead, &next["arguments"])
                .await
                .unwrap_or_else(|error| panic!("next was refused: {error}; {:#?}", self.trace));
            if tool == "merge_branch" && instead == "apply_migration" {
                self.fixes.push(text(&next["arguments"]["query"]));
            }
            // A batch that was taken apart: the other half follows, and the wish is fulfilled.
            if let Some(rest) = error["details"]["split"]["data"].as_str() {
                let rest = json!({ "project_id": self.target, "query": rest });
                return self.call(tool, &rest).await.expect("the other half");
            }
            if instead == tool {
                return done;
            }
        }
        panic!("gave up on {tool}: {:#?}", self.trace);
    }

    async fn call(&mut self, tool: &str, arguments: &Value) -> Result<Value, Value> {
        let answer = self.server.call(tool, arguments.clone()).await;
        let error = answer.refused.then(|| answer.value["error"].clone());
        self.trace.push(Made {
            tool: tool.to_owned(),
            refused: error.as_ref().map(|error| {
                let code = error["code"].as_str().map(str::to_owned);
                code.unwrap_or_else(|| answer.text.clone())
            }),
            stage: self.staging,
        });
        match error {
            Some(error) => Err(error),
            None => Ok(answer.value),
        }
    }
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("no text: {value}"))
        .to_owned()
}
