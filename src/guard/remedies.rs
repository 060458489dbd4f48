//! Remedies: what SQL can do about findings of the advisor.
//!
//! Two kinds. A certain one takes nothing from anybody who should have it and needs no knowledge of
//! what the app is for: it is the `fix_migration`. A closing one takes away what makes the finding,
//! a policy that lets everybody in or the right to call a function, and with it perhaps something
//! that the app is built on. It comes last, because a merge that stays refused helps nobody, and
//! what it takes stands in its name.
//!
//! Several permissive policies for one role and action are no certain case, unless they are the
//! same but for their names: put together into one, a policy that lets everybody in would hide
//! beside the narrow one that was meant, and the app's next migration would miss the other's name.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::advice::quoted_backticks;
use super::ledger::text;
use super::{Advisor, FixMigration, Guard, Refusal};
use crate::api::advisors::Lint;
use crate::api::{Ref, database::Row};
use crate::sql::asked_once;

/// What the migration of certain fixes is called.
pub(super) const FIX: &str = "fix_advisor_findings";
/// The lint of policies that ask who is calling for each row.
const ASKS_FOR_EACH_ROW: &str = "auth_rls_initplan";

/// Statements against findings, in the order of the findings.
#[derive(Debug, Default)]
pub(super) struct Remedies {
    /// Statements of certain fixes.
    certain: Vec<String>,
    /// Statements that take away what makes a finding.
    closing: Vec<String>,
}

impl Remedies {
    /// The statements that mend what is certain.
    pub(super) fn certain(&self) -> &[String] {
        &self.certain
    }

    /// The migration that mends what is certain.
    pub(super) fn fix(&self) -> Option<FixMigration> {
        FixMigration::of(FIX, &self.certain)
    }

    /// The migration that takes away what nothing certain mends.
    pub(super) fn closing(&self) -> Option<FixMigration> {
        FixMigration::of("close_advisor_findings", &self.closing)
    }

    /// Whether nothing can be done by a migration.
    pub(super) fn is_empty(&self) -> bool {
        self.certain.is_empty() && self.closing.is_empty()
    }

    fn add(&mut self, remedy: &Row, added: &mut HashSet<String>) {
        let Some(statement) = text(remedy, "statement") else {
            return;
        };
        let is_certain = remedy.get("is_certain").and_then(Value::as_bool);
        let list = match is_certain {
            Some(true) => &mut self.certain,
            _ => &mut self.closing,
        };
        if added.insert(statement.clone()) {
            list.push(statement);
        }
    }
}

impl FixMigration {
    /// The statements as one migration; none of none.
    pub(super) fn of(name: &str, statements: &[String]) -> Option<Self> {
        (!statements.is_empty()).then(|| Self {
            name: name.to_owned(),
            query: statements.join("\n"),
        })
    }
}

impl Guard {
    /// What can be done about an advisor's findings on the database that they were found in.
    pub(super) async fn remedies(
        &self,
        judged: &Ref,
        lints: &[&Lint],
        advisor: Advisor,
    ) -> Result<Remedies, Refusal> {
        let query = match advisor {
            Advisor::Performance => include_str!("remedies_performance.sql"),
            Advisor::Security | Advisor::Schema => include_str!("remedies.sql"),
        };
        let mut rows = self.client().query_read_only(judged, query, None).await?;
        if lints.iter().any(|lint| lint.name == ASKS_FOR_EACH_ROW) {
            let policies = include_str!("remedies_policies.sql");
            let policies = self
                .client()
                .query_read_only(judged, policies, None)
                .await?;
            rows.extend(policies.into_iter().filter_map(asking_once));
        }
        let mut known: HashMap<_, Vec<&Row>> = HashMap::new();
        for row in &rows {
            let subject = ["finding", "schema", "name"].map(|column| text(row, column));
            known.entry(subject).or_default().push(row);
        }
        let mut remedies = Remedies::default();
        let mut added = HashSet::new();
        for lint in lints {
            for remedy in known.get(&subject(lint)).into_iter().flatten() {
                if is_of_part(remedy, lint) {
                    remedies.add(remedy, &mut added);
                }
            }
        }
        Ok(remedies)
    }
}

/// A policy with the statement that makes it ask once; `None` where that is not certain.
fn asking_once(mut policy: Row) -> Option<Row> {
    let mut statement = text(&policy, "alter_policy")?;
    let mut is_changed = false;
    for (column, clause) in [
        ("using_condition", "using"),
        ("check_condition", "with check"),
    ] {
        let Some(condition) = text(&policy, column) else {
            continue;
        };
        let once = asked_once(&condition)?;
        if once != condition {
            statement.push_str(&format!(" {clause} ({once})"));
            is_changed = true;
        }
    }
    statement.push(';');
    policy.insert("statement".to_owned(), statement.into());
    policy.insert("is_certain".to_owned(), true.into());
    is_changed.then_some(policy)
}

/// What a finding is about: its lint, and the schema and name of its object.
fn subject(lint: &Lint) -> [Option<String>; 3] {
    let named = |key: &str| {
        let metadata = lint.metadata.as_ref()?;
        Some(metadata.get(key)?.as_str()?.to_owned())
    };
    // Of an extension the platform gives the name under a key of its own.
    let name = named("name").or_else(|| named("extension_name"));
    [Some(lint.name.clone()), named("schema"), name]
}

/// Whether a remedy is for this very finding. Where a table has several policies or foreign keys,
/// the finding's own words name the one, or its facts do.
fn is_of_part(remedy: &Row, lint: &Lint) -> bool {
    let Some(part) = text(remedy, "part") else {
        return true;
    };
    let named = lint.metadata.as_ref().map(|facts| &facts["policy_names"]);
    let named = named.and_then(Value::as_array);
    quoted_backticks(&lint.detail).contains(&format!("`{part}`"))
        || named.is_some_and(|names| names.iter().any(|name| *name == part))
}
