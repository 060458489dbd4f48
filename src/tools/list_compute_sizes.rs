//! `list_compute_sizes`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::fence::quote;
use crate::guard::{ComputeSize, Read, Refusal, Target, Tool};

/// Shows the compute sizes that a project can have.
pub(super) struct ListComputeSizes;

/// Of which project.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// Project or branch ref.
    project_id: String,
}

/// The sizes.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    compute_sizes: Vec<ComputeSize>,
}

impl Tool for ListComputeSizes {
    const NAME: &'static str = "list_compute_sizes";
    type Input = Input;
    type Output = Output;
    type Grant = Read;
    const DATA: bool = false;

    fn target(input: &Input) -> Result<Target, Refusal> {
        Ok(Target::project(&input.project_id).whole_project())
    }

    async fn call(grant: Read, _: Input) -> Result<Output, Refusal> {
        Ok(Output {
            compute_sizes: grant.compute_sizes().await?,
        })
    }

    fn say(output: &Output) -> String {
        let sizes = &output.compute_sizes;
        match sizes.iter().find(|size| size.current) {
            Some(size) => format!(
                "{} sizes; the project has {}.",
                sizes.len(),
                quote(&size.instance_size)
            ),
            None => format!(
                "{} sizes; the project has the platform's smallest.",
                sizes.len()
            ),
        }
    }
}
