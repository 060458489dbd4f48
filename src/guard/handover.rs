//! What must be removed before a project is handed over, and its removal.
//!
//! ```text
//! the builder's: secrets, accounts with others in the configuration, branches ── must be removed
//! the app's: every other custom setting ── goes along, unless it is named to be reset
//! the users': data, schema, functions, storage ── stays as it is
//! ```

use std::future::ready;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::approval::{Ask, Leave};
use super::config::is_set;
use super::configuring::{body, not_taken};
use super::customs::{Custom, CustomSetting};
use super::dangers::{exposes_more, weaker};
use super::quote::quoted;
use super::{Code, Dev, Guard, Next, Operation, Production, Refusal};
use crate::api::Ref;
use crate::api::branches::Branch;
use crate::api::config::{RESTART, Service, Settings};
use crate::api::keys::{KeyKind, ListApiKeys, RevealQuery};
use crate::api::secrets::{DeleteSecrets, ListSecrets, RESERVED_PREFIX};
use crate::fence::quote;
use crate::hex;
use crate::store::OAUTH_TOKENS;

/// What moves, whatever a project holds.
const MOVES: [&str; 5] = [
    "the database with every row, its users and its migrations",
    "storage",
    "Edge Functions, as they are deployed",
    "the configuration that is left, custom_settings included",
    "API keys, the secret ones included: whoever knows them keeps access until the user replaces them",
];
/// What stays here.
const STAYS: [&str; 2] = [
    "the database password in Drydock's vault, which holds until the user changes it",
    "Drydock's journal and its names of restore points",
];

/// Something of a project that is its builder's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Leftover {
    /// secret, setting or branch.
    pub kind: &'static str,
    /// What it is called.
    pub name: String,
}

/// How a project stands before it is handed over.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Prepared {
    /// What has to go.
    pub must_be_removed: Vec<Leftover>,
    /// Other settings that a new project does not have.
    pub custom_settings: Vec<CustomSetting>,
    /// What this call removed.
    pub removed: Vec<Leftover>,
    /// What the user gets.
    pub moves: Vec<String>,
    /// What the user does not get.
    pub stays: Vec<String>,
}

/// What was found of the builder's, with what it takes to remove it.
pub(super) struct Found {
    secrets: Vec<String>,
    customs: Vec<Custom>,
    branches: Vec<Branch>,
}

impl Found {
    /// What must not go along.
    pub(super) fn leftovers(&self) -> Vec<Leftover> {
        let named = |kind| move |name: String| Leftover { kind, name };
        let settings = self.customs.iter().filter(|one| one.must_go);
        let secrets = self.secrets.iter().cloned().map(named("secret"));
        let branches = self.branches.iter().map(|one| one.name.clone());
        secrets
            .chain(settings.map(Custom::name).map(named("setting")))
            .chain(branches.map(named("branch")))
            .collect()
    }

    /// Settings that go along.
    pub(super) fn kept(&self) -> Vec<CustomSetting> {
        let kept = self.customs.iter().filter(|one| !one.must_go);
        kept.map(Custom::shown).collect()
    }

    /// What an approval is bound to: all of it as it is.
    pub(super) fn state_of(&self, project: &Ref) -> Vec<String> {
        let mut state = vec![project.to_string()];
        state.extend(self.secrets.iter().cloned());
        for one in &self.customs {
            state.extend([one.name(), hex::sha256_text(&one.present.to_string())]);
        }
        let branches = self.branches.iter();
        state.extend(branches.map(|one| one.project_ref.to_string()));
        state
    }
}

impl Guard {
    /// Everything of the builder's, and every custom setting: one source a line.
    pub(super) async fn leftovers(&self, project: &Ref) -> Result<Found, Refusal> {
        let client = self.client();
        let listed = client.look::<ListSecrets>(project.clone(), &()).await?;
        let names = listed.into_iter().map(|secret| secret.name);
        Ok(Found {
            secrets: names
                .filter(|name| !name.starts_with(RESERVED_PREFIX))
                .collect(),
            customs: self.customs(project).await?,
            branches: self.branches_of(project).await?,
        })
    }
}

impl Production {
    /// Says what must be removed before the project is handed over. Removes it if that is asked for,
    /// and takes the settings of `reset`, as `auth.site_url`, back to a new project's as well.
    pub async fn prepare_claim(self, remove: bool, reset: &[String]) -> Result<Prepared, Refusal> {
        if !remove && !reset.is_empty() {
            return Err(Refusal::invalid("reset goes with remove: true"));
        }
        check_names(reset)?;
        let guard = self.call.guard.clone();
        let _turn = guard.project_turn(&self.project).await?;
        self.must_be_the_builders().await?;
        let mut found = guard.leftovers(&self.project).await?;
        let mut removed = Vec::new();
        if remove {
            for custom in &mut found.customs {
                custom.must_go |= reset.contains(&custom.name());
            }
            removed = found.leftovers();
            if !removed.is_empty() {
                self.remove(&found).await?;
            }
            found = guard.leftovers(&self.project).await?;
        }
        let kept = found.kept();
        let left = found.leftovers();
        removed.retain(|one| !left.contains(one) && !kept.iter().any(|kept| kept.name == one.name));
        Ok(Prepared {
            must_be_removed: left,
            custom_settings: kept,
            removed,
            moves: self.moves().await?,
            stays: STAYS.map(str::to_owned).to_vec(),
        })
    }

    /// Refuses a project that a user has claimed: what is set there is the user's own.
    pub(super) async fn must_be_the_builders(&self) -> Result<(), Refusal> {
        let records = self.call.guard.store().vault_records().await?;
        let is_claimed = records
            .iter()
            .any(|one| one.project == self.project.as_str() && one.name == OAUTH_TOKENS);
        if !is_claimed {
            return Ok(());
        }
        Err(Refusal::new(
            Code::AlreadyExists,
            format!(
                "a user has claimed {} already; Drydock keeps access to it",
                self.project
            ),
        )
        .next(Next::new(
            "get_project",
            json!({ "project_id": self.project }),
            "shows whose it is now",
        )))
    }

    /// Removes what was found, once that is approved. Branches go first: one with work that exists
    /// nowhere else stops everything.
    async fn remove(&self, found: &Found) -> Result<(), Refusal> {
        let guard = &self.call.guard;
        for branch in &found.branches {
            let unmerged = guard.unmerged(&self.project, &branch.project_ref).await?;
            if !unmerged.is_empty() {
                return Err(self.has_work(&branch.name));
            }
        }
        let mut resets = Vec::new();
        for service in Service::ALL {
            let changes = changes_of(service, found)?;
            if changes.is_empty() {
                continue;
            }
            let present = guard.configuration(&self.project, service).await?;
            if let Some(list) = exposes_more(service, &present, &changes) {
                return Err(self.would_expose(list));
            }
            resets.push((service, changes));
        }
        let ask = self.ask_to_remove(found).await?;
        let leave = self
            .call
            .leave(&[Operation::PrepareClaim], ready(Ok(ask)))
            .await?;
        for branch in &found.branches {
            self.call.step(format!("deleting {}", quote(&branch.name)));
            let proven = guard.prove_ref(&self.project, &branch.project_ref).await?;
            Dev::of(self.call.clone(), proven).delete(false).await?;
        }
        for (service, changes) in &resets {
            self.reset(&leave, *service, changes).await?;
        }
        if !found.secrets.is_empty() {
            self.call.step("deleting secrets");
            guard
                .client()
                .release::<DeleteSecrets>(
                    &leave.permit(),
                    self.project.clone(),
                    &(),
                    &found.secrets,
                )
                .await?;
        }
        Ok(())
    }

    /// Takes settings back to a new project's.
    async fn reset(
        &self,
        leave: &Leave,
        service: Service,
        changes: &Settings,
    ) -> Result<(), Refusal> {
        let guard = &self.call.guard;
        self.call.step(format!("resetting {}", service.as_str()));
        guard
            .await_service(&self.call, &self.project, service)
            .await?;
        let present = guard.configuration(&self.project, service).await?;
        guard
            .release_config(
                leave,
                &self.project,
                service,
                &body(service, &present, changes),
            )
            .await
            .map_err(|error| not_taken(service, error))
    }

    async fn ask_to_remove(&self, found: &Found) -> Result<Ask, Refusal> {
        let name = self.look().await?.project.name;
        let resets: Vec<&Custom> = found.customs.iter().filter(|one| one.must_go).collect();
        // Where nothing is left of an account, nothing of it is sent to any address.
        let sends = |one: &Custom| one.field == "smtp_host" || one.field.ends_with("_url");
        let weaker: Vec<String> = resets
            .iter()
            .filter(|one| !sends(one) || is_set(Some(&one.default)))
            .filter_map(|one| weaker(one.service, one.field, &one.present, &one.default))
            .collect();
        let warning = match weaker.as_slice() {
            [] => String::new(),
            ways => format!("; weaker than now: {}", ways.join(", ")),
        };
        let settings: Vec<CustomSetting> = resets.into_iter().map(Custom::shown).collect();
        Ok(Ask {
            what: format!(
                "remove {} secret(s), {} setting(s) of production and {} branch(es) of the project {} ({}){warning}",
                found.secrets.len(),
                settings.len(),
                found.branches.len(),
                quoted(&name),
                self.project
            ),
            subject: Some((self.project.clone(), None)),
            state: found.state_of(&self.project),
            facts: json!({
                "name": name,
                "remove": found.leftovers(),
                "settings": settings,
                "weaker": weaker,
            }),
            for_a_while: false,
        })
    }

    async fn moves(&self) -> Result<Vec<String>, Refusal> {
        let client = self.call.guard.client();
        let keys = client
            .look::<ListApiKeys>(self.project.clone(), &RevealQuery::default())
            .await?;
        let secret = keys.iter().filter(|key| key.kind == Some(KeyKind::Secret));
        let mut moves = MOVES.map(str::to_owned).to_vec();
        moves.extend(secret.map(|key| format!("the secret API key {}", quote(&key.name))));
        Ok(moves)
    }

    fn has_work(&self, branch: &str) -> Refusal {
        Refusal::new(
            Code::UnmergedMigrations,
            format!(
                "the branch {} holds migrations that exist nowhere else, and nothing was removed: merge or delete it first",
                quote(branch)
            ),
        )
        .next(Next::new(
            "check_merge",
            json!({ "project_id": self.project, "branch": branch }),
            "shows whether they can be merged; delete_branch with discard_unmerged: true drops them instead",
        ))
    }

    fn would_expose(&self, list: &str) -> Refusal {
        Refusal::new(
            Code::UnsafeSetting,
            format!(
                "the API would show {} of production, and nothing was removed: schemas that are not shown now are exposed after the advisor's verdict alone",
                quote(list)
            ),
        )
        .next(Next::new(
            "promote_config",
            json!({ "project_id": self.project, "service": "data_api", "fields": ["db_schema"] }),
            "carries a branch's list to production with that verdict; without db_schema in reset the list goes along as it is",
        ))
    }
}

/// Each name is a field of a service.
fn check_names(names: &[String]) -> Result<(), Refusal> {
    for name in names {
        let (service, field) = name.split_once('.').unwrap_or((name, ""));
        let Some(service) = Service::parse(service) else {
            return Err(Refusal::invalid(format!(
                "{} is no setting; custom_settings names them, as auth.site_url",
                quote(name)
            )));
        };
        if service.field(field).is_none() || field == RESTART {
            return Err(Refusal::invalid(quote(service.unknown(field)).to_string()));
        }
    }
    Ok(())
}

/// What must be sent so that a service is as a new project's, in what is to go.
fn changes_of(service: Service, found: &Found) -> Result<Settings, Refusal> {
    let mut changes = Settings::new();
    for custom in &found.customs {
        if custom.service != service || !custom.must_go {
            continue;
        }
        let misfit = service.field(custom.field).is_some_and(|field| {
            // In the database's settings no value is one: what was set goes.
            let is_none = custom.default == Value::Null && service == Service::Database;
            !is_none && field.misfit(&custom.default).is_some()
        });
        if misfit {
            return Err(Refusal::invalid(format!(
                "{} cannot be taken back: a new project has no value for it that can be sent",
                custom.name()
            )));
        }
        changes.insert(custom.field.to_owned(), custom.default.clone());
    }
    Ok(changes)
}
