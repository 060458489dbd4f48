//! `drydock doctor`: what works here, what is weaker than it could be, and what is missing, each with
//! what to do about it. It changes nothing on the platform.

mod machine;
mod platform;
mod room;

use serde::Serialize;
use serde_json::Value;

use super::print_line;
use super::serve::client;
use crate::config::DoctorArgs;
use crate::fence::plain;

/// What was looked at, and how it stands.
#[derive(Debug, Serialize)]
struct Finding {
    /// What was looked at.
    what: String,
    /// How it stands.
    state: State,
    /// What was found.
    found: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
    /// The numbers in it, for a program.
    #[serde(skip_serializing_if = "Option::is_none")]
    figures: Option<Value>,
}

/// How something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    /// It works.
    Good,
    /// Drydock works without it, and something is weaker or not offered.
    Weaker,
    /// Drydock does not work as it is.
    Missing,
}

impl Finding {
    fn good(what: impl Into<String>, found: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            state: State::Good,
            found: plain(&found.into()),
            remedy: None,
            figures: None,
        }
    }

    fn weaker(
        what: impl Into<String>,
        found: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            state: State::Weaker,
            remedy: Some(remedy.into()),
            ..Self::good(what, found)
        }
    }

    fn missing(
        what: impl Into<String>,
        found: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            state: State::Missing,
            ..Self::weaker(what, found, remedy)
        }
    }

    fn with_figures(self, figures: Value) -> Self {
        Self {
            figures: Some(figures),
            ..self
        }
    }

    /// For a person.
    fn line(&self) -> String {
        let state = match self.state {
            State::Good => "good   ",
            State::Weaker => "weaker ",
            State::Missing => "MISSING",
        };
        let remedy = match &self.remedy {
            Some(remedy) => format!("\n         {remedy}"),
            None => String::new(),
        };
        format!("{state}  {}: {}{remedy}", self.what, self.found)
    }
}

pub(super) async fn run(args: DoctorArgs) -> Result<(), String> {
    let mut findings = machine::look(&args).await;
    // Before the platform is asked, which wakes it.
    if args.serve.access_token.is_none()
        && let Ok(data_dir) = args.serve.data_dir.path()
    {
        findings.extend(room::look(&args, data_dir));
    }
    let stopped = findings
        .iter()
        .any(|finding| finding.state == State::Missing);
    if stopped {
        findings.push(Finding::weaker(
            "platform",
            "not asked, because of what is missing here",
            "mend what is missing, and run drydock doctor again",
        ));
    } else {
        findings.extend(platform::look(&args.serve, &client(&args.serve)?).await);
    }
    for finding in &findings {
        let line = match args.json {
            true => serde_json::to_string(finding).map_err(|error| error.to_string())?,
            false => finding.line(),
        };
        print_line(&line);
    }
    let missing = findings
        .iter()
        .filter(|finding| finding.state == State::Missing)
        .count();
    match missing {
        0 => Ok(()),
        one => Err(format!("{one} of these is missing")),
    }
}
