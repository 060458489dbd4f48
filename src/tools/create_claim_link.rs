//! `create_claim_link`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::guard::{ClaimLink, Production, Refusal, Target, Tool};

/// Makes a link by which a user claims a project.
pub(super) struct CreateClaimLink;

/// For which project.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// Production's ref.
    project_id: String,
    /// One of the operator's.
    redirect_uri: Option<String>,
    /// Hand over what should be removed.
    #[serde(default)]
    leave: bool,
}

/// The link.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    #[serde(flatten)]
    link: ClaimLink,
}

impl Tool for CreateClaimLink {
    const NAME: &'static str = "create_claim_link";
    type Input = Input;
    type Output = Output;
    type Grant = Production;
    const DATA: bool = false;

    fn target(input: &Input) -> Result<Target, Refusal> {
        Ok(Target::project(&input.project_id))
    }

    async fn call(grant: Production, input: Input) -> Result<Output, Refusal> {
        Ok(Output {
            link: grant.claim_link(input.redirect_uri, input.leave).await?,
        })
    }

    fn say(output: &Output) -> String {
        format!(
            "Give this link to the user and to nobody else; it is answered until {}: {}",
            output.link.expires_at, output.link.url
        )
    }
}
