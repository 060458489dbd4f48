//! A read tried as a user of the app: whether row security shows what it should.

use super::judging::{AskedSql, AskedTool};
use super::reading::cut;
use super::transaction::quote;
use super::{Code, Dev, QueryResult, Refusal};
use crate::api::database::{QueryBody, RunQuery};
use crate::sql::{self, Decision, Place, Purpose, Trial};

impl Dev {
    /// Runs the read of a trial as its role, with its claims, in a transaction that cannot write:
    /// the role of reads must not become a user of the app, and the role of writes may.
    ///
    /// Code that the read calls could become another role again. It sees no more then than a read
    /// without a trial, and secrets are looked for as in any read, in policies as well.
    pub async fn try_as_user(&self, query: &str) -> Result<QueryResult, Refusal> {
        let asked = AskedSql {
            tool: AskedTool::ExecuteSql,
            project: self.branch.project().as_str(),
            branch: Some(self.branch.name()),
            query,
        };
        let (batch, decision) = asked.judge(Place::Dev)?;
        let Decision::ReadAs(trial) = decision else {
            return Err(Refusal::invalid("this SQL is no read as a user of the app"));
        };
        let read = sql::read_of(&batch, &trial);
        let text = read
            .statements()
            .first()
            .and_then(|statement| query.get(statement.text.clone()))
            .ok_or_else(|| Refusal::new(Code::InternalError, "the read is not where it was"))?;
        let guard = &self.call.guard;
        // What is behind the names is known before the writing role runs anything.
        guard
            .refuse_secrets_behind(self.branch.reference(), asked, &read, Purpose::Try)
            .await?;
        let body = QueryBody {
            query: script(&trial, text),
            parameters: None,
            read_only: None,
        };
        let rows = guard
            .client()
            .write::<RunQuery>(&self.branch, &(), &body)
            .await?;
        Ok(cut(rows, &guard.policy().limits))
    }
}

/// The statements of one call are one transaction. Once a query has run in it, and the empty one is
/// a query, nothing makes it writable again; and that one has no rows, so that only the read's are
/// answered.
fn script(trial: &Trial, read: &str) -> String {
    let mut script = String::from("set transaction read only;\nselect where false;\n");
    for (name, value) in &trial.claims {
        script.push_str(&format!("set local \"{name}\" = {};\n", quote(value)));
    }
    script.push_str(&format!("set local role {};\n{read}", trial.role));
    script
}
