//! Who can do what with what the API shows: anybody, and any signed-in stranger.
//!
//! Two sources. The catalogue says what grants and policies come to, for every table, view and
//! function, role and action. On a branch the reads are tried as well: as `anon` and as a stranger
//! with a token, in a transaction that cannot write, so that what a policy's words amount to is
//! seen and not believed. Nothing is written or called to find out whether it could be.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::ledger::text;
use super::transaction::quote;
use super::{Code, Guard, Read, Refusal, conditions};
use crate::api::database::{QueryBody, Row, RunQuery};
use crate::api::{DevBranch, Ref};

/// Bytes of a policy's condition, or of a list of columns, that are shown.
const CONDITION: usize = 120;
/// The id of the stranger who is signed in. Nobody has it.
const STRANGER: &str = "d7a0c4e2-5b1f-4c8d-9e36-0f2b7a916c55";
/// Relations that are read on trial at most, the first by name.
const TRIED: usize = 2_000;

/// Who calls: without a token, or with one that says nothing but who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Who {
    /// Anybody.
    Anonymous,
    /// Anybody who has signed up.
    SignedIn,
}

impl Who {
    /// The role that they come as.
    pub(super) fn role(self) -> &'static str {
        match self {
            Self::Anonymous => "anon",
            Self::SignedIn => "authenticated",
        }
    }
}

/// What a grant and its policies come to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rows {
    /// Every row; of a view, everything that it shows, with its owner's rights.
    Every,
    /// Those that a condition lets through.
    Some(String),
    /// What the tables behind a view let the caller.
    Callers,
    /// None: granted, but no policy lets any through.
    None,
}

/// One action of one caller on one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Access {
    /// `schema.name`, of a function with its arguments.
    pub(super) object: String,
    /// The same, quoted as SQL wants it, without arguments.
    pub(super) quoted: String,
    /// table, partitioned table, view, materialized view, foreign table or function.
    pub(super) kind: String,
    /// Whether row security is on; of a function, whether it runs with its owner's rights.
    pub(super) row_security: bool,
    pub(super) who: Who,
    /// select, insert, update, delete or execute.
    pub(super) action: String,
    pub(super) rows: Rows,
    /// The columns that it is for, between commas, where the grant is on columns alone.
    pub(super) columns: Option<String>,
    /// Whether the rows that a condition lets through are the same for every caller.
    pub(super) asks_nobody: bool,
    /// Policies and their conditions, one of which must hold, where whatever else must hold asks
    /// nobody.
    pub(super) alternatives: Vec<(String, String)>,
    /// The policies that apply.
    pub(super) policies: Vec<String>,
    /// Those of them that let rows through and ask nobody, or what holds for anybody.
    pub(super) open_policies: Vec<String>,
    /// The readable columns that are named like secrets, between commas.
    pub(super) sensitive: Option<String>,
    /// What leads to it, of an object in a schema that the API does not show: `public.status_feed()`.
    pub(super) behind: Option<String>,
}

impl Access {
    fn of(row: &Row) -> Option<Self> {
        let flag = |column: &str| row.get(column)?.as_bool();
        fn list<T: DeserializeOwned>(row: &Row, column: &str) -> Option<Vec<T>> {
            serde_json::from_str::<Option<_>>(&text(row, column)?)
                .ok()
                .map(Option::unwrap_or_default)
        }
        let condition = || text(row, "condition").unwrap_or_default();
        Some(Self {
            object: text(row, "object")?,
            quoted: text(row, "quoted")?,
            kind: text(row, "kind")?,
            row_security: flag("row_security")?,
            who: match text(row, "who")?.as_str() {
                "anon" => Who::Anonymous,
                _ => Who::SignedIn,
            },
            action: text(row, "action")?,
            rows: match text(row, "rows")?.as_str() {
                "every" => Rows::Every,
                "some" => Rows::Some(condition()),
                "callers" => Rows::Callers,
                _ => Rows::None,
            },
            columns: text(row, "columns"),
            asks_nobody: flag("asks_nobody")?,
            alternatives: list(row, "alternatives")?,
            policies: list(row, "policies")?,
            open_policies: list(row, "open_policies")?,
            sensitive: text(row, "sensitive"),
            behind: text(row, "behind"),
        })
    }

    /// Whether it is about files and their buckets: tables of the platform's, where only policies
    /// are the app's.
    pub(super) fn is_of_files(&self) -> bool {
        ["storage.objects", "storage.buckets"].contains(&self.object.as_str())
    }

    /// In a few words.
    pub(super) fn words(&self, found: Option<bool>) -> String {
        let mut words = match &self.rows {
            Rows::Every if self.kind == "function" => "with its owner's rights".to_owned(),
            Rows::Every if self.kind == "view" => "all of it, with its owner's rights".to_owned(),
            Rows::Every => "every row".to_owned(),
            Rows::Some(condition) => format!("if {}", shortened(condition)),
            Rows::Callers if self.kind == "function" => "with the caller's rights".to_owned(),
            Rows::Callers => "as the tables behind it let the caller".to_owned(),
            Rows::None => "no row: no policy".to_owned(),
        };
        if let Some(columns) = &self.columns {
            words.push_str(&format!("; columns {}", shortened(columns)));
        }
        if let Some(door) = &self.behind {
            words.push_str(&format!("; by way of {}", shortened(door)));
        }
        match found {
            Some(true) => words.push_str(" (rows came)"),
            Some(false) => words.push_str(" (no row came)"),
            None => {}
        }
        words
    }
}

fn shortened(condition: &str) -> String {
    let line = condition.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.len() <= CONDITION {
        return line;
    }
    let kept: String = line
        .char_indices()
        .take_while(|(at, _)| *at < CONDITION)
        .map(|(_, letter)| letter)
        .collect();
    format!("{kept}…")
}

/// Whether a row came, by quoted name and caller.
pub(super) type Seen = BTreeMap<(String, Who), bool>;

impl Read {
    /// Reads whatever can be read as either caller, and says whether a row came.
    pub(super) async fn try_reads(&self, access: &[Access]) -> Result<Seen, Refusal> {
        let guard = &self.call.guard;
        let branch = guard.prove_ref(self.project()?, self.reference()?).await?;
        let targets: BTreeSet<&str> = access
            .iter()
            .filter(|one| one.action == "select")
            .map(|one| one.quoted.as_str())
            .collect();
        if targets.is_empty() {
            return Ok(Seen::new());
        }
        let targets: Vec<&str> = targets.into_iter().take(TRIED).collect();
        let body = QueryBody {
            query: format!(
                include_str!("access_trial.sql"),
                targets = quote(&json!(targets).to_string()),
                stranger = STRANGER,
            ),
            parameters: None,
            read_only: None,
        };
        let rows = guard
            .client()
            .write::<RunQuery>(&branch, &(), &body)
            .await?;
        let answered = rows.first().and_then(|row| text(row, "seen"));
        let answered: Vec<Value> = answered
            .and_then(|seen| serde_json::from_str(&seen).ok())
            .unwrap_or_default();
        Ok(answered
            .iter()
            .filter_map(|one| {
                let who = match one.get("who")?.as_str()? {
                    "anon" => Who::Anonymous,
                    _ => Who::SignedIn,
                };
                let object = one.get("object")?.as_str()?.to_owned();
                Some(((object, who), one.get("row")?.as_bool()?))
            })
            .collect())
    }
}

impl Guard {
    /// Finds out which conditions hold for anybody, whatever they ask: what they say of the caller
    /// alone is put to the database as `anon`, and of files as a signed-in stranger too. Of a
    /// branch; its rows are not looked at. A function of the app's own that lies here, or that is
    /// asked about a row, is believed.
    pub(super) async fn try_conditions(
        &self,
        branch: &DevBranch,
        access: &mut [Access],
    ) -> Result<(), Refusal> {
        for who in [Who::Anonymous, Who::SignedIn] {
            let mut unclear: Vec<&mut Access> = access
                .iter_mut()
                .filter(|one| one.who == who && matches!(one.rows, Rows::Some(_)))
                .filter(|one| !one.asks_nobody && (who == Who::Anonymous || one.is_of_files()))
                .collect();
            let asked: BTreeSet<&str> = unclear
                .iter()
                .flat_map(|one| &one.alternatives)
                .flat_map(|(_, condition)| conditions::questions(condition))
                .collect();
            let hold = match asked.is_empty() {
                true => BTreeSet::new(),
                false => self.holding(branch, who, &asked).await?,
            };
            for one in &mut unclear {
                let open = one
                    .alternatives
                    .iter()
                    .filter(|(_, condition)| {
                        conditions::is_open(condition, &|asked| hold.contains(asked))
                    })
                    .map(|(policy, _)| policy.clone());
                one.open_policies = open.collect();
                one.asks_nobody = !one.open_policies.is_empty();
            }
        }
        Ok(())
    }

    /// Those of the questions that the database answers with yes, whoever the caller is.
    async fn holding(
        &self,
        branch: &DevBranch,
        who: Who,
        asked: &BTreeSet<&str>,
    ) -> Result<BTreeSet<String>, Refusal> {
        let claims = match who {
            Who::Anonymous => json!({ "role": who.role() }),
            Who::SignedIn => json!({ "role": who.role(), "sub": STRANGER }),
        };
        let body = QueryBody {
            query: format!(
                include_str!("access_conditions.sql"),
                conditions = quote(&json!(asked).to_string()),
                claims = claims,
                role = who.role(),
            ),
            parameters: None,
            read_only: None,
        };
        let rows = self.client().write::<RunQuery>(branch, &(), &body).await?;
        let answered = rows.first().and_then(|row| text(row, "hold"));
        answered
            .and_then(|hold| serde_json::from_str(&hold).ok())
            .ok_or_else(|| {
                Refusal::new(
                    Code::PlatformError,
                    "which conditions hold for anybody could not be read from the database's answer",
                )
            })
    }

    /// What grants and policies come to in these schemas.
    pub(super) async fn access(
        &self,
        reference: &Ref,
        exposed: &str,
    ) -> Result<Vec<Access>, Refusal> {
        let parameters = vec![json!(exposed)];
        let rows = self
            .client()
            .query_read_only(reference, include_str!("access.sql"), Some(parameters))
            .await?;
        rows.iter()
            .map(Access::of)
            .collect::<Option<_>>()
            .ok_or_else(|| {
                Refusal::new(
                    Code::PlatformError,
                    "what the API's roles may do could not be read from the catalogue's answer",
                )
            })
    }
}
