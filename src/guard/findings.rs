//! What the advisors find: asked for, and told in few words.
//!
//! A database can have hundreds of findings, and most are one finding on many objects. So they are
//! told by lint, within a budget: each lint once, then as many objects as fit, then as much of the
//! SQL that mends what is certain. What is left out is counted.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::advice::quoted_backticks;
use super::remedies::{FIX, Remedies};
use super::{Code, FixMigration, Guard, Read, Refusal};
use crate::api::Ref;
use crate::api::advisors::{
    AdvisorQuery, GetPerformanceAdvisor, GetSecurityAdvisor, Level, Lint, SQL,
};

/// Bytes of JSON that a brief answer's lints and fix take at most: about 1,200 tokens, which leaves
/// the whole result below 1,500.
const BRIEF: usize = 4_800;
/// Bytes of what a lint means in a brief answer.
const ABOUT: usize = 200;

/// Which advisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advisor {
    /// Everything that the security advisor finds.
    Security,
    /// What it finds in the database. Migrations make that, and a merge carries nothing else.
    Schema,
    /// What the performance advisor finds.
    Performance,
}

/// A finding of the advisor.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct FoundLint {
    /// The lint's name.
    pub name: String,
    /// ERROR, WARN or INFO.
    pub level: String,
    /// The object that it concerns.
    pub object: String,
    /// What was found.
    pub detail: String,
    /// How to mend it.
    pub remediation: String,
}

impl From<&Lint> for FoundLint {
    fn from(lint: &Lint) -> Self {
        Self {
            name: lint.name.clone(),
            level: level_word(lint.level).to_owned(),
            object: lint_object(lint),
            detail: quoted_backticks(&lint.detail),
            remediation: lint.remediation.clone(),
        }
    }
}

/// `schema.name` of what a lint concerns, or the lint's own key where it names nothing.
pub(super) fn lint_object(lint: &Lint) -> String {
    let part = |key: &str| {
        lint.metadata
            .as_ref()
            .and_then(|metadata| metadata.get(key))
            .and_then(Value::as_str)
    };
    match (part("schema"), part("name")) {
        (Some(schema), Some(name)) => format!("{schema}.{name}"),
        (None, Some(name)) => name.to_owned(),
        _ => lint.cache_key.clone(),
    }
}

pub(super) fn level_word(level: Level) -> &'static str {
    match level {
        Level::Error => "ERROR",
        Level::Warn => "WARN",
        Level::Info => "INFO",
    }
}

/// An advisor's answer, cut to what a result may hold.
#[derive(Debug)]
pub struct Advice {
    /// The lints: one entry a lint, or one a finding where everything is asked for.
    pub lints: Vec<Value>,
    /// How many findings there are, shown or not.
    pub counts: LintCounts,
    /// Mends findings, where that is certain.
    pub fix_migration: Option<FixMigration>,
    /// What is not shown, and how to get it.
    pub left_out: Option<String>,
}

/// Findings by level.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
pub struct LintCounts {
    /// ERRORs.
    pub error: usize,
    /// WARNs.
    pub warn: usize,
    /// INFOs.
    pub info: usize,
}

impl LintCounts {
    fn of(lints: &[Lint]) -> Self {
        let count = |level| lints.iter().filter(|lint| lint.level == level).count();
        Self {
            error: count(Level::Error),
            warn: count(Level::Warn),
            info: count(Level::Info),
        }
    }
}

/// One lint and what it was found on.
#[derive(Debug, Serialize)]
struct Group {
    name: String,
    level: &'static str,
    /// How many findings.
    count: usize,
    /// The first object.
    object: String,
    /// The first ones, where there are several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    objects: Vec<String>,
    /// What it means; of a single finding, what was found.
    #[serde(skip_serializing_if = "String::is_empty")]
    detail: String,
    #[serde(skip)]
    all: Vec<String>,
}

impl Group {
    fn of(findings: &[&Lint]) -> Option<Self> {
        let first = findings.first()?;
        // One object can have a finding several times: for each of its policies, for instance.
        let mut known = HashSet::new();
        let all: Vec<String> = findings
            .iter()
            .map(|lint| lint_object(lint))
            .filter(|object| known.insert(object.clone()))
            .collect();
        let about = match findings.len() {
            1 => &first.detail,
            _ => &first.description,
        };
        Some(Self {
            name: first.name.clone(),
            level: level_word(first.level),
            count: findings.len(),
            object: all.first().cloned().unwrap_or_default(),
            objects: Vec::new(),
            detail: shortened(&quoted_backticks(about)),
            all,
        })
    }

    /// The object that would be shown next.
    fn next(&self) -> Option<&String> {
        (self.all.len() > 1)
            .then(|| self.all.get(self.objects.len()))
            .flatten()
    }
}

fn shortened(text: &str) -> String {
    if text.len() <= ABOUT {
        return text.to_owned();
    }
    let mut cut: String = text
        .char_indices()
        .take_while(|(at, _)| *at < ABOUT)
        .map(|(_, letter)| letter)
        .collect();
    cut.push('…');
    cut
}

/// What a text takes as JSON between others.
fn cost(text: &str) -> usize {
    Value::from(text).to_string().len() + 1
}

impl Read {
    /// What an advisor finds, in brief or as it is; only of the lint that is named, if one is.
    pub async fn advice(
        &self,
        advisor: Advisor,
        only: Option<&str>,
        full: bool,
    ) -> Result<Advice, Refusal> {
        let guard = &self.call.guard;
        let reference = self.reference()?;
        let mut lints = guard.lints(reference, advisor).await?;
        lints.retain(|lint| only.is_none_or(|name| lint.name == name));
        if full {
            return Ok(whole(&lints, guard.policy().limits.bytes, only.is_some()));
        }
        let found: Vec<&Lint> = lints.iter().collect();
        // An answer without a fix is better than none.
        let remedies = match found.is_empty() {
            true => Remedies::default(),
            false => guard
                .remedies(reference, &found, advisor)
                .await
                .unwrap_or_default(),
        };
        Ok(brief(&lints, remedies.certain()))
    }
}

/// Every finding as the platform has it, as many as a result may hold.
fn whole(lints: &[Lint], bytes: usize, of_one: bool) -> Advice {
    let mut left = bytes;
    let shown: Vec<Value> = lints
        .iter()
        .map(|lint| json!(lint))
        .map_while(|lint| {
            left = left.checked_sub(lint.to_string().len() + 1)?;
            Some(lint)
        })
        .collect();
    let missing = lints.len() - shown.len();
    Advice {
        counts: LintCounts::of(lints),
        fix_migration: None,
        left_out: (missing > 0).then(|| {
            let rest = match of_one {
                true => "they show once these are mended",
                false => "ask for one lint at a time with `lint`",
            };
            format!("{missing} finding(s) do not fit; {rest}")
        }),
        lints: shown,
    }
}

/// The findings by lint, the worst first.
fn brief(lints: &[Lint], statements: &[String]) -> Advice {
    let mut by_lint: BTreeMap<(Reverse<Level>, &str), Vec<&Lint>> = BTreeMap::new();
    for lint in lints {
        by_lint
            .entry((Reverse(lint.level), lint.name.as_str()))
            .or_default()
            .push(lint);
    }
    let mut groups: Vec<Group> = by_lint
        .values()
        .filter_map(|lints| Group::of(lints))
        .collect();
    // A lint that is found is named; what the mildest mean can be looked up by their names.
    let told = |groups: &[Group]| json!(groups).to_string().len();
    let mut mildest = groups.len();
    while told(&groups) > BRIEF && mildest > 0 {
        mildest -= 1;
        if let Some(group) = groups.get_mut(mildest) {
            group.detail.clear();
        }
    }
    let mut left = BRIEF.saturating_sub(told(&groups));
    let wanted: usize = groups
        .iter()
        .filter(|group| group.all.len() > 1)
        .flat_map(|group| &group.all)
        .map(|object| cost(object))
        .sum();
    // Half for the fix, and what the objects do not need.
    let mut for_fix = (left / 2).max(left.saturating_sub(wanted));
    let kept: Vec<String> = statements
        .iter()
        .map_while(|statement| {
            for_fix = for_fix.checked_sub(cost(statement))?;
            left = left.saturating_sub(cost(statement));
            Some(statement.clone())
        })
        .collect();
    // One object of each lint, then the next one of each.
    loop {
        let mut added = false;
        for group in &mut groups {
            let Some(object) = group.next().cloned() else {
                continue;
            };
            if let Some(rest) = left.checked_sub(cost(&object)) {
                left = rest;
                group.objects.push(object);
                added = true;
            }
        }
        if !added {
            break;
        }
    }
    let hidden: usize = groups
        .iter()
        .filter(|group| group.all.len() > 1)
        .map(|group| group.all.len() - group.objects.len())
        .sum();
    Advice {
        counts: LintCounts::of(lints),
        left_out: left_out(hidden, statements.len() - kept.len()),
        fix_migration: FixMigration::of(FIX, &kept),
        lints: groups.iter().map(|group| json!(group)).collect(),
    }
}

fn left_out(objects: usize, statements: usize) -> Option<String> {
    let objects = (objects > 0).then(|| {
        format!("{objects} object(s) are not named: ask for one lint with `lint`, or for everything with detail: \"full\"")
    });
    let statements = (statements > 0).then(|| {
        format!(
            "fix_migration lacks {statements} statement(s): apply it and ask again for the rest"
        )
    });
    let said: Vec<String> = objects.into_iter().chain(statements).collect();
    (!said.is_empty()).then(|| said.join("; "))
}

impl Guard {
    /// The advisor's findings for one database; anything but a whole answer is `advisor_unavailable`.
    pub(super) async fn lints(
        &self,
        reference: &Ref,
        advisor: Advisor,
    ) -> Result<Vec<Lint>, Refusal> {
        let client = self.client();
        let security = |lint_type: Option<&str>| AdvisorQuery {
            lint_type: lint_type.map(str::to_owned),
        };
        let path = reference.clone();
        let answer = match advisor {
            Advisor::Security => {
                client
                    .look::<GetSecurityAdvisor>(path, &security(None))
                    .await
            }
            Advisor::Schema => {
                client
                    .look::<GetSecurityAdvisor>(path, &security(Some(SQL)))
                    .await
            }
            Advisor::Performance => client.look::<GetPerformanceAdvisor>(path, &()).await,
        };
        Ok(answer
            .map_err(|error| {
                Refusal::new(
                    Code::AdvisorUnavailable,
                    format!("the advisor gave no verdict: {error}"),
                )
            })?
            .lints)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{BRIEF, brief};
    use crate::api::advisors::{Level, Lint};

    #[test]
    fn whatever_is_found_a_brief_answer_names_every_lint_within_its_budget() {
        let name = "ü".repeat(31);
        let lints: Vec<Lint> = (0..30)
            .flat_map(|lint| (0..40).map(move |object| (lint, object)))
            .map(|(lint, object)| Lint {
                name: format!("a_lint_with_a_name_of_common_length_{lint}"),
                title: String::new(),
                level: if lint < 3 { Level::Error } else { Level::Info },
                facing: String::new(),
                categories: Vec::new(),
                description: "what it means ".repeat(40),
                detail: String::new(),
                remediation: String::new(),
                metadata: Some(json!({ "schema": "public", "name": format!("{name}{object}") })),
                cache_key: String::new(),
                observed_at: None,
            })
            .collect();
        let fix = vec!["alter table public.t enable row level security;".to_owned(); 500];
        let advice = brief(&lints, &fix);
        let told =
            json!(advice.lints).to_string().len() + json!(advice.fix_migration).to_string().len();
        assert!(told < BRIEF + 200, "{told}");
        assert_eq!(advice.lints.len(), 30);
        assert!(
            advice
                .lints
                .iter()
                .take(3)
                .all(|lint| lint["level"] == "ERROR")
        );
        assert!(advice.left_out.is_some());
    }
}
