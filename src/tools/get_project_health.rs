//! `get_project_health`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::fence::quote;
use crate::guard::{Environment, Read, Refusal, Target, Tool};

/// Shows the health of services.
pub(super) struct GetProjectHealth;

const SERVICES: [&str; 6] = ["auth", "db", "pooler", "realtime", "rest", "storage"];

/// Of which environment.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// Project or branch ref.
    project_id: String,
    #[serde(default)]
    #[schemars(with = "Environment")]
    environment: Option<Environment>,
}

/// The health.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    healthy: bool,
    services: Vec<ServiceLine>,
}

#[derive(Serialize, JsonSchema)]
struct ServiceLine {
    name: String,
    status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl Tool for GetProjectHealth {
    const NAME: &'static str = "get_project_health";
    type Input = Input;
    type Output = Output;
    type Grant = Read;
    const DATA: bool = false;

    fn target(input: &Input) -> Result<Target, Refusal> {
        Ok(Target::project(&input.project_id)
            .environment(input.environment)
            .to_read())
    }

    async fn call(grant: Read, _: Input) -> Result<Output, Refusal> {
        let services: Vec<ServiceLine> = grant
            .health(&SERVICES)
            .await?
            .into_iter()
            .map(|service| ServiceLine {
                name: service.name,
                status: service.status,
                error: service.error,
            })
            .collect();
        Ok(Output {
            healthy: !services.is_empty()
                && services
                    .iter()
                    .all(|service| service.status == "ACTIVE_HEALTHY"),
            services,
        })
    }

    fn say(output: &Output) -> String {
        let unwell: Vec<&str> = output
            .services
            .iter()
            .filter(|service| service.status != "ACTIVE_HEALTHY")
            .map(|service| service.name.as_str())
            .collect();
        if output.healthy {
            "Every service that answers is healthy.".to_owned()
        } else {
            format!("Not healthy: {}.", quote(unwell.join(", ")))
        }
    }
}
