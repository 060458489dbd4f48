//! What a policy means, in sentences, for the operator who writes one.

use chrono::NaiveDate;

use super::{AdvisorThreshold, BranchCreation, Frozen, Policy, ProductionRows, Switch};
use crate::guard::{Operation, Road};

const READ_ROWS: &str = "agents may read production's rows, those of its users included";

impl Policy {
    /// What holds on a day, a sentence each.
    pub fn explain(&self, today: NaiveDate) -> Vec<String> {
        let mut said = vec![self.explain_writes(today), self.explain_scope()];
        said.push(match self.production.rows {
            ProductionRows::Deny => "agents cannot run SQL on production".to_owned(),
            ProductionRows::Approval => match who(self.approvals.production_rows) {
                Some(who) => format!(
                    "agents may read production's rows for an hour, after an approval {who}"
                ),
                None => READ_ROWS.to_owned(),
            },
            ProductionRows::Read => READ_ROWS.to_owned(),
        });
        said.extend(self.explain_approvals());
        said.extend(self.explain_gate(today));
        if let Some(cap) = self.cost.usd_per_month {
            let beyond = match who(self.approvals.beyond_cost_cap) {
                Some(who) => format!("beyond that it takes the approval {who}"),
                None => "which stops nothing: approvals.beyond_cost_cap is none".to_owned(),
            };
            said.push(format!(
                "the compute of all projects and branches of an organization may cost {cap} US dollars a month; {beyond}"
            ));
        }
        said.push(format!(
            "a query's result holds at most {} rows and {} KiB; a call answers after at most {} seconds, and is then attached to by repeating it",
            self.limits.rows,
            self.limits.bytes / 1024,
            self.limits.wait_s
        ));
        said
    }

    fn explain_writes(&self, today: NaiveDate) -> String {
        if self.read_only {
            return "nothing is ever changed: only reading is offered".to_owned();
        }
        let name = &self.dev_branch.name;
        let made = match self.dev_branch.create {
            BranchCreation::FirstWrite => "made by the first write",
            BranchCreation::Explicit => "made by create_branch only",
        };
        let frozen = match self.freeze.on(today) {
            Frozen::Nothing => return format!("writes land on the branch {name}, {made}"),
            Frozen::Production => "nothing reaches production",
            Frozen::Writes => "nothing is changed anywhere",
        };
        let until = match &self.freeze.until {
            Some(day) => format!(" until {day}"),
            None => String::new(),
        };
        format!(
            "frozen{until}: {frozen} ({}); otherwise writes land on the branch {name}, {made}",
            self.freeze.reason
        )
    }

    fn explain_scope(&self) -> String {
        let projects = match self.projects.as_slice() {
            [] => "every project that the access token can see".to_owned(),
            some => some
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(", "),
        };
        let features = match self.features.as_slice() {
            [] => "every group of tools".to_owned(),
            some => format!("the groups {some:?}").to_lowercase(),
        };
        let regions = match self.launch.regions.as_slice() {
            [] => String::new(),
            some => format!("; new projects go to {}", some.join(" or ")),
        };
        let sizes = match self.launch.instance_sizes.as_slice() {
            [] => String::new(),
            some => format!("; sizes are {}", some.join(" or ")),
        };
        format!("offered: {features}, for {projects}{regions}{sizes}")
    }

    fn explain_approvals(&self) -> Vec<String> {
        let mut said: Vec<String> = self
            .approvals
            .all()
            // Said where they count.
            .filter(|(operation, _)| {
                !matches!(
                    operation,
                    Operation::ProductionRows | Operation::BeyondCostCap
                )
            })
            .filter_map(|(operation, road)| {
                Some(format!(
                    "{} needs the approval {}",
                    operation.as_str(),
                    who(road)?
                ))
            })
            .collect();
        if let Some(url) = self.approvals.webhook() {
            said.push(format!("what waits for approval is told to {url}, signed"));
        }
        said
    }

    fn explain_gate(&self, today: NaiveDate) -> Vec<String> {
        let mut said = Vec::new();
        said.push(format!(
            "a merge is stopped by every ERROR of the security advisor, and by {}",
            match self.gate.advisor {
                AdvisorThreshold::Warning => "every WARN",
                AdvisorThreshold::NewWarning => "every WARN that production does not have",
                AdvisorThreshold::Error => "no WARN",
            }
        ));
        if self.gate.replay == Switch::Off {
            said.push(
                "weaker: the gate replays nothing, so a change of DEV outside its migrations goes unnoticed".to_owned(),
            );
        }
        for table in &self.gate.public_tables {
            said.push(format!(
                "anyone may read {table} without row security, as long as no role of the API may write it"
            ));
        }
        for waiver in &self.gate.waivers {
            let when = if waiver.counts_on(today) {
                format!("until {}", waiver.expires)
            } else {
                format!("no longer, it expired on {}", waiver.expires)
            };
            said.push(format!(
                "waived {when}: {} on {} ({})",
                waiver.lint, waiver.object, waiver.reason
            ));
        }
        said
    }
}

/// Whose approval it takes.
fn who(road: Road) -> Option<&'static str> {
    match road {
        Road::None => None,
        Road::Client => Some("of the operator, or of the user behind the client"),
        Road::Operator => Some("of the operator"),
    }
}
