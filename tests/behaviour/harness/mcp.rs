//! A server over stdio and a real MCP client that talks to it.

use std::sync::{Arc, Mutex};

use rmcp::model::{
    CallToolRequestParams, ClientConfig, ElicitRequestParams, ElicitResult, ElicitationAction,
    ElicitationCapability, ProgressNotificationParam,
};
use rmcp::service::{NotificationContext, RequestContext, RoleClient, RunningService};
use rmcp::{ClientHandler, ErrorData, ServiceExt};
use serde_json::{Value, json};
use tokio::process::Child;
use tokio::time::timeout;

use super::processes::PATIENCE;
use super::project::Project;
use super::world::World;

/// A server and its client. The server is killed when this is dropped.
pub(crate) struct Mcp {
    pub(crate) running: RunningService<RoleClient, Client>,
    child: Child,
    steps: Arc<Mutex<Vec<String>>>,
    questions: Arc<Mutex<Vec<String>>>,
}

/// What the user behind a client does when asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum User {
    /// Ticks the box and accepts.
    Yes,
    /// Accepts without ticking the box.
    Unticked,
    /// Accepts a form that is not filled in.
    Blank,
    /// Declines.
    No,
    /// Closes the form.
    Closes,
    /// Does nothing at all.
    Silent,
}

/// The client's side: it collects progress and questions.
pub(crate) struct Client {
    steps: Arc<Mutex<Vec<String>>>,
    user: Option<User>,
    questions: Arc<Mutex<Vec<String>>>,
}

impl ClientHandler for Client {
    fn get_info(&self) -> ClientConfig {
        let mut config = ClientConfig::default();
        if self.user.is_some() {
            config.capabilities.elicitation = Some(ElicitationCapability::default());
        }
        config
    }

    async fn create_elicitation(
        &self,
        request: ElicitRequestParams,
        _: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        let ElicitRequestParams::FormElicitationParams { message, .. } = request else {
            panic!("not a form: {request:?}");
        };
        self.questions.lock().unwrap().push(message);
        let accepted = |content| ElicitResult::new(ElicitationAction::Accept).with_content(content);
        Ok(match self.user.expect("nobody is there to be asked") {
            User::Yes => accepted(json!({ "approve": true })),
            User::Unticked => accepted(json!({ "approve": false })),
            User::Blank => accepted(json!({})),
            User::No => ElicitResult::new(ElicitationAction::Decline),
            User::Closes => ElicitResult::new(ElicitationAction::Cancel),
            User::Silent => std::future::pending().await,
        })
    }

    async fn on_progress(
        &self,
        params: ProgressNotificationParam,
        _: NotificationContext<RoleClient>,
    ) {
        self.steps
            .lock()
            .unwrap()
            .push(params.message.unwrap_or_default());
    }
}

/// What a tool answered.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// The tool.
    pub(crate) tool: String,
    /// The structured content.
    pub(crate) value: Value,
    /// The text.
    pub(crate) text: String,
    /// Whether it is a refusal.
    pub(crate) refused: bool,
}

impl Mcp {
    pub(super) async fn start(world: &World, flags: &[&str], user: Option<User>) -> Self {
        let mut arguments = vec!["serve"];
        arguments.extend(flags);
        let mut command = world.command(&arguments);
        command.stderr(world.log());
        Self::over(command, user).await
    }

    /// The same for any program that is an MCP server over stdio.
    pub(crate) async fn over(mut command: std::process::Command, user: Option<User>) -> Self {
        command
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped());
        let mut child = tokio::process::Command::from(command)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let pipes = (child.stdout.take().unwrap(), child.stdin.take().unwrap());
        let steps = Arc::<Mutex<Vec<String>>>::default();
        let questions = Arc::<Mutex<Vec<String>>>::default();
        let client = Client {
            steps: Arc::clone(&steps),
            user,
            questions: Arc::clone(&questions),
        };
        let running = timeout(PATIENCE, client.serve(pipes))
            .await
            .expect("initialize was not answered")
            .expect("initialize failed");
        Self {
            running,
            child,
            steps,
            questions,
        }
    }

    /// The server's process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id().expect("the server has ended")
    }

    /// What calls reported on their way, so far.
    pub(crate) fn steps(&self) -> Vec<String> {
        self.steps.lock().unwrap().clone()
    }

    /// What the user was asked, so far.
    pub(crate) fn questions(&self) -> Vec<String> {
        self.questions.lock().unwrap().clone()
    }

    /// Calls a tool; `None` if the server went away instead of answering.
    pub(crate) async fn try_call(&self, tool: &str, arguments: Value) -> Option<Answer> {
        let Value::Object(arguments) = arguments else {
            panic!("arguments are an object");
        };
        let params = CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments);
        let result = timeout(PATIENCE, self.running.call_tool(params))
            .await
            .unwrap_or_else(|_| panic!("{tool} was not answered"))
            .ok()?;
        let text = result
            .content
            .iter()
            .filter_map(|block| block.as_text())
            .map(|text| text.text.as_str())
            .collect::<String>();
        if let Some(structured) = &result.structured_content {
            assert_fits(tool, structured);
        }
        // A server without structured content may say it as text.
        let value = result
            .structured_content
            .or_else(|| serde_json::from_str(&text).ok())
            .unwrap_or_default();
        Some(Answer {
            tool: tool.to_owned(),
            value,
            text,
            refused: result.is_error == Some(true),
        })
    }

    /// Calls a tool.
    pub(crate) async fn call(&self, tool: &str, arguments: Value) -> Answer {
        self.try_call(tool, arguments)
            .await
            .unwrap_or_else(|| panic!("{tool}: the server went away"))
    }

    /// Calls a tool that must do what it is asked.
    pub(crate) async fn ok(&self, tool: &str, arguments: Value) -> Value {
        self.call(tool, arguments).await.accepted()
    }

    /// Calls a tool that must refuse with this code. Gives the error.
    pub(crate) async fn refused(&self, tool: &str, arguments: Value, code: &str) -> Value {
        self.call(tool, arguments).await.refused_as(code)
    }

    /// Creates a project; its calls go through this server.
    pub(crate) async fn launch(&self, name: &str) -> Project<'_> {
        let launched = self.ok("create_project", json!({ "name": name })).await;
        assert_eq!(
            launched["project"]["status"], "ACTIVE_HEALTHY",
            "{launched}"
        );
        let id = launched["project"]["id"].as_str().unwrap();
        self.project(id)
    }

    /// A project that is there already.
    pub(crate) fn project(&self, id: &str) -> Project<'_> {
        Project::new(self, id)
    }

    /// Closes the pipe and waits until the server has ended by itself.
    pub(crate) async fn end(mut self) -> std::process::ExitStatus {
        self.running.cancel().await.unwrap();
        timeout(PATIENCE, self.child.wait())
            .await
            .expect("the server did not end")
            .unwrap()
    }

    /// Kills the server and waits until it has gone.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }
}

/// Fails where an answer is not what its tool says that it answers: clients check that, and some
/// show nothing of an answer that does not fit.
fn assert_fits(tool: &str, answer: &Value) {
    let Some(entry) = drydock::tools::find(tool) else {
        return;
    };
    let schema = Value::Object((*entry.output_schema).clone());
    assert!(schema["required"].is_null(), "{tool} requires: {schema}");
    for (name, value) in answer.as_object().into_iter().flatten() {
        let declared = &schema["properties"][name]["type"];
        let types = match declared {
            Value::Array(types) => types.clone(),
            Value::Null => continue,
            one => vec![one.clone()],
        };
        let is = match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(number) if number.is_f64() => "number",
            Value::Number(_) => "integer",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        let fits = types
            .iter()
            .any(|one| one == is || (one == "number" && is == "integer"));
        assert!(
            fits,
            "{tool} says that {name} is {declared}, and answers {value}"
        );
    }
}

impl Answer {
    /// The answer of a call that must have worked.
    pub(crate) fn accepted(self) -> Value {
        assert!(!self.refused, "{} was refused: {}", self.tool, self.value);
        self.value
    }

    /// The error of a call that must have been refused, with this code.
    pub(crate) fn refused_as(self, code: &str) -> Value {
        let error = self.value["error"].clone();
        assert!(
            self.refused && error["code"] == code,
            "{} should be refused as {code}, and answered {}",
            self.tool,
            self.value
        );
        // Every refusal has the four members, and says something.
        for member in ["code", "message", "next", "details"] {
            assert!(error.get(member).is_some(), "no {member}: {error}");
        }
        assert!(!error["message"].as_str().unwrap().is_empty());
        error
    }
}
