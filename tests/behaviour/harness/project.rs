//! A project as an agent works on it: every call names production's ref.

use serde_json::{Value, json};

use super::mcp::{Answer, Mcp};

/// A project, through one server.
#[derive(Clone)]
pub(crate) struct Project<'a> {
    /// The server.
    pub(crate) mcp: &'a Mcp,
    /// Production's ref.
    pub(crate) id: String,
}

impl<'a> Project<'a> {
    pub(super) fn new(mcp: &'a Mcp, id: &str) -> Self {
        Self {
            mcp,
            id: id.to_owned(),
        }
    }

    fn aimed(&self, mut arguments: Value) -> Value {
        let object = arguments.as_object_mut().expect("arguments are an object");
        object.entry("project_id").or_insert_with(|| json!(self.id));
        arguments
    }

    /// Calls a tool on this project.
    pub(crate) async fn call(&self, tool: &str, arguments: Value) -> Answer {
        self.mcp.call(tool, self.aimed(arguments)).await
    }

    /// Calls a tool that must do what it is asked.
    pub(crate) async fn ok(&self, tool: &str, arguments: Value) -> Value {
        self.call(tool, arguments).await.accepted()
    }

    /// Calls a tool that must refuse with this code. Gives the error.
    pub(crate) async fn refused(&self, tool: &str, arguments: Value, code: &str) -> Value {
        self.call(tool, arguments).await.refused_as(code)
    }

    /// Applies a migration; gives its version.
    pub(crate) async fn migrate(&self, name: &str, query: &str) -> String {
        let done = self
            .ok("apply_migration", json!({ "name": name, "query": query }))
            .await;
        done["migration"]["version"].as_str().unwrap().to_owned()
    }

    /// Runs SQL by execute_sql.
    pub(crate) async fn sql(&self, query: &str) -> Value {
        self.ok("execute_sql", json!({ "query": query })).await
    }

    /// SQL that execute_sql must refuse with this code.
    pub(crate) async fn no_sql(&self, query: &str, code: &str) -> Value {
        self.refused("execute_sql", json!({ "query": query }), code)
            .await
    }

    /// The first column of the first row.
    pub(crate) async fn value(&self, query: &str) -> Value {
        let answer = self.sql(query).await;
        let row = answer["rows"][0].as_object().expect("a row").clone();
        row.values().next().cloned().expect("a column")
    }

    /// The ref of the DEV branch, which must exist.
    pub(crate) async fn dev(&self) -> String {
        self.branch("DEV").await
    }

    /// The ref of a branch.
    pub(crate) async fn branch(&self, name: &str) -> String {
        let listed = self.ok("list_branches", json!({})).await;
        listed["branches"]
            .as_array()
            .unwrap()
            .iter()
            .find(|branch| branch["name"] == name)
            .unwrap_or_else(|| panic!("no branch {name}: {listed}"))["ref"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// The names of the branches, production's entry among them.
    pub(crate) async fn branches(&self) -> Vec<String> {
        names(&self.ok("list_branches", json!({})).await["branches"])
    }

    /// The versions of DEV's ledger, or of the environment that is asked for.
    pub(crate) async fn ledger(&self, environment: &str) -> Vec<String> {
        let listed = self
            .ok("list_migrations", json!({ "environment": environment }))
            .await;
        listed["migrations"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["version"].as_str().unwrap().to_owned())
            .collect()
    }

    /// The restore points of DEV.
    pub(crate) async fn points(&self) -> Vec<Value> {
        let listed = self.ok("list_restore_points", json!({})).await;
        listed["restore_points"].as_array().unwrap().clone()
    }

    /// Their names.
    pub(crate) async fn point_names(&self) -> Vec<String> {
        names(&json!(self.points().await))
    }

    /// The tables of an environment's schema public.
    pub(crate) async fn tables(&self, environment: &str) -> Vec<String> {
        let listed = self
            .ok("list_tables", json!({ "environment": environment }))
            .await;
        names(&listed["tables"])
    }

    /// Returns to a point.
    pub(crate) async fn revert(&self, name: &str) -> Value {
        self.ok("revert_to_restore_point", json!({ "name": name }))
            .await
    }

    /// Runs the gate.
    pub(crate) async fn check(&self) -> Value {
        self.ok("check_merge", json!({})).await
    }
}

/// The names of what is listed.
pub(crate) fn names(list: &Value) -> Vec<String> {
    texts(list, "name")
}

/// The given member of everything that is listed.
pub(crate) fn texts(list: &Value, member: &str) -> Vec<String> {
    list.as_array()
        .unwrap_or_else(|| panic!("no list: {list}"))
        .iter()
        .map(|one| one[member].as_str().unwrap_or_default().to_owned())
        .collect()
}

/// `(name, status)` of a verdict's checks.
pub(crate) fn codes(verdict: &Value) -> Vec<(String, String)> {
    verdict["checks"]
        .as_array()
        .unwrap_or_else(|| panic!("no checks: {verdict}"))
        .iter()
        .map(|check| {
            let word = |member: &str| check[member].as_str().unwrap().to_owned();
            (word("name"), word("status"))
        })
        .collect()
}
