//! `restore_to_point_in_time`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::guard::{Production, Recovered, Refusal, Target, Tool};

/// Returns production to a moment.
pub(super) struct RestoreToPointInTime;

/// Which project, and to when.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// Production's ref.
    project_id: String,
    /// RFC 3339, or seconds since 1970.
    #[schemars(with = "String")]
    time: Moment,
}

/// A moment as models write it: a text, or a number.
#[derive(Deserialize)]
#[serde(untagged)]
enum Moment {
    Text(String),
    Seconds(i64),
}

/// What was lost, and the way back.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    #[serde(flatten)]
    recovered: Recovered,
    /// What stays as it is.
    not_restored: Vec<String>,
}

/// What no recovery touches.
const NOT_RESTORED: [&str; 6] = [
    "configuration of auth, API, storage and realtime",
    "secrets",
    "storage objects themselves: only the rows that point to them went back",
    "deployed edge functions",
    "development branches: what they have and production lost is merged again as unmerged migrations",
    "what the app did elsewhere meanwhile: mails, payments, webhooks",
];

impl Tool for RestoreToPointInTime {
    const NAME: &'static str = "restore_to_point_in_time";
    type Input = Input;
    type Output = Output;
    type Grant = Production;
    const SLOW: bool = true;
    const DATA: bool = false;

    fn target(input: &Input) -> Result<Target, Refusal> {
        Ok(Target::project(&input.project_id))
    }

    async fn call(grant: Production, input: Input) -> Result<Output, Refusal> {
        let time = match input.time {
            Moment::Text(text) => text,
            Moment::Seconds(seconds) => seconds.to_string(),
        };
        Ok(Output {
            recovered: grant.restore_to_point_in_time(&time).await?,
            not_restored: NOT_RESTORED.map(str::to_owned).to_vec(),
        })
    }

    fn say(output: &Output) -> String {
        let recovered = &output.recovered;
        let migrations = match &recovered.migrations_lost {
            Some(lost) => format!("{} migration(s)", lost.len()),
            None => "an unknown number of migrations".to_owned(),
        };
        let way_back = recovered.way_back.arguments["time"]
            .as_str()
            .unwrap_or_default();
        format!(
            "Production is back at {}. What was written from then until {} ({} s) is lost, with {migrations}. The way back is a recovery to {way_back}.",
            recovered.lost.after, recovered.lost.until, recovered.lost.seconds
        )
    }
}
