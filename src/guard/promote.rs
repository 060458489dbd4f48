//! Carrying fields of a branch's configuration to production.
//!
//! ```text
//! fields, each by name ──► the difference ──► a development branch's own? ──► refused
//!      secrets: the operator's environment          └─► a schema more exposed? ──► the advisor, on a replay
//!                                                        └─► asked, bound to both sides' values ──► sent
//!      read back, and the advisor on production ──► worse than before: taken back, and refused
//! ```

use std::future::ready;

use serde_json::{Value, json};

use super::approval::{Ask, Leave};
use super::config::{check_fields, is_hidden, shown};
use super::configuring::{ChangedConfig, ChangedField, body, not_taken};
use super::dangers::{check_schemas, development_value, exposes_more, unsafe_setting, weaker};
use super::environment::{For, secret};
use super::quote::quoted;
use super::{Advisor, Code, Next, Operation, Refusal, Release};
use crate::api::Ref;
use crate::api::advisors::Level;
use crate::api::config::{RESTART, Service, Settings};
use crate::fence::quote;
use crate::hex;

/// What is to be carried, and onto what.
struct Difference {
    /// Production's configuration as it is.
    present: Settings,
    /// What production gets.
    changes: Settings,
    done: ChangedConfig,
}

impl Release {
    /// Carries exactly these fields from the branch to production. Answers what has changed, and in
    /// which ways production is weaker now.
    pub async fn promote_config(
        self,
        service: Service,
        fields: &[String],
    ) -> Result<(ChangedConfig, Vec<String>), Refusal> {
        if fields.is_empty() {
            return Err(Refusal::invalid(
                "name the fields that production shall have from the branch",
            ));
        }
        check_fields(service, fields)?;
        if fields.iter().any(|name| name == RESTART) {
            return Err(Refusal::invalid(
                "restart_database is no setting; a restart of production is the operator's",
            ));
        }
        let guard = &self.dev.call.guard;
        let project = self.dev.branch.project();
        let _turn = guard.project_turn(project).await?;
        guard
            .await_service(&self.dev.call, project, service)
            .await?;
        let mut difference = self.difference(service, fields).await?;
        if difference.changes.is_empty() {
            return Ok((difference.done, Vec::new()));
        }
        check_schemas(guard, project, service, &difference.changes).await?;
        let judged = self.judge_exposure(service, &difference).await?;
        let weaker: Vec<String> = difference
            .changes
            .iter()
            .filter_map(|(name, to)| {
                let from = difference.present.get(name).unwrap_or(&Value::Null);
                weaker(service, name, from, to)
            })
            .collect();
        let ask = self.ask_to_promote_config(service, &difference, &weaker);
        let leave = self
            .dev
            .call
            .leave(&[Operation::PromoteConfig], ready(Ok(ask)))
            .await?;
        self.dev
            .call
            .step(format!("configuring {} of production", service.as_str()));
        self.carry(&leave, service, &mut difference, judged).await?;
        Ok((difference.done, weaker))
    }

    /// What differs, with production's secrets in place; refuses what must not be carried.
    async fn difference(&self, service: Service, fields: &[String]) -> Result<Difference, Refusal> {
        let guard = &self.dev.call.guard;
        let project = self.dev.branch.project();
        let branches: Vec<Ref> = guard
            .branches_of(project)
            .await?
            .into_iter()
            .map(|branch| branch.project_ref)
            .collect();
        let branch = guard
            .configuration(self.dev.branch.reference(), service)
            .await?;
        let present = guard.configuration(project, service).await?;
        let mut changes = Settings::new();
        let mut done = ChangedConfig::default();
        for name in fields {
            let value = if is_hidden(service, name) && name != "sms_test_otp" {
                // What the branch shows of it is no secret, and its own is for testing.
                Value::String(secret(For::Production, &name.to_ascii_uppercase())?)
            } else {
                branch.get(name).cloned().unwrap_or_default()
            };
            if !is_hidden(service, name) && present.get(name).unwrap_or(&Value::Null) == &value {
                done.unchanged.push(name.clone());
                continue;
            }
            let misfit = service.field(name).and_then(|field| field.misfit(&value));
            // In the database's settings no value is one: what was set goes.
            let is_none = value.is_null() && service == Service::Database;
            if let (Some(misfit), false) = (misfit, is_none) {
                return Err(self.stays_here(
                    service,
                    name,
                    &format!("the branch has no value for it that can be sent: it {misfit}"),
                ));
            }
            let own = || development_value(name, &value, &branches);
            if let Some(why) = unsafe_setting(service, name, &value).or_else(own) {
                return Err(self.stays_here(service, name, &why));
            }
            changes.insert(name.clone(), value);
        }
        Ok(Difference {
            present,
            changes,
            done,
        })
    }

    fn stays_here(&self, service: Service, name: &str, why: &str) -> Refusal {
        Refusal::new(
            Code::UnsafeSetting,
            format!(
                "{name} of {} is not carried to production: {}; give the branch the value that production needs, promote it, and give the branch its own back",
                service.as_str(),
                quote(why)
            ),
        )
        .next(Next::new(
            "get_config",
            json!({
                "project_id": self.dev.branch.project(),
                "branch": self.dev.branch.name(),
                "service": service.as_str(),
                "fields": [name],
            }),
            "shows the value; update_config changes it on the branch",
        ))
        .details(json!({ "field": name }))
    }

    /// Asks the advisor about production with more schemas exposed, on a replay of its migrations,
    /// where nobody is exposed to anything. Answers the keys of what it found, if it was asked.
    async fn judge_exposure(
        &self,
        service: Service,
        difference: &Difference,
    ) -> Result<Option<Vec<String>>, Refusal> {
        let Some(exposed) = exposes_more(service, &difference.present, &difference.changes) else {
            return Ok(None);
        };
        let ((check, code), found) = self.dev.rehearse_exposure(exposed).await?;
        let Some(code) = code else {
            return Ok(Some(found));
        };
        let mut refusal = Refusal::new(
            code,
            format!(
                "with {} exposed on production: {}",
                quote(exposed),
                check.message
            ),
        )
        .details(match check.details {
            Value::Null => json!({}),
            details => details,
        });
        refusal.next = check.next.map(Box::new);
        Err(refusal)
    }

    fn ask_to_promote_config(
        &self,
        service: Service,
        difference: &Difference,
        weaker: &[String],
    ) -> Ask {
        let (project, name) = (self.dev.branch.project(), self.dev.branch.name());
        let side = |settings: &Settings, field: &str| match settings.get(field) {
            Some(value) if is_hidden(service, field) => json!(hex::sha256_text(&value.to_string())),
            Some(value) => value.clone(),
            None => Value::Null,
        };
        let mut state = vec![project.to_string(), self.dev.branch.reference().to_string()];
        let mut facts = Vec::new();
        for (field, to) in &difference.changes {
            state.push(field.clone());
            state.push(side(&difference.present, field).to_string());
            state.push(side(&difference.changes, field).to_string());
            facts.push(json!({
                "field": field,
                "from": shown(service, field, difference.present.get(field)),
                "to": if is_hidden(service, field) {
                    json!("from the operator's environment, not shown")
                } else {
                    to.clone()
                },
            }));
        }
        let warning = if weaker.is_empty() {
            String::new()
        } else {
            format!("; weaker than now: {}", weaker.join(", "))
        };
        Ask {
            what: format!(
                "change {} setting(s) of {} of production of {project} to those of the branch {}: {}{warning}",
                difference.changes.len(),
                service.as_str(),
                quoted(name),
                names_of(&difference.changes)
            ),
            subject: Some((project.clone(), Some(name.to_owned()))),
            state,
            facts: json!({ "service": service.as_str(), "changes": facts, "weaker": weaker }),
            for_a_while: false,
        }
    }

    /// Sends the changes, and sees to it that production has them.
    async fn carry(
        &self,
        leave: &Leave,
        service: Service,
        difference: &mut Difference,
        judged: Option<Vec<String>>,
    ) -> Result<(), Refusal> {
        let guard = &self.dev.call.guard;
        let project = self.dev.branch.project();
        let known = match judged {
            Some(mut found) => {
                let before = guard.lints(project, Advisor::Security).await?;
                found.extend(before.into_iter().map(|lint| lint.cache_key));
                Some(found)
            }
            None => None,
        };
        let Difference {
            present,
            changes,
            done,
        } = difference;
        guard
            .release_config(leave, project, service, &body(service, present, changes))
            .await
            .map_err(|error| not_taken(service, error))?;
        let after = guard.configuration(project, service).await?;
        let untaken: Vec<&str> = changes
            .iter()
            .filter(|(name, value)| {
                !is_hidden(service, name) && after.get(*name).unwrap_or(&Value::Null) != *value
            })
            .map(|(name, _)| name.as_str())
            .collect();
        if !untaken.is_empty() {
            return Err(Refusal::new(
                Code::PlatformError,
                format!(
                    "the platform took the settings, and does not show what was sent for {}",
                    quote(untaken.join(", "))
                ),
            )
            .next(Next::new(
                "get_config",
                json!({ "project_id": project, "environment": "production", "service": service.as_str() }),
                "shows what production has now",
            )));
        }
        if let Some(known) = known
            && let Some(worse) = self.worse_than(&known).await
        {
            let back: Settings = changes
                .keys()
                .map(|name| (name.clone(), present.get(name).cloned().unwrap_or_default()))
                .collect();
            let taken_back = guard
                .release_config(leave, project, service, &body(service, present, &back))
                .await;
            return Err(match taken_back {
                Ok(()) => Refusal::new(
                    Code::AdvisorFailed,
                    format!(
                        "the security advisor objects to production with this, so it was taken back: {}",
                        quote(worse)
                    ),
                )
                .next(Next::new(
                    "get_advisors",
                    json!({ "project_id": project, "environment": "production", "type": "security" }),
                    "shows what it says of production as it is",
                )),
                Err(error) => Refusal::new(
                    Code::Partial,
                    format!(
                        "the security advisor objects to production with this ({}), and it could not be taken back: {error}",
                        quote(worse)
                    ),
                )
                .operator(format!("set {} of production to what it was", names_of(changes))),
            });
        }
        for name in changes.keys() {
            done.changed.push(ChangedField {
                field: name.clone(),
                from: shown(service, name, present.get(name)),
                to: shown(service, name, after.get(name)),
            });
        }
        if service == Service::Database {
            let names: Vec<&str> = after.keys().map(String::as_str).collect();
            done.pending_restart = guard.in_force(project, &names).await?.1;
        }
        Ok(())
    }

    /// What the advisor finds on production beyond what is known; also that it gives no verdict.
    async fn worse_than(&self, known: &[String]) -> Option<String> {
        let project = self.dev.branch.project();
        match self.dev.call.guard.lints(project, Advisor::Security).await {
            Err(refusal) => Some(refusal.message),
            Ok(now) => now
                .into_iter()
                .find(|lint| lint.level != Level::Info && !known.contains(&lint.cache_key))
                .map(|lint| lint.name),
        }
    }
}

fn names_of(changes: &Settings) -> String {
    let names: Vec<&str> = changes.keys().map(String::as_str).collect();
    names.join(", ")
}
