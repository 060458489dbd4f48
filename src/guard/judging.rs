//! The judge's answer in the guard's terms: a decision, or a refusal with the call to make instead.

use serde_json::{Value, json};

use super::{Code, Next, Refusal};
use crate::sql::{self, Batch, Decision, Objection, Suggestion};

/// The tool that SQL was given to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AskedTool<'a> {
    ExecuteSql,
    ApplyMigration {
        /// What the migration is called.
        name: &'a str,
    },
}

/// What a migration is called that was sent as something else.
const UNNAMED: &str = "change_schema";

/// SQL as it was asked for: enough to say what to ask for instead.
#[derive(Debug, Clone, Copy)]
pub(super) struct AskedSql<'a> {
    /// The tool that was called.
    pub(super) tool: AskedTool<'a>,
    /// The project's ref, as it was given.
    pub(super) project: &'a str,
    /// The branch's name, if one was given.
    pub(super) branch: Option<&'a str>,
    /// The SQL.
    pub(super) query: &'a str,
}

/// What `execute_sql` makes of this SQL; a refusal says why and what to do instead.
pub fn judged_sql(
    project_id: &str,
    branch: Option<&str>,
    query: &str,
) -> Result<Decision, Refusal> {
    let asked = AskedSql {
        tool: AskedTool::ExecuteSql,
        project: project_id,
        branch,
        query,
    };
    Ok(asked.judge(sql::Place::Dev)?.1)
}

impl AskedSql<'_> {
    /// Reads the SQL and decides about it.
    pub(super) fn judge(self, place: sql::Place) -> Result<(Batch, Decision), Refusal> {
        let tool = match self.tool {
            AskedTool::ExecuteSql => sql::Tool::ExecuteSql,
            AskedTool::ApplyMigration { .. } => sql::Tool::ApplyMigration,
        };
        let batch = sql::judge(self.query).map_err(|error| {
            Refusal::new(Code::Sql(error.code()), error.to_string())
                .next(self.elsewhere(error.code()))
        })?;
        match sql::decide(&batch, tool, place) {
            Decision::Refuse(objection) => Err(self.refuse(&batch, &objection)),
            decision => Ok((batch, decision)),
        }
    }

    fn refuse(self, batch: &Batch, objection: &Objection) -> Refusal {
        let mut details = json!({
            "statement": objection.statement + 1,
            "kind": objection.kind,
        });
        let next = objection
            .suggestion
            .and_then(|suggestion| self.instead(batch, objection, suggestion));
        if objection.suggestion == Some(Suggestion::Split)
            && let Some(details) = details.as_object_mut()
        {
            let (schema, data) = sql::split_mixed(self.query, batch);
            let split = json!({ "schema": schema, "data": data });
            details.insert("split".to_owned(), split);
        }
        let mut refusal =
            Refusal::new(Code::Sql(objection.code), objection.message.clone()).details(details);
        let next = next.unwrap_or_else(|| self.elsewhere(objection.code));
        refusal.next = Some(Box::new(next));
        refusal
    }

    /// Where to go on when the SQL itself leads nowhere: a call that works as it stands.
    pub(super) fn elsewhere(self, code: &str) -> Next {
        match code {
            "sensitive_relation" => self.read_or_write(
                "select id, email, created_at from auth.users limit 100",
                "reads the users without their secrets",
            ),
            "ledger_is_protected" => Next::new(
                "list_migrations",
                self.arguments(json!({})),
                "shows the ledger of migrations",
            ),
            _ => Next::new(
                "list_tables",
                self.arguments(json!({})),
                "shows the tables and columns that there are",
            ),
        }
    }

    /// The call that does what was meant, where the judge knows a way.
    fn instead(self, batch: &Batch, objection: &Objection, suggestion: Suggestion) -> Option<Next> {
        let statement = |index: usize| {
            let range = batch.statements().get(index)?.text.clone();
            self.query.get(range)
        };
        match suggestion {
            Suggestion::ApplyMigration => Some(self.migration(
                self.query,
                "a migration may do this: it runs on DEV, with a restore point",
            )),
            Suggestion::Split => {
                let (schema, _) = sql::split_mixed(self.query, batch);
                Some(self.migration(
                    &schema,
                    "changes the schema; then send details.split.data to execute_sql",
                ))
            }
            Suggestion::OneByOne => {
                Some(self.again(statement(0)?, "one statement a call; then the next"))
            }
            // Leaving a setting out would run the rest as somebody else, or otherwise than meant.
            Suggestion::LeaveOut if objection.code != "transaction_control" => None,
            Suggestion::LeaveOut => {
                let rest: Vec<&str> = (0..batch.statements().len())
                    .filter(|index| {
                        batch.statements().get(*index).map(|one| one.class)
                            != batch
                                .statements()
                                .get(objection.statement)
                                .map(|one| one.class)
                    })
                    .filter_map(statement)
                    .collect();
                if rest.is_empty() {
                    return None;
                }
                let query = rest.join(";\n") + ";";
                Some(self.again(&query, "the same without what is refused"))
            }
            Suggestion::LeaveOutConcurrently => Some(self.again(
                &without_concurrently(self.query),
                "the same without CONCURRENTLY: the branch has no traffic to spare",
            )),
            Suggestion::UseDevBranch => Some(
                self.read_or_write(self.query, "without environment it runs on the DEV branch"),
            ),
        }
    }

    /// The same tool with other SQL.
    fn again(self, query: &str, why: &str) -> Next {
        match self.tool {
            AskedTool::ExecuteSql => self.read_or_write(query, why),
            AskedTool::ApplyMigration { .. } => self.migration(query, why),
        }
    }

    fn read_or_write(self, query: &str, why: &str) -> Next {
        let arguments = self.arguments(json!({ "query": query }));
        Next::new("execute_sql", arguments, why)
    }

    fn migration(self, query: &str, why: &str) -> Next {
        let name = match self.tool {
            AskedTool::ExecuteSql => UNNAMED,
            AskedTool::ApplyMigration { name } => name,
        };
        let arguments = json!({ "name": name, "query": query });
        Next::new("apply_migration", self.arguments(arguments), why)
    }

    /// The call's own project and branch, with what is given.
    fn arguments(self, more: Value) -> Value {
        let mut arguments = json!({ "project_id": self.project });
        if let (Some(arguments), Value::Object(more)) = (arguments.as_object_mut(), more) {
            if let Some(branch) = self.branch {
                arguments.insert("branch".to_owned(), json!(branch));
            }
            arguments.extend(more);
        }
        arguments
    }
}

/// The text without the word, in whatever case; words in strings go as well, and the agent sees
/// what it is given.
fn without_concurrently(query: &str) -> String {
    const WORD: &str = "concurrently";
    let lower = query.to_ascii_lowercase();
    let mut out = String::with_capacity(query.len());
    let mut done = 0;
    for (at, _) in lower.match_indices(WORD) {
        out.push_str(query.get(done..at).unwrap_or_default().trim_end());
        done = at + WORD.len();
    }
    out.push_str(query.get(done..).unwrap_or_default());
    out
}
