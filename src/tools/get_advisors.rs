//! `get_advisors`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::guard::{Advisor, Environment, FixMigration, LintCounts, Read, Refusal, Target, Tool};

/// Asks an advisor.
pub(super) struct GetAdvisors;

#[derive(Deserialize, JsonSchema, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Security,
    Performance,
}

#[derive(Deserialize, JsonSchema, Clone, Copy, PartialEq, Eq, Default)]
#[serde(rename_all = "lowercase")]
enum Detail {
    #[default]
    Brief,
    Full,
}

/// Which advisor, about what.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// Project or branch ref.
    project_id: String,
    #[serde(rename = "type")]
    kind: Kind,
    #[serde(default)]
    detail: Detail,
    /// This lint alone.
    #[serde(default)]
    #[schemars(with = "String")]
    lint: Option<String>,
    #[serde(default)]
    #[schemars(with = "String")]
    branch: Option<String>,
    #[serde(default)]
    #[schemars(with = "Environment")]
    environment: Option<Environment>,
}

/// The findings.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    #[schemars(with = "Vec<std::collections::BTreeMap<String, String>>")]
    lints: Vec<Value>,
    counts: LintCounts,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "FixMigration")]
    fix_migration: Option<FixMigration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    left_out: Option<String>,
}

impl Tool for GetAdvisors {
    const NAME: &'static str = "get_advisors";
    type Input = Input;
    type Output = Output;
    type Grant = Read;

    fn target(input: &Input) -> Result<Target, Refusal> {
        Ok(Target::project(&input.project_id)
            .branch(input.branch.as_deref())
            .environment(input.environment)
            .to_read())
    }

    async fn call(grant: Read, input: Input) -> Result<Output, Refusal> {
        let advisor = match input.kind {
            Kind::Security => Advisor::Security,
            Kind::Performance => Advisor::Performance,
        };
        let full = input.detail == Detail::Full;
        let advice = grant.advice(advisor, input.lint.as_deref(), full).await?;
        Ok(Output {
            lints: advice.lints,
            counts: advice.counts,
            fix_migration: advice.fix_migration,
            left_out: advice.left_out,
        })
    }

    fn say(output: &Output) -> String {
        let counts = &output.counts;
        let mut said = format!(
            "{} error(s), {} warning(s), {} remark(s).",
            counts.error, counts.warn, counts.info
        );
        if output.fix_migration.is_some() {
            said.push_str(" fix_migration mends what is certain: apply it with apply_migration.");
        }
        if let Some(left_out) = &output.left_out {
            said.push_str(&format!(" Left out: {left_out}."));
        }
        said
    }
}
