//! The advisor's verdict as a condition of the gate, and the migration to apply against it.

use serde_json::json;

use super::findings::{level_word, lint_object};
use super::gate::{Check, CheckStatus, Finding, FixMigration, NAMED, passed};
use super::ledger::text;
use super::policy::AdvisorThreshold;
use super::remedies::Remedies;
use super::{Advisor, Code, Dev, FoundLint, Next, Refusal};
use crate::api::advisors::{Level, Lint};
use crate::api::{DevBranch, Ref};
use crate::clock;
use crate::fence::quote;

/// The lint that a public table of the policy may have.
const NO_ROW_SECURITY: &str = "rls_disabled_in_public";

impl Dev {
    /// Asks about `judged`: no ERROR, and no WARN that production does not have.
    pub(super) async fn check_advisor(
        &self,
        judged: &DevBranch,
    ) -> Result<(Finding, Option<FixMigration>), Refusal> {
        let guard = &self.call.guard;
        self.call.step("asking the security advisor");
        let lints = match guard.lints(judged.reference(), Advisor::Schema).await {
            Ok(lints) => lints,
            Err(refusal) if refusal.code == Code::AdvisorUnavailable => {
                let check = Check::new("advisor", CheckStatus::Failed, refusal.message).next(
                    Next::new(
                        "check_merge",
                        json!({ "project_id": self.branch.project(), "branch": self.branch.name() }),
                        "asks the advisor again",
                    ),
                )
                .details(json!({
                    "operator": "see to it that the platform's advisor answers, should it stay so",
                }));
                return Ok(((check, Some(Code::AdvisorUnavailable)), None));
            }
            Err(refusal) => return Err(refusal),
        };
        let opened = self.opened_platform_tables(judged).await?;
        if !opened.is_empty() {
            let shown: Vec<&str> = opened.iter().map(|one| one.what.as_str()).collect();
            let undo: Vec<String> = opened.iter().map(|one| one.undo.clone()).collect();
            // Nobody can have meant to show them.
            let fix = FixMigration::of("close_platform_tables", &undo);
            let check = Check::new(
                "advisor",
                CheckStatus::Failed,
                format!(
                    "the API's roles would reach the platform's own tables: {}; take these back and give the app a view or function that shows only what it needs",
                    quote(shown.join("; "))
                ),
            )
            .next(self.next_migration(
                "close_platform_tables",
                &undo.join("\n"),
                "takes back what opens the platform's own tables; then check again",
            ))
            .details(json!({ "exposed": shown }));
            return Ok(((check, Some(Code::AdvisorFailed)), fix));
        }
        // Looked at only where a WARN needs an excuse.
        let known: Vec<String> = if lints.iter().any(|lint| lint.level == Level::Warn) {
            guard
                .lints(self.branch.project(), Advisor::Schema)
                .await
                .map(|lints| lints.into_iter().map(|lint| lint.cache_key).collect())
                .unwrap_or_default()
        } else {
            Vec::new()
        };
        let objections: Vec<&Lint> = lints
            .iter()
            .filter(|lint| self.is_objection(lint, &known))
            .collect();
        let public = self.public_tables(judged, &objections).await?;
        let mut passing = Vec::new();
        let failing: Vec<&Lint> = objections
            .into_iter()
            .filter(|lint| match self.lets_pass(lint, &public) {
                Some(why) => {
                    passing.push(why);
                    false
                }
                None => true,
            })
            .collect();
        if failing.is_empty() {
            let mut message = "the security advisor has no objection".to_owned();
            if !passing.is_empty() {
                message.push_str(&format!(
                    " that the policy does not let pass: {}",
                    passing.join("; ")
                ));
            }
            return Ok((passed("advisor", message), None));
        }
        let remedies = guard
            .remedies(judged.reference(), &failing, Advisor::Schema)
            .await?;
        let fix = remedies.fix();
        let shown: Vec<String> = failing
            .iter()
            .take(NAMED)
            .map(|lint| {
                format!(
                    "{} {} on {}",
                    level_word(lint.level),
                    quote(&lint.name),
                    quote(lint_object(lint))
                )
            })
            .collect();
        let findings: Vec<FoundLint> = failing.iter().copied().map(FoundLint::from).collect();
        let check = Check::new(
            "advisor",
            CheckStatus::Failed,
            format!("the security advisor objects: {}", shown.join("; ")),
        )
        .next(self.next_for(&remedies))
        .details(match remedies.is_empty() {
            false => json!({ "lints": findings }),
            true => json!({
                "lints": findings,
                "operator": "waive the finding in the policy, with a reason and an expiry, or let it be mended by hand: no migration is known to mend it",
            }),
        });
        Ok(((check, Some(Code::AdvisorFailed)), fix))
    }

    /// Whether a finding stops a merge, as far as its level goes.
    fn is_objection(&self, lint: &Lint, known_on_production: &[String]) -> bool {
        match (lint.level, self.call.guard.policy().gate.advisor) {
            (Level::Error, _) | (Level::Warn, AdvisorThreshold::Warning) => true,
            (Level::Warn, AdvisorThreshold::NewWarning) => {
                !known_on_production.contains(&lint.cache_key)
            }
            (Level::Warn, AdvisorThreshold::Error) | (Level::Info, _) => false,
        }
    }

    /// Why the operator's policy lets a finding pass, if it does.
    fn lets_pass(&self, lint: &Lint, public: &[String]) -> Option<String> {
        let object = lint_object(lint);
        if lint.name == NO_ROW_SECURITY && public.contains(&object) {
            return Some(format!(
                "{} is a public table, and no role of the API may write it",
                quote(&object)
            ));
        }
        let today = clock::today();
        let waivers = &self.call.guard.policy().gate.waivers;
        waivers
            .iter()
            .find(|waiver| waiver.covers(&lint.name, &object) && waiver.counts_on(today))
            .map(|waiver| {
                format!(
                    "{} on {} is waived until {}: {}",
                    quote(&lint.name),
                    quote(&object),
                    waiver.expires,
                    waiver.reason
                )
            })
    }

    /// The policy's public tables that no role of the API may write; asked for only where one of
    /// them is objected to.
    async fn public_tables(
        &self,
        judged: &DevBranch,
        objections: &[&Lint],
    ) -> Result<Vec<String>, Refusal> {
        let named = &self.call.guard.policy().gate.public_tables;
        let asked: Vec<String> = objections
            .iter()
            .filter(|lint| lint.name == NO_ROW_SECURITY)
            .map(|lint| lint_object(lint))
            .filter(|object| named.contains(object))
            .collect();
        if asked.is_empty() {
            return Ok(asked);
        }
        let rows = self
            .call
            .guard
            .client()
            .query_read_only(
                judged.reference(),
                include_str!("writable_tables.sql"),
                None,
            )
            .await?;
        let writable: Vec<String> = rows.iter().filter_map(|row| text(row, "object")).collect();
        Ok(asked
            .into_iter()
            .filter(|object| !writable.contains(object))
            .collect())
    }

    /// Grants and policies on the tables of users and secrets that production does not have.
    async fn opened_platform_tables(&self, judged: &DevBranch) -> Result<Vec<Opened>, Refusal> {
        let here = self.platform_exposure(judged.reference()).await?;
        if here.is_empty() {
            return Ok(here);
        }
        let known = self.platform_exposure(self.branch.project()).await?;
        Ok(here
            .into_iter()
            .filter(|opened| !known.contains(opened))
            .collect())
    }

    async fn platform_exposure(&self, reference: &Ref) -> Result<Vec<Opened>, Refusal> {
        let rows = self
            .call
            .guard
            .client()
            .query_read_only(reference, include_str!("platform_exposure.sql"), None)
            .await?;
        Ok(rows
            .iter()
            .filter_map(|row| {
                Some(Opened {
                    what: format!("{} on {}", text(row, "what")?, text(row, "object")?),
                    undo: text(row, "undo")?,
                })
            })
            .collect())
    }

    /// What is certain first; then what closes the rest.
    fn next_for(&self, remedies: &Remedies) -> Next {
        if let Some(fix) = remedies.fix() {
            return self.next_migration(
                &fix.name,
                &fix.query,
                "mends the findings that have a certain fix; then check again",
            );
        }
        if let Some(closing) = remedies.closing() {
            return self.next_migration(
                &closing.name,
                &closing.query,
                "takes away what makes the findings, so that nobody but the service role has it; if the app needs it, write it more narrowly in a migration of your own instead. Then check again",
            );
        }
        Next::new(
            "get_advisors",
            json!({ "project_id": self.branch.project(), "branch": self.branch.name(), "type": "security", "detail": "full" }),
            "shows each finding and how to mend it by a migration",
        )
    }

    fn next_migration(&self, name: &str, query: &str, why: &str) -> Next {
        Next::new(
            "apply_migration",
            json!({ "project_id": self.branch.project(), "branch": self.branch.name(), "name": name, "query": query }),
            why,
        )
    }
}

/// A grant or a policy that opens one of the platform's own tables.
#[derive(Debug, PartialEq)]
struct Opened {
    /// In words.
    what: String,
    /// The statement that takes it back.
    undo: String,
}

/// Words of the platform, which escapes its backticks for another language.
pub(super) fn quoted_backticks(detail: &str) -> String {
    detail.replace("\\`", "`")
}
