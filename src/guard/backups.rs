//! What production can be returned to: its backups, between which moments a recovery can choose, and
//! what else there is before anybody thinks of one.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::prices::{by_month, cents};
use super::{Code, Next, Read, Refusal};
use crate::api::Ref;
use crate::api::backups::{BackupStatus, Backups, ListBackups};
use crate::api::billing::GetAddons;
use crate::clock;

/// How many restore points the options name; list_restore_points names all.
const NAMED: usize = 10;
/// The kind of add-on that a recovery to a point in time is.
const PITR: &str = "pitr";
/// Where the operator chooses the add-on, on a platform that knows no price for it.
const HOW_TO_ENABLE: &str = "choose the add-on in the dashboard under Project Settings, Add-ons, or send PATCH /v1/projects/{ref}/billing/addons {\"addon_type\": \"pitr\", \"addon_variant\": \"pitr_7\"}; it needs the compute size Small or larger, and reaches back to the moment when it is enabled and no further";

/// A backup in a listing.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ListedBackup {
    /// The platform's number for it.
    pub id: i64,
    /// COMPLETED; ARCHIVED for what a recovery left, found whole at that moment.
    pub status: String,
    /// Whether it is one of files, and not a dump.
    pub is_physical_backup: bool,
    /// When it was made.
    pub inserted_at: String,
}

/// Between which moments production can be returned to any.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct RecoveryWindow {
    /// Whether it can be at all.
    pub enabled: bool,
    /// The earliest moment.
    pub earliest: Option<String>,
    /// The latest moment.
    pub latest: Option<String>,
    #[serde(skip)]
    earliest_unix: Option<i64>,
    #[serde(skip)]
    latest_unix: Option<i64>,
}

/// One way to return to an earlier state.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct RecoveryOption {
    /// restore_point, point_in_time or backup.
    pub kind: String,
    /// dev or production.
    pub environment: String,
    /// Whether it can be taken now.
    pub available: bool,
    /// What it would lose.
    pub loses: String,
    /// What can be returned to: names, or the earliest and the latest moment.
    pub to: Value,
    /// The call that does it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Next")]
    pub next: Option<Next>,
    /// What only the operator can do.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub operator: Option<String>,
}

impl From<&Backups> for RecoveryWindow {
    fn from(backups: &Backups) -> Self {
        let data = backups.physical_backup_data;
        let shown = |unix: i64| clock::at(unix.saturating_mul(1000));
        Self {
            enabled: backups.pitr_enabled,
            earliest: data.earliest_physical_backup_date_unix.map(shown),
            latest: data.latest_physical_backup_date_unix.map(shown),
            earliest_unix: data.earliest_physical_backup_date_unix,
            latest_unix: data.latest_physical_backup_date_unix,
        }
    }
}

impl RecoveryWindow {
    /// The present, by whichever clock is ahead: the platform's or this machine's. Seconds.
    pub(super) fn now(&self) -> i64 {
        let own = clock::unix_millis() / 1000;
        own.max(self.latest_unix.unwrap_or(own))
    }

    /// The latest moment that can be returned to, by the platform's clock. Seconds.
    pub(super) fn latest(&self) -> i64 {
        self.latest_unix.unwrap_or_default()
    }

    /// Refuses a moment, in seconds since 1970, that production cannot be returned to.
    pub(super) fn require(
        &self,
        project: &Ref,
        created_at: &str,
        target: i64,
    ) -> Result<(), Refusal> {
        if !self.enabled {
            return Err(Refusal::new(
                Code::RecoveryDisabled,
                "production cannot be returned to a point in time: nobody has enabled that for this project, and enabling it now does not bring the past within reach",
            )
            .next(options(project))
            .operator(how_to_enable(project)));
        }
        let (Some(earliest), Some(latest)) = (self.earliest_unix, self.latest_unix) else {
            return Err(self.outside(project, "the first backup is not there yet".to_owned()));
        };
        let shown = clock::at(target.saturating_mul(1000));
        let named = if shown.is_empty() {
            target.to_string()
        } else {
            shown
        };
        let kept = self.earliest.clone().unwrap_or_default();
        let born = clock::seconds_of(created_at);
        let why = if born.is_some_and(|born| target < born) {
            format!("{named} is before the project was made; the earliest moment is {kept}")
        } else if target < earliest {
            format!("{named} is before the earliest moment that is kept, {kept}")
        } else if target > self.now() {
            format!("{named} is in the future")
        } else if target > latest {
            format!(
                "{named} is after the latest moment that is backed up, {}; a later one is within reach in a few minutes",
                self.latest.clone().unwrap_or_default()
            )
        } else {
            return Ok(());
        };
        Err(self.outside(project, why))
    }

    fn outside(&self, project: &Ref, why: String) -> Refusal {
        Refusal::new(
            Code::OutsideRecoveryWindow,
            format!("{why}; nothing was done"),
        )
        .next(options(project))
        .details(json!({ "window": self }))
    }
}

fn options(project: &Ref) -> Next {
    Next::new(
        "get_recovery_options",
        json!({ "project_id": project }),
        "shows what can be returned to, and what each would lose",
    )
}

fn how_to_enable(project: &Ref) -> String {
    HOW_TO_ENABLE.replace("{ref}", project.as_str())
}

impl Read {
    /// Production's backups, and between which moments a recovery can choose.
    pub async fn backups(&self) -> Result<(Vec<ListedBackup>, RecoveryWindow), Refusal> {
        let backups = self.look_at_backups().await?;
        let window = RecoveryWindow::from(&backups);
        let listed = backups
            .backups
            .into_iter()
            .map(|backup| ListedBackup {
                id: backup.id,
                status: backup.status.as_str().to_owned(),
                is_physical_backup: backup.is_physical_backup,
                inserted_at: backup.inserted_at,
            })
            .collect();
        Ok((listed, window))
    }

    /// Every way to return to an earlier state, the one that loses least first.
    pub async fn recovery_options(&self) -> Result<Vec<RecoveryOption>, Refusal> {
        let project = self.project()?;
        let mut options = Vec::new();
        for branch in self.call.guard.branches_of(project).await? {
            let points = self.call.guard.store().points(&branch.project_ref).await?;
            let names: Vec<&str> = points
                .iter()
                .rev()
                .filter(|point| point.reachable && point.status.is_made())
                .map(|point| point.name.as_str())
                .take(NAMED)
                .collect();
            if names.is_empty() {
                continue;
            }
            options.push(RecoveryOption {
                kind: "restore_point".to_owned(),
                environment: "dev".to_owned(),
                available: true,
                loses: "what was changed on the branch since the point; production is not touched"
                    .to_owned(),
                to: json!({ "branch": branch.name, "restore_points": names }),
                next: Some(Next::new(
                    "revert_to_restore_point",
                    json!({ "project_id": project, "branch": branch.name, "name": names.first() }),
                    "returns the branch to its newest point",
                )),
                operator: None,
            });
        }
        // What cannot be asked for must not hide what can be taken.
        let backups = match self.look_at_backups().await {
            Ok(backups) => backups,
            Err(refusal) => {
                options.push(RecoveryOption {
                    kind: "point_in_time".to_owned(),
                    environment: "production".to_owned(),
                    available: false,
                    loses: "nothing can be said of production's backups".to_owned(),
                    to: json!({ "unknown": refusal.message }),
                    next: None,
                    operator: Some("look at the backups in the dashboard".to_owned()),
                });
                return Ok(options);
            }
        };
        options.push(self.point_in_time(project, &backups).await);
        let completed: Vec<&str> = backups
            .backups
            .iter()
            .filter(|backup| backup.status == BackupStatus::Completed)
            .map(|backup| backup.inserted_at.as_str())
            .collect();
        if !backups.pitr_enabled && !completed.is_empty() {
            options.push(RecoveryOption {
                kind: "backup".to_owned(),
                environment: "production".to_owned(),
                available: true,
                loses: "everything that was written to production since the backup".to_owned(),
                to: json!({ "backups": completed }),
                next: None,
                operator: Some(
                    "restore a backup in the dashboard, under Database, Backups".to_owned(),
                ),
            });
        }
        Ok(options)
    }

    async fn point_in_time(&self, project: &Ref, backups: &Backups) -> RecoveryOption {
        let window = RecoveryWindow::from(backups);
        let option = RecoveryOption {
            kind: "point_in_time".to_owned(),
            environment: "production".to_owned(),
            available: window.enabled && window.earliest.is_some(),
            loses: "everything that was written to production after the moment: rows, users, migrations. Only for a disaster, after an approval".to_owned(),
            to: json!(window),
            next: None,
            operator: None,
        };
        if !window.enabled {
            return RecoveryOption {
                to: json!({ "window": window, "enable": self.variants(project).await }),
                operator: Some(how_to_enable(project)),
                ..option
            };
        }
        RecoveryOption {
            next: window.latest.map(|latest| {
                Next::new(
                    "restore_to_point_in_time",
                    json!({ "project_id": project, "time": latest }),
                    "returns production to a moment: take the last one at which it was right",
                )
            }),
            ..option
        }
    }

    /// The add-ons that would enable it, with their price; null where the platform does not tell.
    async fn variants(&self, project: &Ref) -> Value {
        let client = self.call.guard.client();
        let addons = match client.look::<GetAddons>(project.clone(), &()).await {
            Ok(addons) => addons,
            Err(error) => {
                tracing::warn!(%error, "the platform does not tell what a recovery to a point in time costs");
                return Value::Null;
            }
        };
        addons
            .available_addons
            .iter()
            .filter(|addon| addon.kind == PITR)
            .flat_map(|addon| &addon.variants)
            .map(|variant| {
                json!({
                    "addon_variant": variant.id,
                    "name": variant.name,
                    "usd_per_month": cents(by_month(&variant.price)),
                })
            })
            .collect()
    }

    async fn look_at_backups(&self) -> Result<Backups, Refusal> {
        Ok(self
            .call
            .guard
            .client()
            .look::<ListBackups>(self.project()?.clone(), &())
            .await?)
    }
}
