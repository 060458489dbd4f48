//! The secrets behind what SQL names: the catalogue is asked, the judge follows its answer, and what
//! it finds is refused.

use serde_json::{Value, json};

use super::judging::{AskedSql, AskedTool};
use super::{Code, Dev, Guard, Refusal};
use crate::api::Ref;
use crate::api::database::Row;
use crate::fence::quote;
use crate::sql::{self, Batch, Finding, Object, Purpose, Question, Reached, Reference};

impl Guard {
    /// Refuses SQL that reaches a secret through what it names. A catalogue that does not answer
    /// refuses too.
    pub(super) async fn refuse_secrets_behind(
        &self,
        reference: &Ref,
        asked: AskedSql<'_>,
        batch: &Batch,
        purpose: Purpose,
    ) -> Result<(), Refusal> {
        let Some(question) = sql::question(batch, purpose) else {
            return Ok(());
        };
        let parameter = parameter_of(&question);
        let plain = match purpose {
            Purpose::Show | Purpose::Write => self.plain(reference, &parameter).await?,
            // These name what is never plain: policies, and the platform's own tables.
            Purpose::Try | Purpose::Migrate => None,
        };
        let catalogue = match plain {
            Some(objects) => objects,
            None => self.reached(reference, parameter).await?,
        };
        match sql::find(batch, purpose, &catalogue) {
            Some(finding) => Err(asked.reaches(batch, &finding)),
            None => Ok(()),
        }
    }
}

/// A question as `reach.sql` and `plain.sql` take it.
fn parameter_of(question: &Question) -> Value {
    let relations: Vec<_> = question
        .relations
        .iter()
        .map(|relation| (&relation.schema, &relation.name))
        .collect();
    let parameter = json!({
        "relations": relations,
        "words": question.words,
        "writes": question.writes,
        "policies": question.policies,
    });
    json!(parameter.to_string())
}

impl Guard {
    /// Everything that is behind what a question names.
    pub(super) async fn answer(
        &self,
        reference: &Ref,
        question: &Question,
    ) -> Result<Vec<Object>, Refusal> {
        self.reached(reference, parameter_of(question)).await
    }

    /// The tables that are named, if they are all that is reached; most SQL names no more.
    async fn plain(
        &self,
        reference: &Ref,
        parameter: &Value,
    ) -> Result<Option<Vec<Object>>, Refusal> {
        let rows = self
            .ask_catalogue(reference, include_str!("plain.sql"), parameter.clone())
            .await?;
        let row = rows.first().ok_or_else(unreadable)?;
        let member = |key: &str| row.get(key).ok_or_else(unreadable);
        if member("more")?.as_bool().ok_or_else(unreadable)? {
            return Ok(None);
        }
        let path = member("path")?;
        let list = match member("objects")? {
            Value::String(list) => serde_json::from_str::<Value>(list).map_err(|_| unreadable())?,
            list => list.clone(),
        };
        let objects = list.as_array().ok_or_else(unreadable)?.iter().map(|one| {
            let mut row = one.as_object()?.clone();
            row.insert("path".to_owned(), path.clone());
            object(&row)
        });
        objects
            .collect::<Option<_>>()
            .map(Some)
            .ok_or_else(unreadable)
    }

    /// Whatever is reached from what is named.
    async fn reached(&self, reference: &Ref, parameter: Value) -> Result<Vec<Object>, Refusal> {
        let rows = self
            .ask_catalogue(reference, include_str!("reach.sql"), parameter)
            .await?;
        rows.iter()
            .map(object)
            .collect::<Option<_>>()
            .ok_or_else(unreadable)
    }

    async fn ask_catalogue(
        &self,
        reference: &Ref,
        query: &'static str,
        parameter: Value,
    ) -> Result<Vec<Row>, Refusal> {
        self.client()
            .query_read_only(reference, query, Some(vec![parameter]))
            .await
            .map_err(|error| {
                let mut refusal = Refusal::from(error);
                refusal.message = format!(
                    "what the SQL reaches could not be looked up, so it was not run: {}",
                    refusal.message
                );
                refusal
            })
    }
}

impl Dev {
    /// Refuses data changes that reach a secret through what they name.
    pub(super) async fn refuse_secrets_behind(&self, query: &str) -> Result<(), Refusal> {
        let asked = AskedSql {
            tool: AskedTool::ExecuteSql,
            project: self.branch.project().as_str(),
            branch: Some(self.branch.name()),
            query,
        };
        let (batch, _) = asked.judge(sql::Place::Dev)?;
        self.call
            .guard
            .refuse_secrets_behind(self.branch.reference(), asked, &batch, Purpose::Write)
            .await
    }
}

impl AskedSql<'_> {
    fn reaches(self, batch: &Batch, finding: &Finding) -> Refusal {
        let kind = batch
            .statements()
            .get(finding.statement)
            .map_or("", |statement| statement.kind);
        let way = match finding.via.as_slice() {
            [] => String::new(),
            via => format!(" by way of {}", quote(via.join(", "))),
        };
        let number = finding.statement + 1;
        let mut details = json!({
            "statement": number,
            "kind": kind,
            "via": finding.via,
        });
        let (code, message) = match &finding.what {
            Reached::Secret(what) => {
                if let Some(details) = details.as_object_mut() {
                    details.insert("reads".to_owned(), json!(what));
                }
                (
                    "sensitive_relation",
                    format!(
                        "statement {number} ({kind}): it reads secrets ({what}){way}; read the harmless columns themselves (select id, email from auth.users)"
                    ),
                )
            }
            Reached::Unknown(why) => (
                "sensitive_relation",
                format!(
                    "statement {number} ({kind}): whether it reads secrets cannot be told{way}: {}; write the query itself",
                    quote(why)
                ),
            ),
            Reached::Ledger => (
                "ledger_is_protected",
                format!(
                    "statement {number} ({kind}): it writes to the ledger of migrations{way}, which the server alone does"
                ),
            ),
        };
        Refusal::new(Code::Sql(code), message)
            .details(details)
            .next(self.elsewhere(code))
    }
}

fn unreadable() -> Refusal {
    Refusal::new(
        Code::PlatformError,
        "what the SQL reaches could not be read from the catalogue's answer, so nothing is shown",
    )
}

/// One object of the catalogue's answer; `None` where it is not what was asked for, or where names
/// are looked for in another order than PostgreSQL's own, which could lead the query itself astray.
fn object(row: &Row) -> Option<Object> {
    let text = |key: &str| Some(row.get(key)?.as_str()?.to_owned());
    let flag = |key: &str| row.get(key)?.as_bool();
    if text("path")?.contains("pg_catalog") {
        return None;
    }
    let list = match row.get("refers")? {
        Value::String(list) => serde_json::from_str(list).ok()?,
        list => list.clone(),
    };
    let references = list
        .as_array()?
        .iter()
        .map(|one| {
            Some(Reference {
                to: one.get(0)?.as_str()?.to_owned(),
                column: one.get(1)?.as_str().map(str::to_owned),
                on_write: one.get(2)?.as_bool()?,
                fires: one.get(3)?.as_bool()?,
                whole: one.get(4)?.as_bool()?,
                follows: one.get(5)?.as_bool()?,
            })
        })
        .collect::<Option<_>>()?;
    Some(Object {
        id: text("id")?,
        is_routine: flag("routine")?,
        is_view: flag("view")?,
        schema: text("schema")?,
        name: text("name")?,
        visible: flag("visible")?,
        language: text("language")?,
        text: text("text")?,
        printed: flag("printed")?,
        settings: text("settings")?,
        trusted: flag("trusted")?,
        implicit: flag("implicit")?,
        references,
    })
}
