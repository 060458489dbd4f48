//! Advisors: the platform's checkers, and the lints that they find.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::endpoint::endpoints;
use super::reference::Ref;

/// How bad a lint is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Level {
    /// Worth knowing.
    Info,
    /// To be looked at.
    Warn,
    /// To be mended.
    Error,
}

/// One finding.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Lint {
    /// The lint's name, `rls_disabled_in_public` for instance. An open set.
    pub name: String,
    /// Its title.
    pub title: String,
    /// How bad it is.
    pub level: Level,
    /// Whom it concerns.
    pub facing: String,
    /// `SECURITY`, `PERFORMANCE` or `HEALTH`.
    pub categories: Vec<String>,
    /// What the lint is about.
    pub description: String,
    /// What was found.
    pub detail: String,
    /// How to mend it: a link for most.
    pub remediation: String,
    /// The object that it concerns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Value>,
    /// The same finding has the same key.
    pub cache_key: String,
    /// When it was found, RFC 3339; only of what is found in a database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_at: Option<String>,
}

/// An advisor's answer.
///
/// `lints` has no default: an answer without it is no answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Lints {
    /// The findings.
    pub lints: Vec<Lint>,
}

/// The one `lint_type` that can be asked for: what is found in the database, without the
/// configuration.
pub const SQL: &str = "sql";

/// Which lints.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct AdvisorQuery {
    /// [`SQL`], or everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lint_type: Option<String>,
}

endpoints! {
    /// The security advisor.
    GetSecurityAdvisor: Looks GET "/v1/projects/{ref}/advisors/security" (Ref) ? AdvisorQuery => 200 Lints, needs "advisors_read";
    /// The performance advisor.
    GetPerformanceAdvisor: Looks GET "/v1/projects/{ref}/advisors/performance" (Ref) => 200 Lints, needs "advisors_read";
}
