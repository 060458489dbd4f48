//! Remedies: what SQL can do about findings of the advisor.
//!
//! Two kinds. A certain one takes nothing from anybody who should have it and needs no knowledge of
//! what the app is for: it is the `fix_migration`. A closing one takes away what makes the finding,
//! a policy that lets everybody in or the right to call a function, and with it perhaps something
//! that the app is built on. It comes last, because a merge that stays refused helps nobody, and
//! what it takes stands in its name.

use super::advice::quoted_backticks;
use super::ledger::text;
use super::{Dev, FixMigration, Refusal};
use crate::api::advisors::Lint;
use crate::api::{Ref, database::Row};

/// Statements against findings, in the order of the findings.
#[derive(Debug, Default)]
pub(super) struct Remedies {
    /// Statements of certain fixes.
    certain: Vec<String>,
    /// Statements that take away what makes a finding.
    closing: Vec<String>,
}

impl Remedies {
    /// The migration that mends what is certain.
    pub(super) fn fix(&self) -> Option<FixMigration> {
        migration("fix_advisor_findings", &self.certain)
    }

    /// The migration that takes away what nothing certain mends.
    pub(super) fn closing(&self) -> Option<FixMigration> {
        migration("close_advisor_findings", &self.closing)
    }

    /// Whether nothing can be done by a migration.
    pub(super) fn is_empty(&self) -> bool {
        self.certain.is_empty() && self.closing.is_empty()
    }

    fn add(&mut self, remedy: &Row) {
        let Some(statement) = text(remedy, "statement") else {
            return;
        };
        let is_certain = remedy
            .get("is_certain")
            .and_then(serde_json::Value::as_bool);
        let list = match is_certain {
            Some(true) => &mut self.certain,
            _ => &mut self.closing,
        };
        if !list.contains(&statement) {
            list.push(statement);
        }
    }
}

fn migration(name: &str, statements: &[String]) -> Option<FixMigration> {
    (!statements.is_empty()).then(|| FixMigration {
        name: name.to_owned(),
        query: statements.join("\n"),
    })
}

impl Dev {
    /// What can be done about these findings on the database that they were found in.
    pub(super) async fn remedies(
        &self,
        judged: &Ref,
        lints: &[&Lint],
    ) -> Result<Remedies, Refusal> {
        let rows = self
            .call
            .guard
            .client()
            .query_read_only(judged, include_str!("remedies.sql"), None)
            .await?;
        let mut remedies = Remedies::default();
        for lint in lints {
            rows.iter()
                .filter(|remedy| concerns(remedy, lint))
                .for_each(|remedy| remedies.add(remedy));
        }
        Ok(remedies)
    }
}

/// Whether a remedy is for this very finding. Where a table has several policies, the finding's own
/// words name the one.
fn concerns(remedy: &Row, lint: &Lint) -> bool {
    let named = |key: &str| {
        lint.metadata
            .as_ref()
            .and_then(|metadata| metadata.get(key)?.as_str())
    };
    text(remedy, "finding").as_deref() == Some(lint.name.as_str())
        && text(remedy, "schema").as_deref() == named("schema")
        && text(remedy, "name").as_deref() == named("name")
        && text(remedy, "policy")
            .is_none_or(|policy| quoted_backticks(&lint.detail).contains(&format!("`{policy}`")))
}
