//! The access matrix, told: objects with the same access together, those that are open widest
//! first, within a budget, and the worst of it in sentences.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::access::{Access, Rows, Seen, Who};
use super::{Read, Refusal};
use crate::fence::quote;

/// Bytes of JSON that the groups take at most: about 1,200 tokens.
const BUDGET: usize = 4_800;

/// What one kind of caller can do, action by action; an action that is not here is not granted.
type Actions = BTreeMap<&'static str, String>;

/// Objects that have the same access.
#[derive(Debug, Clone, Serialize)]
struct AccessGroup {
    kind: String,
    /// Of tables.
    #[serde(skip_serializing_if = "Option::is_none")]
    row_security: Option<bool>,
    count: usize,
    objects: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    anonymous: Actions,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    signed_in: Actions,
    #[serde(skip)]
    all: Vec<String>,
    /// The smaller, the wider open.
    #[serde(skip)]
    rank: u8,
}

/// The matrix, cut to what a result may hold.
#[derive(Debug)]
pub struct AccessMatrix {
    /// The schemas that the API shows.
    pub exposed_schemas: String,
    /// Objects with the same access, those that are open widest first.
    pub access: Vec<Value>,
    /// The worst of it in sentences.
    pub summary: Vec<String>,
    /// Whether reads were tried.
    pub tried: Tried,
    /// What is not shown, and how to get it.
    pub left_out: Option<String>,
}

/// What came of trying.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Tried {
    /// Each table and view was read as both callers.
    Reads,
    /// Production is not tried upon: this is what grants and policies say.
    NotOnProduction,
    /// It could not be done, for a table that takes too long for instance.
    Failed,
}
impl Read {
    /// What anybody and any signed-in stranger can do through the API; of one object alone, if one
    /// is named.
    pub async fn access_matrix(&self, object: Option<&str>) -> Result<AccessMatrix, Refusal> {
        let guard = &self.call.guard;
        let reference = self.reference()?;
        let exposed_schemas = guard.exposed(reference).await?;
        let mut access = guard.access(reference, &exposed_schemas).await?;
        access.retain(|one| object.is_none_or(|name| is_named(&one.object, name)));
        let (seen, tried) = match self.branch_name() {
            None => (Seen::new(), Tried::NotOnProduction),
            Some(_) => match self.try_reads(&access).await {
                Ok(seen) => (seen, Tried::Reads),
                Err(refusal) => {
                    tracing::debug!(message = refusal.message, "reads could not be tried");
                    (Seen::new(), Tried::Failed)
                }
            },
        };
        let summary = summary(&access);
        let (access, left_out) = within_budget(groups(&access, &seen));
        Ok(AccessMatrix {
            exposed_schemas,
            access,
            summary,
            tried,
            left_out,
        })
    }
}

fn is_named(object: &str, name: &str) -> bool {
    object == name || object.split('(').next() == Some(name)
}

fn action_word(action: &str) -> &'static str {
    match action {
        "select" => "read",
        "insert" => "insert",
        "update" => "update",
        "delete" => "delete",
        _ => "call",
    }
}

/// How wide open an action is: the smaller, the wider.
fn rank(access: &Access) -> u8 {
    let writes = !matches!(access.action.as_str(), "select" | "execute");
    let by_who = match access.who {
        Who::Anonymous => 0,
        Who::SignedIn => 1,
    };
    match (&access.rows, writes) {
        (Rows::Every, true) => by_who,
        (Rows::Every, false) => 2 + by_who,
        (Rows::Some(_) | Rows::Callers, true) => 4 + by_who,
        (Rows::Some(_) | Rows::Callers, false) => 6 + by_who,
        (Rows::None, _) => 8,
    }
}

fn groups(access: &[Access], seen: &Seen) -> Vec<AccessGroup> {
    let mut objects: BTreeMap<(&str, &str), Vec<&Access>> = BTreeMap::new();
    for one in access {
        objects
            .entry((one.object.as_str(), one.kind.as_str()))
            .or_default()
            .push(one);
    }
    let mut groups: BTreeMap<(String, Option<bool>, Actions, Actions), AccessGroup> =
        BTreeMap::new();
    for ((object, kind), actions) in objects {
        let of = |who: Who| -> Actions {
            actions
                .iter()
                .filter(|one| one.who == who)
                .map(|one| {
                    let key = (one.quoted.clone(), who);
                    let found = (one.action == "select").then(|| seen.get(&key)).flatten();
                    (action_word(&one.action), one.words(found.copied()))
                })
                .collect()
        };
        let row_security = kind
            .ends_with("table")
            .then(|| actions.first().map(|one| one.row_security))
            .flatten();
        let (anonymous, signed_in) = (of(Who::Anonymous), of(Who::SignedIn));
        let key = (
            kind.to_owned(),
            row_security,
            anonymous.clone(),
            signed_in.clone(),
        );
        let group = groups.entry(key).or_insert_with(|| AccessGroup {
            kind: kind.to_owned(),
            row_security,
            count: 0,
            objects: Vec::new(),
            anonymous,
            signed_in,
            all: Vec::new(),
            rank: actions.iter().map(|one| rank(one)).min().unwrap_or(u8::MAX),
        });
        group.count += 1;
        group.all.push(object.to_owned());
    }
    let mut groups: Vec<AccessGroup> = groups.into_values().collect();
    groups.sort_by_key(|group| group.rank);
    groups
}

/// The groups that fit, each with as many of its objects as fit.
fn within_budget(groups: Vec<AccessGroup>) -> (Vec<Value>, Option<String>) {
    let mut left = BUDGET;
    let mut shown: Vec<AccessGroup> = Vec::new();
    let mut hidden_groups = 0;
    for mut group in groups {
        group.objects = group.all.iter().take(1).cloned().collect();
        match left.checked_sub(json!(group).to_string().len() + 1) {
            Some(rest) => {
                left = rest;
                shown.push(group);
            }
            None => hidden_groups += group.count,
        }
    }
    let mut hidden = hidden_groups;
    for group in &mut shown {
        for object in group.all.iter().skip(1) {
            match left.checked_sub(Value::from(object.as_str()).to_string().len() + 1) {
                Some(rest) => {
                    left = rest;
                    group.objects.push(object.clone());
                }
                None => hidden += 1,
            }
        }
    }
    let left_out = (hidden > 0).then(|| {
        format!("{hidden} object(s) are not named: ask for one with `object`, as schema.name")
    });
    (shown.iter().map(|group| json!(group)).collect(), left_out)
}

/// Objects that a sentence names at most.
const NAMED: usize = 5;

/// What is open to everybody, in sentences.
fn summary(access: &[Access]) -> Vec<String> {
    let writes = |one: &&Access| !matches!(one.action.as_str(), "select" | "execute");
    let every = |one: &&Access| one.rows == Rows::Every;
    let sentence = |words: &str, chosen: Vec<&Access>| {
        let objects: BTreeSet<&str> = chosen.iter().map(|one| one.object.as_str()).collect();
        let mut names: Vec<&str> = objects.iter().take(NAMED).copied().collect();
        let more = objects.len().checked_sub(NAMED).filter(|more| *more > 0);
        let more = more.map(|more| format!("{more} more"));
        names.extend(more.as_deref());
        (!objects.is_empty()).then(|| format!("{words} {}", quote(names.join(", "))))
    };
    let by = |who: Who| access.iter().filter(move |one| one.who == who);
    let reads = |one: &&Access| one.action == "select";
    let calls = |one: &&Access| one.action == "execute" && one.rows == Rows::Every;
    let open: BTreeSet<&str> = by(Who::Anonymous)
        .filter(every)
        .map(|one| one.object.as_str())
        .collect();
    let not_anybodys = |one: &&Access| !open.contains(one.object.as_str());
    [
        sentence(
            "anybody may write any row of",
            by(Who::Anonymous).filter(writes).filter(every).collect(),
        ),
        sentence(
            "anybody may read every row of",
            by(Who::Anonymous).filter(reads).filter(every).collect(),
        ),
        sentence(
            "anybody may call with its owner's rights",
            by(Who::Anonymous).filter(calls).collect(),
        ),
        sentence(
            "anybody who signs up may write any row of",
            by(Who::SignedIn)
                .filter(writes)
                .filter(every)
                .filter(not_anybodys)
                .collect(),
        ),
        sentence(
            "anybody who signs up may read every row of",
            by(Who::SignedIn)
                .filter(reads)
                .filter(every)
                .filter(not_anybodys)
                .collect(),
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}
