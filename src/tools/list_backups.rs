//! `list_backups`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::guard::{ListedBackup, Read, RecoveryWindow, Refusal, Target, Tool};

/// Lists production's backups.
pub(super) struct ListBackups;

/// Of which project.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// Project ref.
    project_id: String,
}

/// The backups.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    backups: Vec<ListedBackup>,
    /// Between which moments production can be returned to any.
    point_in_time: RecoveryWindow,
}

impl Tool for ListBackups {
    const NAME: &'static str = "list_backups";
    type Input = Input;
    type Output = Output;
    type Grant = Read;
    const DATA: bool = false;

    fn target(input: &Input) -> Result<Target, Refusal> {
        Ok(Target::project(&input.project_id).whole_project())
    }

    async fn call(grant: Read, _: Input) -> Result<Output, Refusal> {
        let (backups, point_in_time) = grant.backups().await?;
        Ok(Output {
            backups,
            point_in_time,
        })
    }

    fn say(output: &Output) -> String {
        let window = &output.point_in_time;
        let reach = match (&window.earliest, &window.latest) {
            (Some(earliest), Some(latest)) if window.enabled => {
                format!("any moment from {earliest} to {latest} can be returned to")
            }
            _ if window.enabled => "no moment can be returned to yet".to_owned(),
            _ => "recovery to a point in time is not enabled".to_owned(),
        };
        format!("{} backup(s); {reach}.", output.backups.len())
    }
}
