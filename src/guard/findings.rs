//! What the advisors find: asked for, and told in few words.
//!
//! A database can have hundreds of findings, and most are one finding on many objects. So they are
//! told by lint, within a budget: each lint once, then as many objects as fit, then as much of the
//! SQL that mends what is certain. What is left out is counted.

use std::cmp::Reverse;
use std::collections::BTreeMap;

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
/// Bytes of a lint's description in a brief answer.
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
    detail: String,
    #[serde(skip)]
    all: Vec<String>,
}

impl Group {
    fn of(findings: &[&Lint]) -> Option<Self> {
        let first = findings.first()?;
        let mut all: Vec<String> = Vec::new();
        for object in findings.iter().map(|lint| lint_object(lint)) {
            // One object can have a finding several times: for each of its policies, for instance.
            if !all.contains(&object) {
                all.push(object);
            }
        }
        let about = if findings.len() == 1 {
            quoted_backticks(&first.detail)
        } else {
            shortened(&quoted_backticks(&first.description))
        };
        Some(Self {
            name: first.name.clone(),
            level: level_word(first.level),
            count: findings.len(),
            object: all.first().cloned().unwrap_or_default(),
            objects: Vec::new(),
            detail: about,
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
            return Ok(whole(&lints, guard.policy().limits.bytes));
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
fn whole(lints: &[Lint], bytes: usize) -> Advice {
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
            format!("{missing} finding(s) do not fit; ask for one lint at a time with `lint`")
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
    let mut left = BRIEF;
    // However long the names are, a lint that is found is named.
    for group in &groups {
        left = left.saturating_sub(json!(group).to_string().len() + 1);
    }
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
