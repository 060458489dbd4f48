//! `get_advisors`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::guard::{Environment, FoundLint, Read, Refusal, Target, Tool};

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
    counts: Counts,
}

#[derive(Serialize, JsonSchema)]
struct Counts {
    error: usize,
    warn: usize,
    info: usize,
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
        let lints = grant.lints(input.kind == Kind::Performance).await?;
        let count = |word: &str| {
            lints
                .iter()
                .filter(|lint| FoundLint::from(*lint).level == word)
                .count()
        };
        let counts = Counts {
            error: count("ERROR"),
            warn: count("WARN"),
            info: count("INFO"),
        };
        let lints = lints
            .iter()
            .map(|lint| match input.detail {
                Detail::Full => serde_json::to_value(lint),
                Detail::Brief => serde_json::to_value(FoundLint::from(lint)),
            })
            .collect::<Result<_, _>>()
            .unwrap_or_else(|_| vec![Value::Object(Map::new())]);
        Ok(Output { lints, counts })
    }

    fn say(output: &Output) -> String {
        let counts = &output.counts;
        format!(
            "{} error(s), {} warning(s), {} remark(s).",
            counts.error, counts.warn, counts.info
        )
    }
}
